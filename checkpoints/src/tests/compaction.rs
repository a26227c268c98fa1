//! Bytes written and segments read are both bounded.

use crate::{Compaction, Kind, Limits, Segment, Shard};

fn segment(kind: Kind, length: u64, name: usize) -> Segment {
    let (path, table) = (format!("{name:08}"), "t".to_owned());
    Segment { path, table, kind, rows: 0, length, checksum: String::new() }
}

fn base(length: u64) -> Segment {
    segment(Kind::Base { shard: Shard::of(0) }, length, 0)
}

fn change(length: u64, name: usize) -> Segment {
    segment(Kind::Changes { writer: 0 }, length, name)
}

const LIMITS: Limits = Limits { share: 0.5, small: 100, segments: 4 };

fn check(base_bytes: u64, changes: &[u64], expected: Option<&[u64]>) {
    let base = base(base_bytes);
    let changes: Vec<_> =
        changes.iter().enumerate().map(|(name, &length)| change(length, name)).collect();
    let all: Vec<_> = [&base].into_iter().chain(&changes).collect();
    let lengths = match Compaction::due(&all, LIMITS) {
        Compaction::None => Some(Vec::new()),
        Compaction::Base => None,
        Compaction::Changes(changes) => Some(changes.iter().map(|change| change.length).collect()),
    };
    assert_eq!(lengths.as_deref(), expected, "{base_bytes} {changes:?}");
}

#[test]
fn a_base_is_due_when_changes_outgrow_its_share() {
    check(1000, &[], Some(&[]));
    check(1000, &[400, 100], Some(&[]));
    check(1000, &[400, 101], None);
    // The first base, unless the table is small.
    check(0, &[101], None);
    check(0, &[100], Some(&[]));
    check(10, &[40, 60], Some(&[]));
}

#[test]
fn the_smaller_half_of_too_many_changes_becomes_one() {
    check(10_000, &[9, 8, 7, 6], Some(&[]));
    check(10_000, &[9, 8, 7, 6, 5], Some(&[5, 6]));
    check(10_000, &[1, 900, 1, 1, 800, 1], Some(&[1, 1, 1]));
    // Both: the base takes all.
    check(1000, &[200, 200, 100, 100, 100], None);
}

#[test]
fn two_segments_are_the_least_that_become_one() {
    let limits = Limits { segments: 0, ..LIMITS };
    let changes = [change(1, 0), change(2, 1)];
    let all: Vec<_> = changes.iter().collect();
    assert_eq!(Compaction::due(&all, limits), Compaction::Changes(all.clone()));
    assert_eq!(Compaction::due(&all[..1], limits), Compaction::None);
}

/// Ten thousand checkpoints of a view that does not grow, whose rows change again and again.
#[test]
fn each_change_is_written_again_a_few_times() {
    let limits = Limits::default();
    let (full, each) = (100_000_000, 50_000);
    let (mut base_bytes, mut changes) = (full, Vec::new());
    let (mut written, mut changed, mut most) = (0, 0, 0);
    for name in 0..10_000 {
        changes.push(change(each, name));
        changed += each;
        most = most.max(changes.len());
        let base = base(base_bytes);
        let all: Vec<_> = [&base].into_iter().chain(&changes).collect();
        match Compaction::due(&all, limits) {
            Compaction::None => {}
            Compaction::Base => {
                (base_bytes, written) = (full, written + full);
                changes.clear();
            }
            Compaction::Changes(taken) => {
                let sum = change(taken.iter().map(|change| change.length).sum(), name);
                let taken: Vec<_> = taken.into_iter().cloned().collect();
                changes.retain(|change| !taken.contains(change));
                written += sum.length;
                changes.push(sum);
            }
        }
    }
    assert!(most <= limits.segments + 1, "{most}");
    let times = written / changed;
    assert!(times <= 4, "{times}");
}
