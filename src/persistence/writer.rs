//! Writes what the workers of a process give to be stored.

use crate::engine::Stored;
use crate::persistence::messages::{Asked, Part, State, Told, What};
use crate::persistence::open_store::OpenStore;
use crate::persistence::status::CheckpointStatus;
use crate::persistence::tables::{self, table_of};
use checkpoints::{
    Batch, Draft, Effort, Encoded, Error, Group, Kind, Segment, Store, Table, file, group, sum,
};
use crossbeam_channel::Receiver;
use dataflows::cut::capture::CutState;
use dataflows::stored::{StoredRows, StoredView};
use std::collections::BTreeMap;
use std::time::Duration;

/// The rows of a table from which on they are encoded, as they are: adding them up would take longer than writing them.
const MANY: usize = 1 << 18;

/// The longest time that dead letters may take.
const LETTERS: Duration = Duration::from_secs(30);

/// The rows of one worker, until they are in a checkpoint.
#[derive(Default)]
struct Pending {
    tables: BTreeMap<StoredView, Changes>,
    encoded: Vec<(&'static Table, Encoded)>,
    /// The number of the checkpoint that was asked for last. What is encoded before `written` is in it, if the next one
    /// has another number.
    asked: Option<u64>,
    written: usize,
}

/// Writes until the workers end. `tell` tells the first process. `letters_are_written` waits for the dead letters that
/// were sent: a start does not read their records again.
pub(crate) fn write(
    stored: &Receiver<(usize, Stored)>,
    store: &OpenStore,
    mode: &str,
    (status, letters_are_written, tell): (
        CheckpointStatus,
        impl Fn(Duration) -> bool,
        impl Fn(Told),
    ),
) {
    let mut pending: BTreeMap<usize, Pending> = BTreeMap::new();
    for (worker, stored) in stored {
        let pending = pending.entry(worker).or_default();
        let what = match stored {
            Stored::Began(state) => What::Began(State::of(state, mode).digests),
            Stored::Rows(rows) => match pending.add(rows) {
                Ok(()) => continue,
                Err(error) => return status.fail(lost(&error)),
            },
            Stored::Cut { asked, time, state } => {
                let asked: Asked =
                    serde_json::from_str(&asked).expect("the first process wrote it");
                let number = asked.number;
                status.knows(&asked.erasures);
                if let Err(error) = pending.encode_all() {
                    return status.fail(lost(&error));
                }
                if letters_are_written(LETTERS) {
                    match store.block_on(pending.put(worker, &store.store, asked)) {
                        Ok(segments) => {
                            What::Written(part(number, time, segments, state, mode).into())
                        }
                        Err(error) => failed(number, &error),
                    }
                } else {
                    failed(number, &"dead letters are not written in time")
                }
            }
        };
        tell(Told { worker, what });
    }
}

fn part(number: u64, time: u64, segments: Vec<Segment>, state: CutState, mode: &str) -> Part {
    Part { number, time, segments, state: State::of(state, mode) }
}

/// Rows that cannot be encoded would be missing in all that is stored from here on.
fn lost(error: &Error) -> String {
    format!("changes cannot be encoded for a checkpoint: {error}")
}

fn failed(number: u64, error: &impl ToString) -> What {
    What::Failed { number, reason: error.to_string() }
}

impl Pending {
    fn add(&mut self, rows: StoredRows) -> Result<(), Error> {
        let view = rows.view();
        let Some(table) = table_of(view) else { return Ok(()) };
        let changes = self.tables.entry(view).or_default();
        changes.rows += rows.len();
        changes.batches.push(tables::batch(table, rows));
        if changes.rows < MANY { Ok(()) } else { changes.encode(table, Effort::Fast) }
    }

    /// Encodes all rows that are left.
    fn encode_all(&mut self) -> Result<(), Error> {
        for (view, mut changes) in std::mem::take(&mut self.tables) {
            let Some(table) = table_of(view) else { continue };
            if changes.groups.is_empty() {
                changes.batches = vec![sum(table, &changes.batches)];
                changes.encode(table, Effort::Small)?;
            } else {
                changes.encode(table, Effort::Fast)?;
            }
            if !changes.groups.is_empty() {
                self.encoded.push((table, file(table, &changes.groups)?));
            }
        }
        Ok(())
    }

    /// Writes what is encoded for a checkpoint, and keeps it until another one is asked for.
    async fn put(
        &mut self,
        worker: usize,
        store: &Store,
        Asked { run, number, .. }: Asked,
    ) -> Result<Vec<Segment>, Error> {
        if self.asked.replace(number).is_some_and(|before| before < number) {
            // That one is there, or there would be no later one.
            self.encoded.drain(..self.written);
        }
        self.written = 0;
        let draft = Draft::new(store, run, number);
        let writer = u32::try_from(worker).expect("workers are few");
        let mut segments = Vec::new();
        for (table, encoded) in &self.encoded {
            segments.push(draft.put(table, Kind::Changes { writer }, encoded.clone()).await?);
        }
        self.written = self.encoded.len();
        Ok(segments)
    }
}

/// Changes of a table, the first of them encoded: as such they take a fraction of the memory.
#[derive(Default)]
struct Changes {
    groups: Vec<Group>,
    batches: Vec<Batch>,
    /// How many rows these have.
    rows: usize,
}

impl Changes {
    fn encode(&mut self, table: &'static Table, effort: Effort) -> Result<(), Error> {
        self.rows = 0;
        for batch in self.batches.drain(..).filter(|batch| !batch.is_empty()) {
            self.groups.push(group(table, effort, &batch)?);
        }
        Ok(())
    }
}
