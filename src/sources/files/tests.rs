//! The file source and the file log, together.

use super::tail::Tail;
use super::{AppendSignal, FileLog, start};
use crate::engine::OldestHour;
use crate::engine::intake::{Outlet, Unit, intake};
use crate::event_log::{EventLog, LogError, NewRecord, Outcome, Partition, Position, Subject};
use crate::metrics::{Metrics, SourceMetrics};
use crate::source_health::Trouble;
use crate::sources::{Positions, Running, SourcePause, SourceProgress, WorkerInlets};
use crate::wall_clock::now_ms;
use dataflows::record::decision::Decision;
use dataflows::record::event::Kind;
use dataflows::record::product::CatalogueRow;
use parser::{Scratch, Written, parse_event, stamped};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The history's horizon: 20 years.
const HORIZON_HOURS: u32 = 20 * 365 * 24;

/// A folder that goes when it is dropped.
pub(super) struct Dir(PathBuf);

impl Dir {
    pub(super) fn new() -> Dir {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name =
            format!("recsys-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

struct Fixture {
    dir: Dir,
    metrics: SourceMetrics,
    signal: AppendSignal,
}

impl Fixture {
    fn new() -> Fixture {
        let metrics = Metrics::new().sources;
        Fixture { dir: Dir::new(), metrics, signal: AppendSignal::default() }
    }

    fn start(&self, positions: &Positions) -> (Running, Vec<Outlet>) {
        let (inlets, outlets): (Vec<_>, Vec<_>) = (0..2).map(|_| intake(1 << 20)).unzip();
        for outlet in &outlets {
            outlet.bind(std::thread::current());
        }
        let workers = WorkerInlets {
            peers: 2,
            first: 0,
            inlets,
            oldest: OldestHour::known(u32::MAX),
            pause: SourcePause::default(),
            horizon_hours: HORIZON_HOURS,
        };
        let progress = SourceProgress::default();
        let running =
            start(&self.dir.0, &workers, positions, &self.metrics, &self.signal, progress);
        (running.unwrap(), outlets)
    }
}

#[derive(Default)]
struct Taken {
    events: Vec<(Kind, String)>,
    rows: Vec<CatalogueRow>,
    decisions: Vec<Decision>,
    next: BTreeMap<String, i64>,
    /// Events that count for freshness.
    fresh: u32,
    /// The time of the event clock.
    clock: i64,
}

impl Taken {
    fn add(&mut self, unit: Unit) {
        for (_, block) in &unit.blocks {
            block.for_each(|event| {
                self.events.push((event.event_type.topic(), event.user.into()));
            });
            self.fresh += block.written().iter().map(|(_, events)| events).sum::<u32>();
            self.clock = self.clock.max(block.newest());
        }
        self.rows.extend(unit.catalogue);
        self.decisions.extend(unit.decisions);
        for (partition, by) in unit.advances {
            *self.next.entry(partition.topic.to_string()).or_default() += by;
        }
    }

    fn take_until(&mut self, outlets: &[Outlet], done: impl Fn(&Taken) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            match outlets.iter().find_map(next_unit) {
                Some(unit) => self.add(unit),
                None => std::thread::park_timeout(Duration::from_millis(20)),
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", self.next);
        }
    }
}

/// The next unit of a worker, which is in its epoch at once.
fn next_unit(outlet: &Outlet) -> Option<Unit> {
    let unit = outlet.take_up_to(1).next();
    outlet.release();
    unit
}

fn outcomes(log: &FileLog, events: Vec<NewRecord>) -> Vec<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let patience = Duration::from_secs(30);
    runtime.block_on(async { log.append(events).until((Instant::now() + patience).into()).await })
}

fn append(log: &FileLog, events: Vec<NewRecord>) -> Vec<Position> {
    outcomes(log, events).into_iter().collect::<Result<_, _>>().unwrap()
}

fn event(kind: Kind, user: &str) -> NewRecord {
    let json = format!("{{\"userId\":\"{user}\",\n\"product\":\"p\",\"timestamp\":1743508800}}");
    NewRecord { subject: kind.into(), key: user.into(), json: json.into() }
}

/// The bytes that JSON takes as a line, with the time and the newline.
fn length_of(json: &[u8]) -> i64 {
    i64::try_from(stamped(json, now_ms()).len()).unwrap() + 1
}

fn at(topic: &str, offset: i64) -> Position {
    Position { partition: Partition { topic: topic.into(), index: 0 }, offset }
}

#[test]
fn what_is_appended_is_read_at_the_positions_that_were_told() {
    let fixture = Fixture::new();
    let (running, outlets) = fixture.start(&Positions::new());
    assert!(running.progress().caught_up());
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    let length = length_of(&event(Kind::View, "u1").json);
    let positions = append(
        &log,
        vec![event(Kind::View, "u1"), event(Kind::Purchase, "u2"), event(Kind::View, "u3")],
    );
    let told = [at("view-events", 0), at("purchase-events", 0), at("view-events", length)];
    assert_eq!(positions, told);
    assert_eq!(append(&log, vec![event(Kind::View, "u4")]), [at("view-events", 2 * length)]);
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.events.len() == 4);
    assert_eq!(taken.next["view-events"], 3 * length);
    assert_eq!(taken.next["purchase-events"], length);
    assert_eq!(taken.fresh, 4);
    assert_eq!(fixture.metrics.events.with_label_values(&["view-events"]).get(), 3);

    // A restart goes on from where the state is, or reads everything again. Only what comes later is
    // fresh.
    drop((running, outlets, log));
    let fixture = Fixture { signal: AppendSignal::default(), ..fixture };
    let from = Positions::from([(at("view-events", 0).partition, length)]);
    let (running, outlets) = fixture.start(&from);
    let mut taken = Taken::default();
    taken.take_until(&outlets, |_| running.progress().caught_up());
    taken.take_until(&outlets, |taken| taken.events.len() == 3);
    assert_eq!(taken.fresh, 0);
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    append(&log, vec![event(Kind::View, "u5")]);
    taken.take_until(&outlets, |taken| taken.events.len() == 4);
    assert_eq!(taken.fresh, 1);
}

#[test]
fn a_line_tells_when_it_was_stored() {
    for json in [
        r#"{"userId":"u","product":"p","timestamp":"2025-04-01T12:00:00.000Z"}"#,
        r#"{"userId":"u","product":"p"}"#,
        r#" {"userId":"u","product":"p"}"#,
        r#"{"userId":"u","product":"p","timestamp":null}"#,
    ] {
        let fixture = Fixture::new();
        let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
        let before = now_ms();
        let (subject, key) = (Kind::View.into(), "u".into());
        append(&log, vec![NewRecord { subject, key, json: json.into() }]);
        let line = std::fs::read_to_string(fixture.dir.path("view-events.jsonl")).unwrap();
        assert!(line.trim_end().ends_with(&json.trim_start()[1..]), "{json}: {line}");
        let written = Written::of_line(line.as_bytes(), 0);
        let Written::At(time) = written else { panic!("{line}") };
        assert!((before..=now_ms()).contains(&time), "{line}");
        let mut scratch = Scratch::default();
        let event = parse_event(line.as_bytes(), Some(Kind::View), written, &mut scratch);
        let says_when = json.contains("2025");
        assert_eq!(event.unwrap().time, if says_when { 1_743_508_800_000 } else { time });
    }
}

/// Whenever it is read, a line is judged by when it was written.
#[test]
fn a_line_is_refused_or_counted_whenever_it_is_read() {
    let fixture = Fixture::new();
    let (then, hour) = (1_743_508_800_000, 3_600_000);
    let line = |user: &str, written: i64, ahead: i64| {
        let time = written + ahead;
        let stamp = format!("\"recordedAt\":{written},");
        format!("{{{stamp}\"userId\":\"{user}\",\"product\":\"p\",\"timestamp\":{time}}}\n")
    };
    let ahead = now_ms() + 48 * hour;
    let lines = [
        line("late", then, -hour),
        line("ahead", then, 23 * hour),
        line("too far ahead", then, 25 * hour),
        line("written ahead", ahead, 0),
        // Nobody knows when it was written.
        format!("{{\"userId\":\"unknown\",\"product\":\"p\",\"timestamp\":{ahead}}}\n"),
    ];
    std::fs::write(fixture.dir.path("view-events.jsonl"), lines.concat()).unwrap();
    let (_running, outlets) = fixture.start(&Positions::new());
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.events.len() == 4);
    let mut users: Vec<_> = taken.events.iter().map(|(_, user)| &**user).collect();
    users.sort_unstable();
    assert_eq!(users, ["ahead", "late", "unknown", "written ahead"]);
    // That of a record which says so itself.
    assert_eq!(taken.clock, ahead);
    let refused = ["view-events", "future_timestamp"];
    assert_eq!(fixture.metrics.dead_letters.with_label_values(&refused).get(), 1);
}

