//! The engine's own dataflow as a recommender, on one worker in this thread.

use crate::clicks::{Click, Clicks};
use crate::recommender::Recommender;
use dataflows::arrange::closed::Closed;
use dataflows::graph::{Grading, Listeners, Mode, Outputs, Persistence, ViewConfig, graph};
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ingest::reading::Reading;
use dataflows::ingest::sample::Sample;
use dataflows::inputs::{Inputs, Learned};
use dataflows::questions::query::{Query, QueryAnswer, RoutedQuery};
use dataflows::questions::{Queries, questions};
use dataflows::ranking::answer::Ranking;
use dataflows::ranking::rules::{Basis, Rules};
use dataflows::record::block::Block;
use dataflows::record::event::Event;
use dataflows::record::reached::Reached;
use dataflows::score::grade::Grade;
use dataflows::score::model::Model;
use dataflows::score::model_history::LearnedState;
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

/// The number of events that are learned at once, where nothing is asked or graded between them.
const EPOCH: usize = 1_000;

/// All views, as the engine keeps them by default.
const VIEWS: ViewConfig = ViewConfig {
    mode: Mode::All,
    limits: Limits { paired: 100, kept: 1_000, horizon: 30 * 24 },
    pairs_days: 180,
    grading: Grading::NONE,
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
    /// The events that are to be graded, and the grades that the views have not been told.
    sample: Rc<RefCell<Sample>>,
    grades: Rc<RefCell<Vec<Option<Grade>>>>,
    /// The last answer about what was learned.
    weights: Rc<RefCell<Option<LearnedState>>>,
    dictionaries: SharedDictionaries,
    /// The number of questions.
    asked: u64,
    /// The most events that are learned at once.
    epoch: usize,
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
    /// A dataflow that has learned nothing, ranks by a model, and learns weights from the grades of a share of users.
    pub fn new(clicks: &Clicks, model: Model, grading: Grading) -> Served {
        let mut worker =
            Worker::new(WorkerConfig::default(), Allocator::Thread(Thread::default()), None);
        let dictionaries = SharedDictionaries::default();
        let (answer, grades) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(Vec::new())));
        let weights = Rc::new(RefCell::new(None));
        let views = ViewConfig { grading, ..VIEWS };
        let (mut inputs, views, closed, sample) = worker.dataflow(|scope| {
            let (inputs, outputs) = graph(scope, views, &dictionaries, Listeners::NONE);
            let Outputs { views, closed, sample, .. } = outputs;
            (inputs, views, closed, sample)
        });
        let queries = worker.dataflow(|scope| {
            let (queries, answers) = questions(scope, views, &dictionaries, &probe::Handle::new());
            let (answer, grades, weights) = (answer.clone(), grades.clone(), weights.clone());
            answers.inspect(move |(_, _, found)| {
                for found in found {
                    match found {
                        QueryAnswer::Grade(grade) => grades.borrow_mut().push(grade.clone()),
                        QueryAnswer::Ranking(ranking) => {
                            *answer.borrow_mut() = Some(ranking.clone())
                        }
                        QueryAnswer::Learned(found) => *weights.borrow_mut() = Some(*found.clone()),
                        _ => {}
                    }
                }
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
            sample,
            grades,
            weights,
            dictionaries,
            asked: 0,
            epoch: if grading.share > 0.0 { 1 } else { EPOCH },
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
        self.send(Query::Rank { basis, rules, own: None });
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
        self.grade(time);
        time
    }

    fn send(&mut self, query: Query) {
        self.asked += 1;
        let routed = RoutedQuery::route(0, self.asked, vec![query], 1);
        routed.into_iter().for_each(|query| self.queries.send(query));
    }

    /// Grades what of a complete time is in the sample, as of the time before it.
    fn grade(&mut self, time: Time) {
        let next = self.sample.borrow_mut().next(time, &self.dictionaries.borrow());
        let sampled = next.map(|(_, sampled)| sampled).unwrap_or_default();
        if sampled.is_empty() {
            return;
        }
        self.queries.advance_to(time - 1);
        let asked = sampled.len();
        for sampled in sampled {
            self.send(Query::Grade(sampled));
        }
        self.queries.flush();
        let grades = &self.grades;
        self.worker.step_while(|| grades.borrow().len() < asked);
        for grade in self.grades.take().into_iter().flatten() {
            self.inputs.learned.send(Learned::Grade(Box::new(grade)));
        }
    }
}

impl Recommender for Served {
    fn learn(&mut self, click: &Click) {
        self.block.push(&self.texts.event(click));
        self.block.note_clock(click.time);
        self.learned[click.visit as usize] += 1;
        if self.epoch <= self.block.events() {
            self.close();
        }
    }

    fn rank(&mut self, visit: &[Click], n: usize) -> Vec<u32> {
        let ranked = self.ask(visit, n);
        ranked.iter().map(|ranked| self.texts.ids[ranked.product]).collect()
    }

    fn learned(&mut self) -> Option<Vec<Vec<f64>>> {
        let learner = self.state().learner;
        (learner.seen() > 0).then(|| learner.weights().map(Vec::from).into())
    }
}

impl Served {
    /// What was learned of weights so far.
    fn state(&mut self) -> LearnedState {
        let time = self.close();
        self.queries.advance_to(time);
        self.send(Query::Learned);
        self.queries.flush();
        let weights = &self.weights;
        self.worker.step_while(|| weights.borrow().is_none());
        self.weights.take().expect("it has just come")
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
    use crate::generator::{Item, Shop, Step, Visitors};
    use crate::protocol::{self, Protocol, Split};
    use crate::read::ClickRecord;
    use dataflows::record::event::Kind;
    use dataflows::score::grade::Hits;
    use dataflows::score::model::Blend;
    use dataflows::score::model_history::Learning;
    use dataflows::score::start::START;

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
        let mut expected = expected.to_vec();
        expected.sort_by(|one, other| other.1.total_cmp(&one.1));
        let mut served = Served::new(&clicks, Model { blend, ..Model::default() }, Grading::NONE);
        clicks.clicks[..learned].iter().for_each(|click| served.learn(click));
        for _ in 0..2 {
            let ranked = served.ask(&clicks.clicks[acts.len() - 1..], 20);
            let products: Vec<&str> = ranked.iter().map(|ranked| ranked.product).collect();
            assert_eq!(products, expected.iter().map(|of| of.0).collect::<Vec<_>>(), "{acts:?}");
            for (ranked, (_, score)) in ranked.iter().zip(&expected) {
                assert!((ranked.score - score).abs() < 1e-9, "{ranked:?}, not {score}: {acts:?}");
            }
        }
    }

    /// A blend of all but what is popular.
    fn pairs() -> Blend {
        Blend { trend: 0.0, ..Blend::default() }
    }

    /// The weights of a visit of one product, in which the share of moments that repeat the one before is so large:
    /// those of its pairs by minutes, of what followed directly, and of two steps; of what was before, and of what is
    /// popular.
    fn weights(again: f64) -> ([f64; 4], f64, f64, f64, [f64; 2]) {
        let start = START[0];
        let of = |source: usize| start[source] * (1.0 - again) / (1.0 - start[6]);
        (std::array::from_fn(of), of(4), of(5), of(6 * 8 + 6), [of(64), of(65)])
    }

    /// The weight of what was four days ago, as the nearest millionths.
    const FOUR_DAYS_AGO: [f64; 2] = [0.845_154, 2.535_463];

    #[test]
    fn pairs_count_by_direction_kind_minutes_and_age() {
        let learned: [Act; 4] = [
            ("u", Kind::View, "a", 0),
            ("u", Kind::View, "b", 1),
            ("u", Kind::AddToCart, "c", 3),
            ("u", Kind::View, "d", 40),
        ];
        let with = |acts: &[Act]| [&learned[..], acts].concat();
        // The belief is 6 of 20; here none of two who went on touched the same again.
        let again = 6.0 / 22.0;
        let ([minute, three, ..], next, steps, ..) = weights(again);
        // d came too late to go with a. What goes with a goes with what goes with it.
        let b = minute * 0.5 + next * 0.5 + steps * (3.0 / 5.0) * 0.7 / (0.7 + 0.7 + 1.0);
        let c = three * 3.0 / 4.0 + steps * (1.0 / 5.0) * 3.0 / (0.7 + 3.0 + 1.0);
        check(
            pairs(),
            &with(&[("x", Kind::View, "a", 41)]),
            4,
            &[("a", again), ("b", b), ("c", c)],
        );
        // a came before b, which counts less; c after it.
        let a = minute * 0.7 / 1.7 + steps * (3.0 / 4.7) * 0.7 / 2.4;
        let c = three * 3.0 / 4.0 + next * 3.0 / 4.0 + steps * (0.7 / 4.7) * 3.0 / 5.0;
        check(
            pairs(),
            &with(&[("x", Kind::View, "b", 41)]),
            4,
            &[("c", c), ("b", again), ("a", a)],
        );
    }

    #[test]
    fn what_is_old_counts_less() {
        let [view, cart] = FOUR_DAYS_AGO;
        let acts: [Act; 5] = [
            ("u", Kind::View, "a", 0),
            ("u", Kind::AddToCart, "c", 10),
            ("v", Kind::View, "a", 4 * DAY),
            ("v", Kind::View, "b", 4 * DAY + 20),
            ("x", Kind::View, "a", 4 * DAY + 21),
        ];
        let again = 6.0 / (20.0 + 1.0 + 1.0 / 1.4_f64.sqrt());
        let ([.., far], next, ..) = weights(again);
        assert!(view < cart);
        let (half, next) = (far / (1.0 + cart + 1.0), next / (1.0 + cart + 1.0));
        let expected = [("a", again), ("c", (half + next) * cart), ("b", half + next)];
        check(pairs(), &acts, 4, &expected);
    }

    #[test]
    fn what_was_before_the_visit_speaks_where_the_visit_is_learned() {
        let acts: [Act; 3] = [
            ("u", Kind::View, "a", 0),
            ("v", Kind::Purchase, "c", 4 * DAY),
            ("u", Kind::View, "b", 4 * DAY),
        ];
        let (again, [view, _]) = (0.3, FOUR_DAYS_AGO);
        let (_, _, _, before, [long, today]) = weights(again);
        let popular = |worth: f64, hot: f64, [mass, all_hot]: [f64; 2]| {
            long * worth / (mass + 1.0) + today * hot / (all_hot + 1.0)
        };
        let mass = [5.0 + view, 5.0 + 0.0016];
        let (a, c) = (popular(view, 0.0016, mass), popular(5.0, 5.0, mass));
        check(Blend::default(), &acts, 2, &[("b", again), ("c", c), ("a", a)]);
        let mass = mass.map(|mass| mass + 1.0);
        let a = before + popular(view, 0.0016, mass);
        let (b, c) = (again + popular(1.0, 1.0, mass), popular(5.0, 5.0, mass));
        check(Blend::default(), &acts, 3, &[("b", b), ("c", c), ("a", a)]);
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
        let blend = Blend { repeat: 0.0, trend: 100.0, ..pairs() };
        let counted = (few - few / users.len() + 1_000) as f64;
        let (.., [long, today]) = weights(0.3);
        let of = |events: f64| 100.0 * (long + today) * events / (counted + 2.0);
        let expected = [("a", of(counted)), ("b", of(1.0))];
        check(blend, &acts, few + 2 * EPOCH + 1, &expected);
    }

    /// Some clicks of a shop, by a few users, who touch what goes together.
    fn some_clicks() -> Clicks {
        let users = ["ann", "bob", "cid", "dan", "eve", "fay"];
        let products = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let (mut state, mut acts, mut minute) = (1_u64, Vec::new(), 0);
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from((state >> 33) % below).unwrap()
        };
        let mut last = [0; 6];
        for _ in 0..400 {
            let user = random(6);
            last[user] = match random(4) {
                0 => random(12),
                1 => last[user],
                _ => (last[user] + 1 + random(2)) % 12,
            };
            acts.push((users[user], Kind::View, products[last[user]], minute));
            minute += 1 + i64::try_from(random(8)).unwrap();
        }
        clicks(&acts)
    }

    /// The grades so far of what was shown by the weights in force, in all three ways.
    fn grades(served: &mut Served) -> [Hits; 3] {
        let state = served.state();
        let mut total = [Hits::default(); 3];
        for (_, hits) in state.learner.grades().days() {
            total.iter_mut().zip(&hits[0]).for_each(|(sum, hits)| sum.merge(hits));
        }
        total
    }

    fn graded(clicks: &Clicks, share: f64) -> Served {
        let grading = Grading { share, per_second: None, learning: Learning::Off, start: &START };
        Served::new(clicks, Model::default(), grading)
    }

    #[test]
    fn the_grade_of_a_set_is_what_the_prequential_protocol_finds() {
        let clicks = some_clicks();
        let mut served = graded(&clicks, 1.0);
        let split = Split { learned: 0..0, asked: 0..clicks.clicks.len() };
        let quality =
            protocol::run(&clicks, &split, Protocol::Prequential, &mut served, &mut || ());
        let [all, other, new] = grades(&mut served);
        let of_quality = [quality.all, quality.without_current, quality.new];
        assert!(all.asked > 200 && new.asked > 50, "{all:?} {new:?}");
        for (hits, metrics) in [all, other, new].iter().zip(of_quality) {
            assert_eq!(hits.asked, metrics.asked);
            let [hr10, hr20, mrr] = hits.estimates().map(|estimate| estimate.value);
            assert_eq!((hr10, hr20), (metrics.hr10, metrics.hr20));
            assert!((mrr - metrics.mrr20).abs() < 1e-5, "{mrr} {}", metrics.mrr20);
        }
    }

    /// Clicks of a made-up shop, one a second.
    fn made_up(count: usize) -> Clicks {
        let shop = Shop::new(500, 1);
        let (mut visitors, mut builder) = (Visitors::new(&shop, 1_000, 1), Builder::default());
        for time in (0..).map(|second| second * 1_000).take(count) {
            let Step { kind, user, product, .. } = visitors.step();
            let (user, Item { id, tags, .. }) = (format!("user{user}"), &shop.items()[product]);
            let (event_type, session, category) = (kind.into(), "", "");
            let (user, product, tags) = (&*user, &**id, tags.to_vec());
            builder.push(&ClickRecord { event_type, time, user, session, product, category, tags });
        }
        builder.build()
    }

    #[test]
    fn epochs_of_a_hundred_events_are_graded_as_single_events_are() {
        const LEARNED: usize = 6_000;
        let clicks = made_up(LEARNED + 4_000);
        let hr20 = |epoch| {
            let mut served = graded(&clicks, 0.5);
            served.epoch = EPOCH;
            clicks.clicks[..LEARNED].iter().for_each(|click| served.learn(click));
            let [before, ..] = grades(&mut served);
            served.epoch = epoch;
            clicks.clicks[LEARNED..].iter().for_each(|click| served.learn(click));
            let [all, ..] = grades(&mut served);
            let asked = all.asked - before.asked;
            assert!(asked > 1_000, "{asked}");
            (all.hits20 - before.hits20) as f64 / asked as f64
        };
        let (single, hundred) = (hr20(1), hr20(100));
        assert!(single > 0.1, "{single}");
        assert!((single - hundred).abs() <= 0.003, "{single} {hundred}");
    }
}
