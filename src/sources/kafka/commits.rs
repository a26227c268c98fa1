//! Commits offsets to the consumer group, for lag tools alone: nobody reads them back.
//!
//! What is committed is what the views hold, not what was read, so that the lag of the group is that of
//! the answers. librdkafka commits by itself, at intervals, what is stored here; its own commits are the
//! only ones whose outcomes reach the consumer's context.

use super::client::SplitConsumer;
use super::commit_outcomes::CommitOutcomes;
use super::read_to::{ReadTo, Snapshot};
use crate::engine::question::{Answer, Asker};
use crate::event_log::Partition;
use dataflows::questions::ask::Positions;
use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

/// The interval between questions.
const INTERVAL: Duration = Duration::from_secs(3);

/// Stores the offsets that are to be committed. No call of it blocks.
pub(super) struct Commits {
    asker: Asker,
    outcomes: CommitOutcomes,
    last: Option<Instant>,
    asked: Option<Asked>,
}

/// A question for the positions that the views hold.
struct Asked {
    partitions: Vec<(Partition, Snapshot)>,
    answer: Receiver<Answer<Vec<i64>>>,
}

impl Commits {
    pub(super) fn new(asker: Asker, outcomes: CommitOutcomes) -> Commits {
        Commits { asker, outcomes, last: None, asked: None }
    }

    /// Goes on: asks for the positions of partitions when it is time, and stores them once they are
    /// answered.
    pub(super) fn go_on<'a>(
        &mut self,
        consumer: &SplitConsumer,
        partitions: impl Iterator<Item = (&'a Partition, &'a ReadTo)>,
    ) {
        match self.asked.take() {
            Some(mut asked) => match asked.answer.try_recv() {
                Ok(answer) => self.store(consumer, &asked.partitions, &answer.body),
                Err(TryRecvError::Empty) => self.asked = Some(asked),
                // The workers have ended.
                Err(TryRecvError::Closed) => {}
            },
            None if self.is_due() => self.ask(partitions),
            None => {}
        }
    }

    fn is_due(&self) -> bool {
        self.last.is_none_or(|last| last.elapsed() >= INTERVAL)
    }

    fn ask<'a>(&mut self, partitions: impl Iterator<Item = (&'a Partition, &'a ReadTo)>) {
        self.last = Some(Instant::now());
        let partitions: Vec<_> = partitions
            .map(|(partition, read_to)| (partition.clone(), read_to.snapshot()))
            .collect();
        if partitions.is_empty() {
            return;
        }
        let names = partitions.iter().map(|(partition, _)| partition.name()).collect();
        // Workers that have not started, or have too much to do, are asked again later.
        let answer = self.asker.ask(Positions { partitions: names, after: 0 });
        self.asked = answer.ok().map(|answer| Asked { partitions, answer });
    }

    fn store(
        &self,
        consumer: &SplitConsumer,
        partitions: &[(Partition, Snapshot)],
        positions: &[i64],
    ) {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        let mut add = |(partition, read_to): &(Partition, Snapshot), position| {
            let held = Offset::Offset(read_to.held(position));
            list.add_partition_offset(&partition.topic, partition.index, held)
        };
        // Of one that nothing was read of, nothing is held that lag tools could show.
        let mut read = partitions.iter().zip(positions).filter(|(_, position)| **position > 0);
        let added = read.try_for_each(|(partition, position)| add(partition, *position));
        if let Err(error) = added.and_then(|()| consumer.store_offsets(&list)) {
            self.outcomes.ended(Err(error.to_string()));
        }
    }
}
