//! This process as a member of its cluster, from the first connection to its leaving.

use super::discovery::{Discovery, run};
use super::error::ConnectError;
use super::heartbeat::{Leaving, Loss};
use super::plan::ClusterPlan;
use super::wire::Wire;
use super::{FAREWELL, RETRY};
use crate::config::Config;
use std::net::{TcpListener, ToSocketAddrs};
use std::time::Instant;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// This process among the others of its cluster, or alone.
pub struct Cluster {
    wires: Vec<Option<Wire>>,
    run: u64,
    pub(super) membership: Option<Membership>,
}

/// The live connections to the other processes.
pub(super) struct Membership {
    pub(super) heartbeats: JoinSet<()>,
    /// Runs the heartbeats, on a thread of its own.
    pub(super) runtime: Runtime,
    pub(super) leaving: watch::Sender<Leaving>,
    loss: watch::Receiver<Option<Loss>>,
}

impl Cluster {
    /// Connects to all other processes and waits until they are there, and tells again and again which
    /// are missing. Returns at once when there are none. From then on `lost` is called, once, as soon as
    /// one is lost, whatever this process is doing.
    ///
    /// # Errors
    /// When this process cannot listen, does not fit to another one, or not all connect in time.
    pub fn connect(
        config: &Config,
        waits: &(dyn Fn(&str) + Sync),
        lost: impl FnOnce(&Loss) + Send + 'static,
    ) -> Result<Cluster, ConnectError> {
        if config.processes() == 1 {
            return Ok(Cluster { wires: Vec::new(), run: run(), membership: None });
        }
        let plan = ClusterPlan::of(config);
        let listener = listen(&plan, waits)?;
        Cluster::meet(plan, listener, waits, lost)
    }

    pub(super) fn meet(
        plan: ClusterPlan,
        listener: TcpListener,
        waits: &(dyn Fn(&str) + Sync),
        lost: impl FnOnce(&Loss) + Send + 'static,
    ) -> Result<Cluster, ConnectError> {
        // A thread of their own: nothing that is slow elsewhere may delay the heartbeats.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("cluster")
            .enable_all()
            .build()
            .map_err(ConnectError::Thread)?;
        let (leaving, left) = watch::channel(Leaving::default());
        let process = plan.me.process;
        let connected = runtime.block_on(async {
            let address = plan.hosts[process].clone();
            let listener = listener
                .set_nonblocking(true)
                .and_then(|()| tokio::net::TcpListener::from_std(listener))
                .map_err(|source| ConnectError::Listen { process, address, source })?;
            Discovery::new(plan, left).run(listener, waits, lost).await
        })?;
        tracing::info!(process, processes = connected.wires.len(), "all processes are connected");
        Ok(Cluster {
            wires: connected.wires,
            run: connected.run,
            membership: Some(Membership {
                heartbeats: connected.heartbeats,
                runtime,
                leaving,
                loss: connected.loss,
            }),
        })
    }

    /// A random number that all processes of this run of the cluster share, and no other run has.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// Whether this process has no peers.
    pub fn is_alone(&self) -> bool {
        self.membership.is_none()
    }

    /// Takes the connections for timely: one a process, `None` for this one; an empty list when it
    /// is alone. A second call returns an empty list.
    pub fn take_wires(&mut self) -> Vec<Option<Wire>> {
        std::mem::take(&mut self.wires)
    }

    /// Completes when a peer is lost; never for a process that is alone. The future does not keep
    /// the cluster alive.
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

/// Listens where the others look for this process. A name that is not known yet is waited for: that of a container
/// may be a moment later than its processes.
pub(super) fn listen(
    plan: &ClusterPlan,
    waits: &(dyn Fn(&str) + Sync),
) -> Result<TcpListener, ConnectError> {
    let (process, begun) = (plan.me.process, Instant::now());
    let address = &plan.hosts[process];
    let failed = |source| ConnectError::Listen { process, address: address.clone(), source };
    let mut told = false;
    loop {
        let unknown = match address.to_socket_addrs() {
            Ok(_) => return TcpListener::bind(address).map_err(failed),
            Err(unknown) => unknown,
        };
        if plan.patience.is_some_and(|patience| begun.elapsed() >= patience) {
            return Err(failed(unknown));
        }
        waits(&format!("the address of this process ({address}): {unknown}"));
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(process, address, %unknown, "the name of this process is not known; waiting for it");
        }
        std::thread::park_timeout(RETRY);
    }
}

impl Drop for Cluster {
    /// Tells the peers that this process leaves, so that they do not take it for failed.
    fn drop(&mut self) {
        let Some(Membership { mut heartbeats, runtime, leaving, loss }) = self.membership.take()
        else {
            return;
        };
        let is_alone = loss.borrow().is_some();
        leaving.send_replace(if is_alone { Leaving::Alone } else { Leaving::Told });
        runtime.block_on(async {
            let all_told = async { while heartbeats.join_next().await.is_some() {} };
            // A peer that can't be told in time sees its connection end.
            let _ = tokio::time::timeout(FAREWELL, all_told).await;
        });
        runtime.shutdown_background();
    }
}
