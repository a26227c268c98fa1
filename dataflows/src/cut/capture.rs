//! Captures what changes, until it is written.

use super::row_writer::{Places, RowWriter};
use super::write::{self, Merge, Write};
use crate::arrange::packed::Batch;
use crate::digest::hash::Digest;
use crate::digest::rows::DigestedView;
use crate::digest::views::Digests;
use crate::held::Size;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ids::secret::Secret;
use crate::ingest::catalogue::CatalogueEntry;
use crate::ingest::decisions::PastForget;
use crate::ingest::intern::Of;
use crate::ingest::moment::Moment;
use crate::ingest::unique::{self, CountedId};
use crate::moves::rows::DatedRow;
use crate::record::decision::Decision;
use crate::record::event::OwnedEvent;
use crate::score::counts::Counts;
use crate::score::learner::Learner;
use crate::score::model::Model;
use crate::score::model_history::ModelHistory;
use crate::stored::{StoredRows, StoredView};
use crate::time::{EventClock, RESTORED, Time, is_needed};
use crate::views::pairs::partner::Partner;
use crate::views::popularity::ProductDay;
use crate::views::product_tags::Label;
use crate::views::recent::Recent;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::{Cursor, Navigable};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::rc::Rc;

/// About as many changes are written at once, which takes some milliseconds.
const AT_ONCE: usize = 1 << 15;
/// From so many rows on, those of a view are given, though more of them follow.
const GIVEN: usize = 1 << 20;

/// What a worker has of a cut beside rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CutState {
    /// The next offsets of the partitions that the worker owns.
    pub positions: BTreeMap<String, i64>,
    /// The hour of the newest event.
    pub newest: u32,
    /// The hour before which no record was left to read.
    pub oldest: u32,
    /// The model, if there was one.
    pub model: Option<Model>,
    /// What was learned of the weights of rankings, at the first worker: as of the time or a little later.
    pub learner: Option<Learner>,
    /// The latest events of the worker's users, newest first.
    pub recent: Vec<OwnedEvent>,
    /// The digests of the worker's rows, if they were remembered.
    pub digests: Vec<(DigestedView, Digest)>,
}

/// The changes of all views of a worker that have not been written yet. Clones share them.
#[derive(Clone)]
pub struct Captures {
    shared: Rc<RefCell<State>>,
    /// What every worker has is captured at the first one.
    is_first: bool,
}

struct State {
    is_on: bool,
    dictionaries: SharedDictionaries,
    views: Vec<(StoredView, Rc<RefCell<dyn Queue>>)>,
    /// Rows of the view that is being written, until they are given.
    rows: Option<StoredRows>,
    places: Places,
    /// Everything of earlier times has been written.
    written: Time,
    /// The time before which everything is being written, and the place of the view that is next.
    writing: Option<(Time, usize)>,
    advances: Captured<(), i64>,
    positions: BTreeMap<String, i64>,
    newest: EventClock,
    oldest: EventClock,
    models: BTreeMap<Time, Model>,
    recent: Rc<RefCell<Recent>>,
    digests: Rc<RefCell<Digests>>,
    learned: Option<Rc<RefCell<ModelHistory>>>,
}

/// Changes of one view.
trait Queue {
    /// How much is held.
    fn size(&self) -> Size;

    /// Writes changes of times before one, about [`AT_ONCE`] of them, but for what nothing needs once no record is left
    /// that was written before an hour. Returns true once none is left.
    fn write(
        &mut self,
        until: Time,
        oldest: u32,
        names: &Dictionaries,
        places: &mut Places,
        rows: &mut StoredRows,
    ) -> bool;
}

/// The batches of a view, in order, each with the times of it that have not been written.
struct Captured<V, R> {
    batches: VecDeque<(Range<Time>, Batch<V, R>)>,
    size: Size,
}

impl<V: ExchangeData, R: ExchangeData + Semigroup + Copy> Captured<V, R> {
    fn new() -> Captured<V, R> {
        Captured { batches: VecDeque::new(), size: Size::default() }
    }

    fn push(&mut self, times: Range<Time>, batch: Batch<V, R>) {
        self.size.records += batch.len();
        self.size.bytes += batch.bytes();
        self.batches.push_back((times, batch));
    }

