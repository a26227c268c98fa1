//! What is worth most under the keys of a view, kept between questions.
//!
//! A key is read whole when it is asked about for the first time, and again when the model or the day
//! is another. From then on what changes is added to it: what a product is worth is linear in the
//! counts, so that nothing need be read again, and a change costs the same however many products
//! there are. Questions may come of a time before that of what is kept, for workers ask as of what
//! they know to be complete: then the latest changes are taken back, to be added again later.

use super::evidence::Scored;
use super::top_k::{Entry, TopK};
use crate::arrange::dated::DatedProduct;
use crate::arrange::packed::Batch;
use crate::ids::by_id::ById;
use crate::score::counts::Counts;
use crate::score::model::ModelAt;
use crate::time::Time;
use differential_dataflow::trace::{Cursor, Navigable};
use std::marker::PhantomData;
use std::sync::Arc;

/// How many products are kept under all keys, at some 50 bytes each. When there are more, the half of
/// the keys that nobody has asked about for longest is forgotten.
const MOST: usize = 2_000_000;

/// How many more changes than products wait under a key that nobody asks about.
const CHANGES: usize = 1000;

/// The keys of a view that were asked about.
pub(crate) struct TopKCache<V> {
    by_key: ById<Products>,
    /// How many products there are under all of them.
    products: usize,
    /// All batches up to this time have been heard.
    heard: Time,
    values: PhantomData<V>,
}

/// The best products under a key, as of the time of a question.
pub(crate) struct TopProducts {
    /// What all products are worth together.
    pub(crate) mass: f64,
    /// The best, best first; more than were asked for, if more were asked for before.
    pub(crate) best: Arc<[Scored]>,
}

/// The products under a key, through a model_at, as of a time.
#[derive(Default)]
struct Products {
    model_at: ModelAt,
    as_of: Time,
    /// What a day counts, by its age.
    fades: Vec<f64>,
    by_product: ById<Entry>,
    mass: f64,
    top: TopK,
    /// What will change at a later time.
    later: Vec<(Time, Change)>,
    /// What has changed, as far as some question may still come of a time before it.
    lately: Vec<(Time, Change)>,
}

/// As of when a question is, and as of when the oldest may be that can still come.
#[derive(Clone, Copy)]
pub(crate) struct ReadTime {
    pub(crate) time: Time,
    pub(crate) oldest: Time,
}

/// By how much what is known of a product changes.
#[derive(Clone, Copy)]
struct Change {
    product: u32,
    events: i32,
    /// How many of these are worth something.
    worthy: i32,
    worth: f64,
}

impl Change {
    fn back(self) -> Change {
        Change { events: -self.events, worthy: -self.worthy, worth: -self.worth, ..self }
    }
}

impl<V> Default for TopKCache<V> {
    fn default() -> TopKCache<V> {
        TopKCache { by_key: ById::default(), products: 0, heard: 0, values: PhantomData }
    }
}

impl<V: DatedProduct> TopKCache<V> {
    /// Takes the changes of a batch in. Batches come in order; `until` is the upper bound of their times.
    pub(crate) fn update(&mut self, until: Time, batch: Option<&Batch<V, Counts>>) {
        self.heard = until;
        let Some(batch) = batch.filter(|_| !self.by_key.is_empty()) else { return };
        let mut cursor = batch.cursor();
        while let Some(key) = cursor.get_key(batch) {
            if let Some(products) = self.by_key.get_mut(key) {
                while let Some(value) = cursor.get_val(batch) {
                    cursor.map_times(batch, |&time, counts| products.note(time, value, *counts));
                    cursor.step_val(batch);
                }
                if products.by_product.len() + CHANGES < products.later.len() {
                    // Nobody asks any more, or it is as cheap to read it anew.
                    self.products -= products.by_product.len();
                    self.by_key.remove(key);
                }
            }
            cursor.step_key(batch);
        }
    }

    /// So many of the best products under a key as of a time, or more. `tie` decides between products
    /// of one worth; it must be the same on all workers, unlike ids.
    pub(crate) fn best(
        &mut self,
        key: u32,
        (model_at, n, as_of): (&ModelAt, usize, ReadTime),
        batches: &[Batch<V, Counts>],
        tie: impl Fn(u32) -> u64,
    ) -> TopProducts {
        if MOST < self.products {
            self.forget_half();
        }
        // How often visitors come back is no part of what is kept.
        let model_at = ModelAt { repeat_rate: 0.0, ..*model_at };
        let kept = self.by_key.entry(key).or_default();
        self.products -= kept.by_product.len();
        if kept.as_of == 0 || kept.model_at != model_at {
            *kept = Products { model_at, ..Products::default() };
            kept.read(key, as_of.time, self.heard, batches);
        }
        kept.go_to(as_of, &tie);
        self.products += kept.by_product.len();
        kept.found(n)
    }

