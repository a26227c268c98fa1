//! Each format, case by case.

use crate::read::{ClickRecord, Format, LineError, ReadError, Tally, check_readable, read};
use std::io::Write;

/// Reads a file and compares its records, each as a line, and the number of bad lines.
fn check(format: Format, text: impl AsRef<[u8]>, expected: Result<(&[&str], u64), &str>) {
    let (text, dir) = (text.as_ref(), tempfile::tempdir().unwrap());
    let path = dir.path().join("clicks");
    std::fs::write(&path, text).unwrap();
    let (mut tally, mut records) = (Tally::default(), Vec::new());
    let told = read(&path, format, &mut tally, |record| {
        records.push(shown(record));
        Ok::<(), ReadError>(())
    });
    let told = told.map_err(|error| match error {
        ReadError::Format { line, misfit, .. } => {
            let told = misfit.to_string();
            let (format, error) = told.lines().next().unwrap().split_once(": ").unwrap();
            assert!(format.starts_with("no line is one of "), "{told}");
            format!("{line}: {error}")
        }
        ReadError::Empty { .. } => "empty".into(),
        ReadError::Io { .. } => error.to_string(),
    });
    let expected = expected.map_err(str::to_owned);
    assert_eq!(
        told.map(|()| (records.len() as u64, tally.bad)),
        expected.clone().map(|(records, bad)| (records.len() as u64, bad)),
        "{}",
        String::from_utf8_lossy(text)
    );
    if let Ok((expected, _)) = expected {
        assert_eq!(records, expected);
        assert_eq!(tally.records, expected.len() as u64);
    }
}

fn shown(record: &ClickRecord<'_>) -> String {
    let ClickRecord { event_type, time, user, session, product, category, tags } = record;
    let name = event_type.name();
    format!("{name} {time} {user}/{session} {product} {category} {}", tags.join("+"))
}

const REES46: &str =
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n";

