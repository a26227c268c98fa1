//! All views as one dataflow: from the inputs to the views that sinks and questions read.

use crate::arrange::closed::{Closed, ClosedBuilder};
use crate::arrange::dated::DatedProduct;
use crate::arrange::measured::Measured;
use crate::arrange::packed::Batch;
use crate::arrange::view::{View, ViewSpine};
use crate::digest::hash::{Counted, Hash};
use crate::digest::rows::{self, DigestedView, Names};
use crate::digest::views::Digests;
use crate::held::Held;
use crate::ids::dictionary::SharedDictionaries;
use crate::ingest::catalogue::{Catalogue, CatalogueSpine, catalogue};
use crate::ingest::event_clock::hours;
use crate::ingest::guests::guests;
use crate::ingest::intern::{Interned, intern, intern_guests};
use crate::ingest::tags::{ResolvedTouch, StandIn, resolve_tags};
use crate::ingest::unique::unique;
use crate::inputs::Inputs;
use crate::questions::views::{CachedView, RankingViews, Views, cache};
use crate::record::block::Block;
use crate::score::counts::Counts;
use crate::score::model::Model;
use crate::score::model_history::ModelHistory;
use crate::time::Time;
use crate::views::by_user::{activity, bought, profile};
use crate::views::history::{Limits, history};
use crate::views::pairs::{Pairs, pairs};
use crate::views::popularity::popularity;
use crate::views::positions::positions;
use crate::views::product_tags::labels;
use crate::views::recent::Recent;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::{ExchangeData, VecCollection};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use timely::dataflow::operators::core::Input;
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
    /// The hours within which an event with the user and the id of another is a copy of it; 0 for none.
    pub copy_hours: u32,
}

/// Who is called by a worker's dataflow.
pub struct Listeners<E, O, M, B> {
    /// Is told the time of each epoch that any worker opens.
    pub on_epoch: E,
    /// Is told the hour before which no record is left to read, when it changes.
    pub on_oldest: O,
    /// Is told each change of the model.
    pub on_model: M,
    /// Gets every block, at the owner of its users, without copies of events.
    pub on_block: B,
}

/// The outputs at a worker.
pub struct Outputs<'scope> {
    /// User to tag, with the stream of its batches.
    pub profile: View<'scope, u32>,
    /// The views that questions read.
    pub views: Views,
    /// The times that are complete on all workers.
    pub closed: Closed,
    /// The arrangements whose size is measured.
    pub measured: Vec<Measured>,
    /// What is held besides.
    pub held: Held,
    /// The copies of events that were dropped since this was taken last.
    pub copies: Rc<Cell<u64>>,
}

