//! What is sent to the engine while it is disturbed, and what of it was acknowledged.

use super::watched::Watched;
use super::{MOVING, Random, call, steady};
use crate::kafka;
use rdkafka::ClientContext;
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, park_timeout, spawn};
use std::time::Duration;

/// The topic of each kind of event.
pub(super) const TOPICS: [(&str, &str); 3] = [
    ("view", "view-events"),
    ("add_to_cart", "add-to-cart-events"),
    ("purchase", "purchase-events"),
];
/// So many views of a steady user stay below the caps of a day.
const VIEWS: usize = 80;
/// So many of them are active at a time, so that each worker owns some.
const ACTIVE: usize = 8;
const TAGS: usize = 3;

/// The sender, which knows what the engine and Kafka have acknowledged.
pub(super) struct Sender {
    random: Random,
    prefix: String,
    writer: ThreadedProducer<Delivered>,
    /// The number that the next event gets.
    next: u64,
    /// The numbers of the events that were acknowledged.
    pub(super) acknowledged: BTreeSet<u64>,
    /// The views of steady users that were not, which are sent again.
    waiting: BTreeMap<u64, Value>,
    /// How many views of steady users were sent, each for the first time.
    steady: usize,
    /// Of each, how many were acknowledged.
    views: BTreeMap<String, u64>,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) posts: u64,
    pub(super) writes: u64,
    pub(super) decisions: u64,
    pub(super) checkpoints: u64,
    pub(super) sent_again: u64,
    /// The reads right after the word that something is visible.
    pub(super) shown: u64,
}

/// The user and the tag of the n-th of their views.
fn of_turn(turn: usize) -> (String, String) {
    let user = steady(turn / (ACTIVE * VIEWS) * ACTIVE + turn % ACTIVE);
    (user, format!("tag{}", turn / ACTIVE % TAGS))
}

/// Collects the numbers of the records that the brokers have.
struct Delivered(Mutex<Vec<u64>>);

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        if result.is_ok() {
            self.0.lock().unwrap().push(*number);
        }
    }
}

impl Sender {
    pub(super) fn new(random: Random, prefix: &str) -> Sender {
        let mut config = kafka::client();
        config.set("acks", "all").set("message.timeout.ms", "4000").set("linger.ms", "2");
        Sender {
            random,
            prefix: prefix.to_owned(),
            writer: config.create_with_context(Delivered(Mutex::default())).unwrap(),
            next: 0,
            acknowledged: BTreeSet::new(),
            waiting: BTreeMap::new(),
            steady: 0,
            views: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// How many steady users there are so far.
    fn steady_users(&self) -> usize {
        let all = ACTIVE * VIEWS;
        self.steady / all * ACTIVE + (self.steady % all).min(ACTIVE)
    }

    /// How long it waits before it sends more.
    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.below(500))
    }

    /// Sends something, over HTTP to one of these ports, or through Kafka. Returns what is wrong with what is shown then.
    fn act(&mut self, ports: &[u16]) -> Option<String> {
        let port = (!ports.is_empty()).then(|| *self.random.one_of(ports));
        match (self.random.below(10), port) {
            (0, Some(port)) => {
                let (from, account) = (self.random.user(MOVING), self.random.user(MOVING));
                let path = format!("/api/users/{account}/merge");
                call(port, "POST", &path, &json!({ "from": from }).to_string());
                self.counts.decisions += 1;
            }
            (1, Some(port)) if self.random.one_in(2) => {
                let path = format!("/api/users/{}/forget", self.random.user(MOVING));
                call(port, "POST", &path, "");
                self.counts.decisions += 1;
            }
            (2, Some(port)) => {
                let written = call(port, "POST", "/api/admin/checkpoint", "");
                self.counts.checkpoints += u64::from(written.is_some_and(|it| it.0 == 200));
            }
            (3, Some(port)) => {
                let events = self.events();
                if self.post(port, events, "?wait=visible") {
                    let port = *self.random.one_of(ports);
                    return self.hidden(port);
                }
            }
            (4..8, Some(port)) => {
                let events = self.events();
                self.post(port, events, "");
            }
            _ => {
                let events = self.events();
                self.write(events);
            }
        }
        None
    }

    /// What a process does not show of the user whose view was the last one that it said is visible: it, and all before it
    /// that were acknowledged, since they are in one partition.
    fn hidden(&mut self, port: u16) -> Option<String> {
        let (user, _) = of_turn(self.steady - 1);
        let acknowledged = self.views.get(&user).copied().unwrap_or_default();
        let path = format!("/api/user-activity/{user}");
        let (200, answer) = call(port, "GET", &path, "")? else { return None };
        let views = serde_json::from_str::<Value>(&answer).ok()?["totals"]["view"].as_u64();
        self.counts.shown += 1;
        let is_shown = views.unwrap_or_default() >= acknowledged;
        (!is_shown)
            .then(|| format!("of {user} {acknowledged} views are visible, and {views:?} shown"))
    }

