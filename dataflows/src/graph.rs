//! All views as one dataflow: what goes in, what comes out.

use crate::Time;
use crate::block::Block;
use crate::catalogue::{Row, catalogue};
use crate::clock::hours;
use crate::closed::{Closed, Closing};
use crate::guests::{Merge, guests};
use crate::history::{Limits, history};
use crate::intern::{Interned, Wanted, intern, intern_settled};
use crate::labels::labels;
use crate::model::Model;
use crate::names::SharedVocabulary;
use crate::pairs::{Pairs, pairs};
use crate::popularity::popularity;
use crate::positions::positions;
use crate::questions::{Lenses, Views};
use crate::recent::Recent;
use crate::rows::Rows;
use crate::standings::Standings;
use crate::tags::{Tagged, tags};
use crate::views::{View, ViewSpine, activity, bought, profile};
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::TraceReader;
use differential_dataflow::{AsCollection, ExchangeData};
use std::cell::RefCell;
use std::rc::Rc;
use timely::dataflow::Scope;
use timely::dataflow::operators::core::Input;
use timely::dataflow::operators::core::input::Handle;
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::vec::Broadcast;
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
        Wanted { actions: popularity || bought || activity || history, touches: popularity }
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
    // Without what is popular nobody asks for a product's tags.
    let labelled = if choice.popularity {
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
    let (partners, repeats) = history
        .clone()
        .map(|history| pairs(history, vocabulary))
        .map(|Pairs { partners, repeats }| (partners, repeats))
        .unzip();
    let positions = positions(advance_stream, vocabulary.clone());
    let mut measured = vec![Measured::of("profile", &profile)];
    measured.extend(popularity.as_ref().map(|view| Measured::of("popularity", view)));
    measured.extend(bought.as_ref().map(|view| Measured::of("bought", view)));
    measured.extend(activity.as_ref().map(|view| Measured::of("activity", view)));
    measured.extend(history.as_ref().map(|view| Measured::of("history", view)));
    measured.extend(partners.as_ref().map(|view| Measured::of("pairs", view)));

    let mut closing = Closing::new(scope);
    closing.hear(announced.broadcast(), move |_, time| heard(time));
    let lenses = Rc::new(RefCell::new(Lenses::default()));
    let (told, tell) = (lenses.clone(), lenses.clone());
    closing.hear(hours, move |time, hour| told.borrow_mut().tell_hour(time, hour));
    closing.hear(model_stream.broadcast(), move |_, (time, model)| {
        tell.borrow_mut().tell_model(time, model);
        modelled(time, model);
    });
    let rows_kept = Rc::new(RefCell::new(Rows::default()));
    let standings = Rc::new(RefCell::new(Standings::default()));
    let (note_row, note_standing) = (rows_kept.clone(), standings.clone());
    let views = Views {
        profile: closing.view(profile.clone()),
        bought: bought.map(|view| closing.view(view)),
        activity: activity.map(|view| closing.view(view)),
        history: history.map(|view| closing.view(view)),
        partners: partners
            .map(|view| closing.view_with(view, move |batch| note_row.borrow_mut().note(batch)))
            .map(|view| (view, rows_kept)),
        repeats: repeats.map(|view| closing.view(view)),
        popularity: popularity
            .map(|view| closing.view_with(view, move |new| note_standing.borrow_mut().note(new)))
            .map(|view| (view, standings)),
        positions: closing.view(positions),
        labels: closing.view(labels),
        catalogue: closing.view(catalogue),
        recent,
        lenses,
    };
    let inputs = Inputs { blocks, merges, rows, models, advances, announce };
    (inputs, Outputs { profile, views, closed: closing.build(), measured })
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
                records += batch.storage.vals.vals.len();
                batches += 1;
            }
        });
        (records, batches)
    }
}
