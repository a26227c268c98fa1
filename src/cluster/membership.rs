//! This process as a member of its cluster, from the first connection to its leaving.

use super::FAREWELL;
use super::discovery::Discovery;
use super::error::ConnectError;
use super::heartbeat::Loss;
use super::plan::ClusterPlan;
use super::wire::Wire;
use crate::config::Config;
use std::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// This process among the others of its cluster, or alone.
pub struct Cluster {
    wires: Vec<Option<Wire>>,
    pub(super) membership: Option<Membership>,
}

/// The live connections to the other processes.
pub(super) struct Membership {
    pub(super) heartbeats: JoinSet<()>,
    /// Runs the heartbeats, on a thread of its own.
    pub(super) runtime: Runtime,
    pub(super) leaving: watch::Sender<()>,
    loss: watch::Receiver<Option<Loss>>,
}

impl Cluster {
    /// Connects to all other processes and waits until they are there, and tells again and again which
    /// are missing. Returns at once when there are none.
    ///
    /// # Errors
    /// When this process cannot listen, does not fit to another one, or not all connect in time.
    pub fn connect(
        config: &Config,
        waits: &(dyn Fn(&str) + Sync),
    ) -> Result<Cluster, ConnectError> {
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
        Cluster::meet(plan, listener, waits)
    }

    pub(super) fn meet(
        plan: ClusterPlan,
        listener: TcpListener,
        waits: &(dyn Fn(&str) + Sync),
    ) -> Result<Cluster, ConnectError> {
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
            Discovery::new(plan, left).run(listener, waits).await
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

impl Drop for Cluster {
    /// Tells the peers that this process leaves, so that they do not take it for failed.
    fn drop(&mut self) {
        let Some(Membership { mut heartbeats, runtime, leaving, .. }) = self.membership.take()
        else {
            return;
        };
        leaving.send_replace(());
        runtime.block_on(async {
            let all_told = async { while heartbeats.join_next().await.is_some() {} };
            // A peer that can't be told in time sees its connection end.
            let _ = tokio::time::timeout(FAREWELL, all_told).await;
        });
        runtime.shutdown_background();
    }
}
