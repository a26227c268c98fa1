//! The thread that keeps a process's lease on Redis, writes the marker of positions, and looks for keys of nobody.
//!
//! The first process takes and renews the lease for all of its cluster; the others read that it is theirs.

use crate::holder::Holder;
use crate::metrics::SinkWorkerMetrics;
use crate::service_health::ServiceHealth;
use crate::sinks::redis::client::Server;
use crate::sinks::redis::dialer::Dialer;
use crate::sinks::redis::lease::{self, Claimant, HeldByAnother, Lease, Record, Seen, Step};
use crate::sinks::redis::mark::Marks;
use crate::sinks::redis::nodes::Nodes;
use crate::sinks::redis::question;
use crate::sinks::redis::rivals;
use crate::sinks::redis::scan::Scan;
use crate::sinks::redis::seal;
use crate::sinks::redis::watched::{delete, replace, watch};
use redis::{RedisError, RedisResult};
use std::sync::Arc;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// The time between two turns.
const TURN: Duration = Duration::from_millis(100);
/// The most time between two renewals.
const RENEW: Duration = Duration::from_secs(1);
/// The key that has each process of a cluster which has read what there was at its start, with the run.
const CAUGHT_UP: &str = "recsys:caught-up";

/// What is told where Redis does not let a connection of another engine be ended.
const NOT_ENDED: &str = "Redis's user may not CLIENT SETNAME, LIST and KILL: the lease alone keeps other engines from \
                         writing, and one that was frozen in front of a write may still finish it; workers.toml \
                         lists the rights";

/// Keeps the lease.
pub(super) struct Keeper {
    pub(super) dialer: Dialer,
    /// The time after which the lease runs out unless it is renewed.
    pub(super) lasts: Duration,
    pub(super) lease: Lease,
    pub(super) claimant: Claimant,
    /// This process's index.
    pub(super) process: usize,
    pub(super) health: ServiceHealth,
    /// Those of the first worker, for what happens before any writes.
    pub(super) metrics: SinkWorkerMetrics,
    pub(super) marks: Marks,
    pub(super) scan: Scan,
    pub(super) state: KeeperState,
}

/// What a keeper knows from one turn to the next.
#[derive(Default)]
pub(super) struct KeeperState {
    nodes: Option<Nodes>,
    /// The nodes at which the connections of other engines have been ended since the lease was taken.
    cleared: Vec<Option<Server>>,
    seen: Seen,
    /// True if the lease was taken when nobody had it: whoever held it before has given it back.
    was_given_back: bool,
    renewed_at: Option<Instant>,
    /// The kind of trouble that the log has told of, before the lease was held first.
    told: Option<&'static str>,
    /// True while Redis does not let connections be named, listed and ended.
    is_refused: bool,
    /// True while no sentinel answers, and no node of a cluster.
    is_unfollowed: bool,
    /// True while a replica does not let others' connections be ended.
    is_not_gone_over: bool,
    /// The question that was taken last.
    question: Option<String>,
}

impl Keeper {
    /// Runs until the lease is lost, or is to be given back.
    pub(super) fn run(mut self) {
        self.lease.start(std::thread::current());
        while !self.lease.ends() && !self.lease.is_lost() {
            let was_held = self.lease.grant().is_some();
            match self.turn() {
                Ok(()) => self.note_success(was_held),
                Err(error) => self.note_failure(&error, was_held),
            }
            park_timeout(TURN);
        }
        if !self.lease.is_lost() && self.process == 0 {
            // It runs out by itself, if Redis is away.
            let _ = self.give_back();
        }
        self.lease.end();
    }

    fn turn(&mut self) -> RedisResult<()> {
        let mut nodes = match self.state.nodes.take() {
            Some(nodes) => self.follow_the_masters(nodes),
            None => Nodes::new(&self.dialer, self.dialer.find()?),
        };
        nodes.connect(nodes.topology().home())?;
        self.greet(&mut nodes)?;
        // A new connection has made it due.
        let is_due = self.is_due();
        if self.lease.grant().is_none() || is_due {
            self.keep(&mut nodes)?;
        }
        // The lease is renewed although a node is away: its slots wait for it, and so does what is said of all of them.
        if self.gather(&mut nodes, is_due).is_ok() && self.work(&mut nodes, is_due).is_err() {
            nodes.leave_home();
        }
        self.state.nodes = Some(nodes);
        Ok(())
    }