#[test]
fn a_dead_letter_is_written_once() {
    let fixture = Fixture::new();
    let (views, letters) =
        (fixture.dir.path("view-events.jsonl"), fixture.dir.path("dead-letter-events.jsonl"));
    let read = |fixture: &Fixture, next: i64| {
        let (running, outlets) = fixture.start(&Positions::new());
        let mut taken = Taken::default();
        taken.take_until(&outlets, |taken| taken.next.get("view-events") == Some(&next));
        drop(running);
        std::fs::read_to_string(&letters).unwrap().lines().count()
    };
    // Whose letter is not made of its bytes as they are.
    std::fs::write(&views, b"a\n\xffbc\n").unwrap();
    assert_eq!([read(&fixture, 6), read(&fixture, 6)], [2, 2]);
    // Another file has other records at these offsets.
    std::fs::write(&views, "c\nd\n").unwrap();
    assert_eq!([read(&fixture, 4), read(&fixture, 4)], [4, 4]);
}

#[test]
fn catalogue_rows_are_read_and_dead_letters_written() {
    let fixture = Fixture::new();
    let rows =
        "\u{feff}\n{\"id\":\"p1\",\"name\":\"Lamp\"}\n{\"id\":\"p2\",\"deleted\":true}\n[]\n";
    std::fs::write(fixture.dir.path("product-catalog.jsonl"), rows).unwrap();
    let views = b"Hello Kafka\n\xef\xbb\xbf{\"userId\":\"u1\",\"product\":\"p1\"}\n\xff\"\n{\"userId\":\"torn";
    std::fs::write(fixture.dir.path("view-events.jsonl"), views).unwrap();
    let (running, outlets) = fixture.start(&Positions::new());
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.next.len() == 2 && running.progress().caught_up());
    assert_eq!(taken.events, [(Kind::View, "u1".to_owned())]);
    let rows: Vec<_> = taken.rows.iter().map(|row| (&*row.product, row.row.is_some())).collect();
    assert_eq!(rows, [("p1", true), ("p2", false)]);

    // The torn line becomes a letter of its own, and spoils nothing.
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    append(&log, vec![event(Kind::View, "u2")]);
    taken.take_until(&outlets, |taken| taken.events.len() == 2);
    drop((running, log));
    let letters = std::fs::read_to_string(fixture.dir.path("dead-letter-events.jsonl")).unwrap();
    let letters: Vec<serde_json::Value> =
        letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut told: Vec<_> = letters
        .iter()
        .map(|letter| {
            (
                &letter["source_topic"],
                &letter["source_offset"],
                &letter["reason"],
                &letter["record"],
                &letter["details"],
            )
        })
        .map(|(topic, offset, reason, record, details)| {
            format!("{topic} {offset} {reason} {record} {details}")
        })
        .collect();
    told.sort();
    let length = |letter: &serde_json::Value| letter["source_length"].as_u64().unwrap();
    assert!(letters.iter().any(|letter| letter["record"] == "Hello Kafka" && length(letter) == 11));
    assert_eq!(
        told,
        [
            r#""product-catalog" 57 "not_object" "[]" "the record is not a JSON object: it is [], at byte 1""#,
            r#""view-events" 0 "not_json" "Hello Kafka" "the record is not JSON: expected value, at byte 1""#,
            r#""view-events" 46 "not_json" "�\"" "the record is not JSON: expected value, at byte 1""#,
            r#""view-events" 49 "not_json" "{\"userId\":\"torn" "the record is not JSON: EOF while parsing a string, at byte 15""#,
        ]
    );
}

