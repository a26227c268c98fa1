//! Checkpoints in S3, and opened by DuckDB.
//!
//! Both are ignored by default. `scripts/test` starts S3, says where it is, and runs them; without it they fail.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

use checkpoints::{
    Column, Content, Effort, Encoded, Error, Kind, Rows, Run, Segment, Store, Table, Value,
    contains, encode, list, verify,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use tokio::task::JoinSet;

static PROFILES: Table = Table {
    name: "profiles",
    columns: &[Column::text("user"), Column::texts("tags")],
    counts: &["views"],
};

fn service(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run scripts/test"))
}

/// A new bucket, so that runs of this test do not meet.
fn bucket() -> String {
    let address = service("RECSYS_TEST_S3").trim_start_matches("http://").to_owned();
    let name = format!("checkpoints-{}", std::process::id());
    let mut connection = TcpStream::connect(&address).unwrap();
    write!(
        connection,
        "PUT /{name} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    name
}

/// A thousand rows of users and tags, of which the views are their numbers.
fn rows(times: i64) -> Encoded {
    let mut rows = Rows::new(&PROFILES);
    for number in 0..1000 {
        let user = format!("user-{number}");
        let values = [Value::Text(&user), Value::Texts(&["hats", "größe 38"])];
        rows.push(&values, &[times * number]);
    }
    encode(&PROFILES, Effort::Small, &[rows.into_batch()]).unwrap()
}

/// What [`rows`] add up to.
const VIEWS: i64 = 999 * 1000 / 2;

async fn write(run: &mut Run, segments: &mut Vec<Segment>, encoded: Encoded) -> Result<u64, Error> {
    let kind = Kind::Changes { writer: 0 };
    segments.push(run.draft().put(&PROFILES, kind, encoded).await?);
    run.commit(Content { time: 2, segments: segments.clone(), ..Content::default() }).await
}

async fn views(store: &Store) -> i64 {
    let mut run = Run::claim(store).await.unwrap();
    let restored = run.restore(&[&PROFILES], |_| true).await.unwrap().unwrap();
    let batches = restored.rows(&PROFILES).map(Result::unwrap);
    batches.map(|batch| batch.counts(0).iter().sum::<i64>()).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs S3"]
async fn s3_fences_lists_verifies_and_collects() {
    let store = Store::open(&format!("s3://{}/shop/checkpoints", bucket())).unwrap();
    assert!(list(&store).await.unwrap().is_empty());

    // Of twenty claims each number has one winner.
    let mut claims = JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        claims.spawn(async move { Run::claim(&store).await });
    }
    let claims = claims.join_all().await;
    assert!(claims.iter().any(Result::is_ok));
    for claim in claims {
        assert!(matches!(claim, Ok(_) | Err(Error::Fenced { .. })), "{claim:?}");
    }
    let claimed = list(&store).await.unwrap().len() as u64;

    // A stops, B starts, and A goes on before B has a checkpoint.
    let (mut a, mut segments) = (Run::claim(&store).await.unwrap(), Vec::new());
    assert_eq!(write(&mut a, &mut segments, rows(1)).await.unwrap(), claimed + 2);
    let mut b = Run::claim(&store).await.unwrap();
    let restored = b.restore(&[&PROFILES], |_| true).await.unwrap().unwrap();
    assert_eq!(restored.manifest.content.segments, segments);
    let fenced = write(&mut a, &mut segments.clone(), rows(1)).await;
    let by_b = b.id();
    assert!(matches!(fenced, Err(Error::Fenced { run, .. }) if run == by_b), "{fenced:?}");
    write(&mut b, &mut segments, rows(2)).await.unwrap();
    write(&mut b, &mut segments, rows(3)).await.unwrap();
    assert_eq!(views(&store).await, 6 * VIEWS);
    let mut b = Run::claim(&store).await.unwrap();

    // In parts, which a segment of 33 MB goes in.
    let noise: Vec<u8> =
        (0..33 << 20).map(|at: u32| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let large = Encoded { bytes: noise.into(), rows: 0, checksum: String::new() };
    let large = b.draft().put(&PROFILES, Kind::Changes { writer: 1 }, large).await.unwrap();
    assert_eq!(large.length, 33 << 20);

    // What is there is whole, and the segment that nobody names goes with the older checkpoints.
    let verified = verify(&store, &[&PROFILES]).await.unwrap();
    assert!(verified.iter().all(|listed| listed.is_whole()), "{verified:?}");
    write(&mut b, &mut segments, rows(-5)).await.unwrap();
    write(&mut b, &mut segments, rows(0)).await.unwrap();
    let last = write(&mut b, &mut segments, rows(0)).await.unwrap();
    let collected = b.collect().await.unwrap();
    assert!(collected.bytes > large.length, "{collected:?}");
    let numbers: Vec<_> = list(&store).await.unwrap().iter().map(|listed| listed.number).collect();
    assert_eq!(numbers, [last, last - 1]);
    assert_eq!(views(&store).await, VIEWS);

    assert_eq!(contains(&store, "user-7").await.unwrap().found.len(), segments.len());
    assert!(contains(&store, "user-1000").await.unwrap().is_absent());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs S3"]
async fn what_s3_refuses_is_told_with_the_url_and_the_object() {
    let url = format!("s3://{}-other/shop", bucket());
    let store = Store::open(&url).unwrap();
    let error = Run::claim(&store).await.err().unwrap().to_string();
    assert_eq!(error, format!("{url}: manifests cannot be listed"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs DuckDB"]
async fn duckdb_opens_the_segments_of_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let (mut run, mut segments) = (Run::claim(&store).await.unwrap(), Vec::new());
    write(&mut run, &mut segments, rows(1)).await.unwrap();
    write(&mut run, &mut segments, rows(4)).await.unwrap();
    let paths: Vec<_> = segments.iter().map(|segment| format!("'{}'", segment.path)).collect();
    let query = format!(
        "select sum(views)::bigint, count(distinct \"user\"), max(tags[2]) from read_parquet([{}])",
        paths.join(",")
    );
    let script = "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchall())";
    let python = Command::new(service("RECSYS_TEST_PYTHON"))
        .args(["-c", script, &query])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let (said, error) = (python.stdout, String::from_utf8_lossy(&python.stderr).into_owned());
    assert!(python.status.success(), "{error}");
    let expected = format!("[({}, 1000, 'größe 38')]\n", 5 * VIEWS);
    assert_eq!(String::from_utf8_lossy(&said), expected);
}
