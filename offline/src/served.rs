//! The engine's own dataflow as a recommender, on one worker in this thread.

use crate::clicks::{Click, Clicks};
use crate::recommender::Recommender;
use dataflows::arrange::closed::Closed;
use dataflows::graph::{Listeners, Mode, Persistence, ViewConfig, graph};
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ingest::reading::Reading;
use dataflows::inputs::Inputs;
use dataflows::questions::query::{Query, QueryAnswer, RoutedQuery};
use dataflows::questions::{Queries, questions};
use dataflows::ranking::answer::Ranking;
use dataflows::ranking::rules::{Basis, Rules};
use dataflows::record::block::Block;
use dataflows::record::event::Event;
use dataflows::record::reached::Reached;
use dataflows::score::model::Model;
use dataflows::time::{RESTORED, Time, hour, input_time};
use dataflows::views::history::Limits;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use timely::WorkerConfig;
use timely::communication::Allocator;
use timely::communication::allocator::thread::Thread;
use timely::dataflow::operators::{Inspect, probe};
use timely::worker::Worker;

/// The number of events that are learned at once, where nothing is asked between them.
const EPOCH: usize = 1_000;

/// All views, as the engine keeps them by default.
const VIEWS: ViewConfig = ViewConfig {
    mode: Mode::All,
    limits: Limits { paired: 100, kept: 1_000, horizon: 30 * 24 },
    pairs_days: 180,
    copy_hours: 0,
    stay_hours: None,
    persistence: Persistence::NONE,
};

/// The dataflow as a recommender. About a visit that it has learned, it is asked by user, as a shop
/// would ask; about any other, by the visit's products.
pub struct Served {
    worker: Worker,
    inputs: Inputs,
    /// The times that are complete.
    closed: Closed,
    queries: Queries,
    answer: Rc<RefCell<Option<Ranking>>>,
    /// The open time.
    now: Time,
    /// Events that have not been sent yet.
    block: Block,
    texts: Texts,
    /// By visit, the number of its clicks that have been learned.
    learned: Vec<usize>,
}

/// The texts of ids, and the ids of products.
struct Texts {
    users: Vec<String>,
    products: Vec<String>,
    tags_of: Vec<Vec<String>>,
    ids: HashMap<String, u32>,
}

impl Served {
    /// A dataflow that has learned nothing and ranks by a model.
    pub fn new(clicks: &Clicks, model: Model) -> Served {
        let mut worker =
            Worker::new(WorkerConfig::default(), Allocator::Thread(Thread::default()), None);
        let dictionaries = SharedDictionaries::default();
        let answer = Rc::new(RefCell::new(None));
        let (mut inputs, views, closed) = worker.dataflow(|scope| {
            let (on_block, on_model) = (|_, _: &_| (), |_, _| ());
            let listeners = Listeners {
                on_epoch: |_| (),
                on_oldest: |_| (),
                on_model,
                on_block,
                on_announcement: |_, _| (),
                on_report: |_| (),
            };
            let (inputs, outputs) = graph(scope, VIEWS, &dictionaries, listeners);
            (inputs, outputs.views, outputs.closed)
        });
        let queries = worker.dataflow(|scope| {
            let (queries, answers) = questions(scope, views, &dictionaries, &probe::Handle::new());
            let answer = answer.clone();
            answers.inspect(move |(_, _, found)| {
                let ranking = found.iter().find_map(|found| match found {
                    QueryAnswer::Ranking(ranking) => Some(ranking.clone()),
                    _ => None,
                });
                *answer.borrow_mut() = Some(ranking.unwrap_or_default());
            });
            queries
        });
        // The first time is that of what is restored, which nothing is.
        let now = input_time(RESTORED + 1);
        inputs.advance_to(now);
        inputs.models.send((now, model));
        inputs.reached.send(Reading::all_known(0));
        Served {
            worker,
            inputs,
            closed,
            queries,
            answer,
            now,
            block: Block::default(),
            texts: Texts::of(clicks),
            learned: vec![0; clicks.visits as usize],
        }
    }

