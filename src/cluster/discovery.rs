//! Connects this process to all others of its cluster.
//!
//! Each process listens at its own entry of `hosts` and dials those of lower number, twice each:
//! first for the heartbeat, then for timely's data. Heartbeats start at once, so that a process
//! that is lost while others are still awaited can be replaced by its successor.

use super::RETRY;
use super::dial::{DialError, dial};
use super::error::ConnectError;
use super::handshake::{Hello, HelloAnswer, Purpose, Verdict, receive, send};
use super::heartbeat::{Leaving, Loss, heartbeat};
use super::plan::ClusterPlan;
use super::wire::Wire;
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

/// The interval at which the missing processes are logged.
const REPORT: Duration = Duration::from_secs(5);
/// The most handshakes at a time, so that strays cannot use up the process's file descriptors.
const MOST_HANDSHAKES: usize = 256;

/// A random number, one a start of the program.
pub(super) fn run() -> u64 {
    // The standard library's hasher is seeded from the system's randomness.
    RandomState::new().hash_one(std::process::id())
}

/// The connections to all other processes.
pub(super) struct Connected {
    pub(super) wires: Vec<Option<Wire>>,
    pub(super) heartbeats: JoinSet<()>,
    pub(super) loss: watch::Receiver<Option<Loss>>,
    /// The run of the first process, which is that of all.
    pub(super) run: u64,
}

/// Collects the connections to the other processes until all are there.
pub(super) struct Discovery {
    plan: Arc<ClusterPlan>,
    run: u64,
    /// That of the first process, once it is known.
    first_run: u64,
    leaving: watch::Receiver<Leaving>,
    /// One entry a process of the cluster.
    peers: Vec<Peer>,
    sender: UnboundedSender<DiscoveryEvent>,
    events: UnboundedReceiver<DiscoveryEvent>,
    /// Dialing and accepting, one task a connection.
    handshakes: JoinSet<()>,
    heartbeats: JoinSet<()>,
    /// The last warning, which is not repeated.
    warned: String,
}

/// A process of the cluster, as far as it is connected.
enum Peer {
    /// This process itself.
    Myself,
    /// Not connected, and why.
    Absent(String),
    /// The heartbeat's connection is there, of the run that its `Hello` names; the one for data is
    /// to follow.
    Half(u64, TcpStream),
    /// Both connections are there.
    Connected(Wire),
}

/// A message from a task to the discovery.
enum DiscoveryEvent {
    /// A process of lower number has accepted both connections.
    Accepted { process: usize, run: u64, heartbeat: TcpStream, wire: TcpStream },
    /// A process of lower number cannot be reached yet.
    Unreachable { process: usize, why: String },
    /// A process of lower number never accepts this one.
    Rejected { process: usize, reason: String },
    /// A process has connected and said who it is.
    Incoming { hello: Hello, stream: TcpStream },
    /// Something that is no process of a cluster has connected, and was closed.
    Stray { from: SocketAddr, why: io::Error },
    /// A connected process is lost.
    Lost(Loss),
}

impl Discovery {
    pub(super) fn new(plan: ClusterPlan, leaving: watch::Receiver<Leaving>) -> Discovery {
        let (sender, events) = unbounded_channel();
        let me = plan.me.process;
        let run = run();
        let peer = |process| match process {
            process if process == me => Peer::Myself,
            process if process < me => Peer::Absent("not reached yet".into()),
            _ => Peer::Absent("has not come yet".into()),
        };
        Discovery {
            peers: (0..plan.hosts.len()).map(peer).collect(),
            plan: Arc::new(plan),
            run,
            first_run: run,
            leaving,
            sender,
            events,
            handshakes: JoinSet::new(),
            heartbeats: JoinSet::new(),
            warned: String::new(),
        }
    }