    fn forget_half(&mut self) {
        let mut times: Vec<Time> = self.by_key.values().map(|products| products.as_of).collect();
        let middle = times.len() / 2;
        let middle = *times.select_nth_unstable(middle).1;
        self.by_key.retain(|_, products| middle < products.as_of);
        self.products = self.by_key.values().map(|products| products.by_product.len()).sum();
    }
}

impl Products {
    /// Reads all of a key up to a time, and what comes after it up to what has been heard: the rest
    /// will be heard.
    fn read<V: DatedProduct>(
        &mut self,
        key: u32,
        time: Time,
        heard: Time,
        batches: &[Batch<V, Counts>],
    ) {
        for batch in batches {
            let mut cursor = batch.cursor();
            cursor.seek_key(batch, &key);
            if cursor.get_key(batch) != Some(&key) {
                continue;
            }
            while let Some(value) = cursor.get_val(batch) {
                cursor.map_times(batch, |&at, counts| {
                    if at <= time || at < heard {
                        self.note(at, value, *counts);
                    }
                });
                cursor.step_val(batch);
            }
        }
    }

    /// Notes what counts say of a product from a time on.
    fn note<V: DatedProduct>(&mut self, time: Time, value: &V, counts: Counts) {
        let factor = self.fade(value.day()) * value.factor(&self.model_at.model.blend);
        let weights = &self.model_at.model.weights;
        let worthy = if factor == 0.0 { 0 } else { weights.weighted(counts) };
        let worth = weights.score(counts).to_f64() * factor;
        let change = Change { product: value.product(), events: counts.total(), worthy, worth };
        self.later.push((time, change));
    }

    fn fade(&mut self, day: u16) -> f64 {
        let age = self.model_at.today.saturating_sub(day);
        for age in self.fades.len()..=age.into() {
            let age = u16::try_from(age).expect("it is at most an age");
            self.fades.push(self.model_at.fade(self.model_at.today - age));
        }
        self.fades[usize::from(age)]
    }

    /// Adds what has changed up to a time, or takes back what has changed after it.
    fn go_to(&mut self, ReadTime { time, oldest }: ReadTime, tie: impl Fn(u32) -> u64) {
        if self.as_of <= time {
            let now: Vec<_> = self.later.extract_if(.., |(at, _)| *at <= time).collect();
            self.add(now.iter().map(|(_, change)| *change).collect(), tie);
            self.lately.retain(|(at, _)| oldest < *at);
            self.lately.extend(now.into_iter().filter(|(at, _)| oldest < *at));
        } else {
            let back: Vec<_> = self.lately.extract_if(.., |(at, _)| time < *at).collect();
            self.add(back.iter().map(|(_, change)| change.back()).collect(), tie);
            self.later.extend(back);
        }
        self.as_of = time;
    }

    fn add(&mut self, mut changes: Vec<Change>, tie: impl Fn(u32) -> u64) {
        let Products { by_product, mass, top, .. } = self;
        // All of a product at once: what is taken back may stand before what it takes back.
        changes.sort_by_key(|change| change.product);
        for same in changes.chunk_by(|one, other| one.product == other.product) {
            let product = same[0].product;
            let entry = by_product.entry(product).or_insert_with(|| Entry::new(tie(product)));
            let before = *entry;
            entry.events += same.iter().map(|change| change.events).sum::<i32>();
            entry.worthy += same.iter().map(|change| change.worthy).sum::<i32>();
            let worth: f64 = same.iter().map(|change| change.worth).sum();
            // Where no event is worth anything, nothing is left but what rounding leaves.
            entry.worth = if entry.worthy == 0 { 0.0 } else { entry.worth + worth };
            *mass += entry.worth.max(0.0) - before.worth.max(0.0);
            top.change(product, before, *entry);
            if entry.events == 0 {
                by_product.remove(&product);
            }
        }
    }