    /// Connects to all nodes, and has workers write to them. If there is a lease they are gone over first.
    fn gather(&mut self, nodes: &mut Nodes, is_due: bool) -> RedisResult<()> {
        let known = self.dialer.topology().ok();
        let is_other = known.is_none_or(|known| !Arc::ptr_eq(&known, nodes.topology()));
        if !nodes.is_whole() && (is_due || is_other) {
            nodes.connect_all()?;
            self.greet(nodes)?;
        }
        if is_other {
            if let Some(grant) = self.lease.grant() {
                self.lease.confirm(&mut nodes.home(), grant.fence)?;
                let written_to = nodes.topology().nodes().count();
                self.end_rivals(nodes, grant.fence, written_to)?;
            }
            self.dialer.publish(nodes.topology());
        }
        if let Some(grant) = self.lease.grant().filter(|_| is_due) {
            self.end_rivals_of_replicas(nodes, grant.fence);
        }
        match nodes.is_whole() {
            true => Ok(()),
            false => Err(std::io::Error::other("a node of Redis is away").into()),
        }
    }

    /// Does what a holder of the lease does besides writing.
    fn work(&mut self, nodes: &mut Nodes, is_due: bool) -> RedisResult<()> {
        let Some(grant) = self.lease.grant() else { return Ok(()) };
        if self.process == 0 {
            self.marks.step(nodes, grant.fence)?;
        }
        if is_due {
            self.take_question(nodes)?;
        }
        if self.lease.is_caught_up() {
            let is_caught_up = |nodes: &mut _| all_caught_up(&self.claimant, self.process, nodes);
            self.scan.step(nodes, is_caught_up)?;
        }
        if let Some((id, report)) = self.scan.take_report() {
            question::answer(&mut nodes.home(), self.process, id, report)?;
        }
        Ok(())
    }

    /// Whether the lease is to be renewed, and all that is done as often.
    fn is_due(&self) -> bool {
        self.state.renewed_at.is_none_or(|at| self.beat() <= at.elapsed())
    }

    /// The time between two renewals.
    fn beat(&self) -> Duration {
        RENEW.min(self.lasts / 4)
    }

    /// Leaves nodes that are not masters any more, by what the sentinels say, or the cluster. While none of them answers
    /// they are gone on with.
    fn follow_the_masters(&mut self, mut nodes: Nodes) -> Nodes {
        if !self.is_due() && !self.dialer.is_doubted() {
            return nodes;
        }
        let found = self.dialer.find();
        let before = std::mem::replace(&mut self.state.is_unfollowed, found.is_err());
        match found {
            Ok(found) => nodes.follow(found),
            Err(error) if !before => {
                tracing::warn!(%error, "it is not known whether Redis is still the master");
            }
            Err(_) => {}
        }
        nodes
    }

    /// Begins with connections that are new.
    fn greet(&mut self, nodes: &mut Nodes) -> RedisResult<()> {
        for node in nodes.take_new() {
            // This node may lack what another one, or it itself before it ended, had acknowledged. A worker finds that
            // out when it writes: so only positions count that are as of a later time than now.
            self.marks.restart();
            if let Some(grant) = self.lease.grant() {
                // The name comes first: whoever takes the lease after it was read here ends this connection.
                self.name(nodes, node, grant.fence)?;
                self.state.renewed_at = None;
            }
        }
        Ok(())
    }

    /// Takes or renews the lease, or learns that the first process has.
    fn keep(&mut self, nodes: &mut Nodes) -> RedisResult<()> {
        let began = Instant::now();
        let mut home = nodes.home();
        let found = watch(&mut home, lease::KEY)?;
        let found = match Record::parse(&home.key(lease::KEY), found.as_deref()) {
            Ok(found) => found,
            Err(_) if self.claimant.takes_over => None,
            Err(error) => {
                self.lease.lose(HeldByAnother::Unreadable(error));
                return Ok(());
            }
        };
        if self.process > 0 {
            replace(&mut home, lease::KEY, None)?;
            return self.follow(nodes, found, began);
        }
        match self.claimant.judge(found.as_ref(), &mut self.state.seen, began) {
            Step::Take => self.take(nodes, found.as_ref()),
            Step::Renew => match found {
                Some(found) => self.renew(nodes, found, began),
                None => Ok(()),
            },
            Step::Wait => {
                replace(&mut home, lease::KEY, None)?;
                let who = found.map(|found| found.who()).unwrap_or_default();
                self.wait(format!(
                    "Redis is held by {who}: is that engine alive, or does its lease run out?"
                ));
                Ok(())
            }
            Step::End(reason) => {
                self.lease.lose(reason);
                Ok(())
            }
        }
    }

