//! What ends a command, and what it says: the same of every command.

use crate::harness::{PUBLIC_KEY, alone, eventually, free_port};
use std::collections::BTreeSet;
use std::fs::{File, create_dir, create_dir_all, write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use tempfile::TempDir;

/// A receipt that another key has signed, or none.
const FORGED: &str = r#"{"receipt":{"userSha256":"","until":"2025-04-01T12:00:00.000Z",
"recordedAt":"2025-04-01T12:00:00.000Z","rowsLeftAt":null,"redisDeletedAt":null,"nameErasedAt":null,
"digestsBefore":{},"digestsAfter":{},"notErased":[],"stays":[]},"signature":"00"}"#;

/// The commands that ask a running engine, and touch no file.
const ASKING: [&str; 7] = ["status", "user", "recommend", "why", "tail", "weights", "rules"];

/// A folder with inputs, good and bad.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let clicks = "1,10,7,pv,1511544070\n2,20,7,buy,1511544071\n3,30,8,pv,1511544072\n";
    write(at("clicks.csv"), clicks).unwrap();
    write(at("bad.toml"), "workers").unwrap();
    write(at("shop.pem"), PUBLIC_KEY).unwrap();
    write(at("forged.json"), FORGED).unwrap();
    create_dir(at("folder")).unwrap();
    create_dir_all(at("damaged/manifests")).unwrap();
    write(at("damaged/manifests/00000000000000000001.json"), "{}").unwrap();
    folder
}

fn command(folder: &Path, line: &str) -> Command {
    let mut command = alone(folder);
    command.args(line.split(' ')).env("RECSYS_LOG", "off").stdin(Stdio::null());
    command
}

/// The names of all commands, as the help has them.
fn commands() -> BTreeSet<String> {
    let help = command(Path::new("/"), "--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap();
    let name = |line: &str| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned);
    let names = commands.lines().filter_map(name).filter(|name| !name.is_empty());
    names.filter(|name| name != "help").collect()
}

/// Runs command lines at once; each must end with this code and say this. They and the commands that this cannot
/// happen to must be all that there are.
fn check(code: i32, lines: &[(&str, &str)], never: &[&str], output: impl Fn() -> Stdio) {
    let folder = folder();
    thread::scope(|scope| {
        let run = |line: &str| {
            let mut command = command(folder.path(), line);
            command.stdout(output()).stderr(Stdio::piped());
            let child = command.spawn().unwrap();
            scope.spawn(move || child.wait_with_output().unwrap())
        };
        let running: Vec<_> = lines.iter().map(|(line, _)| run(line)).collect();
        for ((line, told), output) in lines.iter().zip(running) {
            let output = output.join().unwrap();
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{line}: {error}");
            assert!(error.contains(told), "{line}: {error}");
        }
    });
    let asked = lines.iter().map(|(line, _)| line.split(' ').next().unwrap());
    let all: BTreeSet<_> = asked.chain(never.iter().copied()).map(str::to_owned).collect();
    assert_eq!(all, commands(), "who was asked for {code}");
}

