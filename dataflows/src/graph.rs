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
    /// Profiles alone: the leanest. Rankings are empty, and no user's activity is known.
    Profile,
    /// All views.
    All,
}

/// The views that are kept, and how much of the past they hold.
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

/// Builds all views. `on_epoch` gets the time of each epoch that any worker opens, `on_model` each
/// change of the model, `on_block` every block at the owner of its users.
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

    let mut ends = Ends { closing: ClosedBuilder::new(scope), measured: Vec::new() };
    let rankings = match mode {
        Mode::Profile => {
            ends.closing.add_view(catalogue);
            None
        }
        Mode::All => {
            Some(ends.rankings(interned, resolved, catalogue, hours.clone(), limits, dictionaries))
        }
    };
    let model_history = ends.model_history(hours, model_stream.broadcast(), on_model);
    ends.closing.add_stream(epoch_stream.broadcast(), move |_, time| on_epoch(time));
    let views = Views {
        profile: ends.view("profile", profile.clone()),
        positions: ends.closing.add_view(positions),
        recent,
        model_history,
        rankings,
    };
    let Ends { closing, measured } = ends;
    let inputs = Inputs { blocks, merges, rows, models, advances, epochs };
    (inputs, Outputs { profile, views, closed: closing.build(), measured })
}

/// The ends of views: each is waited for, measured, and read by questions.
struct Ends<'scope> {
    closing: ClosedBuilder<'scope>,
    measured: Vec<Measured>,
}

impl<'scope> Ends<'scope> {
    /// The views that rankings are made from.
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
            repeats: self.closing.add_view(repeats),
            popularity: self.cached("popularity", popularity),
            labels: self.closing.add_view(labels),
            catalogue: self.closing.add_view(catalogue),
        }
    }

    fn view<V: ExchangeData>(
        &mut self,
        name: &'static str,
        view: View<'scope, V>,
    ) -> TraceAgent<ViewSpine<V>> {
        self.measured.push(Measured::of(name, &view));
        self.closing.add_view(view)
    }

    /// A view with a cache, which hears of every batch before its time is complete.
    fn cached<V: DatedProduct>(
        &mut self,
        name: &'static str,
        view: View<'scope, V>,
    ) -> CachedView<V> {
        self.measured.push(Measured::of(name, &view));
        let cache = cache();
        let fed = cache.clone();
        let feed = move |until, batch: Option<&_>| fed.borrow_mut().update(until, batch);
        (self.closing.add_view_with(view, feed), cache)
    }

    fn model_history(
        &mut self,
        hours: Stream<'scope, Time, Vec<u32>>,
        models: Stream<'scope, Time, Vec<(Time, Model)>>,
        on_model: impl Fn(Time, Model) + 'static,
    ) -> Rc<RefCell<ModelHistory>> {
        let history = Rc::new(RefCell::new(ModelHistory::default()));
        let (by_hour, by_model) = (history.clone(), history.clone());
        self.closing.add_stream(hours, move |time, hour| by_hour.borrow_mut().set_hour(time, hour));
        self.closing.add_stream(models, move |_, (time, model)| {
            by_model.borrow_mut().set_model(time, model);
            on_model(time, model);
        });
        history
    }
}
