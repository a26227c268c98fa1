//! The other processes: finding them all at the start, and missing one that is lost.
//!
//! Timely moves the data between processes, but its own way of connecting them panics on any stray
//! connection, lets any two builds meet, and never finds a peer that has frozen. So the connections
//! are made here, two between each pair of processes: a [`Wire`] that timely gets, and a pulse that
//! tells, a few times a second, that the other end still lives.
//!
//! There is no going on without a peer: timely cannot take one in again. Whoever loses one ends, and
//! the supervisor starts all of them anew.

mod greeting;
mod knock;
mod meeting;
mod pulse;
mod wire;
#[cfg(test)]
mod tests;

pub use pulse::{How, Loss};
pub use wire::Wire;

use crate::config::Config;
use greeting::Identity;
use meeting::Meeting;
use std::net::TcpListener;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// This process among the others of its cluster, or alone.
pub struct Cluster {
    wires: Vec<Option<Wire>>,
    bond: Option<Bond>,
}

/// What holds a process to the others.
struct Bond {
    /// The pulses, and the threads that they run on.
    pulses: JoinSet<()>,
    runtime: Runtime,
    leaving: watch::Sender<()>,
    loss: watch::Receiver<Option<Loss>>,
}

/// Why a process is not in its cluster.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Nobody can reach this process.
    #[error("hosts[{process}] = {address:?}: cannot listen there")]
    Listen {
        /// This process.
        process: usize,
        /// Its entry in `hosts`.
        address: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process does not take this one in, and never will.
    #[error("process {process} ({address}) turns this one away: {reason}")]
    TurnedAway {
        /// The other process.
        process: usize,
        /// Its entry in `hosts`.
        address: String,
        /// Why.
        reason: String,
    },
    /// Not all have come in time.
    #[error("not all processes have come in {within:?}; still missing: {missing}")]
    Missing {
        /// How long was waited: `cluster.connect_timeout_ms`.
        within: Duration,
        /// Who has not come, with what is known of each.
        missing: String,
    },
    /// No thread could be had.
    #[error("the cluster's thread could not be made")]
    Thread(#[source] std::io::Error),
}

/// What a process must know to meet the others.
#[derive(Clone, Debug)]
struct Plan {
    me: Identity,
    hosts: Vec<String>,
    /// How long to wait for all; without an end when there is none.
    patience: Option<Duration>,
    /// After how long a silence a peer is lost.
    silence: Duration,
}

impl Plan {
    fn of(config: &Config) -> Plan {
        Plan {
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
    /// Meets all other processes; waits until they are there. At once when there are none.
    ///
    /// # Errors
    /// When nobody can reach this process, it does not fit to another one, or not all come in time.
    pub fn connect(config: &Config) -> Result<Cluster, Failed> {
        if config.processes() == 1 {
            return Ok(Cluster { wires: Vec::new(), bond: None });
        }
        let plan = Plan::of(config);
        let address = &config.hosts[config.process];
        let listener = TcpListener::bind(address).map_err(|source| Failed::Listen {
            process: config.process,
            address: address.clone(),
            source,
        })?;
        Cluster::meet(plan, listener)
    }

    fn meet(plan: Plan, listener: TcpListener) -> Result<Cluster, Failed> {
        // Its own thread: nothing that is slow elsewhere may stop the pulse.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cluster")
            .enable_all()
            .build()
            .map_err(Failed::Thread)?;
        let (leaving, left) = watch::channel(());
        let process = plan.me.process;
        let met = runtime.block_on(async {
            let address = plan.hosts[process].clone();
            let listener = listener
                .set_nonblocking(true)
                .and_then(|()| tokio::net::TcpListener::from_std(listener))
                .map_err(|source| Failed::Listen { process, address, source })?;
            Meeting::new(plan, left).run(listener).await
        })?;
        tracing::info!(process, processes = met.wires.len(), "all processes are connected");
        Ok(Cluster {
            wires: met.wires,
            bond: Some(Bond { pulses: met.pulses, runtime, leaving, loss: met.loss }),
        })
    }

    /// Whether there are no others.
    pub fn is_alone(&self) -> bool {
        self.bond.is_none()
    }

    /// The connections for timely, one a process and none to this one; none at all when it is
    /// alone. They can be taken once.
    pub fn take_wires(&mut self) -> Vec<Option<Wire>> {
        std::mem::take(&mut self.wires)
    }

    /// Completes when a peer is lost; never for a process that is alone. The future holds nothing of
    /// the cluster.
    pub fn lost(&self) -> impl Future<Output = Loss> + Send + 'static {
        let loss = self.bond.as_ref().map(|bond| bond.loss.clone());
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
    /// Says farewell, so that the others know that this process has left and not failed.
    fn drop(&mut self) {
        let Some(Bond { mut pulses, runtime, leaving, .. }) = self.bond.take() else { return };
        leaving.send_replace(());
        runtime.block_on(async {
            let told = async { while pulses.join_next().await.is_some() {} };
            // Who can't be told in time will see the connections end.
            let _ = tokio::time::timeout(FAREWELL, told).await;
        });
        runtime.shutdown_background();
    }
}
