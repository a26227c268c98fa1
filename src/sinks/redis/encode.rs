//! Profiles as RESP, the protocol of Redis.

use crate::sinks::redis::audit::{Audit, Check, Expected};
use dataflows::score::weights::Score;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Packed commands.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    packed: Vec<u8>,
    /// By command, the most fields that it may find to be new.
    max_new: Vec<u32>,
    fields: u64,
    /// The commands that compare a key, in their order, and the bytes that they expect.
    checks: Vec<Check>,
    expected: usize,
}

/// The way in which a user's tags are written to their hash.
#[derive(Clone, Copy)]
pub(super) enum Write {
    /// In place of everything that it holds.
    Replace,
    /// Beside what it holds. If more fields are new than this, it has lost some.
    Update { max_new: u32 },
}

/// What stands before a user's name in the key of their hash.
pub(super) const PREFIX: &str = "user:profile:";

impl Pipeline {
    /// An empty pipeline in the buffer of another.
    pub(super) fn reuse(mut packed: Vec<u8>) -> Pipeline {
        packed.clear();
        Pipeline { packed, ..Pipeline::default() }
    }

    pub(super) fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// About the bytes that are sent and received.
    pub(super) fn size(&self) -> usize {
        self.packed.len() + self.expected
    }

    /// The comparison that a command makes.
    pub(super) fn check(&self, answer: usize) -> Option<&Check> {
        let at = self.checks.binary_search_by_key(&answer, |check| check.answer).ok()?;
        Some(&self.checks[at])
    }

    pub(super) fn into_packed(self) -> Vec<u8> {
        self.packed
    }

    /// The number of commands, each of which gets an answer.
    pub(super) fn answers(&self) -> usize {
        self.max_new.len()
    }

    /// True if a command may find this many fields to be new.
    pub(super) fn allows_new(&self, answer: usize, fields: i64) -> bool {
        self.max_new.get(answer).is_none_or(|max| fields <= i64::from(*max))
    }

    pub(super) fn fields(&self) -> u64 {
        self.fields
    }

    /// The key of a command, which is its second part.
    fn key(&self, answer: usize) -> Option<&str> {
        let mut rest = &self.packed[..];
        for _ in 0..answer {
            let parts = header(&mut rest, b'*')?;
            (0..parts).try_for_each(|_| part(&mut rest).map(drop))?;
        }
        header(&mut rest, b'*').filter(|parts| *parts > 1)?;
        part(&mut rest)?;
        str::from_utf8(part(&mut rest)?).ok()
    }

    /// The user whose profile a command is about.
    pub(super) fn user(&self, answer: usize) -> Option<&str> {
        self.key(answer)?.strip_prefix(PREFIX)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.max_new.is_empty()
    }

    fn command(&mut self, parts: &[&str]) {
        self.max_new.push(u32::MAX);
        command(&mut self.packed, parts);
    }

    /// Shows all of it with one more command behind it, which is not kept.
    pub(super) fn show_with<R>(&mut self, last: &[&str], show: impl FnOnce(&[u8]) -> R) -> R {
        let length = self.packed.len();
        command(&mut self.packed, last);
        let shown = show(&self.packed);
        self.packed.truncate(length);
        shown
    }

    fn head(&mut self, parts: usize, max_new: u32) {
        self.max_new.push(max_new);
        self.packed.push(b'*');
        number(&mut self.packed, parts);
    }
}

/// Reads a number after a mark.
pub(super) fn header(rest: &mut &[u8], mark: u8) -> Option<usize> {
    let end = rest.windows(2).position(|two| two == b"\r\n")?;
    let number = str::from_utf8(rest[..end].strip_prefix(&[mark])?).ok()?.parse().ok()?;
    *rest = &rest[end + 2..];
    Some(number)
}

/// Reads one part of a command.
pub(super) fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = header(rest, b'$')?;
    let (part, after) = rest.split_at_checked(length)?;
    *rest = after.strip_prefix(b"\r\n")?;
    Some(part)
}

/// Encodes one user after the other. A tag with a score of zero is no field: `HDEL`.
#[derive(Default)]
pub(super) struct Encoder {
    pub(super) pipeline: Pipeline,
    /// The current user's tags with their scores, and those whose score is zero. They are collected
    /// apart, as a command begins with the number of its parts.
    set: Arguments,
    gone: Arguments,
    text: String,
}

