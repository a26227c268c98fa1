//! The consumer, the dead letters and the log against librdkafka's own mock brokers.

use super::{Covered, KafkaCluster, KafkaLog, start};
use crate::engine::OldestHour;
use crate::engine::intake::{Outlet, Unit, intake};
use crate::engine::question::{Asker, Question};
use crate::event_log::{EventLog, LogError, NewRecord, Outcome, Partition};
use crate::metrics::{Metrics, SourceMetrics};
use crate::source_health::{PartitionTrouble, SourceHealth, Trouble};
use crate::sources::{Positions, Running, SourcePause, SourceProgress, TOPICS, WorkerInlets};
use dataflows::questions::query::QueryAnswer;
use dataflows::record::event::Kind;
use dataflows::record::reached::Reached;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

struct Fixture {
    brokers: MockCluster<'static, DefaultProducerContext>,
    cluster: KafkaCluster,
    log: KafkaLog,
    metrics: SourceMetrics,
    oldest: OldestHour,
}

impl Fixture {
    fn new(topics: &[(&str, i32)]) -> Fixture {
        Fixture::with(topics, &[])
    }

    /// With properties of the clients.
    fn with(topics: &[(&str, i32)], properties: &[(&str, &str)]) -> Fixture {
        let brokers = MockCluster::new(3).unwrap();
        for &(topic, partitions) in topics {
            brokers.create_topic(topic, partitions, 3).unwrap();
        }
        let bootstrap = brokers.bootstrap_servers();
        let properties = properties.iter().map(|&(key, value)| (key.into(), value.into()));
        let properties = properties.collect();
        let group = "test".into();
        let cluster = KafkaCluster { bootstrap, group, properties, ..KafkaCluster::default() };
        let log = KafkaLog::new(&cluster, &SourceHealth::default()).unwrap();
        let metrics = Metrics::new().sources;
        Fixture { brokers, cluster, log, metrics, oldest: OldestHour::known(u32::MAX) }
    }

    /// Makes all topics but that of views, without which no source catches up.
    fn create_others(&self) {
        for (topic, _) in TOPICS.into_iter().filter(|(topic, _)| *topic != "view-events") {
            self.brokers.create_topic(topic, 1, 3).unwrap();
        }
    }

    /// Posts views, each by a user of its number.
    fn post(&self, values: impl IntoIterator<Item = String>) {
        for outcome in self.outcomes(values) {
            outcome.unwrap();
        }
    }

    fn outcomes(&self, values: impl IntoIterator<Item = String>) -> Vec<Outcome> {
        let view = |(index, json): (usize, String)| NewRecord {
            subject: Kind::View.into(),
            key: index.to_string(),
            json: json.into(),
        };
        let appended = self.log.append(values.into_iter().enumerate().map(view).collect());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { appended.until((Instant::now() + PATIENCE).into()).await })
    }

    /// Starts the first `here` workers of `peers`, each with a queue of so many bytes.
    fn start(&self, here: usize, bytes: usize, positions: &Positions) -> (Running, Vec<Outlet>) {
        self.start_beside(&Asker::default(), here, bytes, positions)
    }

    /// The same with an engine that may be asked.
    fn start_beside(
        &self,
        asker: &Asker,
        here: usize,
        bytes: usize,
        positions: &Positions,
    ) -> (Running, Vec<Outlet>) {
        let (inlets, outlets): (Vec<_>, Vec<_>) = (0..here).map(|_| intake(bytes)).unzip();
        for outlet in &outlets {
            outlet.bind(std::thread::current());
        }
        let workers = WorkerInlets {
            peers: here,
            first: 0,
            inlets,
            oldest: self.oldest.clone(),
            pause: SourcePause::default(),
            horizon_hours: 1,
        };
        let (progress, positions) = (SourceProgress::default(), (positions, BTreeMap::new()));
        let progress: (_, Covered) = (progress, Box::new(|| None));
        let running =
            start(&self.cluster, (&workers, asker), positions, &self.metrics, progress).unwrap();
        (running, outlets)
    }
}

