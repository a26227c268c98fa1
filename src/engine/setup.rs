//! Everything that a worker is given at its start.

use crate::engine::asking::SharedTime;
use crate::engine::intake::Outlet;
use crate::engine::messages::{Announcement, Report};
use crate::engine::process_state::ProcessState;
use crate::engine::question::Question;
use crate::engine::sink::UnattachedSink;
use crate::engine::storage::{Restored, Stored};
use crate::metrics::EngineWorkerMetrics;
use crossbeam_channel::{Receiver, Sender};
use dataflows::graph::ViewConfig;
use dataflows::score::merchandising::Merchandising;
use dataflows::score::model::{Blend, RankingWeights};
use dataflows::score::weights::Weights;
use std::sync::Arc;

/// The inputs of a worker's dataflows.
pub(super) struct WorkerInputs {
    pub(super) views: ViewConfig,
    pub(super) sink: Option<Box<dyn UnattachedSink>>,
    pub(super) questions: Receiver<Box<dyn Question>>,
    /// The time that the workers of this process ask as of.
    pub(super) as_of: Arc<SharedTime>,
    /// What it begins with.
    pub(super) restored: Receiver<Restored>,
    /// Gets what it gives to be stored.
    pub(super) stored: Option<Sender<(usize, Stored)>>,
}

/// The ends of a worker's queues, its limits and its share of the process's state.
pub(super) struct WorkerSlot {
    pub(super) outlet: Outlet,
    /// Changes of the model; only the first worker of all is sent any.
    pub(super) changes: Receiver<ModelChange>,
    /// What all workers are to be told; only the first worker of all is sent anything.
    pub(super) announcements: Receiver<Announcement>,
    /// What the first worker of all is to be told.
    pub(super) reports: Receiver<Report>,
    /// What the first worker of all was told.
    pub(super) reported: Sender<Report>,
    pub(super) metrics: EngineWorkerMetrics,
    /// The most records of an epoch.
    pub(super) epoch_records: usize,
    /// The most epochs that are open at a time.
    pub(super) open_epochs: usize,
    pub(super) process: Arc<ProcessState>,
}

/// A change of a part of the model, at run time.
#[derive(Clone, Debug)]
pub enum ModelChange {
    /// The weight of each kind of event.
    Weights(Weights),
    /// The mix of the parts of a recommendation's score.
    Blend(Blend),
    /// The rules of the shop.
    Rules(Merchandising),
    /// What the shop wants of the weights of rankings.
    Ranking(RankingWeights),
}