#[test]
fn the_help_has_every_code() {
    let help = command(Path::new("/"), "--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let table = help.split_once("Exit codes:\n").unwrap().1;
    let codes = table.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    assert_eq!(codes.collect::<Vec<u8>>(), [0, 1, 64, 65, 66, 74, 75, 77, 101, 130]);
}

#[test]
fn a_bad_command_line_or_configuration_is_64() {
    let (flag, setting) = ("unexpected argument '--nonsense'", "nonsense");
    let lines = [
        ("run --nonsense", flag),
        ("demo --nonsense", flag),
        ("topics create --nonsense", flag),
        ("generate --nonsense", flag),
        ("replay --nonsense", flag),
        ("evaluate --nonsense", flag),
        ("check all --nonsense", flag),
        ("redis check --nonsense", flag),
        ("health --nonsense", flag),
        ("status --nonsense", flag),
        ("status --json --watch", "cannot be used with"),
        ("user u --nonsense", flag),
        ("recommend u -n 0", "0 is not in 1..=1000"),
        ("why u --nonsense", flag),
        ("tail --nonsense", flag),
        ("weights set", "<KIND=WEIGHT>"),
        ("rules --nonsense", flag),
        ("man folder --set workers=1", "--set: man has no settings"),
        ("checkpoint list --nonsense", flag),
        ("checkpoint list --set checkpoint.url=ftp://here", "ftp://here is no place"),
        ("checkpoint export --set checkpoint.url=damaged", "--to <FOLDER>"),
        ("checkpoint export --to ftp://here", "ftp://here is no place"),
        ("checkpoint export --to copy newest", "invalid value 'newest'"),
        ("health --set nonsense=1", setting),
        ("config get recommendation/weights --nonsense", flag),
        ("check-config --nonsense", flag),
        ("receipt verify --nonsense", flag),
        ("token new --nonsense", flag),
        ("token new --name a/b --scope read", "--name: must be 1 to 64 letters"),
        ("token new --name a --scope root", "invalid value 'root'"),
        ("token sign --with pages --visitor u", "there is no signing secret \"pages\""),
        ("completions bash --nonsense", flag),
        ("run --set nonsense=1", setting),
        ("demo --set nonsense=1", setting),
        ("topics create --set nonsense=1", setting),
        ("generate --events 1 --set nonsense=1", setting),
        ("replay --format taobao clicks.csv --set nonsense=1", setting),
        ("check all --set nonsense=1", setting),
        ("config set recommendation/weights {} --set nonsense=1", setting),
        ("check-config --set nonsense=1", setting),
        // What a command would not read.
        ("evaluate --format taobao clicks.csv --set workers=1", "--set"),
        ("completions bash --set workers=1", "--set"),
        ("receipt verify --key shop.pem forged.json --set workers=1", "--set"),
        ("receipt verify --key shop.pem forged.json --config bad.toml", "--config"),
        ("evaluate --format taobao clicks.csv --config bad.toml", "--config"),
        ("demo --config bad.toml", "--config"),
        ("completions bash --config bad.toml", "--config"),
        ("run --config bad.toml", "bad.toml:1: not TOML"),
        ("check-config --config bad.toml", "bad.toml:1: not TOML"),
        // What is not configured cannot be asked.
        ("topics create", "kafka.brokers is not set"),
        ("generate --events 1 --to kafka", "kafka.brokers is not set"),
        ("replay --format taobao --to kafka clicks.csv", "kafka.brokers is not set"),
        ("check all", "so there is nothing to check"),
        ("redis check", "redis.url is not set"),
        ("config set recommendation/weights nonsense", "bad weights"),
        ("config set recommendation/rules [{}]", "bad rules: rule 0: action is missing"),
        ("config get ../weights", "bad path"),
    ];
    check(64, &lines, &[], Stdio::null);
}

#[test]
fn a_file_of_another_format_is_65() {
    let lines = [
        ("replay --format rees46 --to files clicks.csv", "clicks.csv:1: no line is one of rees46"),
        ("evaluate --format rees46 clicks.csv", "clicks.csv:1: no line is one of rees46"),
        ("receipt verify --key shop.pem clicks.csv", "clicks.csv: it is no signed receipt"),
        ("token new --name a --scope read --file clicks.csv", "clicks.csv: line 1: must be a name"),
        (
            "receipt verify --key clicks.csv forged.json",
            "clicks.csv: it holds no public Ed25519 key",
        ),
        (
            "run --set http.listen=127.0.0.1:0 --set receipts.key_file=shop.pem",
            "receipts.key_file: shop.pem: it holds no private Ed25519 key",
        ),
        ("checkpoint list --set checkpoint.url=damaged", "1 of the manifests in damaged cannot"),
        ("checkpoint verify --set checkpoint.url=damaged", "1 of the manifests in damaged cannot"),
        (
            "checkpoint export --to copy 1 --set checkpoint.url=damaged",
            "manifests/00000000000000000001.json is refused: it cannot be parsed",
        ),
    ];
    let never = [
        "demo",
        "topics",
        "generate",
        "check",
        "redis",
        "health",
        "config",
        "check-config",
        "man",
        "completions",
    ];
    check(65, &lines, &[&never[..], &ASKING].concat(), Stdio::null);
}

#[test]
fn a_file_that_cannot_be_read_is_66_and_a_folder_is_told() {
    let (none, folder) = ("none: No such file or directory", "folder: it is a folder");
    let redis = "--set redis.url=rediss://localhost:1 --set redis.ca_file=none";
    let run = format!("run --set http.listen=127.0.0.1:0 {redis}").leak();
    let check_redis = format!("check redis {redis}").leak();
    let redis_check = format!("redis check {redis}").leak();
    let lines = [
        ("run --config none", none),
        ("run --config folder", folder),
        ("topics create --config none", none),
        ("topics create --config folder", folder),
        ("generate --events 1 --config none", none),
        ("generate --events 1 --config folder", folder),
        ("replay --format taobao clicks.csv --config folder", folder),
        ("check all --config none", none),
        ("check all --config folder", folder),
        ("health --config none", none),
        ("status --config none", none),
        ("user u --config none", none),
        ("recommend u --config none", none),
        ("why u p --config none", none),
        ("tail --config none", none),
        ("weights --config none", none),
        ("rules --config none", none),
        ("checkpoint list --config none", none),
        ("health --config folder", folder),
        ("config get recommendation/weights --config none", none),
        ("config set recommendation/blend {} --config folder", folder),
        ("check-config --config none", none),
        ("check-config --config folder", folder),
        ("replay --format taobao none", none),
        ("replay --format taobao clicks.csv folder", folder),
        ("evaluate --format taobao none", none),
        ("evaluate --format taobao clicks.csv folder", folder),
        ("config get custom/none", "the node /config/custom/none: there is none"),
        ("config restore custom/none", "the node /config/custom/none: there is none"),
        (&*run, "cannot read none"),
        (
            "run --set http.listen=127.0.0.1:0 --set receipts.key_file=none",
            "receipts.key_file: cannot read none",
        ),
        ("receipt verify --key none forged.json", "cannot read none"),
        ("token sign --with a --visitor u --set http.tokens_file=none", "none: No such file"),
        ("receipt verify --key shop.pem none", "cannot read none"),
        (&*check_redis, "cannot read none"),
        (&*redis_check, "cannot read none"),
    ];
    check(66, &lines, &["demo", "man", "completions"], Stdio::null);
}

#[test]
fn a_folder_that_cannot_be_written_is_74_and_named() {
    let told = "clicks.csv/shop";
    let lines = [
        ("run --set http.listen=127.0.0.1:0 --set files.dir=clicks.csv/shop", told),
        ("demo --port 0 --dir clicks.csv/shop", told),
        ("demo --port 0 --dir /proc", "cannot write /proc"),
        ("generate --events 1 --dir clicks.csv/shop", told),
        ("replay --format taobao --dir clicks.csv/shop clicks.csv", told),
        ("config set custom/node 1 --set files.dir=clicks.csv/shop", told),
        ("checkpoint export --to clicks.csv/shop", told),
        ("man clicks.csv/shop", told),
        ("token new --name a --scope read --file clicks.csv/shop", told),
        ("checkpoint export --to damaged", "cannot write damaged: damaged is not empty"),
    ];
    let never = [
        "topics",
        "check",
        "redis",
        "health",
        "check-config",
        "evaluate",
        "receipt",
        "completions",
    ];
    check(74, &lines, &[&never[..], &ASKING].concat(), Stdio::null);
}

#[test]
fn output_that_cannot_be_written_is_74() {
    let told = "cannot write standard output: No space left";
    let lines = [
        ("run --help", told),
        ("demo --help", told),
        ("topics --help", told),
        ("check --help", told),
        ("redis --help", told),
        ("health --help", told),
        ("status --help", told),
        ("user --help", told),
        ("recommend --help", told),
        ("why --help", told),
        ("tail --help", told),
        ("weights --help", told),
        ("rules --help", told),
        ("man --help", told),
        ("checkpoint --help", told),
        ("config --help", told),
        ("generate --events 1 --dir generated", told),
        ("replay --format taobao --dir replayed clicks.csv", told),
        ("evaluate --format taobao clicks.csv", told),
        ("check-config", told),
        ("receipt --help", told),
        ("token new --name a --scope read", told),
        ("completions bash", told),
    ];
    let full = || File::options().write(true).open("/dev/full").unwrap().into();
    check(74, &lines, &[], full);
}

#[test]
fn a_service_that_is_not_there_or_a_forged_receipt_is_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (taken, free) = (taken.local_addr().unwrap(), free_port());
    let line = |line: String| -> &'static str { line.leak() };
    let kafka = format!("--set kafka.brokers=127.0.0.1:{free}");
    let zookeeper = format!("--set zookeeper.hosts=127.0.0.1:{free}");
    let lines = [
        (line(format!("run --set http.listen={taken}")), "cannot listen on"),
        (line(format!("demo --port {}", taken.port())), "cannot listen on"),
        (line(format!("topics create {kafka}")), "cannot make topics"),
        (line(format!("generate --events 1 {kafka}")), "no broker"),
        (line(format!("replay --format taobao clicks.csv {kafka}")), "no broker"),
        (line(format!("health --set http.listen=127.0.0.1:{free}")), "does not answer"),
        (line(format!("status --set http.listen=127.0.0.1:{free}")), "does not answer"),
        (line(format!("user u --set http.listen=127.0.0.1:{free}")), "does not answer"),
        (line(format!("recommend u --set http.listen=127.0.0.1:{free}")), "does not answer"),
        (line(format!("why u p --set http.listen=127.0.0.1:{free}")), "does not answer"),
        (line(format!("tail --set http.listen=127.0.0.1:{free}")), "does not answer"),
        (line(format!("weights --set http.listen=127.0.0.1:{free}")), "does not answer"),
        (line(format!("rules --set http.listen=127.0.0.1:{free}")), "does not answer"),
        (line(format!("checkpoint now --set http.listen=127.0.0.1:{free}")), "does not answer"),
        (line(format!("check kafka {kafka}")), "no broker"),
        (line(format!("check redis --set redis.url=redis://127.0.0.1:{free}")), "Redis at"),
        (line(format!("redis check --set redis.url=redis://127.0.0.1:{free}")), "Redis at"),
        (line(format!("check zookeeper {zookeeper}")), "ZooKeeper at"),
        (line(format!("config get recommendation/weights {zookeeper}")), "does not answer"),
        (line(format!("config set custom/node 1 {zookeeper}")), "does not answer"),
        ("receipt verify --key shop.pem forged.json", "forged.json: the signature is not that of"),
        ("checkpoint export --to folder", "there is no checkpoint in data/checkpoints"),
        ("checkpoint export --to folder 7", "there is no checkpoint 7 in data/checkpoints"),
    ];
    let never = ["evaluate", "check-config", "token", "man", "completions"];
    check(1, &lines, &never, Stdio::null);
}

