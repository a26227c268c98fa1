//! The top-k cache: the best products under the keys of a view, kept between questions.
//!
//! A key is read whole at the first question about it, and again when the model or the day has
//! changed. From then on changes are added to it. Scores are linear in the counts, so nothing is
//! read again, and a change costs the same however many products the key has.
//!
//! A question may be as of an earlier time than the cached key, since each worker asks as of the
//! times that it knows to be complete. Then the latest changes are taken back, and added again
//! later.

use super::evidence::Scored;
use super::top_k::{ProductScore, TopK};
use crate::arrange::dated::DatedProduct;
use crate::arrange::packed::Batch;
use crate::held::Size;
use crate::ids::by_id::ById;
use crate::score::counts::Counts;
use crate::score::model::ModelAt;
use crate::time::Time;
use differential_dataflow::trace::{Cursor, Navigable};
use std::marker::PhantomData;
use std::sync::Arc;

/// The most products that are cached under all keys, at some 50 bytes each. Beyond it, the half of
/// the keys that was asked about least recently is dropped.
const MAX_PRODUCTS: usize = 2_000_000;

/// The most pending changes of a key beyond the number of its products.
const MAX_PENDING: usize = 1000;

/// The keys of a view that were asked about, with their products.
pub(crate) struct TopKCache<V> {
    by_key: ById<CachedKey>,
    /// The number of products under all keys.
    products: usize,
    /// The upper bound of the times of all batches so far.
    upper: Time,
    values: PhantomData<V>,
}

impl<V> TopKCache<V> {
    /// The products under all keys, and about the bytes that they take.
    pub(crate) fn size(&self) -> Size {
        // A table is three quarters full, about.
        let products = self.products * (size_of::<(u32, ProductScore)>() + 1) * 4 / 3;
        let keys = self.by_key.capacity() * (size_of::<(u32, CachedKey)>() + 1);
        Size { records: self.products, bytes: products + keys }
    }
}

/// The best products under a key, as of the time of a question.
pub(crate) struct TopProducts {
    /// The sum of all products' scores.
    pub(crate) mass: f64,
    /// The best products, in order: as many as were requested, or more.
    pub(crate) best: Arc<[Scored]>,
}

/// The products under a key, scored by a model, as of a time.
#[derive(Default)]
struct CachedKey {
    model_at: ModelAt,
    as_of: Time,
    /// The weight of a day, by its age.
    fades: Vec<f64>,
    by_product: ById<ProductScore>,
    mass: f64,
    top: TopK,
    /// The changes after `as_of`.
    pending: Vec<(Time, Change)>,
    /// The changes up to `as_of` that are later than some question that may still come.
    undo_log: Vec<(Time, Change)>,
}

/// The time of a question, and the earliest time that a later question may have.
#[derive(Clone, Copy)]
pub(crate) struct ReadTime {
    pub(crate) time: Time,
    pub(crate) oldest: Time,
}

/// A change of a product's score.
#[derive(Clone, Copy)]
struct Change {
    product: u32,
    events: i32,
    weighted: i32,
    score: f64,
}

impl Change {
    fn negated(self) -> Change {
        Change { events: -self.events, weighted: -self.weighted, score: -self.score, ..self }
    }
}

impl<V> Default for TopKCache<V> {
    fn default() -> TopKCache<V> {
        TopKCache { by_key: ById::default(), products: 0, upper: 0, values: PhantomData }
    }
}

impl<V: DatedProduct> TopKCache<V> {
    /// Adds the changes of a batch. Batches come in order; `until` is the upper bound of their
    /// times.
    pub(crate) fn update(&mut self, until: Time, batch: Option<&Batch<V, Counts>>) {
        self.upper = until;
        let Some(batch) = batch.filter(|_| !self.by_key.is_empty()) else { return };
        let mut cursor = batch.cursor();
        while let Some(key) = cursor.get_key(batch) {
            if let Some(cached) = self.by_key.get_mut(key) {
                while let Some(value) = cursor.get_val(batch) {
                    cursor.map_times(batch, |&time, counts| cached.push(time, value, *counts));
                    cursor.step_val(batch);
                }
                if cached.by_product.len() + MAX_PENDING < cached.pending.len() {
                    // Nobody asks any more, or reading the key again costs no more.
                    self.products -= cached.by_product.len();
                    self.by_key.remove(key);
                }
            }
            cursor.step_key(batch);
        }
    }