    fn ask(&mut self, visit: &[Click], n: usize) -> Ranking {
        let Some(newest) = visit.last() else { return Ranking::default() };
        // A product that was bought may be the next to be clicked.
        let rules = Rules { leave_out_bought: false, ..Rules::first(n) };
        let basis = if self.learned[newest.visit as usize] == visit.len() {
            Basis::User(self.texts.users[newest.user as usize].clone())
        } else {
            let text = |click: &Click| self.texts.products[click.product as usize].clone();
            Basis::Visit(visit.iter().map(text).collect())
        };
        let time = self.close();
        self.queries.advance_to(time);
        let routed = RoutedQuery::route(0, time, vec![Query::Rank { basis, rules }], 1);
        routed.into_iter().for_each(|query| self.queries.send(query));
        self.queries.flush();
        let answer = &self.answer;
        self.worker.step_while(|| answer.borrow().is_none());
        answer.take().unwrap_or_default()
    }

    /// Sends the block and waits until its events are in the views. Returns the time at which they are.
    fn close(&mut self) -> Time {
        if !self.block.is_empty() {
            let newest = u64::try_from(self.block.newest()).unwrap_or_default();
            let (partition, hour) = (String::from("clicks"), hour(newest));
            self.inputs.reached.send(Reached { partition, hour, is_behind: false });
            self.inputs.blocks.send((0, std::mem::take(&mut self.block)));
        }
        let time = self.now;
        self.now = input_time(self.now + 1);
        self.inputs.advance_to(self.now);
        let closed = &self.closed;
        self.worker.step_while(|| !closed.has(time));
        time
    }
}

impl Recommender for Served {
    fn learn(&mut self, click: &Click) {
        self.block.push(&self.texts.event(click));
        self.block.note_clock(click.time);
        self.learned[click.visit as usize] += 1;
        if EPOCH <= self.block.events() {
            self.close();
        }
    }

    fn rank(&mut self, visit: &[Click], n: usize) -> Vec<u32> {
        let ranked = self.ask(visit, n);
        ranked.iter().map(|ranked| self.texts.ids[ranked.product]).collect()
    }
}

impl Texts {
    fn of(clicks: &Clicks) -> Texts {
        let text = |&tag: &u32| clicks.tags[tag as usize].clone();
        Texts {
            users: clicks.users.clone(),
            products: clicks.products.clone(),
            tags_of: clicks.tags_of.iter().map(|tags| tags.iter().map(text).collect()).collect(),
            ids: clicks.products.iter().cloned().zip(0..).collect(),
        }
    }