/// Builds all views.
///
/// ```text
/// blocks ─ event clock ─ unique ─ intern ──────────── actions ─┬─ bought, activity
///                                   └─ guests ─ intern ─┘      ├─ history ─ pairs, repeats
/// merges ────────────────────────────┘                         └─ popularity
/// rows ─── catalogue ─ tags ─ profile ─────────────────── tags ───┘
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
    >,
) -> (Inputs, Outputs<'scope>) {
    let (blocks, block_stream) = scope.new_input();
    let (decisions, decision_stream) = scope.new_input();
    let (rows, row_stream) = scope.new_input();
    let (models, model_stream) = scope.new_input::<Vec<(Time, Model)>>();
    let (advances, advance_stream) = scope.new_input();
    let (reached, reached_stream) = scope.new_input::<Vec<_>>();
    let (epochs, epoch_stream) = scope.new_input::<Vec<Time>>();

    let held = Held::default();
    let recent = Rc::new(RefCell::new(Recent::default()));
    let (latest, held_recent) = (recent.clone(), held.by("recent_events"));
    let ViewConfig { mode, limits, copy_hours } = config;
    let Listeners { on_epoch, on_oldest, on_model, mut on_block } = listeners;
    let catalogue = catalogue(row_stream, dictionaries.clone());
    let (block_stream, hours) = hours(block_stream);
    let copies = Rc::new(Cell::new(0));
    let (dropped, ids) = (copies.clone(), held.by("event_ids"));
    let told = reached_stream.broadcast();
    let block_stream = unique(block_stream, told, copy_hours, (dropped, ids), on_oldest);
    let ranks = mode == Mode::All;
    let (accounts, guest_stream) =
        intern(block_stream, ranks, dictionaries.clone(), move |time, block| {
            on_block(time, &block);
            let mut latest = latest.borrow_mut();
            latest.push(time, block);
            held_recent.set(latest.size());
        });
    let attributions = guests(
        guest_stream,
        decision_stream,
        hours.clone(),
        limits.horizon,
        dictionaries.clone(),
        held.by("guests"),
    );
    let interned = accounts.concat(intern_guests(attributions, ranks, dictionaries.clone()));
    let (resolved, stand_ins) = resolve_tags(interned.stand_ins.clone(), catalogue.clone());
    let profile = profile(interned.tags.clone(), resolved.clone());
    let positions = positions(advance_stream, dictionaries.clone());

    let mut registry = ViewRegistry {
        closed: ClosedBuilder::new(scope),
        measured: Vec::new(),
        digests: Rc::default(),
        dictionaries: dictionaries.clone(),
        held: held.clone(),
        is_first: scope.index() == 0,
    };
    registry.stand_ins(stand_ins);
    let rankings = match mode {
        Mode::Profile => {
            registry.catalogue(catalogue);
            None
        }
        Mode::All => {
            let hours = hours.clone();
            Some(registry.rankings(interned, resolved, catalogue, hours, limits))
        }
    };
    let model_history = registry.model_history(hours, model_stream.broadcast(), on_model);
    registry.closed.add_stream(epoch_stream.broadcast(), move |_, time| on_epoch(time));
    let views = Views {
        profile: registry.users("profile", DigestedView::Profile, profile.clone(), rows::with_tag),
        positions: registry.closed.add_view(positions),
        recent,
        model_history,
        digests: registry.digests.clone(),
        rankings,
    };
    let ViewRegistry { closed, measured, .. } = registry;
    let inputs = Inputs { blocks, decisions, rows, models, advances, reached, epochs };
    (inputs, Outputs { profile, views, closed: closed.build(), measured, held, copies })
}

/// Registers views, to be waited for, measured and digested, and returns their traces for questions to
/// read.
struct ViewRegistry<'scope> {
    closed: ClosedBuilder<'scope>,
    measured: Vec<Measured>,
    digests: Rc<RefCell<Digests>>,
    dictionaries: SharedDictionaries,
    held: Held,
    /// True at the first worker.
    is_first: bool,
}

impl<'scope> ViewRegistry<'scope> {
    /// Builds and registers the views that rankings are made from.
    fn rankings(
        &mut self,
        interned: Interned<'scope>,
        resolved: VecCollection<'scope, Time, ResolvedTouch, Counts>,
        catalogue: Catalogue<'scope>,
        hours: Stream<'scope, Time, Vec<u32>>,
        limits: Limits,
    ) -> RankingViews {
        let dictionaries = &self.dictionaries.clone();
        let Interned { actions, touches, stand_ins, .. } = interned;
        let held = &self.held;
        let labels =
            labels(touches.clone().concat(stand_ins), dictionaries, held.by("label_index"));
        self.measured.push(Measured::of("labels", &labels.trace));
        let resolved = touches.map(ResolvedTouch::from).concat(resolved);
        let horizon = limits.horizon;
        let popularity = popularity(
            resolved,
            actions.clone(),
            hours.clone(),
            horizon,
            dictionaries,
            held.by("popularity_hours"),
        );
        let bought = bought(actions.clone());
        let activity = activity(actions.clone());
        let history = history(actions, hours, limits, dictionaries.clone(), held);
        let Pairs { partners, repeats } = pairs(history.clone(), dictionaries);
        RankingViews {
            bought: self.users("bought", DigestedView::Bought, bought, rows::with_product),
            activity: self.users("activity", DigestedView::Activity, activity, rows::with_minute),
            history: self.users("history", DigestedView::History, history, rows::with_moment),
            partners: {
                let digest =
                    self.digest(DigestedView::Pairs, rows::of_products, rows::with_partner);
                self.cached("pairs", partners, digest)
            },
            repeats: self.closed.add_view(repeats),
            popularity: {
                let digest =
                    self.digest(DigestedView::Popularity, rows::of_tags, rows::with_product_day);
                self.cached("popularity", popularity, digest)
            },
            labels: self.closed.add_view(labels),
            catalogue: self.catalogue(catalogue),
        }
    }