    fn found(&mut self, n: usize) -> TopProducts {
        TopProducts { mass: self.mass, best: self.top.first(n, &self.by_product) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrange::packed::Packed;
    use crate::score::model::Model;
    use crate::score::weights::{Score, Weights};
    use crate::views::popularity::ProductDay;
    use differential_dataflow::consolidation::consolidate_updates;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    const KEY: u32 = 7;

    type Update = ((u32, ProductDay), Time, Counts);

    /// What a product is worth as of a time, of how many events.
    fn expected(updates: &[Update], time: Time) -> BTreeMap<u32, (i32, u32)> {
        let mut products: BTreeMap<u32, (i32, u32)> = BTreeMap::new();
        for ((key, value), at, counts) in updates {
            if *key == KEY && *at <= time {
                let product = products.entry(value.product).or_default();
                product.0 += counts.0[0] + 3 * counts.0[1];
                product.1 += u32::try_from(counts.total()).unwrap();
            }
        }
        products
    }

    #[test]
    fn what_only_worthless_events_speak_for_is_worth_nothing() {
        let weights = Weights([0, 1, 1].map(|weight| Score(weight * Score::UNIT)));
        let model = Model { weights, ..Model::default() };
        let (kept, model_at) =
            (&mut TopKCache::default(), ModelAt { model, today: 1, repeat_rate: 0.0 });
        let mut ask = |time, day, counts| {
            let update = ((KEY, ProductDay { product: 1, day }), time, Counts(counts));
            let batch = Packed::of(&[update]).map(Rc::new);
            kept.update(time + 1, batch.as_ref());
            let as_of = ReadTime { time, oldest: time };
            let found = kept.best(KEY, (&model_at, 5, as_of), batch.as_slice(), u64::from);
            (found.best.len(), found.mass)
        };
        ask(1, 0, [1, 0, 0]);
        ask(2, 1, [0, 1, 0]);
        ask(3, 0, [0, 1, 0]);
        ask(4, 1, [0, -1, 0]);
        // One event is left, a view, which is worth nothing.
        assert_eq!(ask(5, 0, [0, -1, 0]), (0, 0.0));
    }

    #[test]
    fn a_question_of_any_time_that_may_be_asked_about_is_answered_as_of_then() {
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let (mut kept, mut batches, mut updates) = (TopKCache::default(), Vec::new(), Vec::new());
        let (mut oldest, mut asked) = (0, 0);
        for step in 0..400 {
            // What comes in has a time or two of its own, and is heard before it can be asked about.
            let times = [2 * step + 1, 2 * step + 2];
            let mut new: Vec<Update> = Vec::new();
            for _ in 0..random(8) {
                let product = u32::try_from(random(30)).unwrap();
                let key = if random(4) == 0 { 8 } else { KEY };
                let counts = Counts([i32::from(random(2) == 0), 1, 0]);
                new.push((
                    (key, ProductDay { product, day: 0 }),
                    times[usize::from(random(2) == 0)],
                    counts,
                ));
            }
            updates.extend(new.iter().cloned());
            consolidate_updates(&mut new);
            let batch = Packed::of(&new).map(Rc::new);
            kept.update(times[1] + 1, batch.as_ref());
            batches.extend(batch);
            oldest += random(2 * step + 2 - oldest);
            for _ in 0..random(4) {
                let time = oldest + random(times[1] + 1 - oldest);
                let model_at = ModelAt::default();
                let as_of = ReadTime { time, oldest };
                let found = kept.best(KEY, (&model_at, 5, as_of), &batches, u64::from);
                let all = expected(&updates, time);
                let mass: i32 = all.values().map(|(worth, _)| worth).sum();
                assert!((found.mass - f64::from(mass)).abs() < 1e-9, "{step} {time}");
                let mut best: Vec<_> = all
                    .iter()
                    .map(|(product, (worth, events))| (-worth, *product, *events))
                    .collect();
                best.sort_unstable();
                best.truncate(5);
                let found: Vec<_> = found.best.iter().take(5).collect();
                assert_eq!(found.len(), best.len(), "{step} {time}");
                for (found, (worth, product, events)) in found.iter().zip(&best) {
                    assert_eq!((found.product, found.events), (*product, *events), "{step} {time}");
                    assert!((found.score + f64::from(*worth)).abs() < 1e-9, "{step} {time}");
                }
                asked += 1;
            }
        }
        assert!(asked > 300, "{asked}");
    }
}
