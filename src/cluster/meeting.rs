//! How all processes of a cluster find each other.
//!
//! Each process listens at its own entry of `hosts` and connects to those of lower number, twice to
//! each: first for the pulse, then for timely's wire. Pulses beat from then on, so that a process
//! that is lost while others are awaited makes room for its successor.

use super::greeting::{Answer, Hello, Purpose, Verdict, receive, send};
use super::knock::{Refusal, knock};
use super::pulse::{Loss, pulse};
use super::{Failed, Plan, Wire};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep, sleep_until};

/// How long to wait before connecting to a process again.
const PAUSE: Duration = Duration::from_millis(200);
/// How often those who are missing are told.
const REPORT: Duration = Duration::from_secs(5);
/// How many may be on their way at a time; strays take no more than this from a process.
const UNDER_WAY: usize = 256;

/// All processes, connected.
pub(super) struct Met {
    pub(super) wires: Vec<Option<Wire>>,
    pub(super) pulses: JoinSet<()>,
    pub(super) loss: watch::Receiver<Option<Loss>>,
}

/// A process as the others come in.
pub(super) struct Meeting {
    plan: Arc<Plan>,
    run: u64,
    left: watch::Receiver<()>,
    seats: Vec<Seat>,
    news: UnboundedSender<News>,
    heard: UnboundedReceiver<News>,
    /// Connections that are being made, in either direction.
    under_way: JoinSet<()>,
    pulses: JoinSet<()>,
    /// What was last warned of, which is not said twice.
    warned: String,
}

/// Where one process of the cluster is.
enum Seat {
    /// It is this one.
    Mine,
    /// Not here, and why.
    Empty(String),
    /// Its pulse has come, with this `Hello::run`; its wire is to follow.
    Half(u64, TcpStream),
    /// Here.
    Taken(Wire),
}

/// What becomes known while others are awaited.
enum News {
    /// A process of lower number has taken this one in.
    TakenIn { process: usize, pulse: TcpStream, wire: TcpStream },
    /// One of lower number can't be reached yet.
    NotYet { process: usize, why: String },
    /// One of lower number never takes this one in.
    TurnedAway { process: usize, reason: String },
    /// Someone wants to be let in.
    Knocks { hello: Hello, stream: TcpStream },
    /// Someone who has no business here was sent away.
    Stray { from: SocketAddr, why: io::Error },
    /// One that was here is lost.
    Lost(Loss),
}

impl Meeting {
    pub(super) fn new(plan: Plan, left: watch::Receiver<()>) -> Meeting {
        let (news, heard) = unbounded_channel();
        let me = plan.me.process;
        let seat = |process| match process {
            process if process == me => Seat::Mine,
            process if process < me => Seat::Empty("not reached yet".into()),
            _ => Seat::Empty("has not come yet".into()),
        };
        Meeting {
            seats: (0..plan.hosts.len()).map(seat).collect(),
            plan: Arc::new(plan),
            // The standard library's hasher is seeded from the system's randomness.
            run: RandomState::new().hash_one(std::process::id()),
            left,
            news,
            heard,
            under_way: JoinSet::new(),
            pulses: JoinSet::new(),
            warned: String::new(),
        }
    }

    /// Waits until all are here. What still knocks then is closed.
    pub(super) async fn run(mut self, listener: TcpListener) -> Result<Met, Failed> {
        for process in 0..self.plan.me.process {
            self.dial(process);
        }
        let mut report = interval_at(Instant::now() + REPORT, REPORT);
        let patience = self.plan.patience;
        let deadline = Instant::now() + patience.unwrap_or_default();
        while !self.seats.iter().all(|seat| matches!(seat, Seat::Mine | Seat::Taken(_))) {
            tokio::select! {
                accepted = listener.accept(), if self.under_way.len() < UNDER_WAY => match accepted {
                    Ok((stream, from)) => self.greet(stream, from),
                    // The peer tries again; out of file descriptors, say, so would this, at once.
                    Err(_) => sleep(PAUSE).await,
                },
                Some(news) = self.heard.recv() => self.hear(news).await?,
                Some(_) = self.under_way.join_next() => {}
                _ = report.tick() => tracing::info!("waiting for {}", self.missing()),
                () = sleep_until(deadline), if patience.is_some() => {
                    let within = patience.unwrap_or_default();
                    return Err(Failed::Missing { within, missing: self.missing() });
                }
            }
        }
        let Meeting { seats, mut heard, pulses, .. } = self;
        let (tell, loss) = watch::channel(None);
        tokio::spawn(async move {
            while let Some(news) = heard.recv().await {
                if let News::Lost(loss) = news {
                    tell.send_replace(Some(loss));
                    // One is enough; but as long as this waits, the loss can be read.
                    tell.closed().await;
                }
            }
        });
        let wire = |seat| if let Seat::Taken(wire) = seat { Some(wire) } else { None };
        Ok(Met { wires: seats.into_iter().map(wire).collect(), pulses, loss })
    }

    fn missing(&self) -> String {
        let missing = self.seats.iter().enumerate().filter_map(|(process, seat)| {
            let why = match seat {
                Seat::Mine | Seat::Taken(_) => return None,
                Seat::Half(..) => "is coming",
                Seat::Empty(why) => why,
            };
            Some(format!("process {process} ({}): {why}", self.plan.hosts[process]))
        });
        missing.collect::<Vec<_>>().join("; ")
    }