    /// Registers a view of users; `value` ends the row of a user with a value.
    fn users<V: ExchangeData>(
        &mut self,
        name: &'static str,
        digested: DigestedView,
        view: View<'scope, V>,
        value: impl Fn(Hash, &V, &mut Names<'_>) -> Hash + 'static,
    ) -> TraceAgent<ViewSpine<V>> {
        self.measured.push(Measured::of(name, &view.trace));
        let mut digest = self.digest(digested, rows::of_users, value);
        self.closed.add_view_with(view, move |_, batch| digest(batch))
    }

    /// Registers the stand-ins, which nobody reads.
    fn stand_ins(&mut self, stand_ins: View<'scope, StandIn>) {
        self.measured.push(Measured::of("stand_ins", &stand_ins.trace));
        let mut digest =
            self.digest(DigestedView::StandIns, rows::of_products, rows::with_stand_in);
        self.closed.add_view_with(stand_ins, move |_, batch| digest(batch));
    }

    /// Registers the catalogue. Every worker has all of it, and the first one digests it.
    fn catalogue(&mut self, catalogue: Catalogue<'scope>) -> TraceAgent<CatalogueSpine> {
        self.measured.push(Measured::of("catalogue", &catalogue.trace));
        let mut digest = self.digest(DigestedView::Catalogue, rows::of_products, rows::with_entry);
        let is_first = self.is_first;
        self.closed.add_view_with(catalogue, move |_, batch| digest(batch.filter(|_| is_first)))
    }

    /// Registers a view with a cache that is updated by every batch before its time is complete.
    fn cached<V: DatedProduct>(
        &mut self,
        name: &'static str,
        view: View<'scope, V>,
        mut digest: impl FnMut(Option<&Batch<V, Counts>>) + 'static,
    ) -> CachedView<V> {
        self.measured.push(Measured::of(name, &view.trace));
        let cache = cache();
        let updated = cache.clone();
        let update = move |until, batch: Option<&_>| {
            digest(batch);
            updated.borrow_mut().update(until, batch);
        };
        (self.closed.add_view_with(view, update), cache)
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
        move |batch| {
            if let Some(batch) = batch {
                digests.borrow_mut().add(view, batch, &dictionaries.borrow(), &keys, &value);
            }
        }
    }

    /// Builds the history of the model, which is updated before a time is complete.
    fn model_history(
        &mut self,
        hours: Stream<'scope, Time, Vec<u32>>,
        models: Stream<'scope, Time, Vec<(Time, Model)>>,
        on_model: impl Fn(Time, Model) + 'static,
    ) -> Rc<RefCell<ModelHistory>> {
        let history = Rc::new(RefCell::new(ModelHistory::default()));
        let (by_hour, by_model) = (history.clone(), history.clone());
        self.closed.add_stream(hours, move |time, hour| by_hour.borrow_mut().set_hour(time, hour));
        self.closed.add_stream(models, move |_, (time, model)| {
            by_model.borrow_mut().set_model(time, model);
            on_model(time, model);
        });
        history
    }
}
