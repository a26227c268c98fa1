//! All views as one dataflow: from the inputs to the views that sinks and questions read.

use crate::arrange::closed::{Closed, ClosedBuilder};
use crate::arrange::dated::Summed;
use crate::arrange::measured::Measured;
use crate::arrange::packed::{Batch, merges_under_way};
use crate::arrange::view::{View, ViewSpine};
use crate::cut::capture::Captures;
use crate::cut::restore::restore;
use crate::digest::hash::{Counted, Hash};
use crate::digest::rows::{self, DigestedView, Names};
use crate::digest::views::Digests;
use crate::held::{Held, Size};
use crate::ids::dictionary::SharedDictionaries;
use crate::ids::hash::owner;
use crate::ids::secret::Secret;
use crate::ingest::catalogue::{Catalogue, CatalogueSpine, catalogue};
use crate::ingest::decisions::Decisions;
use crate::ingest::event_clock::hours;
use crate::ingest::intern::{
    Events, Interned, ProductSet, Surroundings, intern, intern_attributed,
};
use crate::ingest::moment::Moment;
use crate::ingest::reading::{ages, oldest_hours};
use crate::ingest::sample::Sample;
use crate::ingest::unique::{Copies, unique};
use crate::inputs::{Inputs, Learned};
use crate::moves::erasure::NamesInUse;
use crate::moves::holder::{ActionTraces, UserTraces};
use crate::moves::idle::IdleUsers;
use crate::moves::leavers::Leavers;
use crate::moves::ledger::{Ledger, Sources, ledger};
use crate::moves::mover::{SharedTraces, moves};
use crate::moves::receive::receive;
use crate::questions::views::{CachedView, RankingViews, Views, cache};
use crate::record::block::Block;
use crate::score::counts::Counts;
use crate::score::mixture::SourceWeights;
use crate::score::model::Model;
use crate::score::model_history::{Learning, ModelHistory};
use crate::score::start::START;
use crate::time::Time;
use crate::views::by_day::Days;
use crate::views::by_user::{activity, bought, profile};
use crate::views::expand::{Expanded, expand};
use crate::views::history::{Limits, history};
use crate::views::pairs::{Pairs, RestoredPairs, pairs};
use crate::views::popularity::{Popular, popularity, stays_popular};
use crate::views::positions::positions;
use crate::views::product_tags::{LabelName, labels};
use crate::views::product_words::ProductWords;
use crate::views::recent::Recent;
use crate::views::removals::{brought_tags, recounted};
use crate::views::retention::{Retained, Update};
use crate::views::tags::{CatalogueTags, StandIn, resolve_tags, settle, settled_tags};
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::TraceAgent;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::rc::Rc;
use timely::dataflow::operators::core::{Concat, Exchange, Input};
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::{Scope, Stream};

/// The views that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Profiles only, which needs the least memory and time. Rankings are empty, and no user has
    /// any activity.
    Profile,
    /// All views.
    All,
}

/// The views that are kept, and the limits of their history.
#[derive(Clone, Copy, Debug)]
pub struct ViewConfig {
    /// The views.
    pub mode: Mode,
    /// The limits of the history.
    pub limits: Limits,
    /// What is graded, and what becomes of it.
    pub grading: Grading,
    /// The hours within which an event with the user and the id of another is a copy of it; 0 for none.
    pub copy_hours: u32,
    /// The days that pairs and popularity are kept, at least the horizon's.
    pub pairs_days: u16,
    /// The hours that a user without any event stays after the last day of activity, at least the horizon; `None` for
    /// ever. With profiles alone no activity is known, and users stay.
    pub stay_hours: Option<u32>,
    /// How the state outlives this engine.
    pub persistence: Persistence,
}

