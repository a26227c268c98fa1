//! The one reader of a process: goes round the topic files of its workers.

use super::letters::Letters;
use super::path;
use super::tail::{Line, Look, Tail};
use crate::engine::intake::Partition;
use crate::event::parse::Reason;
use crate::sources::batch::Record;
use crate::sources::desk::Desk;
use crate::sources::{Feed, Letter, Positions, Progress, Seats, SourceMetrics, TOPICS, now_ms};
use prometheus::{IntCounter, IntGauge};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// How long the reader sleeps when nothing is new. What this process appends wakes it at once.
const NAP: Duration = Duration::from_millis(20);

/// After how many naps it looks whether a file was cut or replaced.
const NAPS: u32 = 50;

/// The one reader of a process.
pub(super) struct Reader {
    desks: Vec<Desk>,
    lanes: Vec<Lane>,
    letters: Letters,
    metrics: SourceMetrics,
    progress: Progress,
}

/// A topic file that one of this process's workers reads.
struct Lane {
    seat: usize,
    partition: Partition,
    feed: Feed,
    tail: Tail,
    next: i64,
    /// Until it has been handed over, the file's length when reading began.
    target: Option<u64>,
    events: IntCounter,
    lag: IntGauge,
    /// Whether the last look failed, so that it is told once.
    failing: bool,
}

impl Reader {
    pub(super) fn new(
        dir: &Path,
        seats: &Seats,
        positions: &Positions,
        metrics: &SourceMetrics,
        (progress, stop): (&Progress, &Arc<AtomicBool>),
    ) -> Reader {
        let desks = 0..seats.inlets.len();
        let desks = desks.map(|seat| Desk::new(seats, seat, metrics, stop.clone())).collect();
        let lanes = TOPICS.into_iter().filter_map(|(topic, feed)| {
            let partition = Partition { topic: topic.into(), index: 0 };
            let seat = seats.reader_of(&partition)?;
            let lane = Lane::new(dir, seat, partition, feed, positions, metrics);
            if lane.target.is_some() {
                progress.behind();
            }
            Some(lane)
        });
        let lanes = lanes.collect();
        let letters = Letters::new(dir, metrics);
        Reader { desks, lanes, letters, metrics: metrics.clone(), progress: progress.clone() }
    }

    /// Reads until it is stopped or a worker has ended.
    pub(super) fn run(mut self) {
        let mut naps = 0;
        while !self.desks.iter().any(Desk::stopped) {
            match self.round() {
                ControlFlow::Continue(true) => (),
                ControlFlow::Continue(false) => {
                    thread::park_timeout(NAP);
                    naps += 1;
                    if naps % NAPS == 0 && self.check().is_break() {
                        break;
                    }
                }
                ControlFlow::Break(()) => break,
            }
        }
    }

    /// One turn for each file; whether there was anything new.
    fn round(&mut self) -> ControlFlow<(), bool> {
        let mut more = false;
        for lane in &mut self.lanes {
            more |= lane.turn(&mut self.desks[lane.seat], &self.letters, &self.metrics)?;
        }
        for desk in &mut self.desks {
            desk.flush()?;
        }
        for lane in &mut self.lanes {
            if lane.target.is_some_and(|target| lane.tail.reached() >= target) {
                lane.target = None;
                self.progress.arrived();
            }
        }
        ControlFlow::Continue(more)
    }

    /// Looks whether a file was cut or replaced.
    fn check(&mut self) -> ControlFlow<()> {
        for lane in &mut self.lanes {
            if let Ok(Look::Anew) = lane.tail.check() {
                let (partition, next) = (&lane.partition, lane.next);
                tracing::warn!(?partition, next, "the topic file is another now; reading it anew");
                self.desks[lane.seat].advance(partition, -next)?;
                lane.next = 0;
            }
        }
        ControlFlow::Continue(())
    }
}

impl Lane {
    fn new(
        dir: &Path,
        seat: usize,
        partition: Partition,
        feed: Feed,
        positions: &Positions,
        metrics: &SourceMetrics,
    ) -> Lane {
        let path = path(dir, &partition.topic);
        let length = std::fs::metadata(&path).map_or(0, |file| file.len());
        let next = positions.get(&partition).copied().unwrap_or(0);
        let start = u64::try_from(next).ok().filter(|&next| next <= length).unwrap_or_else(|| {
            tracing::warn!(
                ?partition, next, length,
                "the topic file no longer has the offset to go on from; reading it from its beginning"
            );
            0
        });
        Lane {
            seat,
            feed,
            tail: Tail::new(path, start),
            next,
            target: (start < length).then_some(length),
            events: metrics.events.with_label_values(&[&*partition.topic]),
            lag: metrics.lag.with_label_values(&[&*partition.topic, "0"]),
            failing: false,
            partition,
        }
    }

    /// Reads on a little; whether there was anything new.
    fn turn(
        &mut self,
        desk: &mut Desk,
        letters: &Letters,
        metrics: &SourceMetrics,
    ) -> ControlFlow<(), bool> {
        let Lane { partition, feed, next, events, .. } = self;
        let (now, mut flow) = (now_ms(), ControlFlow::Continue(()));
        let looked = self.tail.look(|line| {
            if flow.is_break() {
                return;
            }
            match take(*feed, line, desk, now) {
                Ok(()) => events.inc_by(u64::from(!line.is_blank())),
                Err(reason) => {
                    let labels = [&*partition.topic, reason.name()];
                    metrics.dead_letters.with_label_values(&labels).inc();
                    let (offset, value) = (line.offset, Some(line.bytes));
                    letters.write(&Letter { partition, offset, key: None, value, reason });
                }
            }
            flow = desk.advance(partition, line.after - *next);
            *next = line.after;
        });
        flow?;
        let failed = looked.as_ref().err();
        if let Some(error) = failed.filter(|_| !self.failing) {
            tracing::warn!(%error, partition = ?self.partition, "the topic file can't be read; trying on");
        }
        self.failing = failed.is_some();
        let more = matches!(looked, Ok(Look::More));
        if more {
            self.lag.set(i64::try_from(self.tail.behind()).unwrap_or(i64::MAX));
        }
        ControlFlow::Continue(more)
    }
}

fn take(feed: Feed, line: &Line<'_>, desk: &mut Desk, now: i64) -> Result<(), Reason> {
    if line.too_long {
        return Err(Reason::TooLarge);
    }
    if line.is_blank() {
        return Ok(());
    }
    desk.take(feed, &Record { key: None, value: Some(line.bytes), time: None }, now)
}
