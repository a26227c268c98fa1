//! All graphs as one: what goes in, what comes out.

use crate::Time;
use crate::block::Block;
use crate::catalogue::{Row, catalogue};
use crate::intern::intern;
use crate::names::SharedVocabulary;
use crate::popularity::popularity;
use crate::positions::positions;
use crate::questions::{Ask, Gathered, Views, questions};
use crate::recent::Recent;
use crate::tags::tags;
use crate::views::{View, ViewSpine, activity, bought, profile};
use crate::weights::Weights;
use differential_dataflow::operators::arrange::TraceAgent;
use std::cell::RefCell;
use std::rc::Rc;
use timely::dataflow::Scope;
use timely::dataflow::operators::core::input::Handle;
use timely::dataflow::operators::core::{Input, Inspect, Probe};
use timely::dataflow::operators::probe;
use timely::dataflow::operators::vec::Broadcast;

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
}

/// Everything that goes in. All inputs are advanced together.
pub struct Inputs {
    /// Events, by owner.
    pub blocks: Records<(usize, Block)>,
    /// Catalogue rows.
    pub rows: Records<Row>,
    /// New weights, with the time from which they hold; from one worker alone.
    pub weights: Records<(Time, Weights)>,
    /// By how much partitions, named `topic/index`, are read on.
    pub advances: Records<(String, i64)>,
    /// Questions.
    pub asks: Records<Ask>,
    /// That an epoch has opened: everyone hears of it, and follows.
    pub announce: Records<Time>,
}

impl Inputs {
    /// Advances every input: the one place where time goes on.
    pub fn advance_to(&mut self, time: Time) {
        self.blocks.advance_to(time);
        self.rows.advance_to(time);
        self.weights.advance_to(time);
        self.advances.advance_to(time);
        self.asks.advance_to(time);
        self.announce.advance_to(time);
    }
}

/// What comes out at a worker.
pub struct Outputs<'scope> {
    /// User to tag, with the stream of its batches.
    pub profile: View<'scope, u32>,
    /// Answers to the questions asked here.
    pub answers: timely::dataflow::Stream<'scope, Time, Vec<Gathered>>,
    /// The traces to measure, by name.
    pub measured: Vec<(&'static str, TraceAgent<ViewSpine<u32>>)>,
}

/// Builds it all. `heard` gets the time of each epoch that anyone opens, `weighed` the weights as
/// they change; `closed` tells which times are complete everywhere.
pub fn graph<'scope>(
    scope: Scope<'scope, Time>,
    choice: Choice,
    vocabulary: &SharedVocabulary,
    heard: impl Fn(Time) + 'static,
    weighed: impl Fn(Time, Weights) + 'static,
    closed: &probe::Handle<Time>,
) -> (Inputs, Outputs<'scope>) {
    let (blocks, block_stream) = scope.new_input();
    let (rows, row_stream) = scope.new_input();
    let (weights, weight_stream) = scope.new_input::<Vec<(Time, Weights)>>();
    let (advances, advance_stream) = scope.new_input();
    let (asks, ask_stream) = scope.new_input();
    let (announce, announced) = scope.new_input::<Vec<Time>>();

    announced.broadcast().inspect(move |time| heard(*time)).probe_with(closed);
    let weight_stream =
        weight_stream.broadcast().inspect(move |&(time, weights)| weighed(time, weights));
    let recent = Rc::new(RefCell::new(Recent::default()));
    let keep = recent.clone();
    let catalogue = catalogue(row_stream, vocabulary.clone());
    let touches = intern(block_stream, vocabulary.clone(), move |time, block| {
        keep.borrow_mut().keep(time, block);
    });
    let tagged = tags(touches.clone(), catalogue.clone());
    let profile = profile(tagged.clone());
    let popularity =
        choice.popularity.then(|| popularity(tagged, touches.clone(), vocabulary.clone()));
    let bought = choice.bought.then(|| bought(touches.clone()));
    let activity = choice.activity.then(|| activity(touches));
    let positions = positions(advance_stream, vocabulary.clone());
    let mut measured = vec![("profile", profile.trace.clone())];
    measured.extend(popularity.as_ref().map(|view| ("popularity", view.trace.clone())));
    measured.extend(bought.as_ref().map(|view| ("bought", view.trace.clone())));

    let views = Views {
        profile: profile.clone(),
        bought,
        activity,
        popularity,
        positions,
        catalogue,
        recent,
    };
    let answers = questions(ask_stream, weight_stream, views, vocabulary).probe_with(closed);
    profile.stream.clone().probe_with(closed);
    let inputs = Inputs { blocks, rows, weights, advances, asks, announce };
    (inputs, Outputs { profile, answers, measured })
}
