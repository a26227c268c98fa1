//! Commits offsets to the consumer group, for lag tools alone: nobody reads them back.
//!
//! What is committed is what the views hold, not what was read, so that the lag of the group is that of
//! the answers.

use super::client::SplitConsumer;
use super::commit_outcomes::CommitOutcomes;
use super::read_to::{ReadTo, Snapshot};
use crate::engine::question::{Answer, Asker};
use crate::event_log::Partition;
use dataflows::questions::ask::Positions;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

/// The interval between commits.
const INTERVAL: Duration = Duration::from_secs(3);

/// Commits offsets, one commit after the other. No call of it blocks.
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

    /// Goes on: asks for the positions of partitions when it is time, and commits them once they are
    /// answered.
    pub(super) fn go_on<'a>(
        &mut self,
        consumer: &SplitConsumer,
        partitions: impl Iterator<Item = (&'a Partition, &'a ReadTo)>,
    ) {
        match self.asked.take() {
            Some(mut asked) => match asked.answer.try_recv() {
                Ok(answer) => self.commit(consumer, &asked.partitions, &answer.body),
                Err(TryRecvError::Empty) => self.asked = Some(asked),
                // The workers have ended.
                Err(TryRecvError::Closed) => {}
            },
            None if self.is_due() => self.ask(partitions),
            None => {}
        }
    }

    fn is_due(&self) -> bool {
        !self.outcomes.is_under_way() && self.last.is_none_or(|last| last.elapsed() >= INTERVAL)
    }

    fn ask<'a>(&mut self, partitions: impl Iterator<Item = (&'a Partition, &'a ReadTo)>) {
        self.last = Some(Instant::now());
        let snapshot = |(partition, read_to): (&Partition, &ReadTo)| {
            let read_to: Snapshot = read_to.snapshot();
            (partition.clone(), read_to)
        };
        let partitions: Vec<_> = partitions.map(snapshot).collect();
        if partitions.is_empty() {
            return;
        }
        let names = partitions.iter().map(|(partition, _)| partition.name()).collect();
        // Workers that have not started, or have too much to do, are asked again later.
        let answer = self.asker.ask(Positions { partitions: names, after: 0 });
        self.asked = answer.ok().map(|answer| Asked { partitions, answer });
    }

    fn commit(
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
        if added.is_ok() && list.count() == 0 {
            return;
        }
        self.outcomes.begins();
        // Its outcome comes to the consumer's context, in a poll.
        if let Err(error) = added.and_then(|()| consumer.commit(&list, CommitMode::Async)) {
            self.outcomes.ended(Err(error.to_string()));
        }
    }
}
