//! The durable log of events, merges, forgets and catalogue rows: new ones are stored here first, and the engine
//! learns of them by reading it.

use dataflows::record::event::Kind;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

/// One partition of a topic, or the single one of a topic file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub index: i32,
}

impl Partition {
    /// The partition with a name as [`Partition::name`] gives it.
    pub fn of_name(name: &str) -> Option<Partition> {
        let (topic, index) = name.rsplit_once('/')?;
        Some(Partition { topic: topic.into(), index: index.parse().ok()? })
    }

    /// The partition's name in the dataflow: `topic/index`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.topic, self.index)
    }
}

/// The subject of a record, which decides its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An event of a kind.
    Event(Kind),
    /// A user that was another one.
    Merge,
    /// A user whose events count for nobody.
    Forget,
    /// A product of the catalogue.
    Product,
}

impl Subject {
    /// All subjects, each at its [`Subject::index`].
    pub const ALL: [Subject; 6] = [
        Subject::Event(Kind::View),
        Subject::Event(Kind::AddToCart),
        Subject::Event(Kind::Purchase),
        Subject::Merge,
        Subject::Forget,
        Subject::Product,
    ];

    /// The topic that its records are written to.
    pub fn topic(self) -> &'static str {
        match self {
            Subject::Event(Kind::View) => "view-events",
            Subject::Event(Kind::AddToCart) => "add-to-cart-events",
            Subject::Event(Kind::Purchase) => "purchase-events",
            Subject::Merge => "user-merges",
            Subject::Forget => "user-forgets",
            Subject::Product => "product-catalog",
        }
    }

    /// The subject's place in [`Subject::ALL`].
    pub fn index(self) -> usize {
        match self {
            Subject::Event(kind) => kind.index(),
            Subject::Merge => Kind::ALL.len(),
            Subject::Forget => Kind::ALL.len() + 1,
            Subject::Product => Kind::ALL.len() + 2,
        }
    }
}

impl From<Kind> for Subject {
    fn from(kind: Kind) -> Subject {
        Subject::Event(kind)
    }
}

/// A record that has passed the parser, with the bytes to store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRecord {
    /// Decides the topic.
    pub subject: Subject,
    /// The record's key: the id of its user, or of its product.
    pub key: String,
    /// The record's value, as JSON.
    pub json: Vec<u8>,
}

/// The place where a record was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: Partition,
    /// The offset within it.
    pub offset: i64,
}

/// The reason why a record is not known to be stored, by what a client can do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum LogError {
    /// The record is not stored, and is no better at another try.
    #[error("the event log refused: {0}")]
    Refused(String),
    /// The record is not stored; another try may help.
    #[error("the event log did not store: {0}")]
    Unavailable(String),
    /// The record may be stored, or not: it was on its way when waiting for it ended.
    #[error("the event log did not acknowledge: {0}")]
    Unknown(String),
}

/// What became of a record: the place where it is stored, or why none is known.
pub type Outcome = Result<Position, LogError>;

/// A durable log of records: Kafka with `acks=all`, or topic files with `fsync`.
pub trait EventLog: Send + Sync {
    /// Starts to store records, in their order. Each has an outcome of its own.
    fn append(&self, records: Vec<NewRecord>) -> Outcomes;

    /// Tells whether records can be stored now, as far as is known without storing one. Answers at
    /// once.
    ///
    /// # Errors
    /// The reason why they cannot, for a person.
    fn writable(&self) -> Result<(), String>;
}

/// The outcomes of the records of one append, as they become known.
#[derive(Debug)]
pub struct Outcomes {
    known: Vec<Option<Outcome>>,
    news: UnboundedReceiver<(usize, Outcome)>,
}

/// Tells the outcomes of the records of one append.
#[derive(Clone, Debug)]
pub struct OutcomeSender(UnboundedSender<(usize, Outcome)>);

impl Outcomes {
    /// Makes the outcomes of so many records, with their sender.
    pub fn of(records: usize) -> (OutcomeSender, Outcomes) {
        let (sender, news) = unbounded_channel();
        (OutcomeSender(sender), Outcomes { known: vec![None; records], news })
    }

    /// Waits until all outcomes are known, or else until the deadline. What nobody has told by then
    /// is [`LogError::Unknown`].
    pub async fn until(mut self, deadline: Instant) -> Vec<Outcome> {
        let all = async {
            while let Some((index, outcome)) = self.news.recv().await {
                self.known[index] = Some(outcome);
            }
        };
        let missing = match timeout_at(deadline, all).await {
            Ok(()) => "it has ended",
            Err(_) => "not in time",
        };
        let unknown = || Err(LogError::Unknown(missing.into()));
        let known = self.known.into_iter();
        known.map(|outcome| outcome.unwrap_or_else(unknown)).collect()
    }
}

impl OutcomeSender {
    /// Tells the outcome of the record that has this index in the append.
    pub fn tell(&self, index: usize, outcome: Outcome) {
        // Nobody listens once the request was given up.
        let _ = self.0.send((index, outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_in_time_is_unknown_and_what_was_told_stays() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let partition = Partition { topic: "view-events".into(), index: 0 };
        let stored = Ok(Position { partition, offset: 7 });
        let refused = Err(LogError::Refused("too large".into()));
        let unknown = |why: &str| Err(LogError::Unknown(why.into()));
        for (ends, why) in [(true, "it has ended"), (false, "not in time")] {
            let (sender, outcomes) = Outcomes::of(3);
            sender.tell(2, stored.clone());
            sender.tell(0, refused.clone());
            let kept = (!ends).then(|| sender.clone());
            drop(sender);
            let told = runtime.block_on(async { outcomes.until(Instant::now()).await });
            assert_eq!(told, [refused.clone(), unknown(why), stored.clone()]);
            drop(kept);
        }
    }
}