#[test]
fn every_format_is_read() {
    let view = format!("{REES46}2019-10-01 00:00:01 UTC,view,17,20,a.b,acme,543.10,51,f-1\n");
    check(Format::Rees46, &view, Ok((&["view 1569888001000 51/f-1 17 a.b a.b+acme"], 0)));
    let plain = format!("{REES46}2019-10-01 00:00:01 UTC,cart,17,20,,,5,51,\r\n");
    check(Format::Rees46, &plain, Ok((&["add_to_cart 1569888001000 51/ 17 20 20"], 0)));
    let taken_out = format!("{REES46}2019-10-01 00:00:01 UTC,remove_from_cart,17,20,,,5,51,f\n");
    check(Format::Rees46, &taken_out, Ok((&["remove_from_cart 1569888001000 51/f 17 20 20"], 0)));
    check(
        Format::Retailrocket,
        "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n\
         1433221332118,257597,transaction,355908,4000\n",
        Ok((
            &["view 1433221332117 257597/ 355908  ", "purchase 1433221332118 257597/ 355908  "],
            0,
        )),
    );
    check(
        Format::Taobao,
        "1,22,25,pv,1511544070\n1,22,25,fav,1511544071\n",
        Ok((&["view 1511544070000 1/ 22 25 25", "add_to_cart 1511544071000 1/ 22 25 25"], 0)),
    );
    check(
        Format::Yoochoose,
        "1,2014-04-07T10:51:09.277Z,214536502,0\n2,2014-04-07T10:51:09.277Z,2145,12462,1\n",
        Ok((&["view 1396867869277 1/1 214536502  ", "purchase 1396867869277 2/2 2145  "], 0)),
    );
    check(
        Format::Otto,
        "{\"session\":7,\"events\":[{\"aid\":1,\"ts\":1659304800025,\"type\":\"clicks\"},\
         {\"aid\":2,\"ts\":1659304800026,\"type\":\"orders\"}]}\n",
        Ok((&["view 1659304800025 7/7 1  ", "purchase 1659304800026 7/7 2  "], 0)),
    );
    check(
        Format::Otto,
        "{\"session\":7,\"events\":[{\"aid\":1,\"ts\":1659304800,\"type\":\"clicks\"}]}\n",
        Ok((&["view 1659304800000 7/7 1  "], 0)),
    );
    check(
        Format::Jsonl,
        "{\"eventType\":\"add_to_cart\",\"userId\":\"u\",\"product\":\"p\",\"timestamp\":1659304800027,\
         \"tags\":[\"a\",\"b\"],\"category\":\"c\",\"sessionId\":\"s\"}\n",
        Ok((&["add_to_cart 1659304800027 u/s p c a+b"], 0)),
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_line() {
    let view =
        format!("\u{feff}{REES46}2019-10-01 00:00:01 UTC,view,17,20,a.b,acme,543.10,51,f-1\n");
    check(Format::Rees46, &view, Ok((&["view 1569888001000 51/f-1 17 a.b a.b+acme"], 0)));
    check(
        Format::Taobao,
        "\u{feff}1,22,25,pv,1511544070\n\u{feff}1,22,25,pv,1511544070\n",
        Ok((&["view 1511544070000 1/ 22 25 25", "view 1511544070000 1/ 22 25 25"], 0)),
    );
    check(
        Format::Jsonl,
        "\u{feff}\n{\"eventType\":\"view\",\"userId\":1,\"product\":2,\"timestamp\":1511544070}\n",
        Ok((&["view 1511544070000 1/ 2  "], 0)),
    );
}

#[test]
fn a_line_that_is_not_text_or_too_long_is_left_out_and_counted() {
    let good: &[&str] = &["view 1511544070000 1/ 22 25 25"];
    let latin: &[u8] = b"1,22,25,pv,1511544070\nb\xe9,22,25,pv,1511544070\n";
    check(Format::Taobao, latin, Ok((good, 1)));
    let long = "c".repeat(513);
    for line in [format!("{long},22,25"), format!("1,{long},25"), format!("1,22,{long}")] {
        let text = format!("1,22,25,pv,1511544070\n{line},pv,1511544070\n");
        check(Format::Taobao, &text, Ok((good, 1)));
    }
}

#[test]
fn a_line_that_is_cut_off_is_left_out_and_counted() {
    check(
        Format::Taobao,
        "1,22,25,pv,1511544070\n1,22,25,pv",
        Ok((&["view 1511544070000 1/ 22 25 25"], 1)),
    );
}

#[test]
fn a_file_without_a_record_is_no_set() {
    for text in ["", "\n\r\n \n", "\u{feff}"] {
        check(Format::Taobao, text, Err("empty"));
    }
    check(Format::Rees46, REES46, Err("empty"));
    check(Format::Jsonl, gzip(b""), Err("empty"));
}

const CLICKS: &[&str] = &["view 1511544070000 1/ 22 25 25", "purchase 1511544071000 2/ 22 25 25"];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn a_compressed_file_is_read_as_what_it_holds() {
    let (first, second) = (&b"1,22,25,pv,1511544070\n2,2"[..], &b"2,25,buy,1511544071\n"[..]);
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7];
    for file in [
        [first, second].concat(),
        gzip(&[first, second].concat()),
        [gzip(first), gzip(second)].concat(),
        zstd(&[first, second].concat()),
        [zstd(first), zstd(second)].concat(),
        [&skipped[..], &zstd(first), &skipped, &zstd(second)].concat(),
    ] {
        check(Format::Taobao, file, Ok((CLICKS, 0)));
    }
}

#[test]
fn a_compressed_file_that_is_cut_off_is_told() {
    let noise: Vec<String> =
        (0..9999).map(|n| format!("{n},{},25,pv,1511544070\n", n * n)).collect();
    let noise = noise.concat();
    for whole in [gzip(noise.as_bytes()), zstd(noise.as_bytes())] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clicks");
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let told = read(&path, Format::Taobao, &mut Tally::default(), |_| Ok::<(), ReadError>(()));
        assert!(matches!(told, Err(ReadError::Io { .. })), "{told:?}");
    }
}

#[test]
fn lines_end_as_any_system_ends_them() {
    for end in ["\n", "\r", "\r\n", "\n\n", "\r\r\n"] {
        let lines = ["1,22,25,pv,1511544070", "2,22,25,buy,1511544071"];
        for text in [lines.join(end), lines.map(|line| line.to_owned() + end).concat()] {
            check(Format::Taobao, &text, Ok((CLICKS, 0)));
            let bad = format!("{text}{end}3,22");
            check(Format::Taobao, &bad, Ok((CLICKS, 1)));
        }
    }
    let told = Err("3: 2 values, not 5");
    check(Format::Taobao, "\r\n\r\n3,22\r\n4,22\r\n", told);
}

#[test]
fn values_may_be_in_quotes() {
    check(
        Format::Taobao,
        "\"1\",22,\"25\",\"pv\",1511544070\n\"2\",\"22\",\"25\",\"buy\",\"1511544071\"\n",
        Ok((CLICKS, 0)),
    );
    let header = REES46.trim_end().split(',').map(|name| format!("\"{name}\"")).collect::<Vec<_>>();
    check(
        Format::Rees46,
        format!(
            "{}\r\n\"2019-10-01 00:00:01 UTC\",\"view\",\"17\",\"20\",\"home, \"\"garden\"\"\",\"\",\"5\",\"51\",\"\"\r\n",
            header.join(",")
        ),
        Ok((&["view 1569888001000 51/ 17 home, \"garden\" home, \"garden\""], 0)),
    );
    let cut_off = "1,22,25,pv,1511544070\n\"3,22,25,pv,1511544070\n2,22,25,buy,1511544071\n";
    check(Format::Taobao, cut_off, Ok((CLICKS, 1)));
}