#[test]
fn merges_are_stored_and_read() {
    let fixture = Fixture::new();
    let (_running, outlets) = fixture.start(&Positions::new());
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    let merge = |json: &str| {
        append(
            &log,
            vec![NewRecord { subject: Subject::Merge, key: "u".into(), json: json.into() }],
        )
    };
    let good = r#"{"userId":"u","from":"g","timestamp":1743508800000}"#;
    assert_eq!(merge(good), [at("user-merges", 0)]);
    let length = length_of(good.as_bytes());
    assert_eq!(merge(r#"{"userId":"u","timestamp":1743508800000}"#), [at("user-merges", length)]);
    let old = r#"{"userId":"u","from":"g","timestamp":946684800000}"#;
    let offset = merge(old)[0].offset;
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| {
        taken.next.get("user-merges").is_some_and(|next| *next > offset)
    });
    let [Decision { user, time, account: Some(account), .. }] = &taken.decisions[..] else {
        panic!("{:?}", taken.decisions)
    };
    assert_eq!((&**user, *time, &**account), ("g", 1_743_508_800_000, "u"));
    let letters = &fixture.metrics.dead_letters;
    assert_eq!(letters.with_label_values(&["user-merges", "no_guest"]).get(), 1);
    assert_eq!(letters.with_label_values(&["user-merges", "too_old"]).get(), 1);
}

#[test]
fn forgets_are_stored_and_read() {
    let fixture = Fixture::new();
    let (_running, outlets) = fixture.start(&Positions::new());
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    let forget = |json: &str| {
        let record = NewRecord { subject: Subject::Forget, key: "u".into(), json: json.into() };
        append(&log, vec![record])[0].clone()
    };
    let good = r#"{"userId":"u","timestamp":1743508800000}"#;
    assert_eq!(forget(good), at("user-forgets", 0));
    forget(r#"{"userId":"u","timestamp":946684800000}"#);
    let last = forget(r#"{"timestamp":1743508800000}"#);
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| {
        taken.next.get("user-forgets").is_some_and(|next| *next > last.offset)
    });
    let [Decision { user, time, account: None, .. }] = &taken.decisions[..] else {
        panic!("{:?}", taken.decisions)
    };
    assert_eq!((&**user, *time), ("u", 1_743_508_800_000));
    let letters = &fixture.metrics.dead_letters;
    for reason in ["too_old", "no_user"] {
        assert_eq!(letters.with_label_values(&["user-forgets", reason]).get(), 1, "{reason}");
    }
}

#[test]
fn catalogue_rows_are_stored_and_read() {
    let fixture = Fixture::new();
    let (_running, outlets) = fixture.start(&Positions::new());
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    let row =
        |json: &str| NewRecord { subject: Subject::Product, key: "p".into(), json: json.into() };
    let (good, gone) = (r#"{"id":"p","name":"Mug"}"#, r#"{"id":"p","deleted":true}"#);
    let positions = append(&log, vec![row(good), row(gone)]);
    assert_eq!(
        positions,
        [0, length_of(good.as_bytes())].map(|offset| at("product-catalog", offset))
    );
    let mut taken = Taken::default();
    taken.take_until(&outlets, |taken| taken.rows.len() == 2);
    let [described, deleted] = &taken.rows[..] else { panic!("{:?}", taken.rows) };
    assert_eq!(described.row.as_ref().map(|row| &*row.name), Some("Mug"));
    assert_eq!((&*deleted.product, &deleted.row), ("p", &None));
}

#[test]
fn a_file_that_is_not_the_one_that_was_read_ends_the_source() {
    let line = |user: &str| format!("{{\"userId\":\"{user}\",\"product\":\"p\"}}\n");
    let truncate: fn(&Path) = |path| {
        std::fs::File::options().write(true).open(path).unwrap().set_len(30).unwrap();
    };
    let replace: fn(&Path) = |path| {
        let next = path.with_extension("next");
        std::fs::copy(path, &next).unwrap();
        std::fs::rename(next, path).unwrap();
    };
    for (act, expected) in [
        (truncate, "it was truncated: 60 bytes were read, and it has 30"),
        (replace, "it was replaced: inode "),
    ] {
        let fixture = Fixture::new();
        let path = fixture.dir.path("view-events.jsonl");
        std::fs::write(&path, line("u1") + &line("u2")).unwrap();
        let (running, outlets) = fixture.start(&Positions::new());
        let mut taken = Taken::default();
        taken.take_until(&outlets, |taken| taken.events.len() == 2);
        assert_eq!(running.progress().failure(), None);
        act(&path);
        taken.take_until(&outlets, |_| !running.is_alive());
        let reason = running.progress().failure().unwrap().to_owned();
        let expected = format!("the topic file {}: {expected}", path.display());
        assert!(reason.starts_with(&expected), "{reason}");
        assert_eq!(taken.events.len(), 2, "nothing is counted that may have been");
    }
}

#[test]
fn nothing_is_stored_in_place_of_a_file_that_is_read() {
    let truncate: fn(&Path, &Path) = |path, away| {
        std::fs::copy(path, away).unwrap();
        std::fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap();
    };
    let remove: fn(&Path, &Path) = |path, away| std::fs::rename(path, away).unwrap();
    let replace: fn(&Path, &Path) = |path, away| {
        std::fs::rename(path, away).unwrap();
        std::fs::copy(away, path).unwrap();
    };
    for (act, what) in [(remove, "removed"), (replace, "replaced"), (truncate, "truncated")] {
        let fixture = Fixture::new();
        let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
        let (_running, outlets) = fixture.start(&Positions::new());
        append(&log, vec![event(Kind::View, "before")]);
        let mut taken = Taken::default();
        taken.take_until(&outlets, |taken| taken.events.len() == 1);
        let (path, away) =
            (fixture.dir.path("view-events.jsonl"), fixture.dir.path("view-events.away"));
        act(&path, &away);
        let length = std::fs::metadata(&path).map(|file| file.len()).ok();
        let refused = outcomes(&log, vec![event(Kind::View, "after")]);
        let [Err(LogError::Unavailable(reason))] = &refused[..] else {
            panic!("{what}: {refused:?}")
        };
        assert!(
            reason.contains(&format!("view-events.jsonl, which is read, was {what}")),
            "{reason}"
        );
        assert!(log.writable().unwrap_err().contains(what));
        assert_eq!(std::fs::metadata(&path).map(|file| file.len()).ok(), length, "{what}");
        // Other topics are not affected, nor is this one once the file is back.
        append(&log, vec![event(Kind::Purchase, "other")]);
        if what == "removed" {
            std::fs::rename(&away, &path).unwrap();
            append(&log, vec![event(Kind::View, "back")]);
            taken.take_until(&outlets, |taken| taken.events.len() == 3);
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_counted_and_shown_until_it_can() {
    let fixture = Fixture::new();
    let path = fixture.dir.path("view-events.jsonl");
    std::fs::create_dir(&path).unwrap();
    let (running, outlets) = fixture.start(&Positions::new());
    let progress = running.progress();
    let mut taken = Taken::default();
    taken.take_until(&outlets, |_| !progress.health().troubles().is_empty());
    let troubles = progress.health().troubles();
    let [trouble] = &troubles[..] else { panic!("{troubles:?}") };
    assert_eq!((&*trouble.partition.topic, trouble.trouble), ("view-events", Trouble::Read));
    assert!(fixture.metrics.errors.with_label_values(&["view-events"]).get() > 0);
    std::fs::remove_dir(&path).unwrap();
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    append(&log, vec![event(Kind::View, "u")]);
    taken.take_until(&outlets, |taken| taken.events.len() == 1);
    assert_eq!(progress.health().troubles(), []);
}

#[test]
fn a_log_whose_file_cannot_be_written_says_so_until_it_can() {
    let fixture = Fixture::new();
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    assert_eq!(log.writable(), Ok(()));
    let path = fixture.dir.path("view-events.jsonl");
    std::fs::create_dir(&path).unwrap();
    let refused = outcomes(&log, vec![event(Kind::View, "u")]);
    assert!(matches!(refused[..], [Err(LogError::Unavailable(_))]), "{refused:?}");
    let reason = log.writable().unwrap_err();
    assert!(reason.starts_with("a topic file was not written: "), "{reason}");
    std::fs::remove_dir(&path).unwrap();
    append(&log, vec![event(Kind::View, "u")]);
    assert_eq!(log.writable(), Ok(()));
}

#[test]
fn of_a_batch_all_topics_are_written_or_none() {
    let fixture = Fixture::new();
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    append(&log, vec![event(Kind::View, "u1")]);
    let views = || std::fs::read(fixture.dir.path("view-events.jsonl")).unwrap();
    let before = views();
    // The purchases, which come after the views, cannot be written.
    let purchases = fixture.dir.path("purchase-events.jsonl");
    std::fs::create_dir(&purchases).unwrap();
    let batch = || vec![event(Kind::View, "u2"), event(Kind::Purchase, "u2")];
    let told = outcomes(&log, batch());
    let is_away = |outcome: &Outcome| matches!(outcome, Err(LogError::Unavailable(_)));
    assert!(told.len() == 2 && told.iter().all(is_away), "{told:?}");
    assert_eq!(views(), before);
    std::fs::remove_dir(&purchases).unwrap();
    let length = i64::try_from(before.len()).unwrap();
    assert_eq!(append(&log, batch()), [at("view-events", length), at("purchase-events", 0)]);
}

#[test]
fn half_a_line_of_somebody_else_is_ended_before_each_append() {
    let fixture = Fixture::new();
    let log = FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap();
    let path = fixture.dir.path("view-events.jsonl");
    let length = length_of(&event(Kind::View, "u").json);
    let mut position = 0;
    for round in 0..3 {
        assert_eq!(append(&log, vec![event(Kind::View, "u")]), [at("view-events", position)]);
        position += length + "torn \n".len() as i64;
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 2 * round, "{text}");
        for (index, line) in lines.iter().enumerate() {
            let is_ours = line.starts_with("{\"recordedAt\":") && line.ends_with("00}");
            assert!(if index % 2 == 0 { is_ours } else { *line == "torn " }, "{line}");
        }
        assert!(text.ends_with('\n'));
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"torn ").unwrap();
    }
}

#[test]
fn several_writers_keep_their_lines_apart_and_know_their_offsets() {
    let fixture = Fixture::new();
    let logs = [0, 1].map(|_| FileLog::open(&fixture.dir.0, fixture.signal.clone()).unwrap());
    let positions = std::thread::scope(|scope| {
        let writers = logs.each_ref().map(|log| {
            scope.spawn(|| {
                (0..50).flat_map(|_| append(log, vec![event(Kind::View, "u"); 20])).collect()
            })
        });
        writers.map(|writer| -> Vec<Position> { writer.join().unwrap() }).concat()
    });
    let mut offsets: Vec<i64> = positions.iter().map(|position| position.offset).collect();
    offsets.sort_unstable();
    let length = length_of(&event(Kind::View, "u").json);
    assert!(offsets.iter().copied().eq((0..2000).map(|index| index * length)));
}

#[test]
fn what_a_writer_may_still_take_back_is_not_read() {
    let fixture = Fixture::new();
    let path = fixture.dir.path("view-events.jsonl");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let mut tail = Tail::new(path, 0);
    let mut look = || {
        let mut lines = Vec::new();
        tail.read(|line| lines.push(line.bytes.to_vec())).unwrap();
        lines
    };
    file.lock().unwrap();
    file.write_all(b"taken back\n").unwrap();
    assert!(look().is_empty());
    file.set_len(0).unwrap();
    file.write_all(b"stays\n").unwrap();
    file.unlock().unwrap();
    assert_eq!(look(), [b"stays"]);
}
