//! The best products under a key of a view: from the cache between questions, or, by weights that a question brings, read
//! for it alone.

use super::views::{CachedView, SharedCache};
use crate::arrange::dated::Summed;
use crate::arrange::lookup::Lookup;
use crate::ranking::evidence::Scored;
use crate::ranking::top_k_cache::{ReadTime, TopKCache, TopProducts, Wanted};
use crate::score::scale::Scale;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use timely::progress::frontier::AntichainRef;

/// What the lists for a question are summed by.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct ListScale {
    pub(super) scale: Scale,
    /// Whether its weights are the question's own, and not in force. A cache has one scale a key: a list by these does not
    /// go through it, or the live answers would have to read the key again.
    pub(super) is_own: bool,
}

/// A view, and the cache of its best products.
pub(super) struct Lists<V: Summed<N>, const N: usize> {
    view: Lookup<V>,
    cache: SharedCache<V, N>,
}

impl<V: Summed<N>, const N: usize> Lists<V, N> {
    pub(super) fn new((view, cache): CachedView<V, N>) -> Lists<V, N> {
        Lists { view: Lookup::new(view), cache }
    }

    /// As [`TopKCache::best`], and one product of the list that may not be among the best.
    pub(super) fn best(
        &mut self,
        (key, asked): (u32, Option<u32>),
        (by, wanted, at): (ListScale, Wanted, ReadTime),
        tie: impl Fn(u32) -> u64,
    ) -> (TopProducts<N>, Option<Scored<N>>) {
        let (batches, top) = (self.view.batches(), (by.scale, wanted, at));
        let read = |cache: &mut TopKCache<V, N>| {
            let best = cache.best(key, top, batches, tie);
            (best, asked.and_then(|asked| cache.one(key, asked)))
        };
        if by.is_own { read(&mut TopKCache::default()) } else { read(&mut self.cache.borrow_mut()) }
    }

    /// As [`Lookup::release`].
    pub(super) fn release(&mut self, questions: AntichainRef<'_, Time>) {
        self.view.release(questions);
    }
}

#[cfg(test)]
mod tests {
    use super::super::views::cache;
    use super::*;
    use crate::arrange::view::arrange_here;
    use crate::score::counts::Counts;
    use crate::score::weights::{Score, Weights};
    use crate::views::popularity::ProductDay;
    use differential_dataflow::AsCollection;
    use std::sync::Arc;
    use timely::dataflow::operators::Probe;
    use timely::dataflow::operators::core::Input;

    const KEY: u32 = 7;
    const VIEWED: ProductDay = ProductDay { product: 1, day: 3 };
    const BOUGHT: ProductDay = ProductDay { product: 2, day: 3 };

    #[test]
    fn a_list_by_weights_of_its_own_is_exact_and_leaves_the_cache_as_it_is() {
        timely::execute_directly(|worker| {
            let cache = cache();
            let (mut input, probe, mut lists) = worker.dataflow::<Time, _, _>(|scope| {
                let (input, changes) = scope.new_input();
                let view = arrange_here(changes.as_collection(), "popularity");
                let (probe, _) = view.stream.probe();
                (input, probe, Lists::<ProductDay, 2>::new((view.trace, cache.clone())))
            });
            input.send(((KEY, VIEWED), 0, Counts([4, 0, 0])));
            input.send(((KEY, BOUGHT), 0, Counts([0, 0, 1])));
            input.advance_to(5);
            input.send(((KEY, VIEWED), 5, Counts([0, 0, 9])));
            input.advance_to(6);
            worker.step_while(|| probe.less_than(input.time()));
            cache.borrow_mut().update(6, None);

            let scale = |weights: [i64; 3]| {
                let weights = Weights(weights.map(|weight| Score(weight * Score::UNIT)));
                Scale { weights, today: 3 }
            };
            let mut best = |weights, is_own, n| {
                let by = ListScale { scale: scale(weights), is_own };
                let at = ReadTime { time: 4, oldest: 4 };
                lists.best((KEY, None), (by, Wanted([n, 0]), at), u64::from).0
            };
            let live = best([1, 3, 5], false, 1);
            assert_eq!((live.mass[0], live.best[0].product), (9.0, BOUGHT.product));
            let held = cache.borrow().size();
            for (weights, product, mass) in
                [([2, 0, 5], VIEWED.product, 13.0), ([0, 0, 7], BOUGHT.product, 7.0)]
            {
                let own = best(weights, true, 1);
                assert_eq!((own.mass[0], own.best[0].product), (mass, product), "{weights:?}");
            }
            assert_eq!(cache.borrow().size(), held);
            // The very list is given again: the key was neither read anew nor dropped.
            assert!(Arc::ptr_eq(&best([1, 3, 5], false, 1).best, &live.best));
        });
    }
}
