//! Asks over HTTP and tells how long answers took.
//!
//! Open loop: request k is due at start + k / rate, whether or not earlier ones have been answered,
//! and its latency counts from then. So a stall of the engine counts for every request that was due
//! in it, and so does the generator's own delay, which is told apart as `sent_late`. Closed loop:
//! each connection asks as soon as it has its answer. A request waits for a connection that is free.

use crate::http::{Answer, connect, write_request};
use crate::traffic::Traffic;
use anyhow::{bail, ensure};
use clap::Args;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Load {
    /// Where the engine listens
    #[arg(long)]
    http: String,
    /// What is asked for; {user} and {product} become names
    #[arg(long)]
    path: String,
    /// What is posted, {user} and {product} filled in; without it, it is a GET
    #[arg(long, default_value = "")]
    post: String,
    /// The token that is sent, if there is one
    #[arg(long, default_value = "")]
    token: String,
    /// Requests a second, over all connections
    #[arg(long, conflicts_with = "closed", required_unless_present = "closed")]
    rate: Option<u32>,
    /// As fast as answers come
    #[arg(long)]
    closed: bool,
    /// Kept-alive connections
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// For how many seconds
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// How many seconds at the beginning do not count
    #[arg(long, default_value_t = 2)]
    warm_up: u32,
    #[arg(long, default_value_t = 500_000)]
    users: u32,
    /// All users are as likely
    #[arg(long)]
    even_users: bool,
    #[arg(long, default_value_t = 100_000)]
    products: u32,
}

/// How long after its end an open loop asks what is overdue.
const GRACE: Duration = Duration::from_secs(5);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The token of the clock; connections are those below.
const CLOCK: Token = Token(usize::MAX);

/// What was seen: latencies in microseconds.
#[derive(Default)]
struct Seen {
    latencies: Vec<u32>,
    late: Vec<u32>,
    failed: u32,
    missed: u32,
    bytes: usize,
}

/// A connection, which may wait for an answer.
struct Asker {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
    /// When what is asked was due.
    due: Instant,
    /// How late it was sent.
    late: Duration,
}

/// When requests are due.
struct Schedule {
    next: Instant,
    /// The time between two; none in a closed loop.
    gap: Option<Duration>,
    /// From when on they count.
    counted: Instant,
    end: Instant,
}

impl Load {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let poll = Poll::new()?;
        // Connections first, so that none of the load goes into setting them up.
        let mut askers: Vec<Asker> = (0..self.connections as usize)
            .map(|token| Asker::open(&self.http, poll.registry(), Token(token)))
            .collect::<anyhow::Result<_>>()?;
        let start = Instant::now();
        let counted = start + Duration::from_secs(self.warm_up.into());
        let gap = self.rate.map(|rate| Duration::from_secs(1) / rate);
        let end = counted + Duration::from_secs(self.seconds.into());
        let mut schedule = Schedule { next: start, gap, counted, end };
        let mut seen = Seen::default();
        self.ask(poll, &mut askers, &mut schedule, &mut seen)?;
        seen.missed = schedule.left();
        seen.print(f64::from(self.seconds));
        Ok(())
    }

    /// One thread for all connections: less work than a thread each.
    fn ask(
        &self,
        mut poll: Poll,
        askers: &mut [Asker],
        schedule: &mut Schedule,
        seen: &mut Seen,
    ) -> anyhow::Result<()> {
        let mut traffic = Traffic::new(1_000, self.users, self.products).even(self.even_users);
        let clock = Clock::new(poll.registry())?;
        let mut events = Events::with_capacity(256);
        // In turn, so that none lies idle until it is closed.
        let mut idle: VecDeque<usize> = (0..askers.len()).collect();
        loop {
            while let Some(&index) = idle.front()
                && let Some(due) = schedule.take()
            {
                idle.pop_front();
                self.send(&mut askers[index], due, &mut traffic)?;
            }
            if schedule.is_over() && idle.len() == askers.len() {
                return Ok(());
            }
            if !idle.is_empty() && !schedule.is_over() {
                clock.set(schedule.next)?;
            }
            poll.poll(&mut events, Some(PATIENCE))?;
            ensure!(!events.is_empty(), "an answer did not come");
            for event in events.iter().filter(|event| event.token() != CLOCK) {
                let Token(index) = event.token();
                if let Some(Answer { status, body }) = askers[index].receive()? {
                    let Asker { due, late, .. } = askers[index];
                    if schedule.counted <= due {
                        seen.latencies.push(micros(due.elapsed()));
                        seen.late.push(micros(late));
                        seen.failed += u32::from(!(200..300).contains(&status));
                        seen.bytes += body.len();
                    }
                    idle.push_back(index);
                }
            }
        }
    }

    fn send(&self, asker: &mut Asker, due: Instant, traffic: &mut Traffic) -> anyhow::Result<()> {
        let act = traffic.next().expect("traffic is endless");
        let fill = |text: &str| {
            text.replace("{user}", &format!("user{}", act.user))
                .replace("{product}", &format!("product{}", act.product))
        };
        let (path, body) = (fill(&self.path), fill(&self.post));
        let method = if self.post.is_empty() { "GET" } else { "POST" };
        asker.send(due, (method, &path, &self.token), &body)
    }
}

