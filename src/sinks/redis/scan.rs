//! Walks over the keys of Redis, and has each worker look at those of its users: a key of somebody who has no profile
//! is foreign.

use crate::sinks::redis::audit::{Audit, Report};
use crate::sinks::redis::encode::PREFIX;
use crate::sinks::redis::nodes::Nodes;
use crate::sinks::redis::topology::Topology;
use crate::sinks::redis::writer::{ConnectionStatus, Found};
use dataflows::ids::hash::owner;
use redis::RedisResult;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time between two steps of the slow walk, and the least between two walks.
const STEP: Duration = Duration::from_secs(1);
const ROUND: Duration = Duration::from_secs(10);
/// The keys that a walk sees at once that somebody waits for, and the longest time of a step of it: the lease is to be
/// renewed meanwhile.
const AT_ONCE: usize = 1_000;
const AT_ONCE_TIME: Duration = Duration::from_millis(200);
/// The most keys that may wait for a worker.
const MOST_WAITING: usize = 10_000;
/// What is told of a Redis that does not let its keys be listed.
const NOT_SCANNED: &str = "Redis's user may not SCAN: keys of nobody are not found, and stay; workers.toml lists the rights";

/// The walk over all keys.
pub(super) struct Scan {
    /// The keys of a step; 0 for no walk but those that are asked for.
    step: usize,
    /// The workers of this process, the index of the first of them, and the number of all.
    workers: Vec<Arc<ConnectionStatus>>,
    first: usize,
    peers: usize,
    place: Option<Place>,
    began: Option<Instant>,
    stepped: Option<Instant>,
    is_refused: bool,
    asked: Option<Asked>,
}

/// A comparison of all keys that was asked for.
struct Asked {
    id: String,
    audit: Arc<Audit>,
    /// Where the walk is; `None` before it has begun.
    place: Option<Place>,
}

/// Where a walk over all nodes is, one after the other.
#[derive(Clone)]
struct Place {
    node: usize,
    cursor: u64,
    /// The nodes of its beginning: where their slots have been moved since, a key may have passed it.
    topology: Arc<Topology>,
}

impl Place {
    fn first(nodes: &Nodes) -> Place {
        Place { node: 0, cursor: 0, topology: nodes.topology().clone() }
    }

    /// The next place, given the cursor that a node has answered; `None` after the last.
    fn next(self, cursor: u64) -> Option<Place> {
        match cursor {
            0 => Some(Place { node: self.node + 1, cursor, ..self })
                .filter(|next| next.node < next.topology.masters()),
            _ => Some(Place { cursor, ..self }),
        }
    }
}

impl Scan {
    pub(super) fn new(
        per_second: usize,
        workers: Vec<Arc<ConnectionStatus>>,
        first: usize,
        peers: usize,
    ) -> Scan {
        Scan {
            step: per_second.saturating_mul(workers.len()),
            workers,
            first,
            peers,
            place: None,
            began: None,
            stepped: None,
            is_refused: false,
            asked: None,
        }
    }

    /// Whether the workers of this process have nothing left to write.
    pub(super) fn is_settled(&self) -> bool {
        self.workers.iter().all(|worker| worker.is_settled())
    }

    /// The keys of their markers, each with what it says in a Redis that has all that it has acknowledged.
    pub(super) fn markers(
        &self,
        topology: &Topology,
    ) -> impl Iterator<Item = (String, Option<String>)> {
        let workers = self.workers.iter().zip(self.first..);
        workers.flat_map(move |(status, worker)| {
            let mark = status.mark();
            status.counters(worker, topology).into_iter().map(move |key| (key, mark.clone()))
        })
    }

    /// Begins a comparison of all keys.
    pub(super) fn ask(&mut self, id: String, repair: bool) {
        let audit = Arc::new(Audit::new(repair, self.workers.len()));
        self.asked = Some(Asked { id, audit, place: None });
    }