    /// Sends again what was not acknowledged, until all of it is visible. False if it is not yet.
    pub(super) fn settle(&mut self, port: u16) -> bool {
        let events: Vec<_> = self.waiting.clone().into_iter().collect();
        for events in events.chunks(200) {
            self.post(port, events.to_vec(), "?wait=visible");
        }
        self.waiting.is_empty()
    }

    /// Events of all kinds of users, with their numbers.
    fn events(&mut self) -> Vec<(u64, Value)> {
        let again: Vec<_> = self.waiting.iter().take(50).map(|(n, e)| (*n, e.clone())).collect();
        self.counts.sent_again += again.len() as u64;
        let mut events: Vec<_> = (0..150).map(|_| self.random.event()).collect();
        for _ in 0..2 {
            events.push(self.view());
        }
        let mut numbered = again;
        for mut event in events {
            let number = self.next;
            self.next += 1;
            event["number"] = json!(number);
            if event["userId"].as_str().is_some_and(|user| user.starts_with("steady")) {
                // It counts once, however often it is sent.
                event["eventId"] = json!(format!("steady{number}"));
                self.waiting.insert(number, event.clone());
            }
            numbered.push((number, event));
        }
        numbered
    }

    /// A view of the next steady user.
    fn view(&mut self) -> Value {
        let (user, tag) = of_turn(self.steady);
        self.steady += 1;
        json!({"eventType": "view", "userId": user, "product": "thing", "tags": [tag]})
    }

    /// True if all is acknowledged.
    fn post(&mut self, port: u16, events: Vec<(u64, Value)>, query: &str) -> bool {
        let body = Value::from_iter(events.iter().map(|(_, event)| event.clone())).to_string();
        self.counts.posts += 1;
        let path = format!("/api/user-behavior{query}");
        let Some((status, answer)) = call(port, "POST", &path, &body) else { return false };
        assert!([201, 207, 502, 503, 504].contains(&status), "{path}: {status} {answer}");
        if status > 207 {
            return false;
        }
        // Its process may be killed in the midst of it.
        let Ok(answer) = serde_json::from_str::<Value>(&answer) else { return false };
        let failed = answer["failed"].as_array().cloned().unwrap_or_default();
        let failed = failed.iter().flat_map(|failed| failed["events"].as_array().unwrap());
        let failed: BTreeSet<_> = failed.map(|index| index.as_u64().unwrap()).collect();
        let stored = (0..).zip(events).filter(|(index, _)| !failed.contains(index));
        self.acknowledge(stored.map(|(_, (number, _))| number).collect());
        failed.is_empty()
    }

    fn write(&mut self, events: Vec<(u64, Value)>) {
        for (number, event) in events {
            let kind = event["eventType"].as_str().unwrap();
            let topic = TOPICS.iter().find(|(of, _)| *of == kind).unwrap().1;
            let topic = format!("{}{topic}", self.prefix);
            let user = ["userId", "sessionId"].into_iter().find_map(|name| event[name].as_str());
            let json = event.to_string();
            let record = BaseRecord::with_opaque_to(&topic, Box::new(number));
            let queued = self.writer.send(record.key(user.unwrap()).payload(&json));
            queued.map_err(|(error, _)| error).unwrap();
        }
        self.counts.writes += 1;
        // Each has an outcome by then.
        self.writer.flush(Duration::from_secs(60)).unwrap();
        let delivered = std::mem::take(&mut *self.writer.context().0.lock().unwrap());
        self.acknowledge(delivered);
    }

    fn acknowledge(&mut self, numbers: Vec<u64>) {
        for number in numbers {
            self.acknowledged.insert(number);
            let view = self.waiting.remove(&number);
            if let Some(user) = view.as_ref().and_then(|view| view["userId"].as_str()) {
                *self.views.entry(user.to_owned()).or_default() += 1;
            }
        }
    }

    /// What the profiles of the steady users must be once nothing waits, with this weight of a view.
    pub(super) fn profiles(&self, weight: u64) -> Value {
        assert!(self.waiting.is_empty());
        let mut profiles = BTreeMap::<String, BTreeMap<String, u64>>::new();
        for turn in 0..self.steady {
            let (user, tag) = of_turn(turn);
            *profiles.entry(user).or_default().entry(tag).or_default() += weight;
        }
        json!(profiles)
    }
}

/// Sends until it is told to stop.
pub(super) fn send(
    mut sender: Sender,
    watched: Arc<Watched>,
    ports: Arc<Mutex<Vec<u16>>>,
    sends: Arc<AtomicBool>,
) -> JoinHandle<Sender> {
    spawn(move || {
        while sends.load(Ordering::Relaxed) {
            let ports = ports.lock().unwrap().clone();
            if let Some(fault) = sender.act(&ports) {
                watched.tell(&fault);
            }
            watched.users.store(sender.steady_users(), Ordering::Relaxed);
            park_timeout(sender.pause());
        }
        sender
    })
}
