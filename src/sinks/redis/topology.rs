//! The nodes of a Redis, and which of them has which key: one server, which has all, or the masters of a cluster by
//! their slots.

use crate::sinks::redis::client::Server;
use crate::sinks::redis::slots::{SLOTS, slot, tag};
use redis::Value;

/// What stands before the names of all keys of the engine itself.
const OWN: &str = "recsys:";
/// What is in the braces of those that are on one node together.
const TAG: &str = "engine";

/// The nodes. The masters come first, by their names; behind them those that are to have a slot which is being moved.
#[derive(Debug, PartialEq)]
pub(super) struct Topology {
    /// `None` is the server of the URL.
    masters: Vec<Option<Server>>,
    /// By slot its master; empty for a Redis that is no cluster.
    slots: Vec<u16>,
    movers: Vec<Option<Server>>,
    replicas: Vec<Option<Server>>,
}

impl Topology {
    /// One server, which has all keys.
    pub(super) fn one(server: Option<Server>) -> Topology {
        let (slots, movers, replicas) = (Vec::new(), Vec::new(), Vec::new());
        Topology { masters: vec![server], slots, movers, replicas }
    }

    /// Reads what a node answers to `CLUSTER SLOTS`.
    ///
    /// # Errors
    /// When it is no such answer, or a slot has no master: for a person.
    pub(super) fn parse(answer: &Value, asked: &Server) -> Result<Topology, String> {
        let parsed =
            ranges(answer, asked).ok_or("its answer to CLUSTER SLOTS is not understood")?;
        let mut masters: Vec<Option<Server>> =
            parsed.iter().map(|range| Some(range.master.clone())).collect();
        masters.sort();
        masters.dedup();
        let mut slots = vec![None; usize::from(SLOTS)];
        for Range { first, last, master, .. } in &parsed {
            let is_it = |it: &Option<Server>| it.as_ref() == Some(master);
            let index = masters.iter().position(is_it).and_then(|at| u16::try_from(at).ok());
            if let Some(slots) = slots.get_mut(usize::from(*first)..=usize::from(*last)) {
                slots.fill(index);
            }
        }
        let without = slots.iter().filter(|slot| slot.is_none()).count();
        if without > 0 {
            return Err(format!("{without} of its {SLOTS} slots have no master"));
        }
        let slots = slots.into_iter().flatten().collect();
        let mut replicas: Vec<Option<Server>> =
            parsed.into_iter().flat_map(|range| range.replicas).map(Some).collect();
        replicas.sort();
        replicas.dedup();
        replicas.retain(|replica| !masters.contains(replica));
        Ok(Topology { masters, slots, movers: Vec::new(), replicas })
    }

    /// The same with nodes that slots are being moved to, some of which have no slot yet.
    pub(super) fn with_movers(mut self, movers: impl IntoIterator<Item = Server>) -> Topology {
        let movers = movers.into_iter().map(Some);
        self.movers = movers.filter(|mover| !self.masters.contains(mover)).collect();
        self.movers.sort();
        self
    }