    /// The best `n` products under a key as of a time, or more. `tie` orders products of equal
    /// score, and must do so alike on all workers, unlike ids.
    ///
    /// ```text
    /// let score = |value, counts| weights · counts · fade(value.day) · value.factor;
    /// view[key].as_of(time).sum_by(product, score).sort_by(score).take(n)
    /// ```
    pub(crate) fn best(
        &mut self,
        key: u32,
        (model_at, n, as_of): (&ModelAt, usize, ReadTime),
        batches: &[Batch<V, Counts>],
        tie: impl Fn(u32) -> u64,
    ) -> TopProducts {
        if MAX_PRODUCTS < self.products {
            self.drop_half();
        }
        // Cached scores do not depend on the repeat rate, so its changes must not drop them.
        let model_at = ModelAt { repeat_rate: 0.0, ..*model_at };
        let cached = self.by_key.entry(key).or_default();
        self.products -= cached.by_product.len();
        if cached.as_of == 0 || cached.model_at != model_at {
            *cached = CachedKey { model_at, ..CachedKey::default() };
            cached.read(key, as_of.time, self.upper, batches);
        }
        cached.move_to(as_of, &tie);
        self.products += cached.by_product.len();
        cached.top(n)
    }

    /// Drops the half of the keys that was asked about least recently.
    fn drop_half(&mut self) {
        let mut times: Vec<Time> = self.by_key.values().map(|cached| cached.as_of).collect();
        let middle = times.len() / 2;
        let middle = *times.select_nth_unstable(middle).1;
        self.by_key.retain(|_, cached| middle < cached.as_of);
        self.products = self.by_key.values().map(|cached| cached.by_product.len()).sum();
    }
}