#[test]
fn a_file_of_another_format_is_told_with_its_line_and_the_shapes() {
    let told = |text: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clicks");
        std::fs::write(&path, text).unwrap();
        let each = |_: &ClickRecord<'_>| Ok::<(), ReadError>(());
        let error = read(&path, Format::Taobao, &mut Tally::default(), each).unwrap_err();
        error.to_string().replace(&path.display().to_string(), "clicks")
    };
    let shape = "taobao has: `user,item,category,pv|cart|fav|buy,seconds`, without a header";
    assert_eq!(
        told("timestamp,visitorid,event,itemid,transactionid\n1433221332117,1,view,2,\n"),
        format!(
            "clicks:1: no line is one of taobao: \"itemid\" is no kind of event\n\
             the first is: timestamp,visitorid,event,itemid,transactionid\n{shape}\n\
             the line is as those of retailrocket"
        )
    );
    let long = "x".repeat(200);
    let all = told(&long);
    assert!(all.contains(&format!("the first is: {}…\n", &long[..120])), "{all}");
    for part in [shape, "\nrees46 has: ", "\notto has: ", "\njsonl has: "] {
        assert!(all.contains(part), "{all}");
    }
}

#[test]
fn what_was_left_out_is_told_once() {
    let error = LineError("4 values, not 5".into());
    let tally = Tally { records: 9, bad: 2, first_bad: Some(("clicks.csv".into(), 3, error)) };
    let told = "bad lines left out: 2; the first, clicks.csv:3: 4 values, not 5";
    assert_eq!(tally.complaint().as_deref(), Some(told));
    assert_eq!(Tally::default().complaint(), None);
}

#[test]
fn a_file_of_another_format_is_refused_with_its_first_line() {
    let cases = [
        (Format::Rees46, "\n1,2,3,pv,5\n", "2: 5 values, not 9"),
        (Format::Taobao, "1,2,3,view,5\n", "1: \"view\" is no kind of event"),
        (Format::Taobao, "1,2,3,pv,noon\n", "1: \"noon\" is no time"),
        (Format::Taobao, "1,2,3,pv,5\n", "1: \"5\" is before the year 2000"),
        (
            Format::Taobao,
            "1,2,3,pv,2025-04-01T12:00[Europe/Berlin]\n",
            "1: \"2025-04-01T12:00[Europe/Berlin]\" names a zone, but no offset from UTC",
        ),
        (
            Format::Otto,
            "{\"session\":7,\"events\":[{\"aid\":1,\"ts\":5,\"type\":\"clicks\"}]}\n",
            "1: \"5\" is before the year 2000",
        ),
        (Format::Taobao, ",2,3,pv,5\n", "1: user is empty"),
        (Format::Retailrocket, "noon,1,view,2,\n", "1: \"noon\" is no time"),
        (Format::Yoochoose, "1,2,3,4,5,6\n", "1: 6 values, not 5"),
        (
            Format::Jsonl,
            "{\"eventType\":\"view\",\"userId\":1,\"product\":2}\n",
            "1: timestamp is missing",
        ),
        (Format::Taobao, "1,22,c\u{e9}", "1: 3 values, not 5"),
        (Format::Jsonl, "1,2\n", "1: the record is not a JSON object: it is 1,2, at byte 1"),
    ];
    for (format, text, told) in cases {
        check(format, text, Err(told));
    }
}

#[test]
fn what_is_no_file_is_told() {
    for (path, why) in [("no/such/file", "No such file or directory"), ("/", "it is a folder")] {
        let path = std::path::Path::new(path);
        let told = read(path, Format::Otto, &mut Tally::default(), |_| Ok::<(), ReadError>(()));
        for told in [told.unwrap_err(), check_readable(path).unwrap_err()] {
            assert_eq!(told.to_string(), format!("cannot read {}", path.display()));
            let source = std::error::Error::source(&told).unwrap().to_string();
            assert!(source.starts_with(why), "{source}");
        }
    }
}

#[test]
fn what_is_long_is_told_by_its_beginning_and_length() {
    let long = "x".repeat(1_000);
    let quoted = format!("1: \"{}… (1002 bytes)", &long[..39]);
    for (format, line, told) in [
        (
            Format::Taobao,
            format!("1,2,3,{long},1511544070"),
            format!("{quoted} is no kind of event"),
        ),
        (Format::Taobao, format!("1,2,3,pv,{long}"), format!("{quoted} is no time")),
        (
            Format::Otto,
            format!("{{\"session\":\"{long}\"}}"),
            format!(
                "1: invalid type: string \"{}… (1037 bytes), at byte 1013",
                &long[..200 - "invalid type: string \"".len()],
            ),
        ),
        (
            Format::Jsonl,
            long.clone(),
            "1: the record is not JSON: expected value, at byte 1".to_owned(),
        ),
    ] {
        check(format, line, Err(&told));
    }
}