impl Schedule {
    /// When the next request is due, or was, if that is now or earlier.
    fn take(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let Some(gap) = self.gap else { return (now < self.end).then_some(now) };
        if now < self.next || self.is_over() {
            return None;
        }
        let due = self.next;
        self.next += gap;
        Some(due)
    }

    /// Whether nothing more is to be asked: all was, or the engine is overrun.
    fn is_over(&self) -> bool {
        match self.gap {
            Some(_) => self.end <= self.next || self.end + GRACE < Instant::now(),
            None => self.end <= Instant::now(),
        }
    }

    /// How many requests that count were not asked.
    fn left(&self) -> u32 {
        let left = self.end.saturating_duration_since(self.next.max(self.counted));
        let left = self.gap.map_or(0, |gap| left.as_nanos().div_ceil(gap.as_nanos()));
        u32::try_from(left).unwrap_or(u32::MAX)
    }
}

impl Asker {
    fn open(address: &str, registry: &Registry, token: Token) -> anyhow::Result<Asker> {
        let stream = connect(address)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE)?;
        let (request, answer) = Default::default();
        Ok(Asker { stream, request, answer, due: Instant::now(), late: Duration::ZERO })
    }

    fn send(
        &mut self,
        due: Instant,
        (method, path, token): (&str, &str, &str),
        body: &str,
    ) -> anyhow::Result<()> {
        write_request(&mut self.request, method, path, token, body)?;
        (self.due, self.late) = (due, due.elapsed());
        self.answer.clear();
        // NB: assumes that a request fits into the socket's buffer, which is empty by now.
        Ok(self.stream.write_all(&self.request)?)
    }

    /// Takes what has come; tells of the answer when that is all.
    fn receive(&mut self) -> anyhow::Result<Option<Answer>> {
        let mut chunk = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => bail!("a connection was closed"),
                Ok(received) => self.answer.extend_from_slice(&chunk[..received]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            if let Some(answer) = Answer::whole(&self.answer)? {
                return Ok(Some(answer));
            }
        }
    }
}

/// Wakes a poll at a moment, to the microsecond; a poll's own patience is counted in milliseconds.
struct Clock(OwnedFd);

impl Clock {
    fn new(registry: &Registry) -> anyhow::Result<Clock> {
        let clock = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        registry.register(&mut SourceFd(&clock.as_raw_fd()), CLOCK, Interest::READABLE)?;
        Ok(Clock(clock))
    }

    /// Setting it anew takes back what it has told.
    fn set(&self, moment: Instant) -> anyhow::Result<()> {
        let left = moment.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec {
            tv_sec: i64::try_from(left.as_secs())?,
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let flags = TimerfdTimerFlags::empty();
        timerfd_settime(&self.0, flags, &Itimerspec { it_interval: zero, it_value: value })?;
        Ok(())
    }
}

impl Seen {
    fn print(&mut self, seconds: f64) {
        self.latencies.sort_unstable();
        self.late.sort_unstable();
        let count = self.latencies.len();
        println!("requests {count}\nrequests_per_s {:.0}", count as f64 / seconds);
        println!("failed {}\nmissed {}", self.failed, self.missed);
        println!("answer_bytes {}", self.bytes / count.max(1));
        for (name, share) in
            [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)]
        {
            if let Some(latency) = quantile(&self.latencies, share) {
                println!("{name}_ms {latency:.3}");
            }
        }
        if let Some(late) = quantile(&self.late, 0.99) {
            println!("sent_late_p99_ms {late:.3}");
        }
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// In milliseconds, of sorted microseconds.
fn quantile(sorted: &[u32], share: f64) -> Option<f64> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length"
    )]
    let place = (share * sorted.len() as f64).ceil() as usize;
    Some(f64::from(*sorted.get(place.saturating_sub(1))?) / 1e3)
}