fn view(user: usize) -> String {
    format!(r#"{{"userId":{user},"product":"p"}}"#)
}

fn long_view(user: usize) -> String {
    format!(r#"{{"userId":{user},"product":"p","category":"{}"}}"#, "x".repeat(500))
}

/// What workers have taken: users with how often they were seen, the next offsets, and by partition how
/// far it was read last.
#[derive(Default)]
struct Taken {
    users: BTreeMap<String, usize>,
    next: BTreeMap<Partition, i64>,
    reached: BTreeMap<String, Reached>,
    /// Events that count for freshness.
    fresh: u32,
}

impl Taken {
    fn add(&mut self, unit: Unit) {
        for (_, block) in &unit.blocks {
            block.for_each(|event| *self.users.entry(event.user.into()).or_default() += 1);
            self.fresh += block.written().iter().map(|(_, events)| events).sum::<u32>();
        }
        for (partition, by) in unit.advances {
            *self.next.entry(partition).or_default() += by;
        }
        let reached = unit.reached.into_iter();
        self.reached.extend(reached.map(|reached| (reached.partition.clone(), reached)));
    }

    fn take_until(&mut self, outlets: &[Outlet], done: impl Fn(&Taken) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            match outlets.iter().find_map(next_unit) {
                Some(unit) => self.add(unit),
                None => std::thread::park_timeout(Duration::from_millis(20)),
            }
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.next);
        }
    }

    fn offsets(&self) -> i64 {
        self.next.values().sum()
    }
}

/// The next unit of a worker, which is in its epoch at once.
fn next_unit(outlet: &Outlet) -> Option<Unit> {
    let unit = outlet.take_up_to(1).next();
    outlet.release();
    unit
}

fn wait_until(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        std::thread::park_timeout(Duration::from_millis(20));
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[test]
fn every_event_comes_once_to_whoever_reads_its_partition() {
    let fixture = Fixture::new(&[("view-events", 5)]);
    fixture.create_others();
    fixture.post((0..3000).map(view));
    let (running, outlets) = fixture.start(2, 1 << 20, &Positions::new());
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.offsets() == 3000);
    wait_until(|| running.progress().caught_up());
    fixture.post((3000..3100).map(view));
    taken.take_until(&outlets, |taken| taken.offsets() == 3100);
    assert_eq!(taken.users.len(), 3100);
    assert_eq!(taken.fresh, 100, "what was there at the start is not fresh");
    assert!(taken.users.values().all(|&times| times == 1));
    assert_eq!(taken.next.len(), 5);
    wait_until(|| fixture.metrics.connected.get() == 1);
    assert!(running.is_alive());
}

#[test]
fn reading_goes_on_from_the_positions_given() {
    let fixture = Fixture::new(&[("view-events", 1)]);
    fixture.create_others();
    fixture.post((0..10).map(view));
    let partition = Partition { topic: "view-events".into(), index: 0 };
    for (from, first) in [(0, 0), (7, 7), (10, 10)] {
        let positions = Positions::from([(partition.clone(), from)]);
        let (running, outlets) = fixture.start(1, 1 << 20, &positions);
        let mut taken = Taken::default();
        taken.next.insert(partition.clone(), from);
        taken.take_until(&outlets, |taken| taken.offsets() == 10);
        wait_until(|| running.progress().caught_up());
        let users: BTreeSet<String> = (first..10).map(|user| user.to_string()).collect();
        assert_eq!(taken.users.into_keys().collect::<BTreeSet<_>>(), users, "from {from}");
    }
}

#[test]
fn a_position_that_the_partition_does_not_have_ends_the_source() {
    let fixture = Fixture::new(&[("view-events", 1)]);
    fixture.create_others();
    fixture.post((0..10).map(view));
    let partition = Partition { topic: "view-events".into(), index: 0 };
    let (running, _outlets) = fixture.start(1, 1 << 20, &Positions::from([(partition, 99)]));
    wait_until(|| running.progress().failure().is_some());
    let told = "view-events, partition 0: offset 99 was to be read next, and the partition begins at offset 0 and \
                ends at 10";
    assert_eq!(running.progress().failure(), Some(told));
    assert_eq!(running.progress().health().lost(), []);
}

#[test]
fn a_topic_that_is_missing_is_read_once_it_is_there() {
    let fixture = Fixture::new(&[]);
    let (running, outlets) = fixture.start(1, 1 << 20, &Positions::new());
    wait_until(|| !running.progress().health().missing().is_empty());
    fixture.brokers.create_topic("view-events", 2, 3).unwrap();
    fixture.post((0..100).map(view));
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.offsets() == 100);
    assert_eq!(taken.users.len(), 100);
}

