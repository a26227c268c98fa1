//! The best products under keys of a view: from the cache between questions, or, by weights that a question brings, read
//! for it alone, some of a key at a time.

use super::views::{CachedView, SharedCache};
use crate::arrange::dated::Summed;
use crate::arrange::lookup::Lookup;
use crate::arrange::packed::Batch;
use crate::ranking::evidence::Scored;
use crate::ranking::top_k_cache::{DayUnits, KeyReading, ReadTime, TopProducts, Wanted};
use crate::score::counts::Counts;
use crate::score::scale::Scale;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use timely::progress::frontier::AntichainRef;
use timely::scheduling::Activator;

/// So many values are read for a question's own lists before others are answered.
const AT_ONCE: usize = 1 << 12;

/// What the lists for a question are summed by.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct ListScale {
    pub(super) scale: Scale,
    /// Whether its weights are the question's own, and not in force. A cache has one scale a key: a list by these does not
    /// go through it, or the live answers would have to read the key again.
    pub(super) is_own: bool,
}

/// The best products under a key, and one that was asked about, which may not be among them.
pub(super) type List<const N: usize> = (TopProducts<N>, Option<Scored<N>>);

/// A view, and the cache of its best products.
pub(super) struct Lists<V: Summed<N>, const N: usize> {
    view: Lookup<V>,
    cache: SharedCache<V, N>,
}

impl<V: Summed<N>, const N: usize> Lists<V, N> {
    pub(super) fn new((view, cache): CachedView<V, N>) -> Lists<V, N> {
        Lists { view: Lookup::new(view), cache }
    }

    /// As [`TopKCache::best`](crate::ranking::top_k_cache::TopKCache::best), by the weights in force.
    pub(super) fn best(
        &mut self,
        (key, asked): (u32, Option<u32>),
        (scale, wanted, at): (Scale, Wanted, ReadTime),
        tie: impl Fn(u32) -> u64,
    ) -> List<N> {
        let (batches, cache) = (self.view.batches(), &mut *self.cache.borrow_mut());
        let best = cache.best(key, (scale, wanted, at), batches, tie);
        (best, asked.and_then(|asked| cache.one(key, asked)))
    }

    /// Begins to read lists by weights of a question's own, as of a time.
    pub(super) fn own(
        &mut self,
        keys: impl Iterator<Item = (u32, Wanted)>,
        asked: Option<u32>,
        scale: Scale,
        time: Time,
    ) -> OwnLists<V, N> {
        let mut left: Vec<(u32, Wanted)> = keys.collect();
        left.reverse();
        let batches = self.view.batches().to_vec();
        let units = DayUnits::new(scale);
        OwnLists { scale, time, asked, batches, units, left, reading: None, read: Vec::new() }
    }

    /// As [`Lookup::release`].
    pub(super) fn release(&mut self, questions: AntichainRef<'_, Time>) {
        self.view.release(questions);
    }
}

/// Lists that are read for one question alone, from the batches that the view has when they are begun: what the view makes
/// of these meanwhile changes nothing here.
pub(super) struct OwnLists<V: Summed<N>, const N: usize> {
    scale: Scale,
    time: Time,
    asked: Option<u32>,
    batches: Vec<Batch<V, Counts>>,
    units: DayUnits,
    /// The keys that have not been read, last first.
    left: Vec<(u32, Wanted)>,
    reading: Option<(KeyReading<V, N>, Wanted)>,
    read: Vec<List<N>>,
}

impl<V: Summed<N>, const N: usize> OwnLists<V, N> {
    /// Reads so many values at most, and takes off how many there were. Returns true once there is nothing left.
    pub(super) fn step(&mut self, left: &mut usize, tie: impl Fn(u32) -> u64) -> bool {
        loop {
            let (mut reading, wanted) = match self.reading.take() {
                Some(under_way) => under_way,
                None => {
                    let Some((key, wanted)) = self.left.pop() else { return true };
                    (KeyReading::new(key, self.scale, self.time, &self.batches), wanted)
                }
            };
            if !reading.step(left, &mut self.units, &tie) {
                self.reading = Some((reading, wanted));
                return false;
            }
            self.read.push(reading.best(wanted, self.asked));
        }
    }

    /// What was read, in the order of the keys.
    pub(super) fn read(self) -> impl Iterator<Item = List<N>> {
        self.read.into_iter()
    }
}

/// Requests by weights of their own, in the order that they came. They are read one after the other, some at a time, and
/// others are answered meanwhile.
pub(super) struct OwnRequests<C, R> {
    activator: Activator,
    /// Each with the capabilities that its answer is sent with.
    waiting: VecDeque<(C, R)>,
}

impl<C, R> OwnRequests<C, R> {
    /// Those of an operator, which is scheduled again as long as one of them waits.
    pub(super) fn new(activator: Activator) -> OwnRequests<C, R> {
        OwnRequests { activator, waiting: VecDeque::new() }
    }

    pub(super) fn push(&mut self, capabilities: C, request: R) {
        self.waiting.push_back((capabilities, request));
    }

    /// Reads some of the first request, by `read`, which is given how many values may be read, and returns true once
    /// there is nothing left. Then it returns the request.
    pub(super) fn step(&mut self, read: impl FnOnce(&mut R, usize) -> bool) -> Option<(C, R)> {
        let first = self.waiting.pop_front_if(|(_, first)| read(first, AT_ONCE));
        if !self.waiting.is_empty() {
            self.activator.activate();
        }
        first
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
            let live_best = |lists: &mut Lists<ProductDay, 2>| {
                let (wanted, at) = (Wanted([1, 0]), ReadTime { time: 4, oldest: 4 });
                lists.best((KEY, None), (scale([1, 3, 5]), wanted, at), u64::from).0
            };
            let live = live_best(&mut lists);
            assert_eq!((live.mass[0], live.best[0].product), (9.0, BOUGHT.product));
            let held = cache.borrow().size();
            for (weights, product, mass) in
                [([2, 0, 5], VIEWED.product, 13.0), ([0, 0, 7], BOUGHT.product, 7.0)]
            {
                let keys = [(KEY + 1, Wanted([1, 0])), (KEY, Wanted([1, 0]))];
                let mut own = lists.own(keys.into_iter(), None, scale(weights), 4);
                // A value at a time.
                let mut steps = 1;
                while !own.step(&mut 1, u64::from) {
                    steps += 1;
                }
                assert!(steps > 1, "{steps}");
                let read: Vec<_> = own.read().map(|(list, _)| list).collect();
                let [none, own] = &read[..] else { panic!("{} lists", read.len()) };
                assert_eq!((none.mass, none.best.len()), ([0.0; 2], 0));
                assert_eq!((own.mass[0], own.best[0].product), (mass, product), "{weights:?}");
            }
            assert_eq!(cache.borrow().size(), held);
            // The very list is given again: the key was neither read anew nor dropped.
            assert!(Arc::ptr_eq(&live_best(&mut lists).best, &live.best));
        });
    }
}