/// How rankings are graded.
#[derive(Clone, Copy, Debug)]
pub struct Grading {
    /// The share of visitors whose events are graded.
    pub share: f64,
    /// The most events that are graded in a second of logical time, of all workers together and beside what was saved, if
    /// there is a limit. Where it is reached, which ones are graded depends on the number of workers.
    pub per_second: Option<u32>,
    /// What becomes of the weights that are learned from them.
    pub learning: Learning,
    /// The weights that a shop starts with.
    pub start: &'static SourceWeights,
}

impl Grading {
    /// Nothing is graded.
    pub const NONE: Grading =
        Grading { share: 0.0, per_second: None, learning: Learning::Off, start: &START };
}

/// How the state outlives an engine.
#[derive(Clone, Copy, Debug)]
pub struct Persistence {
    /// Whether changes are captured, to be stored.
    pub captures: bool,
    /// The key of hashes of names and ids, the same at all workers, and in all engines that go on from another.
    pub secret: Secret,
    /// When this engine began, in microseconds since the Unix epoch.
    pub begun: Time,
}

impl Persistence {
    /// The state ends with the engine.
    pub const NONE: Persistence =
        Persistence { captures: false, secret: Secret::new([0, 0]), begun: 0 };
}

/// Who is called by a worker's dataflow.
pub struct Listeners<E, O, M, B, A, R> {
    /// Is told the time of each epoch that any worker opens.
    pub on_epoch: E,
    /// Is told the hour before which no record is left to read, when it changes.
    pub on_oldest: O,
    /// Is told each change of the model.
    pub on_model: M,
    /// Gets every block, at the owner of its users, without copies of events.
    pub on_block: B,
    /// Is told what the first worker announces, and the time, before the time is complete. The digests as of the time
    /// after it are remembered until they are part of a [`CutState`](crate::cut::capture::CutState).
    pub on_announcement: A,
    /// At the first worker, is told what workers report.
    pub on_report: R,
}

type Silent =
    Listeners<fn(Time), fn(u32), fn(Time, Model), fn(Time, &Block), fn(Time, String), fn(String)>;

impl Silent {
    /// Nobody is called.
    pub const NONE: Silent = Listeners {
        on_epoch: |_| (),
        on_oldest: |_| (),
        on_model: |_, _| (),
        on_block: |_, _| (),
        on_announcement: |_, _| (),
        on_report: |_| (),
    };
}

/// The outputs at a worker.
pub struct Outputs<'scope> {
    /// User to tag, with the stream of its batches.
    pub profile: View<'scope, u32>,
    /// The views that questions read.
    pub views: Views,
    /// The times that are complete on all workers.
    pub closed: Closed,
    /// What holds memory.
    pub holders: Holders,
    /// The copies of events that were dropped since this was taken last.
    pub copies: Rc<Cell<u64>>,
    /// Where is said from which time on the names of users whose rows changed are needed.
    pub names_needed_from: Rc<Cell<Time>>,
    /// Where a sink says that it has written everything of times before one.
    pub written_before: Rc<Cell<Time>>,
    /// The changes that are to be stored.
    pub captures: Captures,
    /// The events that are to be graded.
    pub sample: Rc<RefCell<Sample>>,
}

/// What holds memory at a worker.
pub struct Holders {
    arrangements: Vec<Measured>,
    held: Held,
    dictionaries: SharedDictionaries,
    captures: Captures,
}

impl Holders {
    /// Lets the arrangements compact times before this one. Measuring them prevents that otherwise.
    pub fn release(&mut self, before: Time) {
        self.arrangements.iter_mut().for_each(|measured| measured.release(before));
    }