#[test]
fn a_worker_that_does_not_take_holds_its_reader_back() {
    let fixture = Fixture::new(&[("view-events", 1)]);
    fixture.create_others();
    fixture.post((0..2000).map(long_view));
    let (running, outlets) = fixture.start(1, 100_000, &Positions::new());
    let paused = fixture.metrics.paused.with_label_values(&["0"]);
    wait_until(|| paused.get() == 1);
    assert!(!running.progress().caught_up());
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.offsets() == 2000);
    assert_eq!(taken.users.len(), 2000);
    // The reader says so after it has handed the last ones over.
    wait_until(|| paused.get() == 0);
}

#[test]
fn a_source_has_not_caught_up_while_a_topic_is_missing() {
    let fixture = Fixture::new(&[]);
    let (running, _outlets) = fixture.start(1, 1 << 20, &Positions::new());
    let progress = running.progress();
    fixture.create_others();
    let missing = "there is no topic view-events; `recsys topics create` makes what is missing";
    wait_until(|| progress.awaits() == missing);
    assert!(!progress.caught_up());
    assert_eq!(progress.health().missing(), BTreeSet::from(["view-events".into()]));
    fixture.brokers.create_topic("view-events", 1, 3).unwrap();
    wait_until(|| progress.caught_up());
}

#[test]
fn a_source_whose_worker_does_not_take_can_be_stopped() {
    let fixture = Fixture::new(&[("view-events", 1)]);
    fixture.post((0..2000).map(long_view));
    let (running, _outlets) = fixture.start(1, 1, &Positions::new());
    wait_until(|| fixture.metrics.paused.with_label_values(&["0"]).get() == 1);
    drop(running);
}

