//! What is done to the engine and its services, by the seed.

use super::Random;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A process is killed.
    Kill,
    /// A process is told to end.
    Stop,
    /// A process stands still, for less time than makes it lost.
    Pause,
    /// A process stands still until the others have given it up.
    Freeze,
    /// A process stands still, another engine takes its place, and then it wakes up.
    Replace,
    /// All processes are killed, and a file of the newest checkpoint is damaged.
    Damage,
    /// So many brokers are killed.
    Brokers(usize),
    Redis,
    /// Redis loses all that it has.
    Flush,
    ZooKeeper,
    /// The weights are changed over HTTP.
    Weights,
    /// They are changed in ZooKeeper, past the engine.
    Node,
}

/// Each kind of fault as often as it comes in one round. How many brokers, one to three, is drawn.
const ROUND: [Fault; 14] = [
    Fault::Kill,
    Fault::Kill,
    Fault::Kill,
    Fault::Stop,
    Fault::Pause,
    Fault::Freeze,
    Fault::Replace,
    Fault::Damage,
    Fault::Brokers(0),
    Fault::Redis,
    Fault::Flush,
    Fault::ZooKeeper,
    Fault::Weights,
    Fault::Node,
];

/// One fault, and what goes with it. All of it is drawn before the run, so that no outcome changes what comes.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) fault: Fault,
    /// The process or the broker that it is done to, modulo how many there are.
    pub(super) target: usize,
    /// How long after the fault before.
    pub(super) after: Duration,
    /// Whether the process that it is done to need not have caught up.
    pub(super) in_start: bool,
    /// How many further faults come before a service that is away comes back.
    pub(super) lasts: usize,
    /// Processes, and workers of each, if they are to be started.
    pub(super) shape: Shape,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) processes: usize,
    pub(super) workers: usize,
}

pub(super) fn shape(random: &mut Random) -> Shape {
    Shape { processes: 2 - usize::from(random.one_in(3)), workers: 1 + random.index(3) }
}

pub(super) fn plan(random: &mut Random, faults: usize) -> Vec<Step> {
    let mut left = Vec::new();
    let mut step = |_| {
        if left.is_empty() {
            left.extend(ROUND);
        }
        let mut fault = left.swap_remove(random.index(left.len()));
        if let Fault::Brokers(count) = &mut fault {
            *count = 1 + random.index(3);
        }
        Step {
            fault,
            target: random.index(6),
            after: Duration::from_millis(random.below(1_500)),
            in_start: random.one_in(3),
            lasts: random.index(3),
            shape: shape(random),
        }
    };
    (0..faults).map(&mut step).collect()
}
