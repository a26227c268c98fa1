//! The top-k cache: the best products under the keys of a view by each of their sums, kept between questions.
//!
//! A key is read whole at the first question about it, and again when the weights or the day have
//! changed. From then on changes are added to it. Sums are linear in the counts, and whole numbers, so nothing is
//! read again, and a change costs the same however many products the key has.
//!
//! What is given of a key is the best products by the last sum, and by the others together, whatever the sums are worth:
//! that is decided where a ranking is made, and may change from one to the next.
//!
//! A question may be as of an earlier time than the cached key, since each worker asks as of the
//! times that it knows to be complete. Then the latest changes are taken back, and added again
//! later.

use super::evidence::{Scored, ScoredProducts};
use super::top_k::{Rank, TopK};
use crate::arrange::dated::Summed;
use crate::arrange::packed::Batch;
use crate::held::Size;
use crate::ids::by_id::ById;
use crate::score::counts::Counts;
use crate::score::scale::{Scale, Units};
use crate::score::weights::Score;
use crate::time::Time;
use differential_dataflow::trace::{Cursor, Navigable};
use std::collections::HashMap;
use std::marker::PhantomData;

/// The most products that are cached under all keys, at some 80 bytes each. Beyond it, the half of
/// the keys that was asked about least recently is dropped.
const MAX_PRODUCTS: usize = 2_000_000;

/// The most pending changes of a key beyond the number of its products.
const MAX_PENDING: usize = 1000;

/// The keys of a view that were asked about, with their products, of which each has `N` sums.
pub(crate) struct TopKCache<V, const N: usize> {
    by_key: ById<CachedKey<N>>,
    /// The number of products under all keys.
    products: usize,
    /// The upper bound of the times of all batches so far.
    upper: Time,
    /// The units of days, by the scale that was asked with last.
    units: DayUnits,
    values: PhantomData<V>,
}

impl<V, const N: usize> TopKCache<V, N> {
    /// The products under all keys, and about the bytes that they take.
    pub(crate) fn size(&self) -> Size {
        // A table is three quarters full, about.
        let products = self.products * (size_of::<(u32, ProductSums<N>)>() + 1) * 4 / 3;
        let keys = self.by_key.capacity() * (size_of::<(u32, CachedKey<N>)>() + 1);
        Size { records: self.products, bytes: products + keys }
    }
}

/// The best products under a key, as of the time of a question.
pub(crate) struct TopProducts<const N: usize> {
    /// The sums of all products.
    pub(crate) mass: [f64; N],
    /// The best products by each order, sorted by id.
    pub(crate) best: ScoredProducts<N>,
}

/// A product under a key.
#[derive(Clone, Copy)]
struct ProductSums<const N: usize> {
    sums: [i64; N],
    /// The number of events.
    events: i32,
    tie: u64,
}

/// The orders that the best products are found by: all sums but the last together, and the last.
const ORDERS: usize = 2;

impl<const N: usize> ProductSums<N> {
    fn scored(&self, product: u32) -> Scored<N> {
        let events = u32::try_from(self.events).unwrap_or_default();
        Scored { product, events, sums: self.sums.map(number) }
    }

    fn ranks(&self) -> [Rank; ORDERS] {
        let [rest @ .., last] = &self.sums[..] else { unreachable!("there are two sums at least") };
        [rest.iter().sum(), *last].map(|score| Rank { score, tie: self.tie })
    }
}

/// The products under a key, scored by a scale, as of a time.
struct CachedKey<const N: usize> {
    scale: Scale,
    as_of: Time,
    by_product: ById<ProductSums<N>>,
    mass: [i64; N],
    tops: [TopK; ORDERS],
    /// The lists that were given last, each with what was requested, until a product changes.
    given: [Option<(Wanted, ScoredProducts<N>)>; KEPT],
    /// The changes after `as_of`.
    pending: Vec<(Time, Change<N>)>,
    /// The changes up to `as_of` that are later than some question that may still come.
    undo_log: Vec<(Time, Change<N>)>,
}

/// How many of the best products are requested by each order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wanted(pub(crate) [usize; ORDERS]);

