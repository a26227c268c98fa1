//! The parts of a pipeline that go to one node each: a command, or all of a transaction.

use crate::sinks::redis::encode::{header, part};
use std::ops::Range;

/// A command, or those of a transaction, which are about one key.
#[derive(Debug, PartialEq)]
pub(super) struct Unit<'a> {
    pub(super) packed: &'a [u8],
    pub(super) key: &'a [u8],
    /// The places of its answers among those of the pipeline.
    pub(super) answers: Range<usize>,
}

/// What one node gets of a pipeline.
#[derive(Default)]
pub(super) struct Group {
    pub(super) packed: Vec<u8>,
    /// The places of the answers.
    pub(super) answers: Vec<Range<usize>>,
}

/// The units of a pipeline, in their order.
pub(super) fn units(packed: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    let (mut rest, mut answer) = (packed, 0);
    std::iter::from_fn(move || {
        let whole = rest;
        let first = command(&mut rest)?;
        let (begins, mut key) = (answer, first.key);
        answer += 1;
        if first.name == b"MULTI" {
            loop {
                let next = command(&mut rest)?;
                answer += 1;
                if next.name == b"EXEC" {
                    break;
                }
                key = key.or(next.key);
            }
        }
        let packed = &whole[..whole.len() - rest.len()];
        Some(Unit { packed, key: key.unwrap_or_default(), answers: begins..answer })
    })
}

/// Groups the units of a pipeline by node.
pub(super) fn group(packed: &[u8], nodes: usize, of_key: impl Fn(&[u8]) -> usize) -> Vec<Group> {
    let mut groups: Vec<Group> = (0..nodes).map(|_| Group::default()).collect();
    for unit in units(packed) {
        let group = &mut groups[of_key(unit.key)];
        group.packed.extend_from_slice(unit.packed);
        match group.answers.last_mut() {
            Some(last) if last.end == unit.answers.start => last.end = unit.answers.end,
            _ => group.answers.push(unit.answers),
        }
    }
    groups
}

struct Command<'a> {
    name: &'a [u8],
    key: Option<&'a [u8]>,
}

/// Reads one command.
fn command<'a>(rest: &mut &'a [u8]) -> Option<Command<'a>> {
    let parts = header(rest, b'*')?;
    let name = part(rest)?;
    let mut key = None;
    for _ in 1..parts {
        let part = part(rest)?;
        key = key.or(Some(part));
    }
    Some(Command { name, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::redis::encode::{Encoder, Write};
    use dataflows::score::weights::Score;

    /// A pipeline of users, each with a tag: whether all of it is replaced.
    fn packed(users: &[(&str, bool)]) -> Vec<u8> {
        let mut encoder = Encoder::default();
        for (user, is_whole) in users {
            encoder.tag("shoes", Score(1_000_000));
            let update = Write::Update { max_new: 1 };
            encoder.user(user, if *is_whole { Write::Replace } else { update });
        }
        encoder.pipeline.packed().to_vec()
    }

    #[test]
    fn a_transaction_is_one_unit() {
        let packed = packed(&[("a", false), ("MULTI", true), ("\r\n*1\r\n", false), ("d", true)]);
        let found: Vec<Unit<'_>> = units(&packed).collect();
        let keys: Vec<_> = found.iter().map(|unit| str::from_utf8(unit.key).unwrap()).collect();
        let expected = ["a", "MULTI", "\r\n*1\r\n", "d"].map(|user| format!("user:profile:{user}"));
        assert_eq!(keys, expected);
        let answers: Vec<_> = found.iter().map(|unit| unit.answers.clone()).collect();
        assert_eq!(answers, [0..1, 1..5, 5..6, 6..10]);
        assert_eq!(found.iter().flat_map(|unit| unit.packed).copied().collect::<Vec<_>>(), packed);
    }

    #[test]
    fn each_node_gets_its_units_in_their_order() {
        let users = [("a", false), ("b", true), ("a", true), ("c", false), ("b", false)];
        let of_key = |key: &[u8]| usize::from(*key.last().unwrap() - b'a');
        let groups = group(&packed(&users), 4, of_key);
        let of_group = |group: &Group| group.answers.iter().cloned().flatten().collect();
        let answers: Vec<Vec<usize>> = groups.iter().map(of_group).collect();
        assert_eq!(answers, [vec![0, 5, 6, 7, 8], vec![1, 2, 3, 4, 10], vec![9], vec![]]);
        assert_eq!(groups[0].packed, packed(&[("a", false), ("a", true)]));
        assert_eq!(groups[1].packed, packed(&[("b", true), ("b", false)]));
        assert_eq!(groups[2].packed, packed(&[("c", false)]));
        assert!(groups[3].packed.is_empty());
    }
}