#[derive(Default)]
struct Arguments {
    packed: Vec<u8>,
    count: usize,
}

impl Arguments {
    fn push(&mut self, text: &[u8]) {
        bulk(&mut self.packed, text);
        self.count += 1;
    }
}

impl Encoder {
    /// Adds a tag of the user that [`Encoder::user`] is called for next.
    pub(super) fn tag(&mut self, tag: &str, score: Score) {
        if score == Score(0) {
            return self.gone.push(tag.as_bytes());
        }
        self.set.push(tag.as_bytes());
        if score.0 % Score::UNIT == 0 {
            let whole = score.0 / Score::UNIT;
            self.set.push(itoa::Buffer::new().format(whole).as_bytes());
        } else {
            self.text.clear();
            // Writing to a String never fails.
            let _ = write!(self.text, "{score}");
            self.set.push(self.text.as_bytes());
        }
    }

    /// Writes the tags to their user's hash.
    pub(super) fn user(&mut self, user: &str, write: Write) {
        self.pipeline.fields += (self.set.count / 2 + self.gone.count) as u64;
        let (set, gone) = (std::mem::take(&mut self.set), std::mem::take(&mut self.gone));
        match write {
            Write::Replace => {
                self.pipeline.command(&["MULTI"]);
                self.write("DEL", user.as_bytes(), &Arguments::default(), u32::MAX);
                if set.count > 0 {
                    self.write("HSET", user.as_bytes(), &set, u32::MAX);
                }
                self.pipeline.command(&["EXEC"]);
            }
            Write::Update { max_new } => {
                if set.count > 0 {
                    self.write("HSET", user.as_bytes(), &set, max_new);
                }
                if gone.count > 0 {
                    self.write("HDEL", user.as_bytes(), &gone, u32::MAX);
                }
            }
        }
        (self.set, self.gone) = (set, gone);
        for arguments in [&mut self.set, &mut self.gone] {
            arguments.packed.clear();
            arguments.count = 0;
        }
    }

    /// Compares the tags with their user's hash.
    pub(super) fn compare(&mut self, user: &str, audit: Option<Arc<Audit>>) {
        let mut fields = BTreeMap::new();
        let mut rest = &self.set.packed[..];
        while let (Some(tag), Some(score)) = (part(&mut rest), part(&mut rest)) {
            fields.insert(tag.into(), score.into());
        }
        self.pipeline.expected += self.set.packed.len();
        for arguments in [&mut self.set, &mut self.gone] {
            arguments.packed.clear();
            arguments.count = 0;
        }
        self.check("HGETALL", user.as_bytes(), Expected::Profile(fields), audit);
    }

    /// Compares the hash of somebody who has no profile with nothing, or deletes it.
    pub(super) fn compare_absent(&mut self, user: &[u8], audit: Option<Arc<Audit>>, delete: bool) {
        match delete {
            true => self.check("DEL", user, Expected::Deleted, audit),
            false => self.check("HGETALL", user, Expected::Nothing, audit),
        }
    }

    fn check(&mut self, command: &str, user: &[u8], expected: Expected, audit: Option<Arc<Audit>>) {
        let answer = self.pipeline.answers();
        self.pipeline.checks.push(Check { answer, user: user.to_vec(), expected, audit });
        self.write(command, user, &Arguments::default(), u32::MAX);
    }

    fn write(&mut self, command: &str, user: &[u8], arguments: &Arguments, max_new: u32) {
        self.pipeline.head(2 + arguments.count, max_new);
        let packed = &mut self.pipeline.packed;
        bulk(packed, command.as_bytes());
        packed.push(b'$');
        number(packed, PREFIX.len() + user.len());
        packed.extend_from_slice(PREFIX.as_bytes());
        packed.extend_from_slice(user);
        packed.extend_from_slice(b"\r\n");
        packed.extend_from_slice(&arguments.packed);
    }
}

/// Adds a command.
pub(super) fn command(packed: &mut Vec<u8>, parts: &[&str]) {
    packed.push(b'*');
    number(packed, parts.len());
    for part in parts {
        bulk(packed, part.as_bytes());
    }
}

fn bulk(packed: &mut Vec<u8>, text: &[u8]) {
    packed.push(b'$');
    number(packed, text.len());
    packed.extend_from_slice(text);
    packed.extend_from_slice(b"\r\n");
}

