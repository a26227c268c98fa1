//! All views as one dataflow: from the inputs to the views that sinks and questions read.

use crate::arrange::closed::{Closed, ClosedBuilder};
use crate::arrange::dated::DatedProduct;
use crate::arrange::measured::Measured;
use crate::arrange::view::{View, ViewSpine};
use crate::ids::dictionary::SharedDictionaries;
use crate::ingest::catalogue::{Catalogue, catalogue};
use crate::ingest::event_clock::hours;
use crate::ingest::guests::guests;
use crate::ingest::intern::{Interned, intern, intern_guests};
use crate::ingest::tags::{ResolvedTouch, resolve_tags};
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
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::{ExchangeData, VecCollection};
use std::cell::RefCell;
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
}

/// Builds all views. Calls `on_epoch` with the time of each epoch that any worker opens, `on_model`
/// with each change of the model, and `on_block` with every block, at the owner of its users.
///
/// ```text
/// blocks ─ event clock ─ intern ───────────── actions ─┬─ bought, activity
///                          └─ guests ─ intern ─┘       ├─ history ─ pairs, repeats
/// merges ───────────────────┘                          └─ popularity
/// rows ─── catalogue ─ tags ─ profile ────────── tags ────┘
/// ```
pub fn graph<'scope>(
    scope: Scope<'scope, Time>,
    config: ViewConfig,
    dictionaries: &SharedDictionaries,
    on_epoch: impl Fn(Time) + 'static,
    on_model: impl Fn(Time, Model) + 'static,
    mut on_block: impl FnMut(Time, &Block) + 'static,
) -> (Inputs, Outputs<'scope>) {
    let (blocks, block_stream) = scope.new_input();
    let (merges, merge_stream) = scope.new_input();
    let (rows, row_stream) = scope.new_input();
    let (models, model_stream) = scope.new_input::<Vec<(Time, Model)>>();
    let (advances, advance_stream) = scope.new_input();
    let (epochs, epoch_stream) = scope.new_input::<Vec<Time>>();

    let recent = Rc::new(RefCell::new(Recent::default()));
    let latest = recent.clone();
    let ViewConfig { mode, limits } = config;
    let catalogue = catalogue(row_stream, dictionaries.clone());
    let (block_stream, hours) = hours(block_stream);
    let ranks = mode == Mode::All;
    let (accounts, guest_stream) =
        intern(block_stream, ranks, dictionaries.clone(), move |time, block| {
            on_block(time, &block);
            latest.borrow_mut().push(time, block);
        });
    let attributions =
        guests(guest_stream, merge_stream, hours.clone(), limits.horizon, dictionaries.clone());
    let interned = accounts.concat(intern_guests(attributions, ranks, dictionaries.clone()));
    let resolved = resolve_tags(interned.stand_ins.clone(), catalogue.clone());
    let profile = profile(interned.tags.clone(), resolved.clone());
    let positions = positions(advance_stream, dictionaries.clone());

    let mut registry = ViewRegistry { closed: ClosedBuilder::new(scope), measured: Vec::new() };
    let rankings = match mode {
        Mode::Profile => {
            registry.closed.add_view(catalogue);
            None
        }
        Mode::All => {
            let hours = hours.clone();
            Some(registry.rankings(interned, resolved, catalogue, hours, limits, dictionaries))
        }
    };
    let model_history = registry.model_history(hours, model_stream.broadcast(), on_model);
    registry.closed.add_stream(epoch_stream.broadcast(), move |_, time| on_epoch(time));
    let views = Views {
        profile: registry.view("profile", profile.clone()),
        positions: registry.closed.add_view(positions),
        recent,
        model_history,
        rankings,
    };
    let ViewRegistry { closed, measured } = registry;
    let inputs = Inputs { blocks, merges, rows, models, advances, epochs };
    (inputs, Outputs { profile, views, closed: closed.build(), measured })
}

/// Registers views, to be waited for and measured, and returns their traces for questions to read.
struct ViewRegistry<'scope> {
    closed: ClosedBuilder<'scope>,
    measured: Vec<Measured>,
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
        dictionaries: &SharedDictionaries,
    ) -> RankingViews {
        let Interned { actions, touches, stand_ins, .. } = interned;
        let labels = labels(touches.clone().concat(stand_ins), dictionaries);
        let resolved = touches.map(ResolvedTouch::from).concat(resolved);
        let horizon = limits.horizon;
        let popularity =
            popularity(resolved, actions.clone(), hours.clone(), horizon, dictionaries);
        let bought = bought(actions.clone());
        let activity = activity(actions.clone());
        let history = history(actions, hours, limits, dictionaries.clone());
        let Pairs { partners, repeats } = pairs(history.clone(), dictionaries);
        RankingViews {
            bought: self.view("bought", bought),
            activity: self.view("activity", activity),
            history: self.view("history", history),
            partners: self.cached("pairs", partners),
            repeats: self.closed.add_view(repeats),
            popularity: self.cached("popularity", popularity),
            labels: self.closed.add_view(labels),
            catalogue: self.closed.add_view(catalogue),
        }
    }

    /// Registers a view.
    fn view<V: ExchangeData>(
        &mut self,
        name: &'static str,
        view: View<'scope, V>,
    ) -> TraceAgent<ViewSpine<V>> {
        self.measured.push(Measured::of(name, &view));
        self.closed.add_view(view)
    }

    /// Registers a view, with a cache that is updated by every batch before its time is complete.
    fn cached<V: DatedProduct>(
        &mut self,
        name: &'static str,
        view: View<'scope, V>,
    ) -> CachedView<V> {
        self.measured.push(Measured::of(name, &view));
        let cache = cache();
        let updated = cache.clone();
        let update = move |until, batch: Option<&_>| updated.borrow_mut().update(until, batch);
        (self.closed.add_view_with(view, update), cache)
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