    /// Waits until all processes are connected, and tells at each turn which are missing. Handshakes that
    /// are still under way then are closed. `lost` is called with the first process that is lost later.
    pub(super) async fn run(
        mut self,
        listener: TcpListener,
        waits: &(dyn Fn(&str) + Sync),
        lost: impl FnOnce(&Loss) + Send + 'static,
    ) -> Result<Connected, ConnectError> {
        for process in 0..self.plan.me.process {
            self.dial(process);
        }
        let mut report = interval_at(Instant::now() + REPORT, REPORT);
        let patience = self.plan.patience;
        let deadline = Instant::now() + patience.unwrap_or_default();
        while !self.peers.iter().all(|peer| matches!(peer, Peer::Myself | Peer::Connected(_))) {
            waits(&self.missing());
            tokio::select! {
                accepted = listener.accept(), if self.handshakes.len() < MOST_HANDSHAKES => {
                    match accepted {
                        Ok((stream, from)) => self.accept(stream, from),
                        // The peer dials again; without file descriptors, say, the next accept
                        // would fail at once.
                        Err(_) => sleep(RETRY).await,
                    }
                }
                Some(event) = self.events.recv() => self.handle(event).await?,
                Some(_) = self.handshakes.join_next() => {}
                _ = report.tick() => tracing::info!("waiting for {}", self.missing()),
                () = sleep_until(deadline), if patience.is_some() => {
                    let within = patience.unwrap_or_default();
                    return Err(ConnectError::Missing { within, missing: self.missing() });
                }
            }
        }
        let Discovery { peers, mut events, heartbeats, first_run: run, .. } = self;
        let (losses, loss) = watch::channel(None);
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let DiscoveryEvent::Lost(loss) = event {
                    lost(&loss);
                    losses.send_replace(Some(loss));
                    // The first loss ends the process. Waiting here keeps it readable until then.
                    return losses.closed().await;
                }
            }
        });
        let wire = |peer| if let Peer::Connected(wire) = peer { Some(wire) } else { None };
        Ok(Connected { wires: peers.into_iter().map(wire).collect(), heartbeats, loss, run })
    }

    fn missing(&self) -> String {
        let missing = self.peers.iter().enumerate().filter_map(|(process, peer)| {
            let why = match peer {
                Peer::Myself | Peer::Connected(_) => return None,
                Peer::Half(..) => "is coming",
                Peer::Absent(why) => why,
            };
            Some(format!("process {process} ({}): {why}", self.plan.hosts[process]))
        });
        missing.collect::<Vec<_>>().join("; ")
    }

    /// Dials a process, again and again, until it accepts or rejects this one.
    fn dial(&mut self, process: usize) {
        let (plan, run, sender) = (self.plan.clone(), self.run, self.sender.clone());
        self.handshakes.spawn(async move {
            loop {
                let both = async {
                    let (heartbeat, _) = dial(&plan, run, process, Purpose::Heartbeat).await?;
                    let (wire, its_run) = dial(&plan, run, process, Purpose::Data).await?;
                    Ok((heartbeat, wire, its_run))
                };
                let (event, again) = match both.await {
                    Ok((heartbeat, wire, run)) => {
                        (DiscoveryEvent::Accepted { process, run, heartbeat, wire }, false)
                    }
                    Err(DialError::Fatal(reason)) => {
                        (DiscoveryEvent::Rejected { process, reason }, false)
                    }
                    Err(DialError::Retry(why)) => {
                        (DiscoveryEvent::Unreachable { process, why }, true)
                    }
                };
                if sender.send(event).is_err() || !again {
                    return;
                }
                sleep(RETRY).await;
            }
        });
    }

    /// Reads the `Hello` of a connection that was accepted.
    fn accept(&mut self, mut stream: TcpStream, from: SocketAddr) {
        let sender = self.sender.clone();
        self.handshakes.spawn(async move {
            let event = match receive(&mut stream).await {
                Ok(hello) => DiscoveryEvent::Incoming { hello, stream },
                Err(why) => DiscoveryEvent::Stray { from, why },
            };
            // The receiver is gone once all processes are connected; then the stream is closed.
            let _ = sender.send(event);
        });
    }

    async fn handle(&mut self, event: DiscoveryEvent) -> Result<(), ConnectError> {
        match event {
            DiscoveryEvent::Accepted { process, run, heartbeat, wire } => {
                if process == 0 {
                    self.first_run = run;
                }
                self.connected(process, heartbeat, wire);
            }
            DiscoveryEvent::Unreachable { process, why } => {
                self.peers[process] = Peer::Absent(why);
            }
            DiscoveryEvent::Rejected { process, reason } => {
                let address = self.plan.hosts[process].clone();
                return Err(ConnectError::Rejected { process, address, reason });
            }
            DiscoveryEvent::Incoming { hello, stream } => self.answer(hello, stream).await,
            DiscoveryEvent::Stray { from, why } => {
                self.warn(format!("a stray connection from {} was closed: {why}", from.ip()));
            }
            DiscoveryEvent::Lost(loss) => {
                self.warn(loss.to_string());
                self.disconnected(loss.process, loss.cause.to_string());
            }
        }
        Ok(())
    }

    /// Answers the `Hello` of another process, and keeps its connection if it is accepted.
    async fn answer(&mut self, hello: Hello, mut stream: TcpStream) {
        let verdict = self.judge(&hello);
        let process = hello.identity.process;
        if let Verdict::Later(reason) | Verdict::Never(reason) = &verdict {
            self.warn(format!("process {process} was not let in: {reason}"));
        }
        let welcome = verdict == Verdict::Welcome;
        // This does not block: the send buffer of a fresh connection takes the whole answer.
        let answer = HelloAnswer { identity: self.plan.me.clone(), run: self.run, verdict };
        if send(&mut stream, &answer).await.is_err() || !welcome {
            return;
        }
        match (hello.purpose, &mut self.peers[process]) {
            (Purpose::Heartbeat, peer) => *peer = Peer::Half(hello.run, stream),
            (Purpose::Data, peer) => {
                let before = std::mem::replace(peer, Peer::Absent(String::new()));
                if let Peer::Half(_, heartbeat) = before {
                    self.connected(process, heartbeat, stream);
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
        match self.peers.get(process) {
            Some(Peer::Connected(_)) => {
                Verdict::Later(format!("there is a process {process} already"))
            }
            Some(_) if process <= mine => Verdict::Never(format!(
                "it calls itself process {process}, and process {mine} is here"
            )),
            Some(Peer::Half(run, _)) if hello.purpose == Purpose::Data && *run == hello.run => {
                Verdict::Welcome
            }
            Some(_) if hello.purpose == Purpose::Heartbeat => Verdict::Welcome,
            Some(_) => Verdict::Later("its other connection is not here".into()),
            None => Verdict::Never(format!("there are only {} processes", self.peers.len())),
        }
    }

    /// Notes that both connections of a process are there, and starts its heartbeat.
    fn connected(&mut self, process: usize, heartbeats: TcpStream, wire: TcpStream) {
        let wire = match wire.into_std() {
            Ok(wire) => wire,
            Err(error) => return self.disconnected(process, error.to_string()),
        };
        let broken = Arc::new(Notify::new());
        self.peers[process] = Peer::Connected(Wire::new(wire, broken.clone()));
        let address = self.plan.hosts[process].clone();
        tracing::info!(process, address, "connected");
        let (silence, leaving) = (self.plan.silence, self.leaving.clone());
        let sender = self.sender.clone();
        self.heartbeats.spawn(async move {
            if let Some(cause) = heartbeat(heartbeats, broken, silence, leaving).await {
                // The receiver is gone when another loss came first.
                let _ = sender.send(DiscoveryEvent::Lost(Loss { process, address, cause }));
            }
        });
    }

    /// Notes that a process is not connected, and dials it again if that is this process's part.
    fn disconnected(&mut self, process: usize, why: String) {
        self.peers[process] = Peer::Absent(why);
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
