//! The setup of timely: its settings, and the channels between workers.

use crate::cluster::Wire;
use crate::config::Config;
use differential_dataflow::trace::ExertionLogic;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use timely::CommunicationConfig;
use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::zero_copy::initialize::initialize_networking_from_sockets;
use timely::communication::{AllocatorBuilder, Hooks};

/// The settings of timely and differential. A worker without input goes on with the merges under way,
/// `idle_merge_effort` records a step, and sleeps once they are done.
///
/// NB: differential's own idle merging goes on until one batch is left: after each small epoch it would
/// merge a whole view anew.
pub(super) fn settings(idle_merge_effort: usize) -> timely::WorkerConfig {
    let exert: ExertionLogic = Arc::new(move |batches| {
        let merging = batches.iter().any(|&(_, count, _)| count > 1);
        (merging && idle_merge_effort > 0).then_some(idle_merge_effort)
    });
    let mut settings = timely::WorkerConfig::default().idle_spin(Duration::ZERO);
    settings.set("differential/default_exert_logic".into(), exert);
    settings
}

/// The channels between the workers: within the process, or over the wires where there are any. The
/// second value holds timely's threads for the wires.
pub(super) fn allocators(
    config: &Config,
    wires: Vec<Option<Wire>>,
) -> Result<(Vec<AllocatorBuilder>, Box<dyn Any + Send>), String> {
    if wires.is_empty() {
        return match config.workers {
            1 => CommunicationConfig::Thread.try_build(),
            workers => CommunicationConfig::Process(workers).try_build(),
        };
    }
    let (workers, hooks) = (config.workers, Hooks::default());
    let local = ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), None);
    let (builders, network) =
        initialize_networking_from_sockets(local, wires, config.process, workers, hooks)
            .map_err(|error| error.to_string())?;
    Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(network)))
}
