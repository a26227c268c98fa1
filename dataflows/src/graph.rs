//! All views as one dataflow: what goes in, what comes out.

use crate::Time;
use crate::block::Block;
use crate::catalogue::{Row, catalogue};
use crate::clock::hours;
use crate::closed::{Closed, Closing};
use crate::guests::{Merge, guests};
use crate::history::{Limits, history};
use crate::intern::{Interned, Wanted, intern, intern_settled};
use crate::kept::{Evidence, Kept};
use crate::labels::labels;
use crate::model::Model;
use crate::names::SharedVocabulary;
use crate::pairs::pairs;
use crate::popularity::popularity;
use crate::positions::positions;
use crate::questions::{KeptView, Lenses, Views};
use crate::recent::Recent;
use crate::tags::{Tagged, tags};
use crate::views::{View, ViewSpine, activity, bought, profile};
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use differential_dataflow::{AsCollection, ExchangeData};
use std::cell::RefCell;
use std::rc::Rc;
use timely::dataflow::operators::core::Input;
use timely::dataflow::operators::core::input::Handle;
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::{Scope, Stream};
use timely::progress::frontier::AntichainRef;

/// An input of records.
pub type Records<D> = Handle<Time, timely::container::CapacityContainerBuilder<Vec<D>>>;

/// Which views are kept beside the profile.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The most popular products, by tag and overall.
    pub popularity: bool,
    /// What each user has bought.
    pub bought: bool,
    /// When each user was active.
    pub activity: bool,
    /// What each user did, and so what goes with what.
    pub history: bool,
    /// How much of the history is kept.
    pub limits: Limits,
}

impl Choice {
    /// What the views are made of, beside the tags of users.
    fn wanted(self) -> Wanted {
        let Choice { popularity, bought, activity, history, .. } = self;
        let actions = popularity || bought || activity || history;
        Wanted { actions, touches: self.ranks() }
    }

    /// Whether products are ranked by more than a visit that is given, and so those tags are needed that
    /// events bring.
    fn ranks(self) -> bool {
        self.popularity || self.history
    }
}

/// Everything that goes in but questions. All inputs are advanced together.
pub struct Inputs {
    /// Events, by owner.
    pub blocks: Records<(usize, Block)>,
    /// Guests that have signed in.
    pub merges: Records<Merge>,
    /// Catalogue rows.
    pub rows: Records<Row>,
    /// A new model, with the time from which it holds; from one worker alone.
    pub models: Records<(Time, Model)>,
    /// By how much partitions, named `topic/index`, are read on.
    pub advances: Records<(String, i64)>,
    /// That an epoch has opened: everyone hears of it, and follows.
    pub announce: Records<Time>,
}

impl Inputs {
    /// Advances every input: the one place where time goes on.
    pub fn advance_to(&mut self, time: Time) {
        self.blocks.advance_to(time);
        self.merges.advance_to(time);
        self.rows.advance_to(time);
        self.models.advance_to(time);
        self.advances.advance_to(time);
        self.announce.advance_to(time);
    }
}

/// What comes out at a worker.
pub struct Outputs<'scope> {
    /// User to tag, with the stream of its batches.
    pub profile: View<'scope, u32>,
    /// What questions are answered from.
    pub views: Views,
    /// Which times are complete everywhere.
    pub closed: Closed,
    /// What is to be measured.
    pub measured: Vec<Measured>,
}