    /// Whether it is a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        !self.slots.is_empty()
    }

    /// The number of masters.
    pub(super) fn masters(&self) -> usize {
        self.masters.len()
    }

    /// All nodes that may be written to, the masters first.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Option<Server>> {
        self.masters.iter().chain(&self.movers)
    }

    /// All nodes, the replicas among them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Option<Server>> {
        self.nodes().chain(&self.replicas)
    }

    /// The number of a node that may be written to.
    pub(super) fn position(&self, server: &Server) -> Option<usize> {
        self.nodes().position(|node| node.as_ref() == Some(server))
    }

    /// The master that has a slot; without one, the only one.
    pub(super) fn of_slot(&self, slot: Option<u16>) -> usize {
        slot.and_then(|slot| self.slots.get(usize::from(slot))).map_or(0, |node| usize::from(*node))
    }

    /// The master that has a key.
    pub(super) fn of_key(&self, key: &[u8]) -> usize {
        if self.masters.len() == 1 { 0 } else { self.of_slot(Some(slot(key))) }
    }

    /// The master that has the engine's own keys.
    pub(super) fn home(&self) -> usize {
        self.of_key(TAG.as_bytes())
    }

    /// The name of a key of the engine itself: in a cluster it has a part by which all of them are on one node.
    pub(super) fn own(&self, key: &str) -> String {
        match key.strip_prefix(OWN) {
            Some(rest) if self.is_cluster() => format!("{OWN}{{{TAG}}}:{rest}"),
            _ => key.to_owned(),
        }
    }

    /// A slot of a master, by which a key gets there, other than these: the last, as slots are moved from the first on.
    pub(super) fn slot_of(&self, master: usize, other_than: &[u16]) -> Option<u16> {
        let mut slots = (0..SLOTS).rev().filter(|slot| {
            self.slots.get(usize::from(*slot)).is_some_and(|node| usize::from(*node) == master)
        });
        let last = slots.clone().next();
        slots.find(|slot| !other_than.contains(slot)).or(last)
    }
}

/// The name of a key that is on the node of a slot.
pub(super) fn placed(key: &str, slot: Option<u16>) -> String {
    match slot {
        None => key.to_owned(),
        Some(slot) => format!("{key}:{{{}}}", tag(slot)),
    }
}

/// Slots that follow each other, and their nodes.
struct Range {
    first: u16,
    last: u16,
    master: Server,
    replicas: Vec<Server>,
}

fn ranges(answer: &Value, asked: &Server) -> Option<Vec<Range>> {
    let Value::Array(ranges) = answer else { return None };
    let range = |range: &Value| {
        let Value::Array(parts) = range else { return None };
        let [first, last, nodes @ ..] = &parts[..] else { return None };
        let number = |value: &Value| match value {
            Value::Int(number) => u16::try_from(*number).ok().filter(|number| *number < SLOTS),
            _ => None,
        };
        let mut nodes = nodes.iter().map(|node| server(node, asked));
        // A master without a known address has nothing for us: its slots are without one.
        let master = match nodes.next()? {
            Some(master) => master,
            None => return Some(None),
        };
        let replicas = nodes.flatten().collect();
        Some(Some(Range { first: number(first)?, last: number(last)?, master, replicas }))
    };
    let ranges: Option<Vec<Option<Range>>> = ranges.iter().map(range).collect();
    Some(ranges?.into_iter().flatten().collect())
}

/// Where a node is, as one that was asked says. No name is its own; `?` is none that it knows.
fn server(node: &Value, asked: &Server) -> Option<Server> {
    let Value::Array(parts) = node else { return None };
    let [name, Value::Int(port), ..] = &parts[..] else { return None };
    let name = match name {
        Value::Nil => String::new(),
        name => redis::from_redis_value_ref::<String>(name).ok()?,
    };
    let port = u16::try_from(*port).ok()?;
    (name != "?").then(|| (or_own(&name, asked), port))
}

/// The server that a redirection names, to which one that was asked has sent: `host:port`, in which no host is its own.
pub(super) fn redirected(to: &str, asked: &Server) -> Option<Server> {
    let (name, port) = to.rsplit_once(':')?;
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if name == "?" {
        return None;
    }
    Some((or_own(name, asked), port.parse().ok()?))
}

