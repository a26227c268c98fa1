//! The answer to records that were sent: how many are stored and where, and what became of the
//! others.

use crate::event_log::{LogError, Outcome, Partition, Position};
use crate::http::fault::Fault;
use crate::http::json::{self, Object};
use std::collections::{BTreeMap, BTreeSet};

/// The outcomes of the records of one request.
#[derive(Debug, Default)]
pub(super) struct Stored {
    count: usize,
    last: BTreeMap<Partition, i64>,
    /// The indices of the other events, by what became of them.
    failed: BTreeMap<LogError, BTreeSet<usize>>,
}

impl Stored {
    /// Sums outcomes up, each with the index of the event that it is of in what was sent.
    ///
    /// # Errors
    /// When no record is stored, and all failed alike: then the fault tells it all.
    pub(super) fn sum(
        outcomes: impl IntoIterator<Item = (usize, Outcome)>,
    ) -> Result<Stored, Fault> {
        let mut stored = Stored::default();
        for (index, outcome) in outcomes {
            match outcome {
                Ok(position) => stored.add(position),
                Err(error) => {
                    stored.failed.entry(error).or_default().insert(index);
                }
            }
        }
        let mut kinds = stored.failed.keys().map(kind);
        let first = kinds.next();
        if stored.count == 0 && first.is_some() && kinds.all(|kind| Some(kind) == first) {
            let events = stored.failed.values().flatten().copied().collect();
            let (error, _) = stored.failed.pop_first().expect("its kind was seen");
            return Err(Fault::of_events(events, &error));
        }
        Ok(stored)
    }

    /// Counts a record that is stored.
    pub(super) fn add(&mut self, Position { partition, offset }: Position) {
        self.count += 1;
        let last = self.last.entry(partition).or_insert(offset);
        *last = offset.max(*last);
    }

    /// The number of records that are stored.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// True where every record is stored.
    pub(super) fn is_whole(&self) -> bool {
        self.failed.is_empty()
    }

    /// The last position in each partition.
    pub(super) fn positions(&self) -> Vec<Position> {
        let last = self.last.iter();
        last.map(|(partition, &offset)| Position { partition: partition.clone(), offset }).collect()
    }

    /// An object of [`Stored::fields`].
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 * (1 + self.last.len() + self.failed.len()));
        self.fields(Object::new(&mut out)).end();
        out
    }

    /// Adds `"stored": count, "positions": [{"topic", "partition", "offset"}]`, and where some are not
    /// stored `"failed": [{"outcome", "details", "events": [index]}]`.
    pub(super) fn fields<'a>(&self, object: Object<'a>) -> Object<'a> {
        let positions = self.positions();
        let object = object
            .plain("stored", self.count)
            .with("positions", |out| json::list(out, &positions, json::position));
        if self.is_whole() {
            return object;
        }
        object.with("failed", |out| json::list(out, &self.failed, failed))
    }
}

fn failed(out: &mut Vec<u8>, (error, events): (&LogError, &BTreeSet<usize>)) {
    Object::new(out)
        .text("outcome", kind(error))
        .text("details", &error.to_string())
        .with("events", |out| json::list(out, events, json::plain))
        .end();
}

/// The word for what a client can do about an error.
fn kind(error: &LogError) -> &'static str {
    match error {
        LogError::Refused(_) => "refused",
        LogError::Unavailable(_) => "unavailable",
        LogError::Unknown(_) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(index: i32, offset: i64) -> Outcome {
        Ok(Position { partition: Partition { topic: "t".into(), index }, offset })
    }

    /// Returns the answer's body, or the fault's details.
    fn check(outcomes: Vec<Outcome>, expected: Result<&str, &str>) {
        let told = Stored::sum(outcomes.into_iter().enumerate())
            .map(|stored| String::from_utf8(stored.to_json()).unwrap());
        let told = told.map_err(|fault| fault.details());
        assert_eq!(told, expected.map(str::to_owned).map_err(str::to_owned));
    }

    #[test]
    fn the_answer_tells_what_is_stored_and_of_the_others_what_to_do() {
        let large = || Err(LogError::Refused("too large".into()));
        let full = || Err(LogError::Unavailable("full".into()));
        let late = || Err(LogError::Unknown("not in time".into()));
        let last = r#""positions":[{"topic":"t","partition":0,"offset":9},{"topic":"t","partition":2,"offset":1}]"#;
        check(
            vec![stored(0, 9), stored(2, 1), stored(0, 8)],
            Ok(&format!(r#"{{"stored":3,{last}}}"#)),
        );
        let failed = r#""failed":[{"outcome":"refused","details":"the event log refused: too large","events":[0,3]},{"outcome":"unknown","details":"the event log did not acknowledge: not in time","events":[4]}]"#;
        check(
            vec![large(), stored(0, 9), stored(2, 1), large(), late()],
            Ok(&format!(r#"{{"stored":2,{last},{failed}}}"#)),
        );
        check(
            vec![full(), late()],
            Ok(
                r#"{"stored":0,"positions":[],"failed":[{"outcome":"unavailable","details":"the event log did not store: full","events":[0]},{"outcome":"unknown","details":"the event log did not acknowledge: not in time","events":[1]}]}"#,
            ),
        );
        let larger = || Err(LogError::Refused("larger".into()));
        check(vec![large(), larger()], Err("the event log refused: larger"));
        check(vec![full()], Err("the event log did not store: full"));
        check(vec![late(), late()], Err("the event log did not acknowledge: not in time"));
    }
}