impl CachedKey {
    /// Reads all updates of a key up to a time, and the later ones below `upper`: those beyond it
    /// are in batches to come.
    fn read<V: DatedProduct>(
        &mut self,
        key: u32,
        time: Time,
        upper: Time,
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
                    if at <= time || at < upper {
                        self.push(at, value, *counts);
                    }
                });
                cursor.step_val(batch);
            }
        }
    }

    /// Adds the change of a score that an update makes, as pending.
    fn push<V: DatedProduct>(&mut self, time: Time, value: &V, counts: Counts) {
        let factor = self.fade(value.day()) * value.factor(&self.model_at.blend);
        let weights = &self.model_at.weights;
        let weighted = if factor == 0.0 { 0 } else { weights.weighted(counts) };
        let score = weights.score(counts).to_f64() * factor;
        let change = Change { product: value.product(), events: counts.total(), weighted, score };
        self.pending.push((time, change));
    }

    /// As [`ModelAt::fade`], from a table.
    fn fade(&mut self, day: u16) -> f64 {
        let age = self.model_at.today.saturating_sub(day);
        for age in self.fades.len()..=age.into() {
            let age = u16::try_from(age).expect("it is at most an age, which is a u16");
            self.fades.push(self.model_at.fade(self.model_at.today - age));
        }
        self.fades[usize::from(age)]
    }

    /// Applies the changes up to a time, or takes back those after it.
    fn move_to(&mut self, ReadTime { time, oldest }: ReadTime, tie: impl Fn(u32) -> u64) {
        if self.as_of <= time {
            let due: Vec<_> = self.pending.extract_if(.., |(at, _)| *at <= time).collect();
            self.apply(due.iter().map(|(_, change)| *change).collect(), tie);
            self.undo_log.retain(|(at, _)| oldest < *at);
            self.undo_log.extend(due.into_iter().filter(|(at, _)| oldest < *at));
        } else {
            let undone: Vec<_> = self.undo_log.extract_if(.., |(at, _)| time < *at).collect();
            self.apply(undone.iter().map(|(_, change)| change.negated()).collect(), tie);
            self.pending.extend(undone);
        }
        self.as_of = time;
    }

    fn apply(&mut self, mut changes: Vec<Change>, tie: impl Fn(u32) -> u64) {
        let CachedKey { by_product, mass, top, .. } = self;
        // One step for each product: a retraction may precede the event that it retracts.
        changes.sort_by_key(|change| change.product);
        for same in changes.chunk_by(|one, other| one.product == other.product) {
            let product = same[0].product;
            let now = by_product.entry(product).or_insert_with(|| ProductScore::new(tie(product)));
            let before = *now;
            now.events += same.iter().map(|change| change.events).sum::<i32>();
            now.weighted += same.iter().map(|change| change.weighted).sum::<i32>();
            let score: f64 = same.iter().map(|change| change.score).sum();
            // Without weighted events the score is zero: the sum would keep a rounding error.
            now.score = if now.weighted == 0 { 0.0 } else { now.score + score };
            *mass += now.score.max(0.0) - before.score.max(0.0);
            top.update(product, before, *now);
            if now.events == 0 {
                by_product.remove(&product);
            }
        }
    }

    fn top(&mut self, n: usize) -> TopProducts {
        TopProducts { mass: self.mass, best: self.top.first(n, &self.by_product) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrange::packed::Packed;
    use crate::score::weights::{Score, Weights};
    use crate::views::popularity::ProductDay;
    use differential_dataflow::consolidation::consolidate_updates;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    const KEY: u32 = 7;

    type Update = ((u32, ProductDay), Time, Counts);

    /// By product, the score and the number of events as of a time.
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
    fn events_of_weight_zero_leave_no_score() {
        let weights = Weights([0, 1, 1].map(|weight| Score(weight * Score::UNIT)));
        let (cache, model_at) =
            (&mut TopKCache::default(), ModelAt { weights, today: 1, ..ModelAt::default() });
        let mut ask = |time, day, counts| {
            let update = ((KEY, ProductDay { product: 1, day }), time, Counts(counts));
            let batch = Packed::of(&[update]).map(Rc::new);
            cache.update(time + 1, batch.as_ref());
            let as_of = ReadTime { time, oldest: time };
            let top = cache.best(KEY, (&model_at, 5, as_of), batch.as_slice(), u64::from);
            (top.best.len(), top.mass)
        };
        ask(1, 0, [1, 0, 0]);
        ask(2, 1, [0, 1, 0]);
        ask(3, 0, [0, 1, 0]);
        ask(4, 1, [0, -1, 0]);
        // One event is left, a view, whose weight is 0.
        assert_eq!(ask(5, 0, [0, -1, 0]), (0, 0.0));
    }

    #[test]
    fn a_question_is_answered_as_of_any_time_that_may_be_asked_about() {
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let (mut cache, mut batches, mut updates) = (TopKCache::default(), Vec::new(), Vec::new());
        let (mut oldest, mut asked) = (0, 0);
        for step in 0..400 {
            // Each step has two times of its own, and its batch comes before any question about
            // them.
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
            cache.update(times[1] + 1, batch.as_ref());
            batches.extend(batch);
            oldest += random(2 * step + 2 - oldest);
            for _ in 0..random(4) {
                let time = oldest + random(times[1] + 1 - oldest);
                let model_at = ModelAt::default();
                let as_of = ReadTime { time, oldest };
                let top = cache.best(KEY, (&model_at, 5, as_of), &batches, u64::from);
                let all = expected(&updates, time);
                let mass: i32 = all.values().map(|(score, _)| score).sum();
                assert!((top.mass - f64::from(mass)).abs() < 1e-9, "{step} {time}");
                let mut best: Vec<_> = all
                    .iter()
                    .map(|(product, (score, events))| (-score, *product, *events))
                    .collect();
                best.sort_unstable();
                best.truncate(5);
                let top: Vec<_> = top.best.iter().take(5).collect();
                assert_eq!(top.len(), best.len(), "{step} {time}");
                for (scored, (score, product, events)) in top.iter().zip(&best) {
                    let found = (scored.product, scored.events);
                    assert_eq!(found, (*product, *events), "{step} {time}");
                    assert!((scored.score + f64::from(*score)).abs() < 1e-9, "{step} {time}");
                }
                asked += 1;
            }
        }
        assert!(asked > 300, "{asked}");
    }
}