    /// Takes changes of times before one, those of a batch after those of the one before, until they are about
    /// [`AT_ONCE`].
    fn take(&mut self, until: Time, mut each: impl FnMut(u32, &V, R)) {
        let mut taken = 0;
        while let Some((times, batch)) = self.batches.front_mut()
            && taken < AT_ONCE
            && times.start < until
        {
            let wanted = times.start..times.end.min(until);
            let mut cursor = batch.cursor();
            while let Some(&key) = cursor.get_key(batch) {
                while let Some(value) = cursor.get_val(batch) {
                    cursor.map_times(batch, |time, &counts| {
                        if wanted.contains(time) {
                            each(key, value, counts);
                        }
                    });
                    cursor.step_val(batch);
                }
                cursor.step_key(batch);
            }
            taken += batch.len();
            if times.end <= until {
                self.size.records -= batch.len();
                self.size.bytes -= batch.bytes();
                self.batches.pop_front();
            } else {
                times.start = until;
            }
        }
    }

    fn is_done(&self, until: Time) -> bool {
        self.batches.front().is_none_or(|(times, _)| until <= times.start)
    }
}

/// A view whose differences are written as counts.
struct CapturedView<V, R> {
    batches: Captured<V, R>,
    write: Write<V>,
    counts: fn(R) -> Counts,
}

impl<V: ExchangeData, R: ExchangeData + Semigroup + Copy> Queue for CapturedView<V, R> {
    fn size(&self) -> Size {
        self.batches.size
    }

    fn write(
        &mut self,
        until: Time,
        _: u32,
        names: &Dictionaries,
        places: &mut Places,
        rows: &mut StoredRows,
    ) -> bool {
        let mut row = RowWriter::new(rows, places, names);
        self.batches.take(until, |key, value, difference| {
            (self.write)(&mut row, key, value);
            row.end((self.counts)(difference));
        });
        self.batches.is_done(until)
    }
}

/// What is no view: records, in any order of times.
struct CapturedRecords<D, N> {
    records: Vec<(Time, D)>,
    /// Whether a record is needed, once none is left to read that was written before an hour.
    is_needed: N,
    write: fn(&D, &mut StoredRows),
}

impl<D, N: Fn(&D, u32) -> bool> Queue for CapturedRecords<D, N> {
    fn size(&self) -> Size {
        let bytes = size_of::<(Time, D)>() * self.records.capacity();
        Size { records: self.records.len(), bytes }
    }

    fn write(
        &mut self,
        until: Time,
        oldest: u32,
        _: &Dictionaries,
        _: &mut Places,
        rows: &mut StoredRows,
    ) -> bool {
        let records = self.records.extract_if(.., |(time, _)| *time < until);
        let needed = records.filter(|(_, record)| (self.is_needed)(record, oldest));
        needed.for_each(|(_, record)| (self.write)(&record, rows));
        true
    }
}

impl Captures {
    /// Captures nothing unless it is on.
    pub(crate) fn new(
        is_on: bool,
        is_first: bool,
        dictionaries: &SharedDictionaries,
        recent: Rc<RefCell<Recent>>,
        digests: Rc<RefCell<Digests>>,
    ) -> Captures {
        let state = State {
            is_on,
            dictionaries: dictionaries.clone(),
            views: Vec::new(),
            rows: None,
            places: Places::default(),
            written: RESTORED,
            writing: None,
            advances: Captured::new(),
            positions: BTreeMap::new(),
            newest: EventClock::default(),
            oldest: EventClock::default(),
            models: BTreeMap::new(),
            learned: None,
            recent,
            digests,
        };
        Captures { shared: Rc::new(RefCell::new(state)), is_first }
    }

    /// Everything of times before this one has been written; users' names are needed for changes from it on. The end
    /// of time, if nothing is captured.
    pub fn written_before(&self) -> Time {
        let state = self.shared.borrow();
        if state.is_on { state.written } else { Time::MAX }
    }

    /// What is held.
    pub fn size(&self) -> Size {
        let state = self.shared.borrow();
        let sizes = || state.views.iter().map(|(_, queue)| queue.borrow().size());
        let rows = |of: fn(&StoredRows) -> usize| state.rows.as_ref().map_or(0, of);
        Size {
            records: sizes().map(|size| size.records).sum::<usize>() + rows(StoredRows::len),
            bytes: sizes().map(|size| size.bytes).sum::<usize>()
                + rows(StoredRows::bytes)
                + state.places.bytes(),
        }
    }

    /// Writes some changes of times before one, all of which are complete. `give` gets the rows of a view once they are
    /// many, or all. Returns true once nothing is left of these times. What has begun is ended first, as it was begun.
    pub fn write(&self, until: Time, give: impl FnOnce(StoredRows)) -> bool {
        let state = &mut *self.shared.borrow_mut();
        if !state.is_on || until <= state.written {
            return true;
        }
        let (begun, next) = state.writing.get_or_insert((until, 0));
        let begun = *begun;
        let Some((view, queue)) = state.views.get(*next) else {
            (state.written, state.writing) = (begun, None);
            return begun == until;
        };
        let oldest = state.oldest.at(begun.saturating_sub(1));
        let rows = state.rows.get_or_insert_with(|| {
            state.places.clear();
            StoredRows::new(*view)
        });
        let (names, places) = (&state.dictionaries.borrow(), &mut state.places);
        let is_done = queue.borrow_mut().write(begun, oldest, names, places, rows);
        *next += usize::from(is_done);
        if (is_done || rows.len() >= GIVEN)
            && let Some(rows) = state.rows.take().filter(|rows| !rows.is_empty())
        {
            give(rows);
        }
        false
    }