    /// Takes the lease, and ends the connections of whoever held it before. The next turn grants it.
    fn take(&mut self, nodes: &mut Nodes, found: Option<&Record>) -> RedisResult<()> {
        let is_first = self.claimant.fence.is_none();
        let record = self.claimant.taken(found, self.lasts);
        if !replace(&mut nodes.home(), lease::KEY, Some(&text(&record)))? {
            // Somebody else was quicker.
            return Ok(());
        }
        self.state.was_given_back = is_first && found.is_none();
        self.claimant.fence = Some(record.fence);
        self.state.cleared.clear();
        // Once is enough: who takes it from this one later is not to lose it to this one again.
        self.claimant.takes_over = false;
        match found {
            Some(found) if is_first => {
                tracing::info!(from = found.who(), "the lease is taken from an earlier engine");
            }
            _ if is_first => {}
            _ => tracing::info!("the lease was gone; it is taken again"),
        }
        Ok(())
    }

    /// Renews the lease, and grants it first.
    fn renew(&mut self, nodes: &mut Nodes, found: Record, began: Instant) -> RedisResult<()> {
        let mut record = Record { renewed: found.renewed + 1, ..found };
        // This run's record is there, and not its fence: it took the lease, and did not hear so.
        self.claimant.fence = Some(record.fence);
        if !record.is_granted {
            replace(&mut nodes.home(), lease::KEY, None)?;
            self.go_over(nodes, record.fence)?;
            record.is_granted = true;
            record.is_blank = nodes.size().is_ok_and(|keys| keys == 1);
            // Before anything is written.
            let sealed = seal::take(nodes)?.filter(|_| self.state.was_given_back);
            self.lease.set_sealed(sealed);
            let now = watch(&mut nodes.home(), lease::KEY)?;
            if Record::parse(lease::KEY, now.as_deref())
                .ok()
                .flatten()
                .is_none_or(|now| now.fence != record.fence)
            {
                replace(&mut nodes.home(), lease::KEY, None)?;
                return Ok(());
            }
        }
        if replace(&mut nodes.home(), lease::KEY, Some(&text(&record)))? {
            self.held(&record, began);
        }
        Ok(())
    }

    /// Learns from the record of another process's engine whether it is this one's.
    fn follow(
        &mut self,
        nodes: &mut Nodes,
        found: Option<Record>,
        began: Instant,
    ) -> RedisResult<()> {
        let known = self.claimant.fence;
        match found {
            Some(record) if record.run == self.claimant.run && record.is_granted => {
                if known.is_none() {
                    // What was read before the connection has its name may change: the next turn reads it again.
                    self.go_over(nodes, record.fence)?;
                    self.claimant.fence = Some(record.fence);
                } else {
                    self.held(&record, began);
                }
            }
            Some(record) if known.is_some_and(|fence| fence < record.fence) => {
                self.lease.lose(HeldByAnother::Taken(record.who()));
            }
            _ if known.is_none() => {
                self.wait("the first process has yet to take the lease on Redis".into())
            }
            _ => {}
        }
        Ok(())
    }

    fn held(&mut self, record: &Record, began: Instant) {
        if self.lease.grant().is_none() {
            tracing::info!(fence = record.fence, "the lease is held");
            lease::tell(&self.health, self.state.is_refused.then_some(NOT_ENDED));
        }
        self.state.renewed_at = Some(began);
        self.lease.hold(record, began);
    }

    fn wait(&self, waits: String) {
        lease::tell(&self.health, Some(&waits));
        self.lease.wait(waits);
    }

    /// Connects to all nodes by this fence, and ends the connections of other engines to them.
    fn go_over(&mut self, nodes: &mut Nodes, fence: u64) -> RedisResult<()> {
        nodes.connect_all()?;
        if !nodes.take_new().is_empty() {
            self.marks.restart();
        }
        for node in 0..nodes.topology().nodes().count() {
            self.name(nodes, node, fence)?;
        }
        let all = nodes.topology().all().count();
        self.end_rivals(nodes, fence, all)
    }

    /// Goes over replicas that have come since the lease was taken: these may be masters later.
    fn end_rivals_of_replicas(&mut self, nodes: &mut Nodes, fence: u64) {
        let all = nodes.topology().all().count();
        let ended = self.end_rivals(nodes, fence, all);
        let before = std::mem::replace(&mut self.state.is_not_gone_over, ended.is_err());
        if let (false, Err(error)) = (before, ended) {
            let reason = self.dialer.trouble(&error).text;
            tracing::warn!(reason, "a replica of Redis is not gone over for connections of others");
        }
    }

