//! Gives the workers of the first process what the cluster begins with.

use crate::engine::{self, Announcement};
use crate::persistence::messages::{State, digest_of_profiles};
use crate::persistence::status::CheckpointStatus;
use crate::persistence::tables::{TABLES, VIEWS, read};
use checkpoints::{Batch, Error, Restored, Table, sum};
use crossbeam_channel::{Receiver, Sender, bounded};
use dataflows::score::counts::Counts;
use dataflows::stored::{StoredRows, StoredView, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The tables whose rows must be added up before the views get them: of these each name has one row.
const UNIQUE: [StoredView; 1] = [StoredView::Catalogue];

/// The parts of what a worker begins with that may wait for it.
const WAITING: usize = 4;

/// The rows of such a part.
const AT_ONCE: usize = 1 << 17;

/// Reads a checkpoint in as many threads as there are workers, each of which gets the segments that its thread has read.
pub(super) fn restore(
    restored: Restored,
    state: State,
    workers: usize,
    status: &CheckpointStatus,
) -> Result<Vec<Receiver<engine::Restored>>, std::io::Error> {
    let work = Arc::new(Work::new(restored));
    let mut receivers = Vec::new();
    let mut state = Some(state);
    for worker in 0..workers {
        let (sender, receiver) = bounded(WAITING);
        let (work, status) = (work.clone(), status.clone());
        let state = state.take();
        let name = format!("restore-{worker}");
        thread::Builder::new().name(name).spawn(move || {
            let profiles = digest_of_profiles(&work.restored.manifest.content.views);
            let given = state.map_or(Ok(()), |state| give_state(&state, profiles, &sender));
            let given = given.and_then(|()| work.give(&sender, &status));
            if let Err(Some(error)) = given {
                let number = work.restored.manifest.number;
                status.fail(format!("checkpoint {number} cannot be restored: {error}"));
                // The worker would take the end of the channel for the end of the checkpoint.
                std::mem::forget(sender);
            }
        })?;
        receivers.push(receiver);
    }
    Ok(receivers)
}

/// Gives what is not in tables. An error without a reason means that the worker has ended.
fn give_state(
    state: &State,
    profiles: Option<String>,
    sender: &Sender<engine::Restored>,
) -> Result<(), Option<Error>> {
    let mut positions = StoredRows::new(StoredView::Positions);
    for (partition, offset) in &state.positions {
        let values = [Value::Text(partition), Value::Number(offset.cast_unsigned())];
        positions.push(&values, Counts([1, 0, 0]));
    }
    let mut clock = StoredRows::new(StoredView::Clock);
    let hours = [state.newest, state.oldest].map(|hour| Value::Number(hour.into()));
    clock.push(&hours, Counts([1, 0, 0]));
    let mut recent = StoredRows::new(StoredView::Recent);
    state.recent.iter().rev().for_each(|event| recent.push_event(event));
    let rows = [positions, clock, recent].into_iter().map(engine::Restored::Rows);
    let begun = Announcement::Begun(state.beginning(profiles));
    let begun = [engine::Restored::Announcement(begun)].into_iter();
    let model = state.model.clone().map(engine::Restored::Model);
    let learner = state.learner.clone().map(engine::Restored::Learner);
    for part in begun.chain(rows).chain(model).chain(learner) {
        sender.send(part).map_err(|_| None)?;
    }
    Ok(())
}

/// What is left to read of a checkpoint.
struct Work {
    restored: Restored,
    /// The tables that are added up, and the places of other segments, the largest first.
    parts: Vec<Part>,
    next: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Part {
    Table(&'static Table, StoredView),
    Segment(StoredView, usize),
}

impl Work {
    fn new(restored: Restored) -> Work {
        let tables = TABLES.iter().zip(VIEWS).filter(|(_, view)| UNIQUE.contains(view));
        let mut parts: Vec<Part> = tables.map(|(table, view)| Part::Table(table, *view)).collect();
        let mut segments = Vec::new();
        for (place, segment) in restored.segments().enumerate() {
            let view =
                TABLES.iter().zip(VIEWS).find(|(table, _)| table.name == segment.table().name);
            if let Some((_, view)) = view.filter(|(_, view)| !UNIQUE.contains(view)) {
                segments.push((segment.named().length, Part::Segment(*view, place)));
            }
        }
        segments.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        parts.extend(segments.into_iter().map(|(_, part)| part));
        Work { restored, parts, next: AtomicUsize::new(0) }
    }

    /// Gives part after part, until none is left.
    fn give(
        &self,
        sender: &Sender<engine::Restored>,
        status: &CheckpointStatus,
    ) -> Result<(), Option<Error>> {
        while let Some(part) = self.parts.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            match *part {
                Part::Table(table, view) => {
                    let batches = self.restored.rows(table).collect::<Result<Vec<_>, Error>>();
                    give_rows(view, sum(table, &batches?), sender)?;
                }
                Part::Segment(view, place) => {
                    let segment = self.restored.segments().nth(place);
                    for batch in segment.expect("it was counted").rows() {
                        give_rows(view, batch?, sender)?;
                    }
                }
            }
            status.has_read(self.parts.len());
        }
        Ok(())
    }
}

/// Gives rows, some at a time. An error without a reason means that the worker has ended.
fn give_rows(
    view: StoredView,
    batch: Batch,
    sender: &Sender<engine::Restored>,
) -> Result<(), Option<Error>> {
    let send = |rows| sender.send(engine::Restored::Rows(rows)).map_err(|_| None);
    let all = read(view, batch);
    if all.len() <= AT_ONCE {
        return if all.is_empty() { Ok(()) } else { send(all) };
    }
    let rows: Vec<u32> = (0..).take(all.len()).collect();
    rows.chunks(AT_ONCE).try_for_each(|rows| send(all.some(rows)))
}