fn number(packed: &mut Vec<u8>, number: usize) {
    packed.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    packed.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::{Encoder, Pipeline, Write};
    use crate::sinks::redis::audit::Expected;
    use dataflows::score::weights::Score;
    use std::collections::BTreeMap;

    #[test]
    fn users_become_commands() {
        // Twice, as nothing of one user may be left for the next.
        let check = |write: Write, tags: &[(&str, i64)], expected: &str, answers: usize| {
            let mut encoder = Encoder::default();
            for _ in 0..2 {
                encoder.pipeline = Pipeline::reuse(b"of another".to_vec());
                for &(tag, millionths) in tags {
                    encoder.tag(tag, Score(millionths));
                }
                encoder.user("u1", write);
                let packed = String::from_utf8(encoder.pipeline.packed().to_vec()).unwrap();
                assert_eq!(packed.replace("\r\n", " "), expected);
                assert_eq!(encoder.pipeline.answers(), answers);
                assert_eq!(encoder.pipeline.fields(), tags.len() as u64);
            }
        };
        let update = Write::Update { max_new: 1 };
        check(
            update,
            &[("shoes", 4_000_000), ("hats", 0), ("rugs", -1_500_000)],
            "*6 $4 HSET $15 user:profile:u1 $5 shoes $1 4 $4 rugs $4 -1.5 \
             *3 $4 HDEL $15 user:profile:u1 $4 hats ",
            2,
        );
        check(
            Write::Replace,
            &[("shoes", 4_000_000), ("hats", 0)],
            "*1 $5 MULTI *2 $3 DEL $15 user:profile:u1 \
             *4 $4 HSET $15 user:profile:u1 $5 shoes $1 4 *1 $4 EXEC ",
            4,
        );
        check(update, &[("hats", 0)], "*3 $4 HDEL $15 user:profile:u1 $4 hats ", 1);
        check(Write::Replace, &[], "*1 $5 MULTI *2 $3 DEL $15 user:profile:u1 *1 $4 EXEC ", 3);
        check(update, &[], "", 0);
    }

    #[test]
    fn a_comparison_knows_what_it_expects() {
        let mut encoder = Encoder::default();
        encoder.tag("shoes", Score(4_000_000));
        encoder.user("u1", Write::Update { max_new: 1 });
        encoder.tag("shoes", Score(4_000_000));
        encoder.tag("hats", Score(0));
        encoder.compare("u1", None);
        encoder.compare_absent(b"u2", None, true);
        let pipeline = encoder.pipeline;
        let packed = String::from_utf8(pipeline.packed().to_vec()).unwrap();
        assert!(
            packed
                .replace("\r\n", " ")
                .ends_with("*2 $7 HGETALL $15 user:profile:u1 *2 $3 DEL $15 user:profile:u2 ")
        );
        assert_eq!((pipeline.answers(), pipeline.checks.len(), pipeline.fields()), (3, 2, 1));
        assert!(pipeline.check(0).is_none());
        let fields = BTreeMap::from([(Box::from(&b"shoes"[..]), Box::from(&b"4"[..]))]);
        assert_eq!(pipeline.check(1).unwrap().expected, Expected::Profile(fields));
        assert_eq!(pipeline.check(2).unwrap().expected, Expected::Deleted);
    }

    #[test]
    fn an_answer_leads_to_its_command() {
        let mut encoder = Encoder::default();
        let update = |max_new| Write::Update { max_new };
        for (user, write) in [("a", Write::Replace), ("b\r\n$", update(0)), ("c", update(1))] {
            encoder.tag("shoes", Score(1_000_000));
            encoder.user(user, write);
        }
        let mut pipeline = encoder.pipeline;
        let kept = pipeline.packed().to_vec();
        let shown = pipeline.show_with(&["GET", "marker"], <[u8]>::to_vec);
        assert_eq!(
            shown.strip_prefix(&kept[..]),
            Some(&b"*2\r\n$3\r\nGET\r\n$6\r\nmarker\r\n"[..])
        );
        assert_eq!(pipeline.packed(), kept);
        let users: Vec<_> = (0..pipeline.answers()).map(|answer| pipeline.user(answer)).collect();
        assert_eq!(users, [None, Some("a"), Some("a"), None, Some("b\r\n$"), Some("c")]);
        assert_eq!(pipeline.user(6), None);
        let allows: Vec<_> = (0..pipeline.answers()).map(|at| pipeline.allows_new(at, 1)).collect();
        assert_eq!(allows, [true, true, true, true, false, true]);
    }
}