#[test]
fn generating_that_is_interrupted_is_130_with_the_sum() {
    let folder = folder();
    let mut generate = command(folder.path(), "generate --rate 100 --events 1000000 --dir shop");
    let generate = generate.stderr(Stdio::piped()).spawn().unwrap();
    let topic = folder.path().join("shop/view-events.jsonl");
    eventually("the first event", || topic.metadata().is_ok_and(|topic| topic.len() > 0));
    let kill = format!("kill -INT {}", generate.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let Output { status, stderr, .. } = generate.wait_with_output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(130), "{told}");
    assert!(
        told.starts_with("recsys: interrupted; ") && told.contains(" events sent in "),
        "{told}"
    );
}

/// Runs a command whose input is large; returns its code and what it said, which must be short.
fn brief(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let told = [stdout, stderr].concat();
    assert!(told.len() < 4_000, "{command:?}: {} bytes", told.len());
    (status.code(), String::from_utf8(told).unwrap())
}

#[test]
fn what_is_large_is_told_by_its_beginning_and_length() {
    const LARGE: usize = 50 << 20;
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let large = "x".repeat(LARGE);
    let clicks = std::fs::read_to_string(at("clicks.csv")).unwrap();
    write(at("long.csv"), format!("{clicks}1,10,7,{large},1511544070\n{clicks}")).unwrap();
    let told = format!("long.csv:4: \"{}… ({} bytes) is no kind", &large[..39], LARGE + 2);
    for line in [
        "replay --format taobao --to files long.csv",
        "evaluate --format taobao --methods popularity long.csv",
    ] {
        let (code, output) = brief(command(folder.path(), line));
        assert_eq!(code, Some(0), "{line}: {output}");
        assert!(output.contains(&told), "{line}: {output}");
    }
    // Of the configuration's file, and of its texts.
    let text = &large[..900_000];
    for (name, file, expected) in [
        ("file", large.clone(), "more than 1048576 bytes"),
        ("value", format!("workers = \"{text}\""), "(900002 bytes): must be a whole number"),
        ("key", format!("{text} = 1"), "(900000 bytes): there is no such setting"),
        ("item", format!("hosts = [\"{text}\"]"), "bytes)"),
        ("level", format!("log.level = \"{text}\""), "(900002 bytes) is none"),
    ] {
        write(at("large.toml"), file).unwrap();
        let (code, told) = brief(command(folder.path(), "check-config --config large.toml"));
        assert_eq!(code, Some(64), "{name}: {told}");
        assert!(told.contains("large.toml") && told.contains(expected), "{name}: {told}");
    }
    // Of standard input, the environment and the command line.
    let mut set = command(folder.path(), "config set recommendation/weights");
    set.stdin(File::open(at("long.csv")).unwrap());
    let mut level = command(folder.path(), "check-config");
    level.env("RECSYS_LOG", &large[..100_000]);
    let mut weights = command(folder.path(), "evaluate --format taobao clicks.csv");
    weights.args(["--weights", &large[..100_000]]);
    for (command, expected) in [
        (set, "the value has more than 1000000 bytes"),
        (level, "(100002 bytes) is none"),
        (weights, " bytes)"),
    ] {
        let (code, told) = brief(command);
        assert_eq!(code, Some(64), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}
