//! Drives the whole dataflow from memory, as fast as it goes, to measure and profile it.
//!
//! ```text
//! cargo run --release -p dataflows --example drive -- -w 2 --events 2000000
//! ```
//!
//! Blocks are made before the clock starts. Then each worker feeds its share as the engine does: in
//! epochs of at most `--epoch` events, of which two are open, and compacts what is complete. At the
//! end it prints the events per second until all workers have completed the last epoch, the rankings per second of
//! visitors of the same kind if any are asked for, and the records and bytes of what is held.
#![allow(clippy::print_stdout, reason = "it prints its results")]

mod traffic;

use dataflows::graph::{Grading, Holders, Listeners, Mode, Persistence, ViewConfig, graph};
use dataflows::held::Size;
use dataflows::ids::dictionary::SharedDictionaries;
use dataflows::ids::hash::owner;
use dataflows::ingest::reading::Reading;
use dataflows::questions::query::{Query, RoutedQuery};
use dataflows::questions::{Queries, questions};
use dataflows::ranking::rules::{Basis, Rules};
use dataflows::record::block::Block;
use dataflows::record::event::{Event, EventType};
use dataflows::record::reached::Reached;
use dataflows::time::{RESTORED, Time, hour, input_time};
use dataflows::views::history::Limits;
use std::cell::Cell;
use std::collections::VecDeque;
use std::iter::Peekable;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};
use timely::dataflow::operators::{Inspect, probe};
use timely::worker::Worker;
use traffic::{Traffic, TrafficEvent};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
drive [-w WORKERS] [--events N] [--epoch N] [--users N] [--even-users] [--products N] [--span N] [--ids] [--guests] [--removals] [--all] [--rank N]
  -w WORKERS    worker threads (1)
  --events N    in all (2000000)
  --epoch N     at most so many events of a worker in an epoch (20000)
  --users N     log-uniform (500000)
  --even-users  all users are as likely
  --products N  log-uniform (100000)
  --span N      over how many seconds of a shop's time they are spread, evenly (604800)
  --ids         each event has an id of its own
  --guests      each user is a guest, who comes for 3 events and never again; what is held is told at each third
  --removals    after each cart comes its removal
  --all         all views; without it, the profile alone
  --rank N      all views, and each worker then asks for 20 products for N visitors, 4 at a time";

/// The size of a unit of the sources in bytes of events, about, for all owners.
const UNIT_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy)]
struct Options {
    workers: usize,
    events: usize,
    epoch: usize,
    users: u32,
    even_users: bool,
    products: u32,
    span: u32,
    ids: bool,
    guests: bool,
    removals: bool,
    all: bool,
    rank: usize,
}

/// The products of a ranking, and the most rankings that a worker waits for.
const RANKED: usize = 20;
const OPEN_RANKINGS: usize = 4;

/// The events of a guest.
const GUEST_EVENTS: usize = 3;

/// The events that a source hands over at once: a block for each owner.
type Unit = Vec<(usize, Block)>;