    /// What is not in rows, as of the time before one, once everything before it has been written.
    pub fn state(&self, until: Time) -> CutState {
        let State {
            advances,
            positions,
            newest,
            oldest,
            models,
            learned,
            dictionaries,
            recent,
            digests,
            ..
        } = &mut *self.shared.borrow_mut();
        let names = &dictionaries.borrow().partitions;
        while !advances.is_done(until) {
            advances.take(until, |partition, (), by| {
                *positions.entry(names.text(partition).to_string()).or_default() += by;
            });
        }
        let at = until.saturating_sub(1);
        newest.forget_before(at);
        oldest.forget_before(at);
        if let Some(last) = models.range(..=at).next_back().map(|(time, _)| *time) {
            *models = models.split_off(&last);
        }
        CutState {
            positions: positions.clone(),
            newest: newest.at(at),
            oldest: oldest.at(at),
            model: models.range(..=at).next_back().map(|(_, model)| model.clone()),
            learner: learned.as_ref().map(|learned| learned.borrow_mut().learner(at).clone()),
            recent: recent.borrow().newest(Recent::EVENTS, None, at, |_| true),
            digests: digests.borrow_mut().take(at),
        }
    }

    /// Captures what is learned.
    pub(crate) fn learn_from(&self, history: &Rc<RefCell<ModelHistory>>) {
        let state = &mut *self.shared.borrow_mut();
        state.learned = (state.is_on && self.is_first).then(|| history.clone());
    }