    /// Calls `each` with every name and its size, with a name as often as there are holders of it, and of an
    /// arrangement with the number of its batches.
    pub fn each(&self, mut each: impl FnMut(&'static str, Size, Option<usize>)) {
        for measured in &self.arrangements {
            let (size, batches) = measured.measure();
            each(measured.name, size, Some(batches));
        }
        each("merges", merges_under_way(), None);
        each("captured", self.captures.size(), None);
        self.held.each(|name, size| each(name, size, None));
        for (name, size) in self.dictionaries.borrow().sizes() {
            each(name, size, None);
        }
    }
}

/// Builds all views.
///
/// ```text
/// blocks ─ event clock ─ unique ─ intern ─┬─────── moments ─┬─ bought, activity, labels
///                                         └─ intern ─┘      └─ history ─┬─ pairs, repeats
/// decisions ──────────────────────┴─ moves ─ views by user              ├─ popularity
/// rows ─── catalogue ────────────────── tags ─ profile ─────────────────┘
/// ```
pub fn graph<'scope>(
    scope: Scope<'scope, Time>,
    config: ViewConfig,
    dictionaries: &SharedDictionaries,
    listeners: Listeners<
        impl Fn(Time) + 'static,
        impl Fn(u32) + 'static,
        impl Fn(Time, Model) + 'static,
        impl FnMut(Time, &Block) + 'static,
        impl FnMut(Time, String) + 'static,
        impl FnMut(String) + 'static,
    >,
) -> (Inputs, Outputs<'scope>) {
    let (blocks, block_stream) = scope.new_input();
    let (decisions, decision_stream) = scope.new_input();
    let (rows, row_stream) = scope.new_input();
    let (models, model_stream) = scope.new_input::<Vec<(Time, Model)>>();
    let (learned, learned_stream) = scope.new_input::<Vec<Learned>>();
    let (advances, advance_stream) = scope.new_input();
    let (reached, reached_stream) = scope.new_input::<Vec<_>>();
    let (restored, restored_stream) = scope.new_input();
    let (announcements, announcement_stream) = scope.new_input::<Vec<String>>();
    let (reports, report_stream) = scope.new_input::<Vec<String>>();
    let (epochs, epoch_stream) = scope.new_input::<Vec<Time>>();

    let held = Held::default();
    let recent = Rc::new(RefCell::new(Recent::default()));
    let (latest, held_recent) = (recent.clone(), held.by("recent_events"));
    let ViewConfig { mode, limits, pairs_days, grading, copy_hours, stay_hours, persistence } =
        config;
    let Persistence { captures, secret, begun } = persistence;
    let Listeners {
        on_epoch,
        on_oldest,
        on_model,
        mut on_block,
        mut on_announcement,
        mut on_report,
    } = listeners;
    let ranks = mode == Mode::All;
    let digests: Rc<RefCell<Digests>> = Rc::default();
    let is_first = scope.index() == 0;
    let captures = Captures::new(captures, is_first, dictionaries, recent.clone(), digests.clone());
    let idle = stay_hours.map(|hours| IdleUsers::new(hours, held.by("idle_users")));
    let leavers = Leavers::new(idle);
    let restoring = restore(restored_stream, dictionaries.clone(), leavers.clone(), recent.clone());
    let row_stream = row_stream.concat(restoring.catalogue);
    let decision_stream = decision_stream.concat(restoring.merges).broadcast();
    let catalogue = catalogue(row_stream, dictionaries.clone(), held.by("catalogue_rows"));
    let (block_stream, hours) = hours(block_stream);
    let hours = hours.concat(restoring.newest);
    let oldest = oldest_hours(reached_stream.broadcast()).concat(restoring.oldest);
    let ages = ages(hours.clone(), oldest.clone());
    let copies = Rc::new(Cell::new(0));
    let comparison = Copies {
        window: copy_hours,
        secret,
        dropped: copies.clone(),
        held: held.by("event_ids"),
        on_counted: captures.event_ids(copy_hours),
    };
    let block_stream = unique(block_stream, oldest.clone(), restoring.event_ids, comparison);
    let known = Rc::new(RefCell::new(Decisions::new(limits.horizon, secret)));
    let share = if ranks { grading.share } else { 0.0 };
    let sample = Rc::new(RefCell::new(Sample::new(share, grading.per_second, scope.peers())));
    let (sampling, in_ids) = (sample.clone(), dictionaries.clone());
    let surroundings = Surroundings {
        dictionaries: dictionaries.clone(),
        decisions: known.clone(),
        held: held.by("decisions"),
        on_block: move |time, block: &Rc<Block>| {
            on_block(time, block);
            sampling.borrow_mut().add(time, block, &in_ids.borrow());
            let mut latest = latest.borrow_mut();
            latest.push(time, block.clone());
            held_recent.set(latest.size());
        },
        begun,
    };
    let Events { own, attributions, sets } = intern(
        block_stream,
        decision_stream.clone(),
        restoring.past_forgets,
        oldest.clone(),
        ranks,
        surroundings,
    );
    let (attributed, origins) =
        intern_attributed(attributions, ranks, limits.horizon, dictionaries.clone());
    let Interned { moments, removals, tags } = own.concat(attributed);
    let traces = SharedTraces::default();
    let asked_from: Rc<Cell<Time>> = Rc::default();
    let names_needed_from = Rc::new(Cell::new(Time::MAX));
    let written_before = Rc::new(Cell::new(Time::MAX));
    let around = NamesInUse {
        dictionaries: dictionaries.clone(),
        decisions: known.clone(),
        recent: recent.clone(),
        needed_from: names_needed_from.clone(),
        asked_from: asked_from.clone(),
    };
    let remembering = digests.clone();
    let on_forget = move |time| {
        remembering.borrow_mut().remember(time);
        remembering.borrow_mut().remember(time + 1);
    };
    let moved = moves(
        decision_stream.clone(),
        ages.clone(),
        leavers.clone(),
        limits.horizon,
        around,
        traces.clone(),
        on_forget,
    );
    let received = receive(moved, dictionaries.clone(), leavers.clone()).concat(restoring.of_users);
    let admitted = moments.clone().concat(removals).concat(received.moments);
    let leaving = leavers.clone();
    let on_left = move |gone: &[Update<Moment>]| leaving.left_history(gone);
    let history = history(admitted, ages.clone(), limits, dictionaries.clone(), on_left, &held);
    let Retained { view: history, changes, left, replaced, aged } = history;
    let recounted = recounted(replaced);
    let tags = tags.concat(brought_tags(recounted.clone(), dictionaries.clone()));
    let Expanded { popular, stand_ins } = expand(changes, ranks, dictionaries.clone());
    let (resolved, stand_ins) = resolve_tags(stand_ins, catalogue.clone());
    let settled =
        settle(left.clone(), &catalogue, dictionaries.clone(), |((_, it), _)| *it, settled_tags);
    let profile = profile(tags.concat(received.tags).concat(settled), resolved.clone());
    let ledger = ledger(
        Sources {
            attributed: origins,
            left: left.clone(),
            moments: received.moved_moments,
            rest: received.moved_rest,
            leavers,
        },
        &ages,
        limits.horizon,
        ranks,
        &catalogue,
        dictionaries,
        &held,
    );
    let advance_stream = advance_stream.concat(restoring.advances);
    let positions = positions(advance_stream, dictionaries.clone());
    let actions = ranks.then(|| {
        (
            bought(moments.clone(), left.clone(), received.products),
            activity(moments.concat(recounted), left, received.minutes),
        )
    });
    *traces.borrow_mut() = Some(UserTraces {
        profile: profile.trace.clone(),
        actions: actions.as_ref().map(|(bought, activity)| ActionTraces {
            bought: bought.trace.clone(),
            activity: activity.trace.clone(),
        }),
        history: history.trace.clone(),
        moved_moments: ledger.moments.trace.clone(),
        moved_rest: ledger.rest.trace.clone(),
        catalogue: CatalogueTags::new(&catalogue),
    });

    let mut registry = ViewRegistry {
        closed: ClosedBuilder::new(scope),
        measured: Vec::new(),
        digests,
        dictionaries: dictionaries.clone(),
        name_hashes: held.by("name_hashes"),
        held: held.clone(),
        captures: captures.clone(),
        words: Rc::default(),
        me: (scope.index(), scope.peers()),
        is_first,
    };
    registry.stand_ins(stand_ins);
    registry.ledger(ledger);
    let (rankings, catalogue) = match actions {
        None => {
            let catalogue = registry.catalogue(catalogue);
            registry.measured.push(Measured::of("history", &history.trace));
            registry.closed.add_view(history, captures.history());
            (None, catalogue)
        }
        Some((bought, activity)) => {
            let (labels, pairs) = (restoring.labels, restoring.pairs);
            let settled = settle(
                aged,
                &catalogue,
                dictionaries.clone(),
                |(_, moment)| *moment,
                stays_popular,
            );
            let restored = restoring.popularity;
            let popular = Popular { brought: popular, resolved, settled, restored };
            let by_day = (ages, Days::new(pairs_days, limits.horizon));
            let made = Made { sets, bought, activity, history, popular, labels, pairs, by_day };
            (Some(registry.rankings(made)), registry.catalogue(catalogue))
        }
    };
    let mut capture_oldest = captures.oldest();
    registry.closed.add_stream(oldest, move |time, hour| {
        capture_oldest(time, hour);
        on_oldest(hour);
    });
    registry.closed.add_stream(decision_stream, captures.decisions(secret));
    let told = (model_stream.broadcast(), learned_stream.broadcast());
    let model_history = registry.model_history(hours, told, grading, on_model);
    registry.closed.add_stream(epoch_stream.broadcast(), move |_, time| on_epoch(time));
    let announced = registry.digests.clone();
    registry.closed.add_stream(announcement_stream.broadcast(), move |time, text| {
        announced.borrow_mut().remember(time + 1);
        on_announcement(time, text);
    });
    registry.closed.add_stream(report_stream.exchange(|_| 0), move |_, text| on_report(text));
    let views = Views {
        profile: registry.users(
            "profile",
            DigestedView::Profile,
            profile.clone(),
            rows::with_tag,
            captures.profile(),
        ),
        positions: registry.closed.add_view(positions, captures.positions()),
        catalogue,
        words: registry.words.clone(),
        recent,
        decisions: known,
        asked_from,
        model_history,
        digests: registry.digests.clone(),
        written_before: written_before.clone(),
        rankings,
    };
    let ViewRegistry { closed, measured, .. } = registry;
    let inputs = Inputs {
        blocks,
        decisions,
        rows,
        models,
        learned,
        advances,
        reached,
        restored,
        announcements,
        reports,
        epochs,
    };
    (
        inputs,
        Outputs {
            profile,
            views,
            closed: closed.build(),
            holders: Holders {
                arrangements: measured,
                held,
                dictionaries: dictionaries.clone(),
                captures: captures.clone(),
            },
            copies,
            names_needed_from,
            written_before,
            captures,
            sample,
        },
    )
}

