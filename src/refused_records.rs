//! The records that this process has refused, by reason, with the latest of each, for those who ask about them.

use crate::event_log::Partition;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// The most records of a reason that are kept.
const SAMPLES: usize = 5;
/// The most bytes of a record that are kept.
const BEGINNING: usize = 1024;

/// A record that was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusedRecord {
    /// Where it is.
    pub partition: Partition,
    /// Its offset there.
    pub offset: i64,
    /// When it was read, in milliseconds since the Unix epoch.
    pub time: i64,
    /// What was found in place of what was expected.
    pub details: String,
    /// The beginning of its value, with U+FFFD for what is no text.
    pub value: String,
}

/// The records of one reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RefusedFor {
    /// How many there were.
    pub count: u64,
    /// The latest of them, the newest first.
    pub latest: VecDeque<RefusedRecord>,
}

/// The refused records by the words for their reasons. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct RefusedRecords(Arc<Mutex<BTreeMap<&'static str, RefusedFor>>>);

impl RefusedRecords {
    /// Notes that a record was refused.
    pub fn add(&self, reason: &'static str, record: RefusedRecord) {
        // An entry is whole whenever the lock is given back, so a poisoned map is intact.
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_reason = refused.entry(reason).or_default();
        of_reason.count += 1;
        of_reason.latest.push_front(record);
        of_reason.latest.truncate(SAMPLES);
    }

    /// The beginning of a record's value, as it is kept.
    pub fn beginning(value: &[u8]) -> String {
        String::from_utf8_lossy(&value[..value.len().min(BEGINNING)]).into_owned()
    }

    /// All of them, by reason.
    pub fn all(&self) -> BTreeMap<&'static str, RefusedFor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_latest_are_kept() {
        let refused = RefusedRecords::default();
        for offset in 0..7 {
            let partition = Partition { topic: "view-events".into(), index: 0 };
            let (details, value) = (String::new(), RefusedRecords::beginning(&[b'x'; 3000]));
            refused.add("no_user", RefusedRecord { partition, offset, time: 0, details, value });
        }
        let all = refused.all();
        let of_reason = &all["no_user"];
        let offsets: Vec<i64> = of_reason.latest.iter().map(|record| record.offset).collect();
        assert_eq!((of_reason.count, &offsets[..]), (7, &[6, 5, 4, 3, 2][..]));
        assert_eq!(of_reason.latest[0].value.len(), BEGINNING);
    }
}
