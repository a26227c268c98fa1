//! The network between two processes holds back what they say, loses it, or ends their connections.

use crate::harness::{Process, alone, event, free_port, try_call};
use serde_json::{Value, json};
use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{park_timeout, spawn};
use std::time::{Duration, Instant};

/// The time within which a process ends that has lost another one.
const END: Duration = Duration::from_secs(10);
/// The bytes before the JSON of a handshake: what tells that it is one, and a length.
const HEAD: usize = 10;

/// What passes from one process to the other.
#[derive(Clone, Copy, PartialEq)]
enum Passes {
    All,
    /// Late by so much.
    Late(Duration),
    /// Nothing, until something passes again.
    Nothing,
}

/// The network between two processes, of which the second dials the first.
///
/// NB: a process listens where `hosts` leads the others, and all must have the same `hosts`. Theirs differ, so that the
/// one leads here; what they prove to each other is changed on its way.
struct Network {
    port: u16,
    lines: Arc<Lines>,
}

struct Lines {
    first: u16,
    /// From the first process, and to it.
    passes: Mutex<[Passes; 2]>,
    changed: Condvar,
    /// Both ends of each connection: of the one for heartbeats, then of the one for data.
    open: Mutex<Vec<[TcpStream; 2]>>,
}

impl Network {
    fn new(first: u16) -> Network {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let lines = Arc::new(Lines {
            first,
            passes: Mutex::new([Passes::All; 2]),
            changed: Condvar::new(),
            open: Mutex::default(),
        });
        let network = Network { port, lines: lines.clone() };
        spawn(move || {
            for stream in listener.incoming() {
                let lines = lines.clone();
                // What is no handshake, or comes before the first process is there, is closed, and comes again.
                spawn(move || lines.connect(stream?));
            }
        });
        network
    }

    fn set(&self, passes: [Passes; 2]) {
        *self.lines.passes.lock().unwrap() = passes;
        self.lines.changed.notify_all();
    }

    /// Ends some of the connections.
    fn cut(&self, connections: std::ops::Range<usize>) {
        for ends in &self.lines.open.lock().unwrap()[connections] {
            // One that a process has ended meanwhile is not there any more.
            ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        }
    }
}

impl Lines {
    /// Takes part in a handshake, and passes on what comes after it.
    fn connect(self: Arc<Self>, mut second: TcpStream) -> Result<()> {
        let mut hello = receive(&mut second)?;
        let second_is = hello["identity"]["fingerprint"].clone();
        let mut ask = || -> Result<(TcpStream, Value)> {
            let mut first = TcpStream::connect(("127.0.0.1", self.first))?;
            send(&mut first, &hello)?;
            let answer = receive(&mut first)?;
            let fingerprint = answer["identity"]["fingerprint"].clone();
            hello["identity"]["fingerprint"] = fingerprint;
            Ok((first, answer))
        };
        // The first time tells what the first process expects.
        ask()?;
        let (first, mut answer) = ask()?;
        answer["identity"]["fingerprint"] = second_is;
        send(&mut second, &answer)?;
        if answer["verdict"] != "Welcome" {
            return Ok(());
        }
        let ends = [first, second];
        for (way, [from, to]) in [[0, 1], [1, 0]].into_iter().enumerate() {
            let (from, to) = (ends[from].try_clone()?, ends[to].try_clone()?);
            let lines = self.clone();
            spawn(move || lines.pass(way, from, to));
        }
        self.open.lock().unwrap().push(ends);
        Ok(())
    }

    /// Waits until something passes, and says how.
    fn await_passage(&self, way: usize) -> Passes {
        let passes = self.passes.lock().unwrap();
        self.changed.wait_while(passes, |it| it[way] == Passes::Nothing).unwrap()[way]
    }

