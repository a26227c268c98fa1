//! Profiles as RESP, the protocol of Redis.

use dataflows::Time;
use dataflows::counts::Counts;
use dataflows::names::Names;
use dataflows::weights::{Score, Weights};
use differential_dataflow::difference::Semigroup;
use differential_dataflow::trace::{Cursor, Navigable};
use std::fmt::Write;

/// Commands, packed, and how many answers they get.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Pipeline {
    packed: Vec<u8>,
    answers: usize,
    fields: u64,
}

impl Pipeline {
    pub(super) fn packed(&self) -> &[u8] {
        &self.packed
    }

    pub(super) fn answers(&self) -> usize {
        self.answers
    }

    pub(super) fn fields(&self) -> u64 {
        self.fields
    }

    pub(super) fn bytes(&self) -> usize {
        self.packed.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.answers == 0
    }

    /// Writes a user's tags; `whole` in place of whatever the hash held. A score of zero is no
    /// field: `HDEL`.
    pub(super) fn user(
        &mut self,
        user: &str,
        whole: bool,
        tags: &[(u32, Counts)],
        names: &Names,
        weights: Weights,
    ) {
        let key = format!("user:profile:{user}");
        let scored = tags.iter().map(|&(tag, counts)| (names.text(tag), weights.score(counts)));
        let (zero, set): (Vec<_>, Vec<_>) = scored.partition(|(_, score)| *score == Score(0));
        self.fields += (zero.len() + set.len()) as u64;
        if whole {
            self.command(&["MULTI"]);
            self.command(&["DEL", &key]);
        }
        if !set.is_empty() {
            self.head(2 + 2 * set.len());
            self.bulk("HSET");
            self.bulk(&key);
            let mut text = String::new();
            for (tag, score) in &set {
                text.clear();
                // Writing to a string does not fail.
                let _ = write!(text, "{score}");
                self.bulk(tag);
                self.bulk(&text);
            }
        }
        if whole {
            self.command(&["EXEC"]);
        } else if !zero.is_empty() {
            self.head(2 + zero.len());
            self.bulk("HDEL");
            self.bulk(&key);
            for (tag, _) in &zero {
                self.bulk(tag);
            }
        }
    }

    pub(super) fn command(&mut self, parts: &[&str]) {
        self.head(parts.len());
        for part in parts {
            self.bulk(part);
        }
    }

    fn head(&mut self, parts: usize) {
        self.answers += 1;
        self.packed.push(b'*');
        self.number(parts);
    }

    fn bulk(&mut self, text: &str) {
        self.packed.push(b'$');
        self.number(text.len());
        self.packed.extend_from_slice(text.as_bytes());
        self.packed.extend_from_slice(b"\r\n");
    }

    fn number(&mut self, number: usize) {
        self.packed.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.packed.extend_from_slice(b"\r\n");
    }
}

/// All tags that a user has in the batches, with their counts; those that sum up to nothing stay,
/// as what is to be deleted. Users are best asked for in ascending order.
pub(super) fn profile<B>(batches: &[B], cursors: &mut [B::Cursor], user: u32) -> Vec<(u32, Counts)>
where
    B: Navigable,
    for<'a> B::Cursor: Cursor<
            Storage = B,
            Key<'a> = &'a u32,
            Val<'a> = &'a u32,
            TimeGat<'a> = &'a Time,
            DiffGat<'a> = &'a Counts,
        >,
{
    let mut tags: Vec<(u32, Counts)> = Vec::new();
    for (batch, cursor) in batches.iter().zip(cursors) {
        // A cursor only seeks forward; a sweep may begin before the last of the changed users.
        if cursor.get_key(batch).is_none_or(|&at| at > user) {
            cursor.rewind_keys(batch);
        }
        cursor.seek_key(batch, &user);
        if cursor.get_key(batch) != Some(&user) {
            continue;
        }
        cursor.rewind_vals(batch);
        while let Some(&tag) = cursor.get_val(batch) {
            let mut sum = Counts::default();
            cursor.map_times(batch, |_, counts| sum.plus_equals(counts));
            tags.push((tag, sum));
            cursor.step_val(batch);
        }
    }
    tags.sort_unstable_by_key(|(tag, _)| *tag);
    tags.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1.plus_equals(&later.1);
        }
        same
    });
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_become_commands() {
        let mut names = Names::default();
        let [shoes, hats] = ["shoes", "hats"].map(|tag| names.intern(tag));
        let check = |whole: bool, tags: &[(u32, Counts)], expected: &str, answers: usize| {
            let mut pipeline = Pipeline::default();
            pipeline.user("u1", whole, tags, &names, Weights::default());
            let packed = String::from_utf8(pipeline.packed().to_vec()).unwrap();
            assert_eq!(packed.replace("\r\n", " "), expected);
            assert_eq!(pipeline.answers(), answers);
        };
        let (one, none) = (Counts([1, 1, 0]), Counts::default());
        check(
            false,
            &[(shoes, one), (hats, none)],
            "*4 $4 HSET $15 user:profile:u1 $5 shoes $1 4 *3 $4 HDEL $15 user:profile:u1 $4 hats ",
            2,
        );
        check(
            true,
            &[(shoes, one), (hats, none)],
            "*1 $5 MULTI *2 $3 DEL $15 user:profile:u1 *4 $4 HSET $15 user:profile:u1 $5 shoes $1 4 *1 $4 EXEC ",
            4,
        );
    }
}