    /// Ends the connections of other engines to the first so many of all nodes. One that does not answer holds all up.
    fn end_rivals(&mut self, nodes: &mut Nodes, fence: u64, most: usize) -> RedisResult<()> {
        let topology = nodes.topology().clone();
        self.state.cleared.retain(|cleared| topology.all().any(|node| node == cleared));
        for (index, node) in topology.all().take(most).enumerate() {
            if self.state.cleared.contains(node) {
                continue;
            }
            let ended = match index < topology.nodes().count() {
                true => nodes.on(index, |connection| rivals::end(connection, fence)),
                false => rivals::end(&mut self.dialer.connect(node)?, fence),
            };
            match ended {
                Ok(0) => {}
                Ok(ended) => {
                    tracing::info!(ended, "connections of an earlier engine are ended")
                }
                Err(error) => self.refused(error)?,
            }
            self.state.cleared.push(node.clone());
        }
        Ok(())
    }

    /// Gives a connection its name, by which others end it.
    fn name(&mut self, nodes: &mut Nodes, node: usize, fence: u64) -> RedisResult<()> {
        let what = format!("keeper-{}", self.process);
        let named = nodes.on(node, |connection| rivals::name(connection, fence, &what));
        named.or_else(|error| self.refused(error))
    }

    /// Goes on without what Redis does not allow.
    fn refused(&mut self, error: RedisError) -> RedisResult<()> {
        if error.code() != Some("NOPERM") {
            return Err(error);
        }
        if !std::mem::replace(&mut self.state.is_refused, true) {
            tracing::warn!("{NOT_ENDED}");
        }
        Ok(())
    }

    /// Takes the question that somebody may have put.
    fn take_question(&mut self, nodes: &mut Nodes) -> RedisResult<()> {
        let known = self.state.question.as_deref();
        let Some(asked) = question::read(&mut nodes.home(), known)? else {
            return Ok(());
        };
        tracing::info!(repair = asked.repair, "all keys are compared with the state");
        self.state.question = Some(asked.id.clone());
        self.scan.ask(asked.id, asked.repair);
        Ok(())
    }

    /// Gives the lease back, and puts the seal on if nothing is left to be written.
    fn give_back(&mut self) -> RedisResult<()> {
        let Some(nodes) = &mut self.state.nodes else { return Ok(()) };
        let last = match self.lease.seals().filter(|_| self.scan.is_settled()) {
            Some(profiles) => {
                let topology = nodes.topology().clone();
                // Where a node is away there is nothing to seal.
                let put = seal::put(nodes, self.scan.markers(&topology), profiles);
                put.unwrap_or_else(|_| redis::pipe())
            }
            None => redis::pipe(),
        };
        let mut home = nodes.home();
        let found = watch(&mut home, lease::KEY)?;
        let found = Record::parse(lease::KEY, found.as_deref()).ok().flatten();
        match found.filter(|found| found.run == self.claimant.run) {
            Some(_) => delete(&mut home, last, lease::KEY),
            None => replace(&mut home, lease::KEY, None).map(drop),
        }
    }

    fn note_success(&mut self, was_held: bool) {
        if !was_held && self.state.told.take().is_some() {
            tracing::info!("Redis is back");
        }
    }

    /// Until the lease is held, this tells what is wrong with Redis; from then on the workers do.
    fn note_failure(&mut self, error: &RedisError, was_held: bool) {
        // What was begun on it is not finished.
        self.state.nodes = None;
        if was_held {
            return;
        }
        let trouble = self.dialer.trouble(error);
        self.metrics.errors(trouble.kind).inc();
        if self.state.told != Some(trouble.kind) {
            self.state.told = Some(trouble.kind);
            let reason = &trouble.text;
            tracing::warn!(reason, "Redis does not take profiles; they wait");
        }
        lease::tell(&self.health, Some(&trouble.text));
        self.lease.miss();
        park_timeout(TURN);
    }
}

/// Whether all processes of this run have read what there was at their start: from then on it is known who has no
/// profile. This one has.
fn all_caught_up(claimant: &Claimant, process: usize, nodes: &mut Nodes) -> RedisResult<bool> {
    if claimant.processes == 1 {
        return Ok(true);
    }
    let mut home = nodes.home();
    let key = home.key(CAUGHT_UP);
    redis::cmd("HSET").arg(&key).arg(process).arg(&claimant.run).exec(&mut home)?;
    let all: Vec<(String, String)> = redis::cmd("HGETALL").arg(key).query(&mut home)?;
    let of_this_run = all.iter().filter(|(_, run)| *run == claimant.run);
    Ok(of_this_run.count() == claimant.processes)
}

fn text(record: &Record) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

/// Who an engine is, as its lease has it.
pub(super) fn claimant(run: u64, holder: Holder, processes: usize, takes_over: bool) -> Claimant {
    Claimant { run: format!("{run:016x}"), holder, processes, takes_over, fence: None }
}