/// On every worker, the models and what is learned.
type Told<'scope> = (Stream<'scope, Time, Vec<(Time, Model)>>, Stream<'scope, Time, Vec<Learned>>);

/// What the views that rankings are made from are made from, and some of them.
struct Made<'scope> {
    sets: Stream<'scope, Time, Vec<(ProductSet, Time)>>,
    bought: View<'scope, u32>,
    activity: View<'scope, Reverse<u32>>,
    history: View<'scope, Moment>,
    popular: Popular<'scope>,
    /// Of what is restored.
    labels: Stream<'scope, Time, Vec<(LabelName, Time, Counts)>>,
    /// Likewise.
    pairs: RestoredPairs<'scope>,
    /// What pairs and popularity age by.
    by_day: (Stream<'scope, Time, Vec<u32>>, Days),
}

/// Registers views, to be waited for, measured, digested and captured, and returns their traces for questions to
/// read.
struct ViewRegistry<'scope> {
    closed: ClosedBuilder<'scope>,
    measured: Vec<Measured>,
    digests: Rc<RefCell<Digests>>,
    dictionaries: SharedDictionaries,
    held: Held,
    captures: Captures,
    name_hashes: Rc<Cell<Size>>,
    words: Rc<RefCell<ProductWords>>,
    /// The index of this worker, and the number of all.
    me: (usize, usize),
    /// True at the first worker.
    is_first: bool,
}

