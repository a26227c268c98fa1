//! Parses records and collects them until they are handed to a worker: events in blocks by owner,
//! merges, forgets, catalogue rows, and how far they advance their partitions.

use super::Feed;
use crate::engine::intake::Unit;
use crate::event_log::Partition;
use dataflows::ids::hash::owner;
use dataflows::record::block::Block;
use dataflows::record::decision::Decision;
use dataflows::record::product::CatalogueRow;
use dataflows::record::reached::Reached;
use parser::{Reason, Scratch, Written, parse_event, parse_forget, parse_merge, parse_row};

/// A batch of this many bytes is handed over, which keeps epochs small.
const FULL_BYTES: usize = 64 * 1024;

/// The bytes that a catalogue row or a decision is counted as, about its size.
const ROW_BYTES: usize = 256;

/// One record of a topic, as a source read it.
pub(super) struct Record<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    /// When it was written, by which it is judged.
    pub(super) written: Written,
    /// It was there before this process began to read. How old it is tells nothing about how fast
    /// profiles follow.
    pub(super) is_replayed: bool,
}

/// Parsed records that are not handed over yet.
pub(super) struct RecordBatch {
    blocks: Vec<Block>,
    bytes: usize,
    decisions: Vec<Decision>,
    catalogue: Vec<CatalogueRow>,
    advances: Vec<(Partition, i64)>,
    reached: Vec<Reached>,
    /// The most hours that a decision's time may be before its record.
    horizon_hours: u32,
    scratch: Scratch,
}

impl RecordBatch {
    pub(super) fn new(peers: usize, horizon_hours: u32) -> RecordBatch {
        RecordBatch {
            blocks: vec![Block::default(); peers],
            bytes: 0,
            decisions: Vec::new(),
            catalogue: Vec::new(),
            advances: Vec::new(),
            reached: Vec::new(),
            horizon_hours,
            scratch: Scratch::default(),
        }
    }

    /// Parses a record and adds it, or returns why it is a dead letter. Either way the caller moves
    /// the partition on with [`RecordBatch::advance`].
    pub(super) fn take(&mut self, feed: Feed, record: &Record<'_>) -> Result<(), Reason> {
        match feed {
            Feed::Catalogue => {
                let row = parse_row(record.key, record.value, &mut self.scratch)?;
                self.catalogue.push(row);
                self.bytes += ROW_BYTES;
            }
            Feed::Merges => {
                let value = record.value.unwrap_or_default();
                let (written, hours) = (record.written, self.horizon_hours);
                let merge = parse_merge(value, None, written, hours, &mut self.scratch)?;
                self.decisions.push(merge);
                self.bytes += ROW_BYTES;
            }
            Feed::Forgets => {
                let value = record.value.unwrap_or_default();
                let (written, hours) = (record.written, self.horizon_hours);
                let forget = parse_forget(value, None, written, hours, &mut self.scratch)?;
                self.decisions.push(forget);
                self.bytes += ROW_BYTES;
            }
            Feed::Events(kind) => {
                let value = record.value.unwrap_or_default();
                let event = parse_event(value, Some(kind), record.written, &mut self.scratch)?;
                let owner = owner(event.user, self.blocks.len());
                let block = &mut self.blocks[owner];
                let before = block.len();
                block.push(&event);
                block.note_clock(record.written.bounded(event.time));
                self.bytes += block.len() - before;
                if !record.is_replayed {
                    block.note_written(record.written.time());
                }
            }
        }
        Ok(())
    }

    /// Moves a partition's next offset on.
    pub(super) fn advance(&mut self, partition: &Partition, by: i64) {
        match self.advances.last_mut() {
            Some((last, sum)) if last == partition => *sum += by,
            _ if by == 0 => (),
            _ => self.advances.push((partition.clone(), by)),
        }
    }

    /// Adds how far a partition has been read.
    pub(super) fn reached(&mut self, reached: Reached) {
        self.reached.push(reached);
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= FULL_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0 && self.advances.is_empty() && self.reached.is_empty()
    }

    /// Takes all that was collected as one unit, and leaves the batch empty.
    pub(super) fn finish(&mut self) -> Unit {
        let blocks = self.blocks.iter_mut().enumerate().filter(|(_, block)| !block.is_empty());
        let blocks = blocks.map(|(owner, block)| {
            // The next block is likely to be as large: tiny when idle, full when behind.
            let next = Block::with_capacity_of(block);
            (owner, std::mem::replace(block, next))
        });
        let blocks = blocks.collect();
        self.bytes = 0;
        Unit {
            blocks,
            decisions: std::mem::take(&mut self.decisions),
            catalogue: std::mem::take(&mut self.catalogue),
            advances: std::mem::take(&mut self.advances),
            reached: std::mem::take(&mut self.reached),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Record, RecordBatch};
    use crate::event_log::Partition;
    use crate::sources::Feed;
    use dataflows::ids::hash::owner;
    use dataflows::record::event::Kind;
    use parser::Written;

    #[test]
    fn events_go_to_their_owners_and_positions_add_up() {
        let mut batch = RecordBatch::new(3, 1);
        let partition = Partition { topic: "view-events".into(), index: 0 };
        assert!(batch.is_empty());
        for user in 0..100 {
            let value = format!(r#"{{"userId":{user},"product":"p"}}"#);
            let (value, written) = (Some(value.as_bytes()), Written::At(user / 50));
            let record = Record { key: None, value, written, is_replayed: user % 5 == 0 };
            batch.take(Feed::Events(Kind::View), &record).unwrap();
            batch.advance(&partition, 1);
        }
        let unit = batch.finish();
        assert_eq!(unit.records(), 100);
        assert_eq!(unit.advances, [(partition, 100)]);
        let mut written = [0; 2];
        for (index, block) in &unit.blocks {
            block.for_each(|event| assert_eq!(owner(event.user, 3), *index));
            for &(time, events) in block.written() {
                written[usize::try_from(time).unwrap()] += events;
            }
        }
        // One in five was replayed.
        assert_eq!(written, [40, 40]);
        assert!(batch.is_empty() && batch.finish().records() == 0);
    }

    #[test]
    fn a_dead_letter_leaves_no_trace_but_its_position() {
        let mut batch = RecordBatch::new(1, 1);
        let value: Option<&[u8]> = Some(b"Hello Kafka");
        let record = Record { key: None, value, written: Written::At(0), is_replayed: false };
        assert!(batch.take(Feed::Events(Kind::View), &record).is_err());
        assert!(batch.is_empty());
        batch.advance(&Partition { topic: "view-events".into(), index: 0 }, 1);
        assert!(!batch.is_empty());
    }
}
