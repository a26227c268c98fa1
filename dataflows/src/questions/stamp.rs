//! Stamps questions with the model and the day as of their time.

use super::{Ask, What};
use crate::Time;
use crate::clock::{Clock, DAY_HOURS};
use crate::counts::Counts;
use crate::lookup::lookup;
use crate::model::{Lens, Model};
use crate::pairs::REPEATS;
use crate::recommend::Basis;
use crate::views::View;
use crate::waiting::Waiting;
use std::collections::BTreeMap;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::{Concat, Map};
use timely::dataflow::operators::generic::Operator;

#[derive(Clone)]
enum Told {
    Model(Time, Model),
    Hour(u32),
}

pub(super) fn stamp<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    models: Stream<'scope, Time, Vec<(Time, Model)>>,
    hours: Stream<'scope, Time, Vec<u32>>,
) -> Stream<'scope, Time, Vec<Ask>> {
    let told: Stream<'scope, Time, Vec<Told>> =
        models.map(|(time, model)| Told::Model(time, model));
    let told = told.concat(hours.map(Told::Hour));
    asks.binary_frontier::<_, CapacityContainerBuilder<Vec<Ask>>, _, _, _, _>(
        told,
        Pipeline,
        Pipeline,
        "stamp",
        |_, _| {
            let mut models: BTreeMap<Time, Model> = BTreeMap::new();
            let mut clock = Clock::default();
            let mut waiting = Waiting::default();
            move |(asks, more), (told, known), output| {
                told.for_each(|capability, told| {
                    let time = *capability.least().expect("data has a time");
                    for told in told.drain(..) {
                        match told {
                            Told::Model(from, model) => drop(models.insert(from, model)),
                            Told::Hour(hour) => clock.tell(time, hour),
                        }
                    }
                });
                asks.for_each(|capability, asks| waiting.keep(&capability, asks));
                for (capability, asks) in waiting.take_ready(|time| !known.less_equal(time)) {
                    let time = *capability.time();
                    let model = models.range(..=time).next_back();
                    let model = model.map_or_else(Model::default, |(_, model)| *model);
                    let today = u16::try_from(clock.at(time) / DAY_HOURS).unwrap_or(u16::MAX);
                    let lens = Lens { model, today, again: 0.0 };
                    let stamped = asks.into_iter().map(|ask| Ask { lens, ..ask });
                    output.session(&capability).give_iterator(stamped);
                }
                // What no question can ask for any more is forgotten.
                let next = waiting.oldest(more).unwrap_or(Time::MAX);
                clock.forget_before(next);
                if let Some(last) = models.range(..=next).next_back().map(|(time, _)| *time) {
                    models = models.split_off(&last);
                }
            }
        },
    )
}

/// How often it is believed that a product is touched again at once, before anything is known.
const PRIOR: f64 = 0.3;
/// Of how many moments that belief is.
const BELIEF: f64 = 20.0;

/// Stamps rankings with how often a product is touched again at once, as of their time.
pub(super) fn again<'scope>(
    asks: Stream<'scope, Time, Vec<Ask>>,
    repeats: View<'scope, u16>,
) -> Stream<'scope, Time, Vec<Ask>> {
    lookup(asks, Pipeline, repeats, "repeats asked", |mut ask, _, view, asks| {
        if let What::Rank { basis: Basis::User(_) | Basis::Visit(_), .. } = ask.what {
            let (mut all, mut same) = (BELIEF, BELIEF * PRIOR);
            view.each(REPEATS, |&day, &Counts([following, repeating, _])| {
                let fade = ask.lens.fade(day);
                all += f64::from(following) * fade;
                same += f64::from(repeating) * fade;
            });
            ask.lens.again = same / all;
        }
        asks.push(ask);
    })
}
