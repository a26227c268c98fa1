//! The processes of one run of the engine, and how they end.

use super::plan::Shape;
use super::watched::Watched;
use super::{call, unlearned};
use crate::harness::{Process, free_port, served};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Nothing takes so long, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The time within which a process ends that is told to, or has lost another one. A busy machine makes ten seconds more.
const END: Duration = Duration::from_secs(30);
/// The exit code of who has lost another process.
const PEER_LOST: Option<i32> = Some(75);

/// What a failure is told as.
pub(super) type Told<T = ()> = Result<T, String>;

/// What all runs have in common.
pub(super) struct Shop {
    pub(super) prefix: String,
    pub(super) folder: PathBuf,
    pub(super) watched: Arc<Watched>,
    /// Where events may be posted.
    pub(super) ports: Arc<Mutex<Vec<u16>>>,
}

pub(super) struct Run {
    pub(super) members: Vec<Member>,
    pub(super) shape: Shape,
}

pub(super) struct Member {
    pub(super) name: String,
    pub(super) process: Process,
    log: PathBuf,
    over: Arc<AtomicBool>,
}

impl Shop {
    /// The program with the topics and checkpoints of this shop.
    pub(super) fn program(&self) -> Command {
        let mut program = unlearned(served(&self.prefix));
        program
            .env("RECSYS_FILES_DIR", self.folder.join("data"))
            .env("RECSYS_CHECKPOINT_URL", self.folder.join("data/checkpoints"))
            .env("RECSYS_CHECKPOINT_INTERVAL_S", "1")
            .env("RECSYS_ZOOKEEPER_SESSION_TIMEOUT_MS", "2000")
            .env("RECSYS_HTTP_REQUEST_TIMEOUT_MS", "4000")
            .env("RECSYS_REDIS_COMPARED_PER_SECOND", "2000");
        program
    }

    /// The program with a file for its log.
    pub(super) fn logged(&self, mut program: Command, name: &str) -> (Command, PathBuf) {
        let log = self.folder.join(name.replace(' ', "-")).with_extension("log");
        program.env("RECSYS_LOG", "info").stderr(File::create(&log).unwrap());
        (program, log)
    }

    pub(super) fn start(&self, number: usize, shape: Shape) -> Run {
        let ports: Vec<_> = (0..shape.processes).map(|_| free_port()).collect();
        let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let hosts = format!("hosts={}", hosts.join(","));
        let workers = shape.workers.to_string();
        let member = |index: usize| {
            let name = format!("run {number} process {index}");
            let (program, log) = self.logged(self.program(), &name);
            let own = ["--set", &hosts, "--process", &index.to_string()];
            let process = Process::spawn(program, &workers, &own);
            let over = Arc::new(AtomicBool::new(false));
            self.watched.process(name.clone(), process.port, over.clone());
            Member { name, process, log, over }
        };
        let run = Run { members: (0..shape.processes).map(member).collect(), shape };
        self.serve(&run);
        run
    }

    /// Has events be posted to the members of a run.
    pub(super) fn serve(&self, run: &Run) {
        *self.ports.lock().unwrap() = run.members.iter().map(|it| it.process.port).collect();
    }

    /// Has none be posted to a member.
    pub(super) fn hide(&self, member: &Member) {
        self.ports.lock().unwrap().retain(|port| *port != member.process.port);
    }
}

impl Run {
    /// Waits until all members have caught up.
    pub(super) fn wait_ready(&mut self) -> Told {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let late = self.members.iter().find_map(Member::not_ready);
            let Some(late) = late else { return Ok(()) };
            // One that waits for another does not know why that one has ended.
            self.lives()?;
            if Instant::now() > deadline {
                return Err(format!("after {PATIENCE:?}: {late}"));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Whether nobody has ended by themselves.
    pub(super) fn lives(&mut self) -> Told {
        self.members.iter_mut().try_for_each(Member::lives)
    }

    /// Waits until those that are left have ended, because they have lost another one. Returns the longest time.
    pub(super) fn end(&mut self) -> Told<Duration> {
        let lost = Instant::now();
        self.members.drain(..).try_for_each(|member| member.ends(&[PEER_LOST]))?;
        Ok(lost.elapsed())
    }
}

impl Member {
    fn try_get(&self, path: &str) -> Option<(u16, Value)> {
        let (status, answer) = call(self.process.port, "GET", path, "")?;
        Some((status, serde_json::from_str(&answer).ok()?))
    }

    /// What it says of itself, if it has not caught up.
    fn not_ready(&self) -> Option<String> {
        let said = self.try_get("/readyz");
        let ready = said.as_ref().is_some_and(|(status, _)| *status == 200);
        let last = || self.last_words();
        (!ready).then(|| format!("{} is not ready: {said:?}; it said last: {}", self.name, last()))
    }

    fn waits_for_others(&self) -> bool {
        self.try_get("/readyz").is_some_and(|(_, said)| {
            let waits = said["waits"].as_array();
            waits.is_some_and(|waits| waits.iter().any(|wait| wait["for"] == "processes"))
        })
    }

    pub(super) fn lives(&mut self) -> Told {
        if !self.process.has_ended() {
            return Ok(());
        }
        Err(format!("{} ended by itself: {}", self.name, self.last_words()))
    }

    /// Waits for its end. False if something else holds before.
    fn ended(&mut self, within: Duration, or: impl Fn(&Member) -> bool) -> Told<bool> {
        let deadline = Instant::now() + within;
        loop {
            if self.process.has_ended() {
                self.over.store(true, Ordering::Relaxed);
                return Ok(true);
            }
            if or(self) {
                return Ok(false);
            }
            if Instant::now() > deadline {
                let last = self.last_words();
                return Err(format!("{} has not ended after {within:?}: {last}", self.name));
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn exits_with(&mut self, expected: &[Option<i32>]) -> Told {
        let code = self.process.wait().code();
        if expected.contains(&code) {
            return Ok(());
        }
        Err(format!("{} ended with {code:?}: {}", self.name, self.last_words()))
    }

    pub(super) fn kill(self) {
        self.over.store(true, Ordering::Relaxed);
        self.process.kill();
    }

    /// Tells it to end, which it does well and soon.
    pub(super) fn stop(self) -> Told {
        self.stops_with(&[Some(0)])
    }

    fn stops_with(mut self, expected: &[Option<i32>]) -> Told {
        self.process.signal("TERM");
        self.ended(END, |_| false)?;
        self.exits_with(expected)
    }

    /// Lets it go on, after others have given it up: it must end.
    pub(super) fn wake(self) -> Told {
        self.process.signal("CONT");
        // It has lost a peer, or Redis, or its name in ZooKeeper, or the checkpoints.
        self.ends(&[PEER_LOST, Some(77), Some(1)])
    }

    /// Waits until it has ended by itself, with one of these codes. One that never was connected to the others waits for
    /// them, and is told to end.
    fn ends(mut self, expected: &[Option<i32>]) -> Told {
        match self.ended(END, Member::waits_for_others)? {
            true => self.exits_with(expected),
            // It may hear of its loss before it hears that it shall end.
            false => self.stops_with(&[expected, &[Some(0)]].concat()),
        }
    }

    fn last_words(&self) -> String {
        last_line(&self.log)
    }
}

fn last_line(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    log.lines().last().unwrap_or_default().chars().take(500).collect()
}
