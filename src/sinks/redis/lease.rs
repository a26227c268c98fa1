//! The lease on Redis: one engine writes there at a time, all its processes together.
//!
//! The record lies at one key and never expires: it has run out when it has not been renewed for as long as it says.
//! So its fence outlives its holder. A fence is at least the clock's milliseconds, so that it grows although Redis
//! has lost the record.

use crate::holder::Holder;
use crate::service_health::{REDIS, ServiceHealth};
use crate::sinks::redis::nodes::Home;
use crate::sinks::redis::seal::Profiles;
use redis::RedisResult;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// The key of the record.
pub(super) const KEY: &str = "recsys:lease";
/// Who the keeper is among those that tell what is wrong with Redis: workers come first.
const KEEPER: usize = usize::MAX;

/// The record of a lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The run of the engine that holds it.
    pub(super) run: String,
    /// It grows from holder to holder.
    pub(super) fence: u64,
    /// The holder's first process.
    pub(super) holder: Holder,
    /// The number of the holder's processes.
    pub(super) processes: usize,
    /// Since when it is held.
    pub(super) since: String,
    /// The time after which it runs out unless it is renewed.
    pub(super) lease_ms: u64,
    /// How often it has been renewed.
    pub(super) renewed: u64,
    /// True once the connections of earlier holders have been ended: the holder may write.
    pub(super) is_granted: bool,
    /// Whether Redis held nothing else then.
    pub(super) is_blank: bool,
}

impl Record {
    /// Reads the record.
    pub(super) fn read(home: &mut Home<'_>) -> RedisResult<Result<Option<Record>, String>> {
        let key = home.key(KEY);
        let found: Option<Vec<u8>> = redis::cmd("GET").arg(&key).query(home)?;
        Ok(Record::parse(&key, found.as_deref()))
    }

    /// Parses the record. What is at the key and is none is somebody else's.
    pub(super) fn parse(key: &str, found: Option<&[u8]>) -> Result<Option<Record>, String> {
        let Some(found) = found else { return Ok(None) };
        let record = serde_json::from_slice(found);
        record.map(Some).map_err(|error| format!("the key {key} holds no lease: {error}"))
    }

    fn lasts(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// Who holds it, for a person.
    pub(super) fn who(&self) -> String {
        format!("{}, since {}", self.holder, self.since)
    }
}

/// Redis is another engine's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HeldByAnother {
    /// Another one held it when this one started.
    #[error(
        "Redis is held by another engine: {0}. Two would rewrite each other's profiles for ever: stop that one, set \
         redis.url to another Redis or database, or start this one with --take-over"
    )]
    Held(String),
    /// Another one has taken it from this one.
    #[error(
        "another engine has taken Redis from this one: {0}. This one has stopped to write: only one of them may be \
         started again"
    )]
    Taken(String),
    /// The record cannot be read.
    #[error("{0}; delete the key, or start with --take-over")]
    Unreadable(String),
}

/// Who wants the lease, or has it.
#[derive(Clone, Debug)]
pub(super) struct Claimant {
    pub(super) run: String,
    pub(super) holder: Holder,
    pub(super) processes: usize,
    /// Whether a live holder loses it.
    pub(super) takes_over: bool,
    /// The fence, once it has been taken.
    pub(super) fence: Option<u64>,
}

/// What a claimant does about what it has found.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// It takes the lease.
    Take,
    /// It has the lease, and renews it.
    Renew,
    /// It waits: the holder may have ended.
    Wait,
    /// It ends.
    End(HeldByAnother),
}

impl Claimant {
    /// Decides, given the record, and what was seen of another holder first, and when.
    pub(super) fn judge(&self, found: Option<&Record>, seen: &mut Seen, now: Instant) -> Step {
        let Some(found) = found else { return Step::Take };
        if found.run == self.run {
            return Step::Renew;
        }
        if let Some(fence) = self.fence {
            // An earlier holder's is one that Redis had saved, and has read again.
            return match fence < found.fence {
                true => Step::End(HeldByAnother::Taken(found.who())),
                false => Step::Take,
            };
        }
        if self.takes_over || found.holder.has_ended() {
            return Step::Take;
        }
        let (first, since) = seen.get_or_insert_with(|| (found.clone(), now));
        if first != found {
            return Step::End(HeldByAnother::Held(found.who()));
        }
        let is_over = found.lasts() <= now.saturating_duration_since(*since);
        if is_over { Step::Take } else { Step::Wait }
    }

    /// The record with which it takes the lease, after the one that it has found.
    pub(super) fn taken(&self, found: Option<&Record>, lease: Duration) -> Record {
        let now = jiff::Timestamp::now();
        let least = found.map_or(0, |found| found.fence + 1);
        let fence = self
            .fence
            .unwrap_or_else(|| u64::try_from(now.as_millisecond()).unwrap_or_default().max(least));
        Record {
            run: self.run.clone(),
            fence,
            holder: self.holder.clone(),
            processes: self.processes,
            since: format!("{now:.0}"),
            lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            renewed: 0,
            is_granted: false,
            is_blank: false,
        }
    }
}