fn main() -> Result<(), String> {
    // The engine disables them, too.
    #[cfg(target_os = "linux")]
    rustix::thread::disable_transparent_huge_pages(true).map_err(|error| error.to_string())?;
    let options = options(std::env::args().skip(1)).map_err(|what| format!("{what}\n{USAGE}"))?;
    let shares = Mutex::new(shares(&options).into_iter().map(Some).collect::<Vec<_>>());
    let start = Arc::new(Barrier::new(options.workers));
    let progress = Arc::new((AtomicU64::new(0), AtomicUsize::new(0)));
    let config = timely::Config {
        communication: timely::CommunicationConfig::Process(options.workers),
        worker: timely::WorkerConfig::default().idle_spin(Duration::ZERO),
    };
    let guards = timely::execute(config, move |worker| {
        let share = shares.lock().ok().and_then(|mut shares| shares[worker.index()].take());
        let share = share.expect("each worker takes its own share, once");
        run(worker, &options, share, &start, (&progress.0, &progress.1))
    })?;
    let results: Vec<Driven> = guards.join().into_iter().collect::<Result<_, _>>()?;
    let slowest = |took: fn(&Driven) -> Duration| {
        results.iter().map(took).max().unwrap_or_default().as_secs_f64()
    };
    let seconds = slowest(|driven| driven.fed);
    println!("events {}\nseconds {seconds:.3}", options.events);
    println!("events_per_s {:.0}", options.events as f64 / seconds);
    if options.rank > 0 {
        let rankings = (options.rank * options.workers) as f64;
        println!("rankings_per_s {:.0}", rankings / slowest(|driven| driven.ranked));
    }
    for (index, Driven { sizes, .. }) in results.iter().enumerate() {
        println!("worker_{index} {sizes}");
    }
    println!("max_rss_kb {}", status_kb("VmHWM:"));
    Ok(())
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        workers: 1,
        events: 2_000_000,
        epoch: 20_000,
        users: 500_000,
        even_users: false,
        products: 100_000,
        span: 604_800,
        ids: false,
        guests: false,
        removals: false,
        all: false,
        rank: 0,
    };
    while let Some(name) = arguments.next() {
        let flag = match name.as_str() {
            "--all" => Some(&mut options.all),
            "--ids" => Some(&mut options.ids),
            "--guests" => Some(&mut options.guests),
            "--removals" => Some(&mut options.removals),
            "--even-users" => Some(&mut options.even_users),
            _ => None,
        };
        if let Some(flag) = flag {
            *flag = true;
            continue;
        }
        let value = arguments.next().ok_or(format!("{name}: what?"))?;
        let number: u32 = value.parse().map_err(|_| format!("{name} {value}: not a number"))?;
        match name.as_str() {
            "-w" => options.workers = number as usize,
            "--events" => options.events = number as usize,
            "--epoch" => options.epoch = number as usize,
            "--users" => options.users = number,
            "--products" => options.products = number,
            "--span" => options.span = number,
            "--rank" => (options.rank, options.all) = (number as usize, true),
            _ => return Err(format!("no such option: {name}")),
        }
    }
    Ok(options)
}

/// By worker, the units of its source: to the workers in turn, as partitions advance together.
fn shares(options: &Options) -> Vec<VecDeque<Unit>> {
    let mut shares = vec![VecDeque::new(); options.workers];
    if !options.guests {
        for (number, unit) in Units::new(options).enumerate() {
            shares[number % options.workers].push_back(unit);
        }
    }
    shares
}

/// Makes the units of all sources, one after the other.
struct Units {
    options: Options,
    traffic: Traffic,
    blocks: Vec<Block>,
    number: usize,
    /// A cart whose removal is next.
    cart: Option<TrafficEvent>,
}

impl Units {
    fn new(options: &Options) -> Units {
        Units {
            options: *options,
            traffic: Traffic::new(1, options.users, options.products).even(options.even_users),
            blocks: vec![Block::default(); options.workers],
            number: 0,
            cart: None,
        }
    }

    /// Makes the next event.
    fn push(&mut self) {
        let Options { workers, events, span, ids, guests, removals, .. } = self.options;
        let number = self.number;
        self.number += 1;
        let cart = self.cart.take();
        let event = cart.or_else(|| self.traffic.next()).expect("traffic is endless");
        let event_type = if cart.is_some() { EventType::RemoveFromCart } else { event.kind.into() };
        self.cart = (removals && event_type == EventType::AddToCart).then_some(event);
        let product = format!("product{}", event.product);
        let user = match guests {
            true => format!("session-{:026}", number / GUEST_EVENTS),
            false => format!("user{}", event.user),
        };
        let tags = event.tags.map(|tag| format!("tag{tag}"));
        let time = 1_750_000_000_000 + number as u64 * u64::from(span) * 1_000 / events as u64;
        let recorded = hour(time);
        let time = i64::try_from(time).expect("milliseconds since 1970");
        // As long as a UUID.
        let id = if ids { format!("{number:036}") } else { String::new() };
        let block = &mut self.blocks[owner(&user, workers)];
        block.note_clock(time);
        block.push(&Event {
            event_type,
            time,
            user: &user,
            product: &product,
            category: "",
            session: if guests { &user } else { "" },
            id: &id,
            tags: tags.iter().map(String::as_str).collect(),
            recorded,
        });
    }
}