    /// Connects to a process until it has taken this one in or turned it away for good.
    fn dial(&mut self, process: usize) {
        let (plan, run, news) = (self.plan.clone(), self.run, self.news.clone());
        self.under_way.spawn(async move {
            loop {
                let joined = async {
                    let pulse = knock(&plan, run, process, Purpose::Pulse).await?;
                    Ok((pulse, knock(&plan, run, process, Purpose::Wire).await?))
                };
                let (told, again) = match joined.await {
                    Ok((pulse, wire)) => (News::TakenIn { process, pulse, wire }, false),
                    Err(Refusal::Never(reason)) => (News::TurnedAway { process, reason }, false),
                    Err(Refusal::Later(why)) => (News::NotYet { process, why }, true),
                };
                if news.send(told).is_err() || !again {
                    return;
                }
                sleep(PAUSE).await;
            }
        });
    }

    /// Lets someone who has connected say who they are.
    fn greet(&mut self, mut stream: TcpStream, from: SocketAddr) {
        let news = self.news.clone();
        self.under_way.spawn(async move {
            let told = match receive(&mut stream).await {
                Ok(hello) => News::Knocks { hello, stream },
                Err(why) => News::Stray { from, why },
            };
            // Nobody hears it once all are here.
            let _ = news.send(told);
        });
    }

    async fn hear(&mut self, news: News) -> Result<(), Failed> {
        match news {
            News::TakenIn { process, pulse, wire } => self.seat(process, pulse, wire),
            News::NotYet { process, why } => self.seats[process] = Seat::Empty(why),
            News::TurnedAway { process, reason } => {
                let address = self.plan.hosts[process].clone();
                return Err(Failed::TurnedAway { process, address, reason });
            }
            News::Knocks { hello, stream } => self.answer(hello, stream).await,
            News::Stray { from, why } => {
                self.warn(format!("a stray connection from {} was closed: {why}", from.ip()));
            }
            News::Lost(loss) => {
                self.warn(loss.to_string());
                self.vacate(loss.process, loss.how.to_string());
            }
        }
        Ok(())
    }

    /// Tells someone who has connected whether they are let in, and does so.
    async fn answer(&mut self, hello: Hello, mut stream: TcpStream) {
        let verdict = self.judge(&hello);
        let process = hello.identity.process;
        if let Verdict::Later(reason) | Verdict::Never(reason) = &verdict {
            self.warn(format!("process {process} was not let in: {reason}"));
        }
        let welcome = verdict == Verdict::Welcome;
        // It waits for nobody: the buffer of a fresh connection takes it whole.
        let sent = send(&mut stream, &Answer { identity: self.plan.me.clone(), verdict }).await;
        if !welcome || sent.is_err() {
            return;
        }
        match (hello.purpose, &mut self.seats[process]) {
            (Purpose::Pulse, seat) => *seat = Seat::Half(hello.run, stream),
            (Purpose::Wire, seat) => {
                if let Seat::Half(_, pulse) = std::mem::replace(seat, Seat::Empty(String::new())) {
                    self.seat(process, pulse, stream);
                }
            }
        }
    }

    fn judge(&self, hello: &Hello) -> Verdict {
        let me = &self.plan.me;
        if let Err(reason) = me.fits(&hello.identity) {
            return Verdict::Never(reason);
        }
        let (process, mine) = (hello.identity.process, me.process);
        match self.seats.get(process) {
            Some(Seat::Taken(_)) => Verdict::Later(format!("there is a process {process} already")),
            Some(_) if process <= mine => Verdict::Never(format!(
                "it calls itself process {process}, and process {mine} is here"
            )),
            Some(Seat::Half(run, _)) if hello.purpose == Purpose::Wire && *run == hello.run => {
                Verdict::Welcome
            }
            Some(_) if hello.purpose == Purpose::Pulse => Verdict::Welcome,
            Some(_) => Verdict::Later("its other connection is not here".into()),
            None => Verdict::Never(format!("there are only {} processes", self.seats.len())),
        }
    }

    /// A process is here: its pulse begins.
    fn seat(&mut self, process: usize, stream: TcpStream, wire: TcpStream) {
        let wire = match wire.into_std() {
            Ok(wire) => wire,
            Err(error) => return self.vacate(process, error.to_string()),
        };
        let broken = Arc::new(Notify::new());
        self.seats[process] = Seat::Taken(Wire::new(wire, broken.clone()));
        let address = self.plan.hosts[process].clone();
        tracing::info!(process, address, "connected");
        let (silence, left, news) = (self.plan.silence, self.left.clone(), self.news.clone());
        self.pulses.spawn(async move {
            if let Some(how) = pulse(stream, broken, silence, left).await {
                // Nobody hears it when another loss came first.
                let _ = news.send(News::Lost(Loss { process, address, how }));
            }
        });
    }

    fn vacate(&mut self, process: usize, why: String) {
        self.seats[process] = Seat::Empty(why);
        if process < self.plan.me.process {
            self.dial(process);
        }
    }

    fn warn(&mut self, what: String) {
        if what != self.warned {
            tracing::warn!("{what}");
            self.warned = what;
        }
    }
}