/// The record of another holder, as it was when it was seen first, and when that was.
pub(super) type Seen = Option<(Record, Instant)>;

/// What a holder may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grant {
    pub(super) fence: u64,
    /// Whether Redis held nothing when it was granted.
    pub(super) is_blank: bool,
    /// When Redis has confirmed it last.
    pub(super) confirmed: Instant,
}

/// The lease on Redis, as a process of the engine has it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Lease(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    grant: Option<Grant>,
    lost: Option<HeldByAnother>,
    /// What the first try has met, if Redis did not answer it.
    met: bool,
    /// What it waits for, for a person.
    waits: Option<String>,
    caught_up: bool,
    /// What the seal said that this engine has taken off.
    sealed: Option<Arc<Profiles>>,
    /// What the seal is to say that is put on at the end.
    seals: Option<Profiles>,
    ends: bool,
    has_ended: bool,
    keeper: Option<Thread>,
}

impl Lease {
    /// Tells that this process has read what there was at its start: from then on keys of nobody are deleted.
    pub fn set_caught_up(&self) {
        self.lock().caught_up = true;
    }

    /// Why this engine must not write to Redis, if it must not.
    pub fn loss(&self) -> Option<HeldByAnother> {
        self.lock().lost.clone()
    }

    /// Has the seal put on at the end, if nothing is left to be written by then: it says which profiles Redis holds.
    pub fn seal(&self, profiles: Profiles) {
        self.lock().seals = Some(profiles);
    }