impl<'scope> ViewRegistry<'scope> {
    /// Builds and registers the views that rankings are made from.
    fn rankings(&mut self, made: Made<'scope>) -> RankingViews {
        let dictionaries = &self.dictionaries.clone();
        let captures = self.captures.clone();
        let Made { sets, bought, activity, history, popular, labels: old, pairs: made, by_day } =
            made;
        let labels = labels(sets, old, dictionaries, self.held.by("label_index"));
        self.measured.push(Measured::of("labels", &labels.trace));
        let popularity = popularity(popular, by_day.clone(), dictionaries, &self.held);
        let Pairs { partners, repeats } =
            pairs(history.clone(), made, by_day, dictionaries, &self.held);
        RankingViews {
            bought: self.users(
                "bought",
                DigestedView::Bought,
                bought,
                rows::with_product,
                captures.bought(),
            ),
            activity: self.users(
                "activity",
                DigestedView::Activity,
                activity,
                rows::with_minute,
                captures.activity(),
            ),
            history: self.users(
                "history",
                DigestedView::History,
                history,
                rows::with_moment,
                captures.history(),
            ),
            partners: {
                let digest =
                    self.digest(DigestedView::Pairs, rows::of_products, rows::with_partner);
                self.cached("pairs", partners, digest, captures.pairs())
            },
            repeats: self.closed.add_view(repeats, captures.repeats()),
            popularity: {
                let digest =
                    self.digest(DigestedView::Popularity, rows::of_tags, rows::with_product_day);
                self.cached("popularity", popularity, digest, captures.popularity())
            },
            labels: self.closed.add_view(labels, captures.labels()),
        }
    }