    fn event(&self, click: &Click) -> Event<'_> {
        let product = click.product as usize;
        Event {
            event_type: click.kind.into(),
            time: click.time,
            user: &self.users[click.user as usize],
            product: &self.products[product],
            category: "",
            session: "",
            id: "",
            tags: self.tags_of[product].iter().map(String::as_str).collect(),
            recorded: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clicks::Builder;
    use crate::read::ClickRecord;
    use dataflows::record::event::Kind;
    use dataflows::score::model::Blend;

    /// A user, a kind, a product, and a minute.
    type Act = (&'static str, Kind, &'static str, i64);

    const DAY: i64 = 24 * 60;

    fn clicks(acts: &[Act]) -> Clicks {
        let mut builder = Builder::default();
        for &(user, kind, product, minute) in acts {
            let (time, tags) = (minute * 60_000, vec![]);
            builder.push(&ClickRecord {
                event_type: kind.into(),
                time,
                user,
                session: "",
                product,
                category: "",
                tags,
            });
        }
        builder.build()
    }

    /// Learns so many of the acts, asks for the products after the last one, and compares them and their
    /// scores. It asks twice, as nothing must be learned by asking.
    fn check(blend: Blend, acts: &[Act], learned: usize, expected: &[(&str, f64)]) {
        let clicks = clicks(acts);
        let mut served = Served::new(&clicks, Model { blend, ..Model::default() });
        clicks.clicks[..learned].iter().for_each(|click| served.learn(click));
        for _ in 0..2 {
            let ranked = served.ask(&clicks.clicks[acts.len() - 1..], 20);
            let products: Vec<&str> = ranked.iter().map(|ranked| ranked.product).collect();
            assert_eq!(products, expected.iter().map(|of| of.0).collect::<Vec<_>>(), "{acts:?}");
            for (ranked, (_, score)) in ranked.iter().zip(expected) {
                assert!((ranked.score - score).abs() < 1e-9, "{ranked:?}, not {score}: {acts:?}");
            }
        }
    }

    /// A blend of the pairs, without doubt, and of products that are touched again: nothing else.
    fn pairs() -> Blend {
        Blend { doubt: 0.0, repeat: 0.0, tags: 0.0, trend: 0.0, ..Blend::default() }
    }

    /// The weight of what was four days ago.
    fn four_days_ago() -> f64 {
        1.0 / 1.4_f64.sqrt()
    }

    #[test]
    fn pairs_count_by_direction_kind_and_age() {
        let learned: [Act; 4] = [
            ("u", Kind::View, "a", 0),
            ("u", Kind::View, "b", 1),
            ("u", Kind::AddToCart, "c", 2),
            ("u", Kind::View, "d", 40),
        ];
        let with = |acts: &[Act]| [&learned[..], acts].concat();
        // The belief is 6 of 20; here none of two who went on touched the same again.
        let again = 6.0 / 22.0;
        let rest = 1.0 - again;
        let after = |product| with(&[("x", Kind::View, product, 41)]);
        // d came too late to go with a.
        let expected = [("c", rest * 3.0 / 4.0), ("a", again), ("b", rest / 4.0)];
        check(pairs(), &after("a"), 4, &expected);
        let expected = [("a", again), ("c", rest * 3.0 / 10.0), ("b", rest / 10.0)];
        check(Blend { doubt: 6.0, ..pairs() }, &after("a"), 4, &expected);
        // a came before b, which may count half; c after it.
        let expected = [("c", rest * 3.0 / 3.5), ("b", again), ("a", rest * 0.5 / 3.5)];
        check(Blend { before: 0.5, ..pairs() }, &after("b"), 4, &expected);
        let old = four_days_ago();
        let again = 6.0 / (21.0 + 2.0 * old);
        let (rest, mass) = (1.0 - again, 1.0 + 4.0 * old);
        let later = with(&[
            ("v", Kind::View, "a", 4 * DAY),
            ("v", Kind::View, "b", 4 * DAY + 1),
            ("x", Kind::View, "a", 4 * DAY + 2),
        ]);
        let expected =
            [("c", rest * 3.0 * old / mass), ("b", rest * (1.0 + old) / mass), ("a", again)];
        check(pairs(), &later, 6, &expected);
    }

    #[test]
    fn what_is_further_apart_counts_less() {
        let acts: [Act; 4] = [
            ("u", Kind::View, "a", 0),
            ("u", Kind::View, "b", 5),
            ("u", Kind::View, "c", 6),
            ("x", Kind::View, "a", 41),
        ];
        let (again, blend) = (6.0 / 22.0, Blend { far: 0.5, ..pairs() });
        let rest = 1.0 - again;
        let expected = [("b", rest / 1.5), ("a", again), ("c", rest * 0.5 / 1.5)];
        check(blend, &acts, 3, &expected);
    }

    #[test]
    fn what_was_before_the_visit_speaks_where_the_visit_is_learned() {
        let acts: [Act; 3] = [
            ("u", Kind::View, "a", 0),
            ("v", Kind::Purchase, "c", 4 * DAY),
            ("u", Kind::View, "b", 4 * DAY),
        ];
        let blend = Blend { trend: 0.01, ..pairs() };
        let (again, old) = (0.3, four_days_ago());
        let of = |worth: f64, mass: f64| 0.01 * worth / mass;
        let by_products = [("b", again), ("c", of(5.0, 5.0 + old)), ("a", of(old, 5.0 + old))];
        check(blend, &acts, 2, &by_products);
        let mass = 6.0 + old;
        let by_user =
            [("b", again + of(1.0, mass)), ("c", of(5.0, mass)), ("a", 0.006 + of(old, mass))];
        check(blend, &acts, 3, &by_user);
    }

    #[test]
    fn all_epochs_are_learned() {
        let few = 2 * EPOCH + EPOCH / 2;
        let mut acts: Vec<Act> = Vec::new();
        // Of one of them, a bot, no more than a thousand events a day make what is popular.
        let users = ["p", "q", "r", "s", "u"];
        for user in users.into_iter().cycle().take(few).chain(["p"; 2 * EPOCH]) {
            acts.push((user, Kind::View, "a", 0));
        }
        acts.extend([("v", Kind::View, "b", 0), ("x", Kind::View, "c", 0)]);
        let blend = Blend { trend: 1.0, ..pairs() };
        let counted = (few - few / users.len() + 1_000) as f64;
        let mass = counted + 1.0;
        let expected = [("a", counted / mass), ("c", 0.3), ("b", 1.0 / mass)];
        check(blend, &acts, few + 2 * EPOCH + 1, &expected);
    }
}