#[test]
fn dead_letters_keep_what_they_were_and_say_why() {
    let fixture = Fixture::new(&[("view-events", 1), ("dead-letter-events", 1)]);
    fixture.post([view(0), "Hello Kafka".into(), view(2), r#"{"product":"p"}"#.into()]);
    let (_running, outlets) = fixture.start(1, 1 << 20, &Positions::new());
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.offsets() == 4);
    assert_eq!(taken.users.len(), 2);
    let count = |reason| fixture.metrics.dead_letters.with_label_values(&["view-events", reason]);
    assert_eq!((count("not_json").get(), count("no_user").get()), (1, 1));
    assert_eq!(fixture.metrics.events.with_label_values(&["view-events"]).get(), 2);

    let consumer: BaseConsumer =
        fixture.cluster.client(&[("group.id", "letters")], &[]).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("dead-letter-events", 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    for (key, value, offset, reason, details) in [
        ("1", "Hello Kafka", "1", "not_json", "the record is not JSON: expected value, at byte 1"),
        ("3", r#"{"product":"p"}"#, "3", "no_user", "userId is missing, at byte 1"),
    ] {
        let letter = consumer.poll(PATIENCE).unwrap().unwrap();
        assert_eq!(letter.key(), Some(key.as_bytes()));
        assert_eq!(letter.payload(), Some(value.as_bytes()));
        let headers: Vec<_> = letter.headers().unwrap().iter().collect();
        let headers = headers.into_iter().map(|header| {
            (header.key.to_owned(), String::from_utf8(header.value.unwrap().into()).unwrap())
        });
        let expected = [
            ("source_topic", "view-events"),
            ("source_partition", "0"),
            ("source_offset", offset),
            ("source_length", &value.len().to_string()),
            ("reason", reason),
            ("details", details),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(headers.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_letter_of_a_large_record_is_cut_to_what_fits() {
    let record = |key: usize, value: usize| ("k".repeat(key), "x".repeat(value));
    let records = [record(1, 1 << 20), record(3, (1 << 20) + 1), record(600_000, 600_000)];
    for (largest, is_default) in [(1_000_000, true), (100_000, false)] {
        let text = largest.to_string();
        let properties = [("message.max.bytes", &*text)];
        let properties = if is_default { &[] } else { &properties[..] };
        let topics = [("view-events", 1), ("dead-letter-events", 1)];
        let fixture = Fixture::with(&topics, properties);
        let mut producer = ClientConfig::new();
        producer.set("bootstrap.servers", fixture.brokers.bootstrap_servers());
        producer.set("message.max.bytes", "4000000");
        let producer: ThreadedProducer<DefaultProducerContext> = producer.create().unwrap();
        for (key, value) in &records {
            let record = BaseRecord::to("view-events").payload(value).key(key);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        let (_running, outlets) = fixture.start(1, 1 << 20, &Positions::new());
        let mut taken = Taken::default();
        taken.take_until(&outlets, |taken| taken.offsets() == 3);
        let consumer: BaseConsumer =
            fixture.cluster.client(&[("group.id", "letters")], &[]).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("dead-letter-events", 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        for (offset, (key, value)) in records.iter().enumerate() {
            let letter = consumer.poll(PATIENCE).unwrap().unwrap();
            let (kept_key, kept) = (letter.key().unwrap(), letter.payload().unwrap());
            let size = kept_key.len() + kept.len();
            assert!(size > largest * 9 / 10 && size < largest, "{largest} {offset}: {size}");
            assert!(key.as_bytes().starts_with(kept_key) && value.as_bytes().starts_with(kept));
            let headers = letter.headers().unwrap();
            let header = |name: &str| {
                let header = headers.iter().find(|header| header.key == name).unwrap();
                String::from_utf8(header.value.unwrap().into()).unwrap()
            };
            assert_eq!(header("source_length"), value.len().to_string());
            assert_eq!(header("source_offset"), offset.to_string());
            let is_too_large = value.len() > 1 << 20;
            assert_eq!(header("reason"), if is_too_large { "too_large" } else { "not_json" });
        }
        assert_eq!(fixture.metrics.dead_letters_lost.get(), 0);
    }
}

#[test]
fn brokers_that_are_gone_are_waited_for() {
    let fixture = Fixture::new(&[("view-events", 1)]);
    fixture.post((0..10).map(view));
    let (_running, outlets) = fixture.start(1, 1 << 20, &Positions::new());
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.offsets() == 10);
    for broker in 1..=3 {
        fixture.brokers.broker_down(broker).unwrap();
    }
    wait_until(|| fixture.metrics.connected.get() == 0);
    for broker in 1..=3 {
        fixture.brokers.broker_up(broker).unwrap();
    }
    wait_until(|| fixture.metrics.connected.get() == 1);
    fixture.post((10..20).map(view));
    taken.take_until(&outlets, |taken| taken.offsets() == 20);
    assert!(taken.users.values().all(|&times| times == 1));
}

#[test]
fn a_log_tells_whether_it_can_be_written() {
    let fixture = Fixture::new(&[("view-events", 1)]);
    wait_until(|| fixture.log.writable().is_ok());
    for broker in 1..=3 {
        fixture.brokers.broker_down(broker).unwrap();
    }
    wait_until(|| fixture.log.writable() == Err("no Kafka broker can be reached".into()));
    for broker in 1..=3 {
        fixture.brokers.broker_up(broker).unwrap();
    }
    wait_until(|| fixture.log.writable().is_ok());
    fixture.post((0..1).map(view));
    assert_eq!(fixture.log.writable(), Ok(()));
}

#[test]
fn each_record_of_a_batch_has_an_outcome_of_its_own() {
    let fixture = Fixture::with(&[("view-events", 1)], &[("message.timeout.ms", "1500")]);
    let large = || format!(r#"{{"userId":1,"product":"{}"}}"#, "x".repeat(1 << 20));
    let told = |values: Vec<String>| -> Vec<&str> {
        let outcomes = fixture.outcomes(values);
        let word = |outcome: &Outcome| match outcome {
            Ok(_) => "stored",
            Err(LogError::Refused(_)) => "refused",
            Err(LogError::Unavailable(_)) => "unavailable",
            Err(LogError::Unknown(_)) => "unknown",
        };
        outcomes.iter().map(word).collect()
    };
    assert_eq!(told(vec![view(0), large(), view(2)]), ["stored", "refused", "stored"]);
    // What has been sent may be stored, though the answer takes too long.
    for broker in 1..=3 {
        fixture.brokers.broker_round_trip_time(broker, PATIENCE).unwrap();
    }
    assert_eq!(told(vec![view(3), large()]), ["unknown", "refused"]);
    // What never was is not.
    for broker in 1..=3 {
        fixture.brokers.broker_down(broker).unwrap();
    }
    wait_until(|| fixture.log.writable().is_err());
    assert_eq!(told(vec![view(4), large()]), ["unavailable", "refused"]);
}

#[test]
fn what_librdkafka_refuses_is_told_at_once() {
    let properties = BTreeMap::from([("no.such.property".into(), "1".into())]);
    let cluster = KafkaCluster { properties, group: "g".into(), ..KafkaCluster::default() };
    let metrics = Metrics::new().sources;
    let workers = WorkerInlets {
        peers: 1,
        first: 0,
        inlets: vec![intake(1).0],
        oldest: OldestHour::default(),
        pause: SourcePause::default(),
        horizon_hours: 1,
    };
    let asked = (&workers, &Asker::default());
    let (none, progress) = (Positions::new(), SourceProgress::default());
    let progress: (_, Covered) = (progress, Box::new(|| None));
    assert!(start(&cluster, asked, (&none, BTreeMap::new()), &metrics, progress).is_err());
    assert!(KafkaLog::new(&cluster, &SourceHealth::default()).is_err());
}

#[test]
fn every_codec_is_read() {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let fixture = Fixture::new(&[("view-events", 1)]);
        let mut producer = ClientConfig::new();
        producer.set("bootstrap.servers", fixture.brokers.bootstrap_servers());
        // One batch, so large that it is compressed.
        producer.set("compression.type", codec).set("linger.ms", "200");
        let producer: ThreadedProducer<DefaultProducerContext> = producer.create().unwrap();
        for user in 0..500 {
            let (value, key) = (long_view(user), user.to_string());
            let record = BaseRecord::to("view-events").payload(&value).key(&key);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        let (_running, outlets) = fixture.start(1, 1 << 20, &Positions::new());
        let mut taken = Taken::default();
        taken.take_until(&outlets, |taken| taken.offsets() == 500);
        assert_eq!(taken.users.len(), 500, "{codec}");
    }
}

#[test]
fn a_fetch_or_a_look_up_that_fails_is_counted_and_shown_until_it_succeeds() {
    for (request, refused, trouble) in
        [(RDKafkaApiKey::Fetch, 3, Trouble::Read), (RDKafkaApiKey::ListOffsets, 2, Trouble::LookUp)]
    {
        let fixture = Fixture::new(&[("view-events", 1)]);
        fixture.post((0..10).map(view));
        let (running, outlets) = fixture.start(1, 1 << 20, &Positions::new());
        let progress = running.progress();
        let mut taken = Taken::default();
        taken.take_until(&outlets, |taken| taken.offsets() == 10);
        let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_POLICY_VIOLATION;
        fixture.brokers.request_errors(request, &vec![error; refused]);
        wait_until(|| !progress.health().troubles().is_empty());
        let (partition, offset) = (Partition { topic: "view-events".into(), index: 0 }, 10);
        let shown = progress.health().troubles();
        let details = shown[0].details.clone();
        assert!(details.contains("Policy violation"), "{details}");
        assert_eq!(shown, [PartitionTrouble { partition, trouble, offset, details }]);
        let errors = fixture.metrics.errors.with_label_values(&["view-events"]).get();
        assert!((1..=3).contains(&errors), "{errors}");
        fixture.post((10..20).map(view));
        taken.take_until(&outlets, |taken| taken.offsets() == 20);
        wait_until(|| progress.health().troubles().is_empty());
        assert_eq!(progress.failure(), None);
    }
}

#[test]
fn a_partition_whose_next_offset_is_gone_ends_the_source() {
    let fixture = Fixture::new(&[("view-events", 1)]);
    fixture.post((0..10).map(view));
    let (running, outlets) = fixture.start(1, 1 << 20, &Positions::new());
    let progress = running.progress();
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.offsets() == 10);
    assert_eq!(progress.failure(), None);
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    // More than once: the client may look again whether the offset is really gone.
    fixture.brokers.request_errors(RDKafkaApiKey::Fetch, &[error; 20]);
    wait_until(|| progress.failure().is_some());
    let reason = "view-events, partition 0: offset 10 was to be read next, \
                  and the partition begins at offset 0 and ends at 10";
    assert_eq!(progress.failure(), Some(reason));
    let units = outlets.iter().filter_map(next_unit);
    assert_eq!(units.map(|unit| unit.records()).sum::<usize>(), 0, "nothing is read again");
}

/// An engine whose views hold one partition up to an offset.
fn asker(held: &Arc<AtomicI64>) -> Asker {
    let (asker, held) = (Asker::default(), held.clone());
    let (ask, questions) = crossbeam_channel::bounded::<Box<dyn Question>>(1);
    asker.start(vec![(ask, std::thread::current())], 0, 1);
    std::thread::spawn(move || {
        for question in questions {
            question.answer(1, vec![QueryAnswer::Position(0, held.load(Ordering::SeqCst))]);
        }
    });
    asker
}

#[test]
fn what_the_views_hold_is_committed_and_a_commit_that_fails_stops_nothing() {
    let often = [("auto.commit.interval.ms", "100")];
    let fixture = Fixture::with(&[("view-events", 1)], &often);
    fixture.post((0..10).map(view));
    let lag_tool: BaseConsumer =
        fixture.cluster.client(&[("group.id", "test")], &[]).create().unwrap();
    let committed = || {
        let mut list = TopicPartitionList::new();
        list.add_partition("view-events", 0);
        let list = lag_tool.committed_offsets(list, PATIENCE).unwrap();
        list.elements()[0].offset()
    };
    let held = Arc::new(AtomicI64::new(0));
    let (running, outlets) = fixture.start_beside(&asker(&held), 1, 1 << 20, &Positions::new());
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.offsets() == 10);
    assert_eq!(committed(), Offset::Invalid, "the views hold nothing yet");
    held.store(7, Ordering::SeqCst);
    wait_until(|| committed() == Offset::Offset(7));
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    fixture.brokers.request_errors(RDKafkaApiKey::OffsetCommit, &[refused; 2]);
    held.store(10, Ordering::SeqCst);
    wait_until(|| fixture.metrics.commits_failed.get() == 1);
    fixture.post((10..20).map(view));
    taken.take_until(&outlets, |taken| taken.offsets() == 20);
    assert_eq!(running.progress().failure(), None);
    wait_until(|| committed() == Offset::Offset(10));
    assert_eq!(fixture.metrics.commits_failed.get(), 2);
    drop(running);
    // What was committed is nobody's position: a start reads everything.
    let (_running, outlets) = fixture.start(1, 1 << 20, &Positions::new());
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.offsets() == 20);
    assert_eq!(taken.users.len(), 20);
}

#[test]
fn no_partition_is_read_far_ahead_of_the_oldest_that_is_left() {
    const FIRST: i64 = 480_000;
    let oldest = OldestHour::known(0);
    let fixture = Fixture { oldest: oldest.clone(), ..Fixture::new(&[("view-events", 2)]) };
    let mut producer = ClientConfig::new();
    producer.set("bootstrap.servers", fixture.brokers.bootstrap_servers());
    let producer: ThreadedProducer<DefaultProducerContext> = producer.create().unwrap();
    for (partition, hour) in [(0, 0), (0, 10), (0, 20), (0, 30), (0, 40), (1, 0)] {
        let value = view(hour);
        let time = (FIRST + i64::try_from(hour).unwrap()) * 3_600_000;
        let record = BaseRecord::<str, _>::to("view-events").payload(&value);
        let record = record.partition(partition).timestamp(time);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
    let (running, outlets) = fixture.start(1, 1 << 20, &Positions::new());
    let mut taken = Taken::default();
    let told = |taken: &Taken, name: &str| {
        taken.reached.get(name).map(|reached| (i64::from(reached.hour) - FIRST, reached.is_behind))
    };
    // Nothing is taken before all is known, but it is told what is left.
    taken.take_until(&outlets, |taken| {
        told(taken, "view-events/0") == Some((0, true))
            && told(taken, "view-events/1") == Some((0, true))
            && told(taken, "worker 0").is_some()
    });
    assert_eq!(taken.offsets(), 0);
    let first = u32::try_from(FIRST).unwrap();
    for (hour, records, next) in [(0, 4, (30, true)), (6, 5, (40, true)), (16, 6, (40, false))] {
        oldest.set(first + hour);
        taken.take_until(&outlets, |taken| {
            taken.offsets() == records && told(taken, "view-events/0") == Some(next)
        });
        // What was polled has been looked at by then.
        let soon = Instant::now() + Duration::from_millis(100);
        while Instant::now() < soon {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        outlets.iter().filter_map(next_unit).for_each(|unit| taken.add(unit));
        assert_eq!(taken.offsets(), records, "no more than a day ahead");
    }
    assert_eq!(told(&taken, "view-events/1"), Some((0, false)));
    assert!(!running.progress().caught_up(), "topics are missing");
}