impl Iterator for Units {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let full = |blocks: &[Block], epoch: usize| {
            blocks.iter().map(Block::len).sum::<usize>() >= UNIT_BYTES
                || blocks.iter().map(Block::events).sum::<usize>() >= epoch
        };
        while self.number < self.options.events && !full(&self.blocks, self.options.epoch) {
            self.push();
        }
        let unit = self.blocks.iter_mut().map(std::mem::take).enumerate();
        let unit: Unit = unit.filter(|(_, block)| !block.is_empty()).collect();
        (!unit.is_empty()).then_some(unit)
    }
}

/// What a worker has done.
struct Driven {
    /// The time until all workers had completed all epochs.
    fed: Duration,
    /// The time until all rankings had come.
    ranked: Duration,
    /// What it holds, by name.
    sizes: String,
}

/// Feeds a worker its share, and asks for rankings.
fn run(
    worker: &mut Worker,
    options: &Options,
    mut share: VecDeque<Unit>,
    start: &Barrier,
    (latest_epoch, fed_workers): (&AtomicU64, &AtomicUsize),
) -> Driven {
    let config = ViewConfig {
        mode: if options.all { Mode::All } else { Mode::Profile },
        // The engine's defaults. With the default span no event is older than the horizon.
        limits: Limits { paired: 100, kept: 1_000, horizon: 30 * 24 },
        pairs_days: 180,
        grading: Grading::NONE,
        copy_hours: 1,
        stay_hours: None,
        persistence: Persistence::NONE,
    };
    let dictionaries = SharedDictionaries::default();
    let (mut inputs, views, closed, mut holders) = worker.dataflow::<Time, _, _>(|scope| {
        let (inputs, outputs) = graph(scope, config, &dictionaries, Listeners::NONE);
        (inputs, outputs.views, outputs.closed, outputs.holders)
    });
    // Names are erased once no question is about them.
    let (answers, asking) = (Rc::new(Cell::new(0)), probe::Handle::new());
    let mut queries = (options.guests || options.rank > 0).then(|| {
        worker.dataflow(|scope| {
            let (queries, answered) = questions(scope, views, &dictionaries, &asking);
            let answers = answers.clone();
            answered.inspect(move |_| answers.set(answers.get() + 1));
            queries
        })
    });
    let mut units = options.guests.then(|| {
        let (me, workers) = (worker.index(), worker.peers());
        Units::new(options).skip(me).step_by(workers).peekable()
    });
    start.wait();
    let began = Instant::now();
    // The first time is that of what is restored, which nothing is.
    let (mut time, mut open) = (input_time(RESTORED + 1), VecDeque::new());
    inputs.advance_to(time);
    let told = Cell::new(0);
    inputs.reached.send(Reading::all_known(worker.index()));
    let (mut fed, mut thirds) = (0, 0);
    let is_over = |share: &VecDeque<Unit>, units: &mut Option<_>| {
        let none = |units: &mut Peekable<_>| units.peek().is_none();
        share.is_empty() && units.as_mut().is_none_or(none)
    };
    let mut is_fed = false;
    // A worker without input goes on until all have completed theirs: they need it.
    while fed_workers.load(Ordering::SeqCst) < worker.peers() {
        while open.front().is_some_and(|time| *time <= closed.before()) {
            open.pop_front();
        }
        let mut events = 0;
        while events < options.epoch && open.len() < 2 {
            let next = share.pop_front().or_else(|| units.as_mut().and_then(Iterator::next));
            let Some(unit) = next else { break };
            events += unit.iter().map(|(_, block)| block.events()).sum::<usize>();
            let newest = unit.iter().map(|(_, block)| block.newest()).max().unwrap_or_default();
            let hour = hour(u64::try_from(newest).unwrap_or_default());
            if hour > told.replace(hour) {
                let partition = format!("source {}", worker.index());
                inputs.reached.send(Reached { partition, hour, is_behind: true });
            }
            unit.into_iter().for_each(|block| inputs.blocks.send(block));
        }
        // Workers without input follow the others, as in the engine.
        let micros = u64::try_from(began.elapsed().as_micros()).expect("not that long");
        let next = if events > 0 {
            input_time(micros.max(time + 1))
        } else {
            latest_epoch.load(Ordering::SeqCst)
        };
        if next > time {
            if events > 0 {
                open.push_back(next);
                latest_epoch.fetch_max(next, Ordering::SeqCst);
            }
            time = next;
            inputs.advance_to(time);
        }
        let idle = if events > 0 { Duration::ZERO } else { Duration::from_micros(500) };
        worker.step_or_park(Some(idle));
        holders.release(closed.before());
        if let Some(queries) = &mut queries {
            let complete = closed.before().saturating_sub(1);
            if complete > *queries.time() && complete < time {
                queries.advance_to(complete);
            }
            fed += events;
            if options.guests && fed * 3 / (options.events / worker.peers()).max(1) > thirds {
                thirds += 1;
                let sizes = sizes(&holders);
                let bytes: usize = sizes.iter().map(|(_, size)| size.bytes).sum();
                println!("third {thirds}: held_kb {} rss_kb {}", bytes / 1024, status_kb("VmRSS:"));
                println!("third {thirds}: {}", text(&sizes));
            }
        }
        if !is_fed && is_over(&share, &mut units) && open.is_empty() {
            is_fed = true;
            fed_workers.fetch_add(1, Ordering::SeqCst);
        }
    }
    let fed = began.elapsed();
    let began = Instant::now();
    if let Some(mut queries) = queries {
        queries.advance_to(closed.before() - 1);
        rank(worker, options, &mut queries, &answers);
    }
    let ranked = began.elapsed();
    if options.rank > 0 {
        // A worker that is done helps to answer the others.
        worker.step_while(|| !asking.done());
    }
    Driven { fed, ranked, sizes: text(&sizes(&holders)) }
}

