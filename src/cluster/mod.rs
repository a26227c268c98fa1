//! Connects the processes of a cluster at the start, and notices when one is lost.
//!
//! Timely moves the data between processes, but its own way of connecting them panics on any stray
//! connection, connects any two builds, and never notices a peer that has frozen. So the connections
//! are made here, two between each pair of processes: a [`Wire`] for timely's data, and one for the
//! heartbeats, which tell a few times a second that the other end still lives.
//!
//! A process cannot go on without a peer, as timely cannot let one join again. One that loses a peer
//! ends, and the supervisor starts all of them anew.

mod handshake;
mod dial;
mod discovery;
mod heartbeat;
mod wire;
#[cfg(test)]
mod tests;

pub use heartbeat::{Loss, LossCause};
pub use wire::Wire;

use crate::config::Config;
use discovery::Discovery;
use handshake::Identity;
use std::net::TcpListener;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The longest time that telling the peers of this process's end may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// This process among the others of its cluster, or alone.
pub struct Cluster {
    wires: Vec<Option<Wire>>,
    membership: Option<Membership>,
}

/// The live connections to the other processes.
struct Membership {
    heartbeats: JoinSet<()>,
    /// Runs the heartbeats, on a thread of its own.
    runtime: Runtime,
    leaving: watch::Sender<()>,
    loss: watch::Receiver<Option<Loss>>,
}

/// Why a process could not join its cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// This process cannot listen, so nobody can reach it.
    #[error("hosts[{process}] = {address:?}: cannot listen there")]
    Listen {
        /// This process.
        process: usize,
        /// Its entry in `hosts`.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process rejects this one for good.
    #[error("process {process} ({address}) turns this one away: {reason}")]
    Rejected {
        /// The other process.
        process: usize,
        /// Its entry in `hosts`.
        address: String,
        /// Why.
        reason: String,
    },
    /// Not all processes have connected in time.
    #[error("not all processes have come in {within:?}; still missing: {missing}")]
    Missing {
        /// The time that was waited: `cluster.connect_timeout_ms`.
        within: Duration,
        /// The processes that are missing, with what is known of each.
        missing: String,
    },
    /// The thread for the heartbeats could not be started.
    #[error("the cluster's thread could not be made")]
    Thread(#[source] std::io::Error),
}

/// What a process must know to connect to the others.
#[derive(Clone, Debug)]
struct ClusterPlan {
    me: Identity,
    hosts: Vec<String>,
    /// The longest time to wait for all; `None` waits for ever.
    patience: Option<Duration>,
    /// A peer counts as lost after a silence of this length.
    silence: Duration,
}

impl ClusterPlan {
    fn of(config: &Config) -> ClusterPlan {
        ClusterPlan {
            me: Identity {
                version: env!("CARGO_PKG_VERSION").into(),
                fingerprint: config.fingerprint(),
                workers: config.workers,
                process: config.process,
            },
            hosts: config.hosts.clone(),
            patience: config.cluster.connect_timeout,
            silence: config.cluster.peer_timeout,
        }
    }
}

impl Cluster {
    /// Connects to all other processes and waits until they are there. Returns at once when there are
    /// none.
    ///
    /// # Errors
    /// When this process cannot listen, does not fit to another one, or not all connect in time.
    pub fn connect(config: &Config) -> Result<Cluster, ConnectError> {
        if config.processes() == 1 {
            return Ok(Cluster { wires: Vec::new(), membership: None });
        }
        let plan = ClusterPlan::of(config);
        let address = &config.hosts[config.process];
        let listener = TcpListener::bind(address).map_err(|source| ConnectError::Listen {
            process: config.process,
            address: address.clone(),
            source,
        })?;
        Cluster::meet(plan, listener)
    }

    fn meet(plan: ClusterPlan, listener: TcpListener) -> Result<Cluster, ConnectError> {
        // A thread of their own: nothing that is slow elsewhere may delay the heartbeats.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cluster")
            .enable_all()
            .build()
            .map_err(ConnectError::Thread)?;
        let (leaving, left) = watch::channel(());
        let process = plan.me.process;
        let connected = runtime.block_on(async {
            let address = plan.hosts[process].clone();
            let listener = listener
                .set_nonblocking(true)
                .and_then(|()| tokio::net::TcpListener::from_std(listener))
                .map_err(|source| ConnectError::Listen { process, address, source })?;
            Discovery::new(plan, left).run(listener).await
        })?;
        tracing::info!(process, processes = connected.wires.len(), "all processes are connected");
        Ok(Cluster {
            wires: connected.wires,
            membership: Some(Membership {
                heartbeats: connected.heartbeats,
                runtime,
                leaving,
                loss: connected.loss,
            }),
        })
    }

    /// Whether this process has no peers.
    pub fn is_alone(&self) -> bool {
        self.membership.is_none()
    }

    /// Takes the connections for timely: one a process, `None` for this one; an empty list when it is
    /// alone. A second call returns an empty list.
    pub fn take_wires(&mut self) -> Vec<Option<Wire>> {
        std::mem::take(&mut self.wires)
    }

    /// Completes when a peer is lost; never for a process that is alone. The future does not keep the
    /// cluster alive.
    pub fn lost(&self) -> impl Future<Output = Loss> + Send + 'static {
        let loss = self.membership.as_ref().map(|membership| membership.loss.clone());
        async move {
            if let Some(mut loss) = loss
                && let Ok(loss) = loss.wait_for(Option::is_some).await
                && let Some(loss) = &*loss
            {
                return loss.clone();
            }
            // Alone, or the cluster has been left: nobody can be lost any more.
            std::future::pending().await
        }
    }
}

impl Drop for Cluster {
    /// Tells the peers that this process leaves, so that they do not take it for failed.
    fn drop(&mut self) {
        let Some(Membership { mut heartbeats, runtime, leaving, .. }) = self.membership.take()
        else {
            return;
        };
        leaving.send_replace(());
        runtime.block_on(async {
            let told = async { while heartbeats.join_next().await.is_some() {} };
            // A peer that can't be told in time sees its connection end.
            let _ = tokio::time::timeout(FAREWELL, told).await;
        });
        runtime.shutdown_background();
    }
}