    /// Registers the ledger, which only moves read.
    fn ledger(&mut self, Ledger { moments, rest }: Ledger<'scope>) {
        let captures = self.captures.clone();
        self.users(
            "moved_moments",
            DigestedView::Moved,
            moments,
            rows::with_moved_moment,
            captures.moved_moments(),
        );
        self.users(
            "moved_rest",
            DigestedView::Moved,
            rest,
            rows::with_moved_row,
            captures.moved_rest(),
        );
    }

    /// Registers a view of users; `value` ends the row of a user with a value, and `capture` takes its batches.
    fn users<V: ExchangeData>(
        &mut self,
        name: &'static str,
        digested: DigestedView,
        view: View<'scope, V>,
        value: impl Fn(Hash, &V, &mut Names<'_>) -> Hash + 'static,
        mut capture: impl FnMut(Time, Option<&Batch<V, Counts>>) + 'static,
    ) -> TraceAgent<ViewSpine<V>> {
        self.measured.push(Measured::of(name, &view.trace));
        let mut digest = self.digest(digested, rows::of_users, value);
        self.closed.add_view(view, move |until, batch| {
            digest(batch);
            capture(until, batch);
        })
    }

    /// Registers the stand-ins, which nobody reads.
    fn stand_ins(&mut self, stand_ins: View<'scope, StandIn>) {
        self.measured.push(Measured::of("stand_ins", &stand_ins.trace));
        let mut digest =
            self.digest(DigestedView::StandIns, rows::of_products, rows::with_stand_in);
        self.closed.add_view(stand_ins, move |_, batch| digest(batch));
    }

    /// Registers the catalogue. Every worker has all of it, the first one digests it, and each keeps the words
    /// of the products that it owns.
    fn catalogue(&mut self, catalogue: Catalogue<'scope>) -> TraceAgent<CatalogueSpine> {
        self.measured.push(Measured::of("catalogue", &catalogue.trace));
        let mut digest = self.digest(DigestedView::Catalogue, rows::of_products, rows::with_entry);
        let is_first = self.is_first;
        let mut capture = self.captures.catalogue();
        let (words, held) = (self.words.clone(), self.held.by("product_words"));
        let (dictionaries, (me, peers)) = (self.dictionaries.clone(), self.me);
        self.closed.add_view(catalogue, move |until, batch| {
            digest(batch.filter(|_| is_first));
            if let Some(batch) = batch {
                let names = &dictionaries.borrow().products;
                words.borrow_mut().update(batch, names, |id| owner(id, peers) == me);
            }
            held.set(words.borrow().size());
            capture(until, batch);
        })
    }

    /// Registers a view with a cache that is updated by every batch before its time is complete.
    fn cached<V: Summed<N>, const N: usize>(
        &mut self,
        name: &'static str,
        view: View<'scope, V>,
        mut digest: impl FnMut(Option<&Batch<V, Counts>>) + 'static,
        mut capture: impl FnMut(Time, Option<&Batch<V, Counts>>) + 'static,
    ) -> CachedView<V, N> {
        self.measured.push(Measured::of(name, &view.trace));
        let (cache, held) = (cache(), self.held.by("best_products"));
        let updated = cache.clone();
        let update = move |until, batch: Option<&_>| {
            digest(batch);
            capture(until, batch);
            let mut cache = updated.borrow_mut();
            cache.update(until, batch);
            held.set(cache.size());
        };
        (self.closed.add_view(view, update), cache)
    }

    /// Begins the digest of a view; what is returned adds a batch to it. `keys` hashes keys, and
    /// `value` ends a row with a value.
    fn digest<V: ExchangeData, R: ExchangeData + Semigroup + Copy + Counted>(
        &self,
        view: DigestedView,
        keys: impl Fn(&mut Names<'_>, &[u32], &mut Vec<Hash>) + 'static,
        value: impl Fn(Hash, &V, &mut Names<'_>) -> Hash + 'static,
    ) -> impl FnMut(Option<&Batch<V, R>>) + 'static {
        let (digests, dictionaries) = (self.digests.clone(), self.dictionaries.clone());
        digests.borrow_mut().keep(view);
        let held = self.name_hashes.clone();
        move |batch| {
            if let Some(batch) = batch {
                let mut digests = digests.borrow_mut();
                digests.add(view, batch, &dictionaries.borrow(), &keys, &value);
                held.set(digests.names());
            }
        }
    }

    /// Builds the history of the model, which is updated before a time is complete.
    fn model_history(
        &mut self,
        hours: Stream<'scope, Time, Vec<u32>>,
        (models, learned): Told<'scope>,
        Grading { learning, start, .. }: Grading,
        on_model: impl Fn(Time, Model) + 'static,
    ) -> Rc<RefCell<ModelHistory>> {
        let history = Rc::new(RefCell::new(ModelHistory::new(learning, start)));
        let (by_hour, by_model, by_grade) = (history.clone(), history.clone(), history.clone());
        let (mut capture_newest, mut capture_model) =
            (self.captures.newest(), self.captures.models());
        self.closed.add_stream(hours, move |time, hour| {
            capture_newest(time, hour);
            by_hour.borrow_mut().set_hour(time, hour);
        });
        self.closed.add_stream(models, move |_, (time, model)| {
            capture_model(time, model.clone());
            by_model.borrow_mut().set_model(time, model.clone());
            on_model(time, model);
        });
        self.closed.add_stream(learned, move |time, learned| match learned {
            Learned::Before(learner) => by_grade.borrow_mut().begin(time, *learner),
            Learned::Grade(grade) => by_grade.borrow_mut().add_grade(time, *grade),
        });
        self.captures.learn_from(&history);
        history
    }
}