/// The number of lists that are kept under a key: as of a product of the moment, as of one further back, and as of what
/// goes with that of the moment.
const KEPT: usize = 3;

/// The time of a question, and the earliest time that a later question may have.
#[derive(Clone, Copy)]
pub(crate) struct ReadTime {
    pub(crate) time: Time,
    pub(crate) oldest: Time,
}

/// A change of a product's sums.
#[derive(Clone, Copy)]
struct Change<const N: usize> {
    product: u32,
    events: i32,
    sums: [i64; N],
}

impl<const N: usize> Change<N> {
    fn negated(self) -> Change<N> {
        Change { events: -self.events, sums: self.sums.map(|sum| -sum), ..self }
    }
}

impl<V, const N: usize> Default for TopKCache<V, N> {
    fn default() -> TopKCache<V, N> {
        TopKCache {
            by_key: ById::default(),
            products: 0,
            upper: 0,
            units: DayUnits::default(),
            values: PhantomData,
        }
    }
}

impl<V: Summed<N>, const N: usize> TopKCache<V, N> {
    /// Adds the changes of a batch. Batches come in order; `until` is the upper bound of their
    /// times.
    pub(crate) fn update(&mut self, until: Time, batch: Option<&Batch<V, Counts>>) {
        self.upper = until;
        let Some(batch) = batch.filter(|_| !self.by_key.is_empty()) else { return };
        let mut cursor = batch.cursor();
        while let Some(key) = cursor.get_key(batch) {
            if let Some(cached) = self.by_key.get_mut(key) {
                self.units.be_of(cached.scale);
                while let Some(value) = cursor.get_val(batch) {
                    let units = self.units.of(value.day());
                    cursor.map_times(batch, |&time, counts| {
                        cached.push(time, value, *counts, units);
                    });
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

    /// The best products under a key as of a time, as many as are requested by each order. `tie` orders products of equal
    /// sums, and must do so alike on all workers, unlike ids.
    ///
    /// ```text
    /// let sums = view[key].as_of(time).sum_by(product, |value, counts| value.sums(counts, scale.units(value.day)));
    /// wanted.map(|(order, n)| sums.sort_by(order).take(n)).union()
    /// ```
    pub(crate) fn best(
        &mut self,
        key: u32,
        (scale, wanted, as_of): (Scale, Wanted, ReadTime),
        batches: &[Batch<V, Counts>],
        tie: impl Fn(u32) -> u64,
    ) -> TopProducts<N> {
        if MAX_PRODUCTS < self.products {
            self.drop_half();
        }
        let cached = self.by_key.entry(key).or_insert_with(|| CachedKey::new(scale));
        self.products -= cached.by_product.len();
        if cached.as_of == 0 || cached.scale != scale {
            self.units.be_of(scale);
            // Later updates stay pending; those from the upper bound on are in batches to come.
            let until = self.upper.max(as_of.time + 1);
            let mut reading =
                KeyReading { until, ..KeyReading::new(key, scale, as_of.time, batches) };
            let mut most = usize::MAX;
            reading.read(&mut most, &mut self.units);
            *cached = reading.cached;
        }
        cached.move_to(as_of, &tie);
        self.products += cached.by_product.len();
        cached.top(wanted)
    }

    /// A product under a key, whether or not it is one of the best, as of the last question about the key.
    pub(crate) fn one(&self, key: u32, product: u32) -> Option<Scored<N>> {
        self.by_key.get(&key)?.one(product)
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

/// A key that is read, some of it at a time: so the answers to others need not wait for it.
pub(crate) struct KeyReading<V: Summed<N>, const N: usize> {
    key: u32,
    time: Time,
    /// The earliest time whose updates are left out.
    until: Time,
    cached: CachedKey<N>,
    /// What is left to read, but for the batch under way.
    left: Vec<Batch<V, Counts>>,
    under_way: Option<Opened<V>>,
}

/// A batch, and how far it has been read.
type Opened<V> = (Batch<V, Counts>, <Batch<V, Counts> as Navigable>::Cursor);

impl<V: Summed<N>, const N: usize> KeyReading<V, N> {
    /// Begins to read a key as of a time. The batches have all updates up to it, and are not compacted beyond.
    pub(crate) fn new(
        key: u32,
        scale: Scale,
        time: Time,
        batches: &[Batch<V, Counts>],
    ) -> KeyReading<V, N> {
        let (cached, left) = (CachedKey::new(scale), batches.to_vec());
        KeyReading { key, time, until: time + 1, cached, left, under_way: None }
    }

    /// Reads so many values at most, takes off how many there were, and adds them up. Returns true once there is nothing
    /// left. The units are those of its scale.
    pub(crate) fn step(
        &mut self,
        left: &mut usize,
        units: &mut DayUnits,
        tie: impl Fn(u32) -> u64,
    ) -> bool {
        let is_done = self.read(left, units);
        self.cached.move_to(ReadTime { time: self.time, oldest: self.time }, tie);
        is_done
    }

    fn read(&mut self, left: &mut usize, units: &mut DayUnits) -> bool {
        loop {
            let Some((batch, cursor)) = &mut self.under_way else {
                let Some(batch) = self.left.pop() else { return true };
                let mut cursor = batch.cursor();
                cursor.seek_key(&batch, &self.key);
                if cursor.get_key(&batch) == Some(&self.key) {
                    self.under_way = Some((batch, cursor));
                }
                continue;
            };
            let Some(value) = cursor.get_val(batch) else {
                self.under_way = None;
                continue;
            };
            if *left == 0 {
                return false;
            }
            *left -= 1;
            let units = units.of(value.day());
            cursor.map_times(batch, |&at, counts| {
                if at < self.until {
                    self.cached.push(at, value, *counts, units);
                }
            });
            cursor.step_val(batch);
        }
    }

    /// As [`TopKCache::best`], and a product, whether or not it is one of the best. Everything must have been read.
    pub(crate) fn best(
        mut self,
        wanted: Wanted,
        asked: Option<u32>,
    ) -> (TopProducts<N>, Option<Scored<N>>) {
        let asked = asked.and_then(|asked| self.cached.one(asked));
        (self.cached.top(wanted), asked)
    }
}

/// The units of days by one scale, as they are asked for.
#[derive(Default)]
pub(crate) struct DayUnits {
    scale: Scale,
    by_day: HashMap<u16, Units>,
}

impl DayUnits {
    pub(crate) fn new(scale: Scale) -> DayUnits {
        DayUnits { scale, by_day: HashMap::new() }
    }

    fn be_of(&mut self, scale: Scale) {
        if self.scale != scale {
            *self = DayUnits::new(scale);
        }
    }

    fn of(&mut self, day: u16) -> &Units {
        self.by_day.entry(day).or_insert_with(|| self.scale.units(day))
    }
}

impl<const N: usize> CachedKey<N> {
    fn new(scale: Scale) -> CachedKey<N> {
        CachedKey {
            scale,
            as_of: 0,
            by_product: ById::default(),
            mass: [0; N],
            tops: std::array::from_fn(|_| TopK::default()),
            given: [const { None }; KEPT],
            pending: Vec::new(),
            undo_log: Vec::new(),
        }
    }

    /// Adds the change of sums that an update makes, as pending.
    fn push<V: Summed<N>>(&mut self, time: Time, value: &V, counts: Counts, units: &Units) {
        let (events, sums) = (value.events(counts), value.sums(counts, units));
        self.pending.push((time, Change { product: value.product(), events, sums }));
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

    fn apply(&mut self, mut changes: Vec<Change<N>>, tie: impl Fn(u32) -> u64) {
        let CachedKey { by_product, mass, tops, given, .. } = self;
        // One step for each product: a retraction may precede the event that it retracts.
        changes.sort_by_key(|change| change.product);
        for same in changes.chunk_by(|one, other| one.product == other.product) {
            let product = same[0].product;
            let new = || ProductSums { sums: [0; N], events: 0, tie: tie(product) };
            let now = by_product.entry(product).or_insert_with(new);
            let before = *now;
            now.events += same.iter().map(|change| change.events).sum::<i32>();
            for (at, sum) in now.sums.iter_mut().enumerate() {
                *sum += same.iter().map(|change| change.sums[at]).sum::<i64>();
                mass[at] += (*sum).max(0) - before.sums[at].max(0);
            }
            for (top, (before, now)) in
                tops.iter_mut().zip(before.ranks().into_iter().zip(now.ranks()))
            {
                top.update(product, before, now);
            }
            if now.events == 0 {
                by_product.remove(&product);
            }
            *given = [const { None }; KEPT];
        }
    }

    fn one(&self, product: u32) -> Option<Scored<N>> {
        self.by_product.get(&product).map(|sums| sums.scored(product))
    }

    fn top(&mut self, wanted: Wanted) -> TopProducts<N> {
        let mass = self.mass.map(number);
        if let Some((_, given)) = self.given.iter().flatten().find(|(same, _)| *same == wanted) {
            return TopProducts { mass, best: given.clone() };
        }
        let by_product = &self.by_product;
        let mut products: Vec<u32> = Vec::new();
        for (order, (top, n)) in
            self.tops.iter_mut().zip(wanted.0).enumerate().filter(|(_, (_, n))| *n > 0)
        {
            let all = by_product.iter().map(|(&product, sums)| (product, sums.ranks()[order]));
            products.extend(top.first(n, all));
        }
        products.sort_unstable();
        products.dedup();
        let scored = products.into_iter().map(|product| by_product[&product].scored(product));
        let best: ScoredProducts<N> = scored.collect();
        self.given.rotate_right(1);
        self.given[0] = Some((wanted, best.clone()));
        TopProducts { mass, best }
    }
}

/// A sum in events of weight 1; nothing below zero counts.
fn number(sum: i64) -> f64 {
    Score(sum.max(0)).to_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrange::packed::Packed;
    use crate::score::weights::Weights;
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
        let (mut cache, scale) = (TopKCache::default(), Scale { weights, today: 1 });
        let mut ask = |time, day, counts| {
            let update = ((KEY, ProductDay { product: 1, day }), time, Counts(counts));
            let batch = Packed::of(&[update]).map(Rc::new);
            cache.update(time + 1, batch.as_ref());
            let as_of = ReadTime { time, oldest: time };
            let wanted = Wanted([5, 0]);
            let top = cache.best(KEY, (scale, wanted, as_of), batch.as_slice(), u64::from);
            (top.best.len(), top.mass)
        };
        ask(1, 0, [1, 0, 0]);
        ask(2, 1, [0, 1, 0]);
        ask(3, 0, [0, 1, 0]);
        ask(4, 1, [0, -1, 0]);
        // One event is left, a view, whose weight is 0.
        assert_eq!(ask(5, 0, [0, -1, 0]), (0, [0.0; 2]));
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
                let (scale, wanted) = (Scale::default(), Wanted([5, 0]));
                let as_of = ReadTime { time, oldest };
                let top = cache.best(KEY, (scale, wanted, as_of), &batches, u64::from);
                let all = expected(&updates, time);
                let mass: i32 = all.values().map(|(score, _)| score).sum();
                assert!((top.mass[0] - f64::from(mass)).abs() < 1e-9, "{step} {time}");
                let mut best: Vec<_> = all
                    .iter()
                    .map(|(product, (score, events))| (-score, *product, *events))
                    .collect();
                best.sort_unstable();
                best.truncate(5);
                let mut top: Vec<_> = top.best.iter().collect();
                top.sort_by(|one, other| other.sums[0].total_cmp(&one.sums[0]));
                assert_eq!(top.len(), best.len(), "{step} {time}");
                for (scored, (score, product, events)) in top.iter().zip(&best) {
                    let found = (scored.product, scored.events);
                    assert_eq!(found, (*product, *events), "{step} {time}");
                    assert!((scored.sums[0] + f64::from(*score)).abs() < 1e-9, "{step} {time}");
                }
                asked += 1;
            }
        }
        assert!(asked > 300, "{asked}");
    }
}
