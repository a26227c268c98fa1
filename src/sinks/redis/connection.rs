//! A worker's end of its connection to Redis; the other end is a thread of its own.

use crate::config::RedisConfig;
use crate::engine::RecordTimes;
use crate::metrics::SinkWorkerMetrics;
use crate::service_health::ServiceHealth;
use crate::sinks::redis::audit::Audit;
use crate::sinks::redis::dialer::Dialer;
use crate::sinks::redis::encode::Pipeline;
use crate::sinks::redis::lease::{Grant, Lease};
use crate::sinks::redis::seal::Profiles;
use crate::sinks::redis::writer::{ConnectionStatus, Delivery, Found, Writer};
use crossbeam_channel::{Receiver, Sender, bounded};
use redis::RedisResult;
use std::sync::Arc;

/// The most pipelines under way: the next one is encoded while Redis works on one.
const IN_FLIGHT: usize = 2;

/// The worker's end of the connection. No call of it blocks.
pub(super) struct Connection {
    sender: Sender<Delivery>,
    /// The number of pipelines that were sent.
    sent: u64,
    lease: Lease,
    /// Buffers of pipelines that Redis has taken: the next ones are written into them.
    spare: Receiver<Vec<u8>>,
    status: Arc<ConnectionStatus>,
}

impl Connection {
    /// Starts the thread, which connects when it has something to write.
    pub(super) fn open(
        config: &RedisConfig,
        (dialer, lease): (&Dialer, &Lease),
        worker: usize,
        observers: (SinkWorkerMetrics, ServiceHealth),
    ) -> RedisResult<Connection> {
        let (sender, deliveries) = bounded(IN_FLIGHT);
        let (give_back, spare) = bounded(IN_FLIGHT);
        let status = Arc::new(ConnectionStatus::default());
        let held = (lease.clone(), config.lease);
        let writer =
            Writer::new(dialer.clone(), held, worker, observers, status.clone(), give_back);
        std::thread::Builder::new()
            .name(format!("redis-{worker}"))
            .spawn(move || writer.run(&deliveries))?;
        Ok(Connection { sender, sent: 0, lease: lease.clone(), spare, status })
    }

    /// What the keeper and the thread share with the worker.
    pub(super) fn status(&self) -> Arc<ConnectionStatus> {
        self.status.clone()
    }

    /// What this engine may write, if it may.
    pub(super) fn grant(&self) -> Option<Grant> {
        self.lease.grant()
    }

    /// The profiles that Redis has held since before this engine took it, if that is known.
    pub(super) fn sealed(&self) -> Option<Arc<Profiles>> {
        self.lease.sealed()
    }

    /// Tells the keeper whether Redis has taken all that the worker knows.
    pub(super) fn settle(&self, settled: bool) {
        self.status.settle(settled);
    }

    /// True when another pipeline may be sent.
    pub(super) fn is_free(&self) -> bool {
        self.status.in_flight() < IN_FLIGHT
    }

    /// The number of pipelines that were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// The number of them that Redis has taken. What is wrong with these is known.
    pub(super) fn acknowledged(&self) -> u64 {
        self.sent - self.status.in_flight() as u64
    }

    /// The users whose keys are to be looked at, since the last call.
    pub(super) fn take_found(&self) -> Vec<Found> {
        self.status.take_found()
    }

    /// The comparison that was asked for since the last call.
    pub(super) fn take_audit(&self) -> Option<Arc<Audit>> {
        self.status.take_audit()
    }

    /// True if Redis has not allowed to compare since the last call.
    pub(super) fn take_refuses_comparing(&self) -> bool {
        self.status.take_refuses_comparing()
    }

    /// Returns a buffer for the next pipeline.
    pub(super) fn spare(&self) -> Vec<u8> {
        self.spare.try_recv().unwrap_or_default()
    }

    /// True when Redis has lost its data since the last call.
    pub(super) fn take_lost(&self) -> bool {
        self.status.take_lost()
    }

    /// The users whose key turned out not to hold what was written, since the last call.
    pub(super) fn take_damaged(&self) -> Vec<String> {
        self.status.take_damaged()
    }

    /// Sends a pipeline, with the record times of the events that are written once Redis has taken it.
    /// The thread wakes the worker then.
    pub(super) fn send(&mut self, pipeline: Pipeline, records: RecordTimes) {
        self.status.sent();
        self.sent += 1;
        // The thread ends only after this end is dropped.
        let _ = self.sender.send(Delivery { pipeline, records, worker: std::thread::current() });
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.status.give_up();
    }
}