    fn pass(&self, way: usize, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let passes = self.await_passage(way);
            if let Passes::Late(time) = passes {
                park_timeout(time);
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // Whoever is gone is gone for the other one as well.
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn receive(stream: &mut TcpStream) -> Result<Value> {
    let mut head = [0; HEAD];
    stream.read_exact(&mut head)?;
    let length = u16::from_be_bytes([head[HEAD - 2], head[HEAD - 1]]);
    let mut json = vec![0; usize::from(length)];
    stream.read_exact(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

fn send(stream: &mut TcpStream, message: &Value) -> Result<()> {
    let json = message.to_string();
    let length = u16::try_from(json.len()).unwrap().to_be_bytes();
    stream.write_all(&[&b"recsys/3"[..], &length, json.as_bytes()].concat())
}

/// Two processes, and the network between them.
fn two(folder: &Path) -> (Network, [Process; 2]) {
    let [first, second] = [free_port(), free_port()];
    let network = Network::new(first);
    let processes = [("0", first), ("1", network.port)].map(|(process, to_first)| {
        let hosts = format!("hosts=127.0.0.1:{to_first},127.0.0.1:{second}");
        let mut program = alone(folder);
        program.env("RECSYS_LOG", "error").stderr(Stdio::piped());
        Process::spawn(program, "2", &["--process", process, "--set", &hosts])
    });
    processes.iter().for_each(Process::wait_ready);
    (network, processes)
}

/// Disturbs the network. Both processes must end soon, each with one of these as its reason.
fn check(told: &[&str], disturb: impl FnOnce(&Network)) {
    let folder = tempfile::tempdir().unwrap();
    let (network, mut processes) = two(folder.path());
    let since = Instant::now();
    disturb(&network);
    for process in &mut processes {
        let said: Vec<_> = process.log().collect();
        let code = process.wait().code();
        assert!(since.elapsed() < END, "{told:?}: {:?}, {said:#?}", since.elapsed());
        assert_eq!(code, Some(75), "{told:?}: {said:#?}");
        let is_told = |line: &str| told.iter().any(|told| line.contains(told));
        let failure = said.last().unwrap();
        assert!(is_told(failure), "{told:?}: {said:#?}");
        assert!(failure.ends_with("; the whole cluster must start again"), "{said:#?}");
    }
}

#[test]
fn processes_that_cannot_reach_each_other_both_end() {
    let silent = "is lost: no sign of life for 5s";
    let gone = "is gone: its connection has ended";
    let alone = "ends, as it has lost another process";
    // The one that ends first may still reach the other one, or not.
    check(&[silent, gone], |network| network.set([Passes::Nothing; 2]));
    check(&[silent, gone, alone], |network| network.set([Passes::Nothing, Passes::All]));
    check(&[silent, gone, alone], |network| network.set([Passes::All, Passes::Nothing]));
}

#[test]
fn processes_whose_connections_break_both_end() {
    let broken = "is lost: the connection for data has broken";
    let gone = "is gone: its connection has ended";
    let alone = "ends, as it has lost another process";
    check(&[broken, gone], |network| network.cut(0..2));
    check(&[broken, gone, alone], |network| network.cut(0..1));
    check(&[broken, gone, alone], |network| network.cut(1..2));
}

#[test]
fn a_network_that_is_slow_or_away_for_less_ends_nothing_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (network, mut processes) = two(folder.path());
    let mut posted = 0;
    let view = json!([event("view", "ann", "cup", &["cups"])]).to_string();
    let late = Passes::Late(Duration::from_millis(300));
    for passes in
        [[late; 2], [Passes::Nothing; 2], [late, Passes::All], [Passes::All, Passes::Nothing]]
    {
        network.set(passes);
        for process in &processes {
            let path = "/api/user-behavior";
            let told = try_call(process.port, "POST", path, &view, END).unwrap();
            assert_eq!(told.0, 201, "{}", told.1);
            posted += 1;
        }
        park_timeout(Duration::from_secs(3));
        network.set([Passes::All; 2]);
        for process in &processes {
            process.reads("ann", &json!({ "cups": posted }));
        }
    }
    assert!(!processes.iter_mut().any(Process::has_ended));
}