/// Builds it all. `heard` gets the time of each epoch that anyone opens, `modelled` the model as
/// it changes, `arrived` every block at the owner of its users.
pub fn graph<'scope>(
    scope: Scope<'scope, Time>,
    choice: Choice,
    vocabulary: &SharedVocabulary,
    heard: impl Fn(Time) + 'static,
    modelled: impl Fn(Time, Model) + 'static,
    mut arrived: impl FnMut(Time, &Block) + 'static,
) -> (Inputs, Outputs<'scope>) {
    let (blocks, block_stream) = scope.new_input();
    let (merges, merge_stream) = scope.new_input();
    let (rows, row_stream) = scope.new_input();
    let (models, model_stream) = scope.new_input::<Vec<(Time, Model)>>();
    let (advances, advance_stream) = scope.new_input();
    let (announce, announced) = scope.new_input::<Vec<Time>>();

    let recent = Rc::new(RefCell::new(Recent::default()));
    let keep = recent.clone();
    let catalogue = catalogue(row_stream, vocabulary.clone());
    let (block_stream, hours) = hours(block_stream);
    let wanted = choice.wanted();
    let (accounts, guest_stream) =
        intern(block_stream, wanted, vocabulary.clone(), move |time, block| {
            arrived(time, &block);
            keep.borrow_mut().keep(time, block);
        });
    let Choice { limits, .. } = choice;
    let horizon = limits.horizon;
    let settled = guests(guest_stream, merge_stream, hours.clone(), horizon, vocabulary.clone());
    let settled = intern_settled(settled, wanted, vocabulary.clone());
    let Interned { actions, tags: brought, touches, provisional } = accounts.concat(settled);
    let labelled = if choice.ranks() {
        touches.clone().concat(provisional.clone())
    } else {
        empty(scope).as_collection()
    };
    let labels = labels(labelled, vocabulary);
    let tagged = tags(provisional, catalogue.clone());
    let profile = profile(brought, tagged.clone());
    let popularity = choice.popularity.then(|| {
        let tagged = touches.map(Tagged::from).concat(tagged);
        popularity(tagged, actions.clone(), hours.clone(), horizon, vocabulary)
    });
    let bought = choice.bought.then(|| bought(actions.clone()));
    let activity = choice.activity.then(|| activity(actions.clone()));
    let history =
        choice.history.then(|| history(actions, hours.clone(), limits, vocabulary.clone()));
    let pairs = history.clone().map(|history| pairs(history, vocabulary));
    let (partners, repeats) = pairs.map(|pairs| (pairs.partners, pairs.repeats)).unzip();
    let positions = positions(advance_stream, vocabulary.clone());

    let mut ends = Ends { closing: Closing::new(scope), measured: Vec::new() };
    let lenses = ends.lenses(hours, model_stream.broadcast(), modelled);
    ends.closing.hear(announced.broadcast(), move |_, time| heard(time));
    let views = Views {
        profile: ends.view("profile", profile.clone()),
        bought: bought.map(|view| ends.view("bought", view)),
        activity: activity.map(|view| ends.view("activity", view)),
        history: history.map(|view| ends.view("history", view)),
        partners: partners.map(|view| ends.kept("pairs", view)),
        repeats: repeats.map(|view| ends.closing.view(view)),
        popularity: popularity.map(|view| ends.kept("popularity", view)),
        positions: ends.closing.view(positions),
        labels: ends.closing.view(labels),
        catalogue: ends.closing.view(catalogue),
        recent,
        lenses,
    };
    let Ends { closing, measured } = ends;
    let inputs = Inputs { blocks, merges, rows, models, advances, announce };
    (inputs, Outputs { profile, views, closed: closing.build(), measured })
}

/// Where views end: they are waited for, measured, and read by questions.
struct Ends<'scope> {
    closing: Closing<'scope>,
    measured: Vec<Measured>,
}

impl<'scope> Ends<'scope> {
    fn view<V: ExchangeData>(
        &mut self,
        name: &'static str,
        view: View<'scope, V>,
    ) -> TraceAgent<ViewSpine<V>> {
        self.measured.push(Measured::of(name, &view));
        self.closing.view(view)
    }

    /// A view of which something is kept between questions.
    fn kept<V: Evidence>(&mut self, name: &'static str, view: View<'scope, V>) -> KeptView<V> {
        self.measured.push(Measured::of(name, &view));
        let kept = Rc::new(RefCell::new(Kept::default()));
        let hears = kept.clone();
        let hear = move |until, batch: Option<&_>| hears.borrow_mut().hear(until, batch);
        (self.closing.view_with(view, hear), kept)
    }

    fn lenses(
        &mut self,
        hours: Stream<'scope, Time, Vec<u32>>,
        models: Stream<'scope, Time, Vec<(Time, Model)>>,
        modelled: impl Fn(Time, Model) + 'static,
    ) -> Rc<RefCell<Lenses>> {
        let lenses = Rc::new(RefCell::new(Lenses::default()));
        let (tell_hour, tell_model) = (lenses.clone(), lenses.clone());
        self.closing.hear(hours, move |time, hour| tell_hour.borrow_mut().tell_hour(time, hour));
        self.closing.hear(models, move |_, (time, model)| {
            tell_model.borrow_mut().tell_model(time, model);
            modelled(time, model);
        });
        lenses
    }
}

/// A view to measure.
pub struct Measured {
    /// The view's name.
    pub name: &'static str,
    trace: Box<dyn Trace>,
}

impl Measured {
    fn of<V: ExchangeData>(name: &'static str, view: &View<'_, V>) -> Measured {
        Measured { name, trace: Box::new(view.trace.clone()) }
    }

    /// Lets the view merge what is before a time: who holds it holds it back.
    pub fn release(&mut self, before: Time) {
        self.trace.release(AntichainRef::new(&[before]));
    }

    /// How many records and batches it has.
    pub fn measure(&self) -> (usize, usize) {
        self.trace.measure()
    }
}

/// The trace of a view, whatever its values are.
trait Trace {
    fn release(&mut self, closed: AntichainRef<'_, Time>);
    fn measure(&self) -> (usize, usize);
}

impl<V: ExchangeData> Trace for TraceAgent<ViewSpine<V>> {
    fn release(&mut self, closed: AntichainRef<'_, Time>) {
        self.set_logical_compaction(closed);
        self.set_physical_compaction(closed);
    }

    fn measure(&self) -> (usize, usize) {
        let (mut records, mut batches) = (0, 0);
        self.map_spans(|span| {
            if let Some(batch) = &span.inner {
                records += batch.values();
                batches += 1;
            }
        });
        (records, batches)
    }
}
