//! The form of a manifest, and what is refused.

use crate::{Content, Digest, FORMAT, Kind, Manifest, Reason, RunId, Segment, Shard};
use serde_json::json;

fn manifest() -> Manifest {
    let segment = |kind, path: &str| Segment {
        path: path.to_owned(),
        table: "profiles".to_owned(),
        kind,
        rows: 3,
        length: 1234,
        checksum: "ab".repeat(32),
    };
    let content = Content {
        time: u64::MAX,
        views: [("profiles".to_owned(), Some(Digest(u128::MAX - 1))), ("recent".to_owned(), None)]
            .into(),
        segments: vec![
            segment(Kind::Base { shard: Shard::of(63) }, "segments/a"),
            segment(Kind::Changes { writer: 7 }, "segments/b"),
        ],
        state: json!({"weights": [0.1, 1e-7, 123456789.123456], "positions": {"events-0": u64::MAX}}),
    };
    Manifest { run: RunId(0xabc), number: 7, claim: false, content }
}

/// What stands in stores is read by every version of this format.
const FILE: &str = concat!(
    r#"{"format":3,"sha256":"SUM","manifest":{"run":"00000000000000000000000000000abc","number":7,"#,
    r#""claim":false,"content":{"time":18446744073709551615,"#,
    r#""views":{"profiles":"fffffffffffffffffffffffffffffffe","recent":null},"segments":["#,
    r#"{"path":"segments/a","table":"profiles","kind":{"base":{"shard":63}},"rows":3,"length":1234,"checksum":"C"},"#,
    r#"{"path":"segments/b","table":"profiles","kind":{"changes":{"writer":7}},"rows":3,"length":1234,"checksum":"C"}],"#,
    r#""state":{"weights":[0.1,1e-7,123456789.123456],"positions":{"events-0":18446744073709551615}}}}}"#,
);

fn file() -> String {
    let sum = "SUM";
    let text = FILE.replace("\"C\"", &format!("{:?}", "ab".repeat(32)));
    let inner = &text[text.find("{\"run\"").unwrap()..text.len() - 1];
    let checksum = crate::encode::checksum(inner.as_bytes());
    text.replace(sum, &checksum)
}

#[test]
fn the_form_is_fixed() {
    assert_eq!(FORMAT, 3);
    assert_eq!(Manifest::decode(file().as_bytes(), 7), Ok(manifest()));
    // Byte for byte only without regard to the order of the caller's own keys.
    let encoded = manifest().encode();
    assert_eq!(encoded.len(), file().len());
    assert_eq!(Manifest::decode(&encoded, 7), Ok(manifest()));
}

#[test]
fn each_flipped_bit_and_each_cut_is_refused() {
    let bytes = manifest().encode();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let read = Manifest::decode(&flipped, 7);
            // A blank for another is none: no fact depends on it.
            assert!(read.is_err(), "bit {bit} of byte {at}");
        }
        assert!(Manifest::decode(&bytes[..at], 7).is_err(), "cut at {at}");
    }
}

#[test]
fn what_is_foreign_or_newer_is_refused_with_the_reason() {
    let refused = |text: &str| Manifest::decode(text.as_bytes(), 7).unwrap_err();
    let newer = r#"{"format":4,"of":"another form","sha256":7}"#;
    assert_eq!(refused(newer), Reason::TooNew { format: 4, known: 3 });
    assert_eq!(
        refused(newer).to_string(),
        "it has format 4, and this version reads up to 3: start the newer version"
    );
    for format in [1, 2] {
        let older = format!(r#"{{"format":{format},"sha256":"5","manifest":{{}}}}"#);
        assert_eq!(refused(&older), Reason::TooOld { format, known: 3 });
        assert_eq!(
            refused(&older).to_string(),
            format!(
                "it has format {format}, and this version reads 3: start the version that wrote it, or begin \
                 without it by --rebuild, which reads the topics from their beginning"
            )
        );
    }
    assert_eq!(refused(r#"{"format":0}"#), Reason::Foreign("there is no format 0".to_owned()));
    for text in ["", "{}", "[]", "null", "no JSON", r#"{"format":3}"#, r#"{"format":"3"}"#] {
        assert!(matches!(refused(text), Reason::Syntax(_)), "{text}");
    }
    let other = file().replacen("\"claim\":false", "\"claim\":true ", 1);
    assert_eq!(refused(&other), Reason::Checksum);
    assert_eq!(
        Manifest::decode(file().as_bytes(), 8),
        Err(Reason::Foreign("it has number 7, not 8".to_owned()))
    );
}

/// Of this format, but with what this version does not know: the checksum is right.
#[test]
fn unknown_fields_are_refused() {
    for (known, unknown) in [
        ("\"claim\":false", "\"claim\":false,\"x\":1"),
        ("\"time\":", "\"x\":1,\"time\":"),
        ("\"rows\":3", "\"rows\":3,\"x\":1"),
        ("{\"shard\":63}", "{\"shard\":63,\"x\":1}"),
        ("{\"shard\":63}", "{\"shard\":64}"),
        ("000abc", "000ABC"),
        ("\"kind\":{\"changes\"", "\"kind\":{\"other\""),
    ] {
        let text = file().replacen(known, unknown, 1);
        let inner = text[text.find("{\"run\"").unwrap()..text.len() - 1].to_owned();
        let sum = crate::encode::checksum(inner.as_bytes());
        let text = format!("{{\"format\":3,\"sha256\":\"{sum}\",\"manifest\":{inner}}}");
        let refused = Manifest::decode(text.as_bytes(), 7);
        assert!(matches!(refused, Err(Reason::Syntax(_))), "{unknown}: {refused:?}");
    }
}