/// Asks for the rankings of a worker, until all have been answered.
fn rank(worker: &mut Worker, options: &Options, queries: &mut Queries, answers: &Cell<usize>) {
    let seed = 2 + worker.index() as u64;
    let mut visitors = Traffic::new(seed, options.users, options.products).even(options.even_users);
    let mut asked = 0;
    while answers.get() < options.rank {
        while asked < options.rank && asked - answers.get() < OPEN_RANKINGS {
            let user = visitors.next().expect("traffic is endless").user;
            let basis = Basis::User(format!("user{user}"));
            let query = Query::Rank { basis, rules: Rules::first(RANKED), own: None };
            let routed =
                RoutedQuery::route(worker.index(), asked as u64, vec![query], worker.peers());
            routed.into_iter().for_each(|query| queries.send(query));
            asked += 1;
        }
        queries.flush();
        worker.step_or_park(Some(Duration::from_micros(500)));
    }
}

type Sizes = Vec<(&'static str, Size)>;

/// What is held, by name.
fn sizes(holders: &Holders) -> Sizes {
    let mut sizes = Sizes::new();
    holders.each(|name, size, _| sizes.push((name, size)));
    sizes
}

fn text(sizes: &Sizes) -> String {
    let text = |(name, size): &(_, Size)| format!("{name}={}:{}", size.records, size.bytes);
    sizes.iter().map(text).collect::<Vec<_>>().join(",")
}

/// A line of the process's status that is in kilobytes.
fn status_kb(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or(" ? kB");
    line.trim().trim_end_matches(" kB").into()
}