    /// What the comparison has found, once it is over.
    pub(super) fn take_report(&mut self) -> Option<(String, Report)> {
        let report = self.asked.as_ref()?.audit.finished()?;
        self.asked.take().map(|asked| (asked.id, report))
    }

    /// Goes on, if it is time and everything that was there at the start has been read: `is_caught_up` tells.
    pub(super) fn step(
        &mut self,
        nodes: &mut Nodes,
        is_caught_up: impl Fn(&mut Nodes) -> RedisResult<bool>,
    ) -> RedisResult<()> {
        let is_past = |at: Option<Instant>, time| at.is_none_or(|at| time <= at.elapsed());
        let is_asked = self.asked.as_ref().is_some_and(|asked| !asked.audit.is_scanned());
        if !is_asked && (self.step == 0 || !is_past(self.stepped, STEP)) {
            return Ok(());
        }
        if !is_caught_up(nodes)? {
            return Ok(());
        }
        if let Some(Asked { audit, place, .. }) = self.asked.as_mut().filter(|_| is_asked) {
            if place.is_none() {
                self.workers.iter().for_each(|worker| worker.ask(audit.clone()));
            }
            let mut place = place.clone().unwrap_or_else(|| Place::first(nodes));
            let audit = audit.clone();
            let began = Instant::now();
            loop {
                let Some((next, waiting)) = self.see(nodes, place, AT_ONCE, Some(&audit))? else {
                    audit.fail(NOT_SCANNED.into());
                    audit.set_scanned();
                    return Ok(());
                };
                let Some(next) = next else {
                    audit.set_scanned();
                    return Ok(());
                };
                place = next;
                if let Some(asked) = &mut self.asked {
                    asked.place = Some(place.clone());
                }
                if waiting > MOST_WAITING || began.elapsed() >= AT_ONCE_TIME {
                    return Ok(());
                }
            }
        }
        self.stepped = Some(Instant::now());
        if self.place.is_none() && is_past(self.began, ROUND) {
            self.began = self.stepped;
            self.place = Some(Place::first(nodes));
        }
        if let Some(place) = self.place.clone() {
            let seen = self.see(nodes, place, self.step, None)?;
            self.place = seen.and_then(|(next, _)| next);
        }
        Ok(())
    }

    /// Sees some keys. Returns where to go on, and how many keys wait for a worker at most; `None` if Redis does not
    /// allow it.
    fn see(
        &mut self,
        nodes: &mut Nodes,
        mut place: Place,
        count: usize,
        audit: Option<&Arc<Audit>>,
    ) -> RedisResult<Option<(Option<Place>, usize)>> {
        if place.topology != *nodes.topology() {
            place = Place::first(nodes);
        }
        let pattern = format!("{PREFIX}*");
        let scan = redis::cmd("SCAN")
            .arg(place.cursor)
            .arg("MATCH")
            .arg(pattern)
            .arg("COUNT")
            .arg(count)
            .to_owned();
        let (next, keys): (u64, Vec<Vec<u8>>) = match nodes.query(place.node, &scan) {
            Ok(seen) => seen,
            Err(error) if error.code() == Some("NOPERM") => {
                if !std::mem::replace(&mut self.is_refused, true) {
                    tracing::warn!("{NOT_SCANNED}");
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut waiting = 0;
        let mut by_worker: Vec<Vec<Found>> = self.workers.iter().map(|_| Vec::new()).collect();
        for key in keys {
            let user = key[PREFIX.len()..].to_vec();
            // What is no text is nobody's name: the first worker's as well as any.
            let owner = str::from_utf8(&user).map_or(0, |name| owner(name, self.peers));
            let ours = owner.checked_sub(self.first).and_then(|worker| by_worker.get_mut(worker));
            if let Some(found) = ours {
                found.push(Found { user, audit: audit.cloned() });
            }
        }
        for (worker, found) in self.workers.iter().zip(by_worker) {
            waiting = waiting.max(worker.add_found(found));
        }
        Ok(Some((place.next(next), waiting)))
    }
}