    /// Begins to capture profiles; what is returned, here and below, takes the batches.
    pub(crate) fn profile(&self) -> impl FnMut(Time, Option<&Batch<u32, Counts>>) + 'static {
        self.view(StoredView::Profile, write::profile)
    }

    pub(crate) fn bought(&self) -> impl FnMut(Time, Option<&Batch<u32, Counts>>) + 'static {
        self.view(StoredView::Bought, write::bought)
    }

    pub(crate) fn activity(
        &self,
    ) -> impl FnMut(Time, Option<&Batch<Reverse<u32>, Counts>>) + 'static {
        self.view(StoredView::Activity, write::activity)
    }

    pub(crate) fn history(&self) -> impl FnMut(Time, Option<&Batch<Moment, Counts>>) + 'static {
        self.view(StoredView::History, write::history)
    }

    pub(crate) fn moved_moments(
        &self,
    ) -> impl FnMut(Time, Option<&Batch<Of<Moment>, Counts>>) + 'static {
        self.view(StoredView::MovedMoments, write::moved_moment)
    }

    pub(crate) fn moved_rest(
        &self,
    ) -> impl FnMut(Time, Option<&Batch<Of<DatedRow>, Counts>>) + 'static {
        self.view(StoredView::MovedRest, write::moved_row)
    }

    pub(crate) fn pairs(&self) -> impl FnMut(Time, Option<&Batch<Partner, Counts>>) + 'static {
        self.view(StoredView::Pairs, write::pair)
    }

    pub(crate) fn popularity(
        &self,
    ) -> impl FnMut(Time, Option<&Batch<ProductDay, Counts>>) + 'static {
        self.view(StoredView::Popularity, write::popularity)
    }

    pub(crate) fn repeats(&self) -> impl FnMut(Time, Option<&Batch<u16, Counts>>) + 'static {
        self.view(StoredView::Repeats, write::repeats)
    }

    pub(crate) fn labels(&self) -> impl FnMut(Time, Option<&Batch<Label, Counts>>) + 'static {
        self.view(StoredView::Labels, write::label)
    }

    pub(crate) fn catalogue(
        &self,
    ) -> impl FnMut(Time, Option<&Batch<CatalogueEntry, isize>>) + 'static {
        let once = |times| Counts([i32::try_from(times).expect("a row is there or not"), 0, 0]);
        self.counted(StoredView::Catalogue, write::entry, once)
    }

    pub(crate) fn positions(&self) -> impl FnMut(Time, Option<&Batch<(), i64>>) + 'static {
        let state = self.if_on();
        let push =
            state.map(|state| move |times, batch| state.borrow_mut().advances.push(times, batch));
        // What is restored of them is not known here otherwise.
        batches_from(RESTORED, push)
    }

    /// Begins to capture decisions; what is returned, here and below, takes what it is told of.
    pub(crate) fn decisions(&self, secret: Secret) -> impl FnMut(Time, Decision) + 'static {
        let mut merges = self.records(StoredView::Merges, |_, _| true, write::merge);
        let mut forgets = self.records(StoredView::Forgets, |_, _| true, write::forget);
        move |since, decision| {
            if let Some(forget) = PastForget::of(&decision, since, secret) {
                forgets(since, forget);
                return;
            }
            let Decision { user, time, account, recorded } = decision;
            let account = account.expect("it is no forget");
            merges(since, Merge { user, time, account, recorded });
        }
    }

    /// Of events within a window, in hours.
    pub(crate) fn event_ids(&self, window: u32) -> impl FnMut(Time, CountedId) + 'static {
        let kept = unique::kept_hours(window);
        // Of a backlog nearly all are too old by then.
        let is_needed = move |id: &CountedId, oldest| is_needed(id.recorded, kept, oldest);
        self.records(StoredView::EventIds, is_needed, write::event_id)
    }

    pub(crate) fn newest(&self) -> impl FnMut(Time, u32) + 'static {
        self.told(|state, time, hour| state.newest.set(time, hour))
    }

    pub(crate) fn oldest(&self) -> impl FnMut(Time, u32) + 'static {
        self.told(|state, time, hour| state.oldest.set(time, hour))
    }

    pub(crate) fn models(&self) -> impl FnMut(Time, Model) + 'static {
        self.told(|state, time, model| {
            state.models.insert(time, model);
        })
    }

    /// Has `note` called with what it is told, unless nothing is captured.
    fn told<D: 'static>(&self, note: fn(&mut State, Time, D)) -> impl FnMut(Time, D) + 'static {
        let state = self.if_on();
        move |time, told| {
            if let Some(state) = &state {
                note(&mut state.borrow_mut(), time, told);
            }
        }
    }

    fn if_on(&self) -> Option<Rc<RefCell<State>>> {
        self.shared.borrow().is_on.then(|| self.shared.clone())
    }

    fn view<V: ExchangeData>(
        &self,
        view: StoredView,
        write: Write<V>,
    ) -> impl FnMut(Time, Option<&Batch<V, Counts>>) + 'static {
        self.counted(view, write, |counts| counts)
    }

    fn counted<V: ExchangeData, R: ExchangeData + Semigroup + Copy>(
        &self,
        view: StoredView,
        write: Write<V>,
        counts: fn(R) -> Counts,
    ) -> impl FnMut(Time, Option<&Batch<V, R>>) + 'static {
        let queue = CapturedView { batches: Captured::new(), write, counts };
        let queue = self.queue(view, queue);
        let push =
            queue.map(|queue| move |times, batch| queue.borrow_mut().batches.push(times, batch));
        // What is restored is stored already.
        batches_from(RESTORED + 1, push)
    }

    fn records<D: 'static>(
        &self,
        view: StoredView,
        is_needed: impl Fn(&D, u32) -> bool + 'static,
        write: fn(&D, &mut StoredRows),
    ) -> impl FnMut(Time, D) + 'static {
        let queue = self.queue(view, CapturedRecords { records: Vec::new(), is_needed, write });
        move |time, record| {
            if let Some(queue) = queue.as_ref().filter(|_| time != RESTORED) {
                queue.borrow_mut().records.push((time, record));
            }
        }
    }

    /// Adds a queue, if this is captured here.
    fn queue<Q: Queue + 'static>(&self, view: StoredView, queue: Q) -> Option<Rc<RefCell<Q>>> {
        let state = &mut *self.shared.borrow_mut();
        let is_at_all = matches!(
            view,
            StoredView::Repeats
                | StoredView::Labels
                | StoredView::Catalogue
                | StoredView::Merges
                | StoredView::Forgets
        );
        let queue = Rc::new(RefCell::new(queue));
        (state.is_on && (self.is_first || !is_at_all)).then(|| {
            state.views.push((view, queue.clone()));
            queue
        })
    }
}

/// Takes the batches of a view, and has each pushed with those of its times that are not before one.
fn batches_from<V: 'static, R: 'static>(
    mut since: Time,
    mut push: Option<impl FnMut(Range<Time>, Batch<V, R>) + 'static>,
) -> impl FnMut(Time, Option<&Batch<V, R>>) + 'static {
    move |until, batch| {
        if let (Some(push), Some(batch)) = (&mut push, batch) {
            push(since..until, batch.clone());
        }
        since = until;
    }
}