fn or_own(name: &str, asked: &Server) -> String {
    if name.is_empty() { asked.0.clone() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(name: &str, port: u16) -> Server {
        (name.to_owned(), port)
    }

    fn node(name: Option<&str>, port: i64) -> Value {
        let name = name.map_or(Value::Nil, |name| Value::BulkString(name.as_bytes().to_vec()));
        let id = Value::BulkString(b"07c37df".to_vec());
        Value::Array(vec![name, Value::Int(port), id, Value::Array(Vec::new())])
    }

    fn range(first: i64, last: i64, nodes: &[Value]) -> Value {
        Value::Array([&[Value::Int(first), Value::Int(last)], nodes].concat())
    }

    /// Three masters and a replica, one of which is the node that was asked.
    fn three() -> Topology {
        let answer = Value::Array(vec![
            range(5_461, 10_922, &[node(Some("b"), 2), node(Some("c"), 4)]),
            range(0, 5_459, &[node(Some(""), 1)]),
            range(5_460, 5_460, &[node(Some("b"), 2)]),
            range(10_923, 16_383, &[node(None, 3)]),
        ]);
        Topology::parse(&answer, &at("a", 9)).unwrap()
    }

    #[test]
    fn a_cluster_tells_who_has_which_slot() {
        let topology = three();
        let masters: Vec<_> = topology.nodes().flatten().cloned().collect();
        assert_eq!(masters, [at("a", 1), at("a", 3), at("b", 2)]);
        assert_eq!(topology.all().nth(3), Some(&Some(at("c", 4))));
        let of = |slot| topology.of_slot(Some(slot));
        assert_eq!([0, 5_459, 5_460, 10_922, 10_923, 16_383].map(of), [0, 0, 2, 2, 1, 1]);
        assert_eq!((topology.of_key(b"foo"), topology.of_key(b"x{bar}")), (1, 0));
        assert_eq!(topology.home(), topology.of_key(topology.own("recsys:lease").as_bytes()));
        assert_eq!(topology.own("recsys:lease"), "recsys:{engine}:lease");
        assert_eq!(topology.slot_of(2, &[]), Some(10_922));
        assert_eq!(topology.slot_of(2, &[10_922]), Some(10_921));
        let key = placed("recsys:marker:4", topology.slot_of(2, &[]));
        assert_eq!(topology.of_key(key.as_bytes()), 2, "{key}");
    }

    #[test]
    fn one_server_has_all_and_its_keys_have_their_old_names() {
        let topology = Topology::one(None);
        assert_eq!((topology.masters(), topology.home(), topology.of_key(b"foo")), (1, 0, 0));
        assert_eq!(topology.own("recsys:lease"), "recsys:lease");
        assert_eq!(placed("recsys:marker:4", topology.slot_of(0, &[])), "recsys:marker:4");
    }

    #[test]
    fn who_is_to_have_a_slot_is_written_to_as_well() {
        let topology = three().with_movers([at("d", 1), at("b", 2)]);
        assert_eq!((topology.masters(), topology.nodes().count()), (3, 4));
        assert_eq!(topology.position(&at("d", 1)), Some(3));
        assert_eq!(topology.position(&at("c", 4)), None, "a replica");
        assert_eq!(topology.all().count(), 5);
    }

    #[test]
    fn slots_without_a_master_are_told() {
        let asked = at("a", 1);
        let check = |answer: Vec<Value>, told: &str| {
            assert_eq!(Topology::parse(&Value::Array(answer), &asked), Err(told.to_owned()));
        };
        let half = range(0, 8_191, &[node(Some("a"), 1)]);
        check(vec![half.clone()], "8192 of its 16384 slots have no master");
        let unknown = range(8_192, 16_383, &[node(Some("?"), 1)]);
        check(vec![half, unknown], "8192 of its 16384 slots have no master");
        check(vec![Value::Int(3)], "its answer to CLUSTER SLOTS is not understood");
    }

    #[test]
    fn a_redirection_names_a_server() {
        let asked = at("a", 1);
        assert_eq!(redirected("b:2", &asked), Some(at("b", 2)));
        assert_eq!(redirected(":2", &asked), Some(at("a", 2)));
        assert_eq!(redirected("2001:db8::1:6381", &asked), Some(at("2001:db8::1", 6381)));
        assert_eq!(redirected("?:2", &asked), None);
        assert_eq!(redirected("b", &asked), None);
    }
}