    /// Gives the lease back, so that the next engine need not wait. It takes at most this long.
    pub fn release(&self, within: Duration) {
        let mut state = self.lock();
        state.ends = true;
        let Some(keeper) = state.keeper.clone() else { return };
        keeper.unpark();
        let waiting = self.0.changed.wait_timeout_while(state, within, |state| !state.has_ended);
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until the lease is held or lost, or Redis turns out not to answer. Tells meanwhile what is waited for.
    pub(super) fn await_first(&self, tell: &dyn Fn(&str)) {
        const TELL: Duration = Duration::from_millis(200);
        let mut state = self.lock();
        while !state.met && state.grant.is_none() && state.lost.is_none() {
            if let Some(waits) = &state.waits {
                tell(waits);
            }
            let waited = self.0.changed.wait_timeout(state, TELL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What this process may do; nothing while it has no lease.
    pub(super) fn grant(&self) -> Option<Grant> {
        let state = self.lock();
        if state.lost.is_some() { None } else { state.grant }
    }

    /// Notes what the seal said that this engine has taken off; nothing, once the lease was gone.
    pub(super) fn set_sealed(&self, profiles: Option<Profiles>) {
        self.lock().sealed = profiles.map(Arc::new);
    }

    /// The profiles that Redis has held since before this engine took it, if that is known.
    pub(super) fn sealed(&self) -> Option<Arc<Profiles>> {
        self.lock().sealed.clone()
    }

    /// What the seal is to say that is put on at the end, if one is.
    pub(super) fn seals(&self) -> Option<Profiles> {
        self.lock().seals.clone()
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lock().lost.is_some()
    }

    pub(super) fn is_caught_up(&self) -> bool {
        self.lock().caught_up
    }

    pub(super) fn ends(&self) -> bool {
        self.lock().ends
    }

    /// Notes that Redis has confirmed that this engine holds it.
    pub(super) fn hold(&self, record: &Record, confirmed: Instant) {
        let mut state = self.lock();
        let is_blank = state.grant.map_or(record.is_blank, |grant| grant.is_blank);
        state.grant = Some(Grant { fence: record.fence, is_blank, confirmed });
        drop(state);
        self.0.changed.notify_all();
    }

    /// Notes that another engine holds it: from now on nothing is written.
    pub(super) fn lose(&self, reason: HeldByAnother) {
        self.lock().lost.get_or_insert(reason);
        self.0.changed.notify_all();
    }

    /// Notes what is waited for.
    pub(super) fn wait(&self, waits: String) {
        self.lock().waits = Some(waits);
        self.0.changed.notify_all();
    }

    /// Notes that Redis does not answer.
    pub(super) fn miss(&self) {
        self.lock().met = true;
        self.0.changed.notify_all();
    }

    pub(super) fn start(&self, keeper: Thread) {
        self.lock().keeper = Some(keeper);
    }

    /// Notes that the keeper has ended.
    pub(super) fn end(&self) {
        self.lock().has_ended = true;
        self.0.changed.notify_all();
    }

    /// Holds the record that is there to this process's lease. All connections that are to write must have their
    /// names by then: whoever takes the lease later sees the names, and ends the connections.
    ///
    /// # Errors
    /// When Redis does not answer, or another engine holds it, or it is to be taken again.
    pub(super) fn confirm(&self, home: &mut Home<'_>, fence: u64) -> RedisResult<()> {
        let waits = match Record::read(home)? {
            Ok(Some(record)) if record.fence == fence => return Ok(()),
            Ok(Some(record)) if fence < record.fence => {
                self.lose(HeldByAnother::Taken(record.who()));
                "another engine has taken Redis"
            }
            Ok(_) => "the lease on Redis is gone, and is to be taken again",
            Err(_) => "the lease on Redis cannot be read",
        };
        Err(std::io::Error::other(waits).into())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is a single one, so a poisoned state is intact.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells what is wrong with the lease, for `/api/status`.
pub(super) fn tell(health: &ServiceHealth, reason: Option<&str>) {
    match reason {
        Some(reason) => health.fails(REDIS, KEEPER, reason),
        None => health.works(REDIS, KEEPER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn claimant(run: &str) -> Claimant {
        let holder = Holder::this(0, 2, "127.0.0.1:8080".parse().unwrap());
        Claimant { run: run.into(), holder, processes: 1, takes_over: false, fence: None }
    }

    /// A live holder elsewhere.
    fn elsewhere() -> Record {
        let mut record = claimant("other").taken(None, LEASE);
        let mut holder = serde_json::to_value(&record.holder).unwrap();
        // Its host's name and its address may well be the same: a pod of another cluster.
        holder["space"] = "elsewhere".into();
        record.holder = serde_json::from_value(holder).unwrap();
        record
    }

    #[test]
    fn who_finds_a_live_holder_ends_and_one_that_is_silent_is_followed() {
        let (me, start) = (claimant("mine"), Instant::now());
        assert_eq!(me.judge(None, &mut None, start), Step::Take);
        let mut other = elsewhere();
        let mut seen = None;
        assert_eq!(me.judge(Some(&other), &mut seen, start), Step::Wait);
        assert_eq!(me.judge(Some(&other), &mut seen, start + LEASE / 2), Step::Wait);
        assert_eq!(me.judge(Some(&other), &mut seen, start + LEASE), Step::Take);
        other.renewed += 1;
        let told = HeldByAnother::Held(other.who());
        assert_eq!(me.judge(Some(&other), &mut seen, start + LEASE), Step::End(told.clone()));
        assert!(told.to_string().contains("which serves 127.0.0.1:8080, since 2"));
        let takes_over = Claimant { takes_over: true, ..me };
        assert_eq!(takes_over.judge(Some(&other), &mut None, start), Step::Take);
    }

    #[test]
    fn the_next_run_of_a_process_that_has_ended_follows_at_once() {
        // This process's own number counts as ended: it is another run's.
        let (me, before) = (claimant("mine"), claimant("before").taken(None, LEASE));
        assert_eq!(me.judge(Some(&before), &mut None, Instant::now()), Step::Take);
    }

    #[test]
    fn a_holder_loses_to_a_later_fence_alone() {
        let mut me = claimant("mine");
        let record = me.taken(None, LEASE);
        me.fence = Some(record.fence);
        let judge = |found: &Record| me.judge(Some(found), &mut None, Instant::now());
        assert_eq!(judge(&record), Step::Renew);
        let mut other = elsewhere();
        other.fence = record.fence - 1;
        assert_eq!(judge(&other), Step::Take, "Redis has read what it saved before");
        other.fence = record.fence + 1;
        assert_eq!(judge(&other), Step::End(HeldByAnother::Taken(other.who())));
        assert_eq!(me.judge(None, &mut None, Instant::now()), Step::Take);
        assert_eq!(me.taken(Some(&other), LEASE).fence, record.fence, "a run has one");
    }

    #[test]
    fn fences_grow_whatever_the_clock_shows_and_though_redis_has_lost_them() {
        let first = claimant("a").taken(None, LEASE);
        let ahead = Record { fence: first.fence + 1_000_000_000, ..first.clone() };
        assert_eq!(claimant("b").taken(Some(&ahead), LEASE).fence, ahead.fence + 1);
        assert!(first.fence <= claimant("c").taken(None, LEASE).fence);
    }

    #[test]
    fn what_is_no_record_is_told() {
        assert_eq!(Record::parse(KEY, None), Ok(None));
        let record = elsewhere();
        let text = serde_json::to_vec(&record).unwrap();
        assert_eq!(Record::parse(KEY, Some(&text)), Ok(Some(record)));
        let told = Record::parse(KEY, Some(b"nonsense")).unwrap_err();
        assert!(told.starts_with("the key recsys:lease holds no lease: "), "{told}");
    }

    #[test]
    fn who_has_lost_it_has_no_grant_any_more() {
        let (lease, record) = (Lease::default(), elsewhere());
        assert_eq!(lease.grant(), None);
        lease.hold(&record, Instant::now());
        assert_eq!(lease.grant().map(|grant| grant.fence), Some(record.fence));
        lease.lose(HeldByAnother::Taken(record.who()));
        lease.hold(&record, Instant::now());
        assert!(lease.is_lost() && lease.grant().is_none() && lease.loss().is_some());
    }
}
