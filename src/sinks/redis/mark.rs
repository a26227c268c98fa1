//! The marker of positions: what Redis has been told of each partition.
//!
//! It holds the positions of all partitions as of one logical time, and is written once every worker of every process
//! has had all its changes of earlier times acknowledged. So Redis holds at least what these positions hold. Each
//! worker tells how far it is with the answer to a question, and all answer as of one time: what they say of the
//! positions is written when a later answer says that all are past its time.
//!
//! In a cluster a copy goes to each of the other nodes first: one that has lost it has lost what it had acknowledged.

use crate::engine::question::{Answer, Asker};
use crate::sinks::redis::nodes::Nodes;
use crate::sinks::redis::topology::placed;
use crate::sinks::redis::watched::{replace, watch};
use dataflows::questions::ask::{SinkProgress, Written};
use dataflows::time::Time;
use redis::RedisResult;
use serde_json::{Map, Value};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

/// The key of the marker.
pub(super) const KEY: &str = "recsys:marker";
/// The time between two questions.
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes the marker.
pub(super) struct Marks {
    asker: Asker,
    run: String,
    asked: Option<Receiver<Answer<SinkProgress>>>,
    asked_at: Option<Instant>,
    positions: Awaited,
    /// The marker as this run wrote it last.
    last: Option<String>,
}

impl Marks {
    pub(super) fn new(asker: Asker, run: String) -> Marks {
        let positions = Awaited::default();
        Marks { asker, run, asked: None, asked_at: None, positions, last: None }
    }

    /// Drops what is awaited: only positions as of a later time than now are written.
    pub(super) fn restart(&mut self) {
        self.asked = None;
        self.positions.restart(now());
    }

    /// Asks, takes an answer, and writes the marker, if it is time.
    pub(super) fn step(&mut self, nodes: &mut Nodes, fence: u64) -> RedisResult<()> {
        if let Some(asked) = &mut self.asked {
            let answer = match asked.try_recv() {
                Err(TryRecvError::Empty) => return Ok(()),
                answer => answer.ok(),
            };
            self.asked = None;
            if let Some((as_of, positions)) = answer.and_then(|answer| self.positions.take(answer))
            {
                self.write(nodes, fence, as_of, positions)?;
            }
        }
        if self.asked_at.is_none_or(|at| INTERVAL <= at.elapsed()) {
            self.asked_at = Some(Instant::now());
            // Before the workers have started there is nobody to ask.
            self.asked = self.asker.ask(Written).ok();
        }
        Ok(())
    }

    /// Writes the marker, if the last one is still there: without it Redis has lost data, and workers may not know
    /// of it yet.
    fn write(
        &mut self,
        nodes: &mut Nodes,
        fence: u64,
        as_of: Time,
        positions: Vec<(String, i64)>,
    ) -> RedisResult<()> {
        let positions: Map<_, _> =
            positions.into_iter().map(|(partition, next)| (partition, Value::from(next))).collect();
        let marker = serde_json::json!({"run": self.run, "fence": fence, "asOf": as_of, "positions": positions});
        let marker = marker.to_string();
        let mut found = copy(nodes, &marker)?;
        let home = &mut nodes.home();
        found.push(watch(home, KEY)?);
        let last = self.last.take().map(String::into_bytes);
        let is_there = last.is_none() || found.iter().all(|found| *found == last);
        if replace(home, KEY, is_there.then_some(&marker))? {
            self.last = Some(marker);
        } else {
            self.positions.restart(now());
        }
        Ok(())
    }
}

/// Writes copies of the marker to the nodes that are not its own. Returns what was there.
fn copy(nodes: &mut Nodes, marker: &str) -> RedisResult<Vec<Option<Vec<u8>>>> {
    let topology = nodes.topology().clone();
    let others = (0..topology.masters()).filter(|node| *node != topology.home());
    let written = others.map(|node| {
        let key = placed(KEY, topology.slot_of(node, &[]));
        let found = nodes.query(node, redis::cmd("GETSET").arg(key).arg(marker));
        // Its slot is being moved: what is there is not known.
        found.or_else(|error| if error.code() == Some("ASK") { Ok(None) } else { Err(error) })
    });
    written.collect()
}

/// Positions that are to be written once all workers are past their time.
#[derive(Default)]
struct Awaited {
    next: Option<(Time, Vec<(String, i64)>)>,
    /// Only positions of later times count.
    after: Time,
}

impl Awaited {
    /// Takes an answer. Returns positions whose time has come.
    fn take(&mut self, answer: Answer<SinkProgress>) -> Option<(Time, Vec<(String, i64)>)> {
        let Answer { as_of, body: SinkProgress { before, positions } } = answer;
        let written = self.next.take_if(|(time, _)| *time < before);
        if self.next.is_none() && self.after < as_of {
            self.next = Some((as_of, positions));
        }
        written
    }

    /// Drops what is awaited: from now on positions of later times count alone.
    fn restart(&mut self, after: Time) {
        *self = Awaited { next: None, after };
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::try_from(since.as_micros()).unwrap_or(Time::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_when_all_workers_are_past_their_time() {
        let answer = |as_of, before, next| {
            let positions = vec![("view-events/0".to_owned(), next)];
            Answer { as_of, body: SinkProgress { before, positions } }
        };
        let mut awaited = Awaited::default();
        let mut check = |as_of, before, next, expected: Option<(Time, i64)>| {
            let written = awaited.take(answer(as_of, before, next));
            let written = written.map(|(time, positions)| (time, positions[0].1));
            assert_eq!(written, expected, "{as_of} {before}");
        };
        check(10, 3, 1, None);
        check(20, 10, 2, None);
        check(30, 11, 3, Some((10, 1)));
        // What is written next is as of the time of the answer that the last one was written at.
        check(40, 30, 4, None);
        check(50, 45, 5, Some((30, 3)));
        awaited.restart(60);
        let mut check = |as_of, before, next, expected: Option<(Time, i64)>| {
            let written = awaited.take(answer(as_of, before, next));
            let written = written.map(|(time, positions)| (time, positions[0].1));
            assert_eq!(written, expected, "{as_of} {before}");
        };
        check(60, 59, 6, None);
        check(70, 69, 7, None);
        check(80, 70, 8, None);
        check(90, 71, 9, Some((70, 7)));
    }
}
