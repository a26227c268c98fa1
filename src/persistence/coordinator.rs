//! Decides when there is a checkpoint, and completes it, in the first process.

use crate::engine::{Announcement, Report};
use crate::metrics::CheckpointMetrics;
use crate::persistence::compactor::{Extent, Kept, compact, is_due};
use crate::persistence::messages::{
    Asked, Erasure, Part, Rewritten, State, Told, What, add_digests, digest_of_profiles,
};
use crate::persistence::open_store::OpenStore;
use crate::persistence::status::{CheckpointStatus, LastCheckpoint};
use crate::persistence::tables::table_of;
use crate::wall_clock::now_ms;
use checkpoints::{Content, Digest, Error, Run, Segment};
use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use dataflows::stored::StoredView;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How many erasures are known.
const ERASURES: usize = 1_000;

/// The answer to who wants a checkpoint now: its number, or why there is none.
type Reply = Result<u64, String>;

/// What the coordinator is asked for.
pub(super) enum Request {
    /// A checkpoint now.
    Now(Sender<Reply>),
    /// The last one, for which nothing is waited that can be done by the next run.
    Last(Sender<Reply>),
    /// That all processes are told that the cluster ends.
    End,
}

/// Asks the coordinator of this process; in others than the first, there is none.
#[derive(Clone)]
pub struct Requests(Sender<Request>);

impl Requests {
    pub(super) fn new(sender: Sender<Request>) -> Requests {
        Requests(sender)
    }

    /// Has a checkpoint written, and waits for it: its number, or why there is none.
    ///
    /// # Errors
    /// There are no checkpoints here, it failed, or it is not done in time.
    pub fn now(&self, patience: Duration) -> Result<u64, String> {
        self.ask(Request::Now, patience)
    }

    /// The same, of the last one before the end.
    ///
    /// # Errors
    /// As those of [`Requests::now`].
    pub fn last(&self, patience: Duration) -> Result<u64, String> {
        self.ask(Request::Last, patience)
    }

    fn ask(&self, what: fn(Sender<Reply>) -> Request, patience: Duration) -> Result<u64, String> {
        let (reply, replied) = bounded(1);
        let nobody = || "the first process writes the checkpoints, and this is another".to_owned();
        self.0.send(what(reply)).map_err(|_| nobody())?;
        match replied.recv_timeout(patience) {
            Ok(reply) => reply,
            Err(error) if error.is_timeout() => Err("the checkpoint is not done in time".into()),
            Err(_) => Err(nobody()),
        }
    }

    /// Tells all processes that the cluster ends.
    pub fn end(&self) {
        // Without a coordinator another process tells.
        let _ = self.0.send(Request::End);
    }
}

impl Default for Requests {
    /// Asks nobody.
    fn default() -> Requests {
        Requests(crossbeam_channel::unbounded().0)
    }
}

/// A run of the first process, and the checkpoint that it goes on from.
pub(super) struct Begun {
    pub(super) run: Run,
    pub(super) number: u64,
    pub(super) content: Content,
    /// What the content has as its state.
    pub(super) state: State,
}

/// Who belongs to the cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    pub(super) peers: usize,
    pub(super) processes: usize,
    /// Whether it reads on where records are lost.
    pub(super) accepts_loss: bool,
}

/// Completes checkpoints.
pub(super) struct Coordinator<A, T> {
    store: Option<OpenStore>,
    kept: Kept,
    interval: Duration,
    /// The time after a forget at which all is written anew.
    forget: Duration,
    /// `None` if nothing is stored.
    run: Option<Run>,
    /// The number of the checkpoint that was written last; 0 if there is none.
    number: u64,
    /// What it is made of, with its segments as they were added together since.
    content: Content,
    /// What that has as its state.
    state: State,
    cluster: Cluster,
    status: CheckpointStatus,
    metrics: CheckpointMetrics,
    announce: A,
    /// Tells the ids of the topics that are read.
    topics: T,
    caught_up: BTreeSet<usize>,
    /// The records that processes have lost.
    lost: BTreeMap<usize, String>,
    /// The digests of what workers began with, until all have told.
    began: Option<BTreeMap<usize, BTreeMap<String, Digest>>>,
    under_way: Option<UnderWay>,
    /// Segments that are being added together, by a thread of its own.
    compacting: Option<Compacting>,
    /// Whether the last checkpoint still names what was added together since.
    compacted: bool,
    /// That all segments are written anew, until what is older is deleted.
    rewritten: Option<Rewritten>,
    erasures: Vec<Erasure>,
    /// Who waits for the next checkpoint, which has not begun.
    waiting: Vec<Sender<Reply>>,
    due: Instant,
}

/// A checkpoint under way.
struct UnderWay {
    since: Instant,
    number: u64,
    parts: BTreeMap<usize, Part>,
    replies: Vec<Sender<Reply>>,
}

/// Segments that are being added together.
struct Compacting {
    segments: Vec<Segment>,
    /// How much of them.
    extent: Extent,
    /// The checkpoint that the new ones are written for.
    number: u64,
    added: Receiver<Result<Vec<Segment>, Error>>,
}

impl Compacting {
    /// Whether a checkpoint of a number may be written meanwhile: what was written for one that is older than the one
    /// before is taken for a leftover. What is written anew is named by the next one.
    fn lets(&self, number: u64) -> bool {
        self.extent != Extent::All && number <= self.number
    }
}

impl<A: Fn(Announcement), T: Fn() -> BTreeMap<String, String>> Coordinator<A, T> {
    pub(super) fn new(
        (store, kept): (Option<OpenStore>, Kept),
        (interval, forget): (Duration, Duration),
        begun: Option<Begun>,
        cluster: Cluster,
        (status, metrics): (CheckpointStatus, CheckpointMetrics),
        (announce, topics): (A, T),
    ) -> Coordinator<A, T> {
        let (run, number, content, state) = match begun {
            Some(Begun { run, number, content, state }) => (Some(run), number, content, state),
            None => (None, 0, Content::default(), State::default()),
        };
        status.knows(&state.erasures);
        status.goes_on_from(state.positions.clone(), digest_of_profiles(&content.views));
        Coordinator {
            store,
            kept,
            interval,
            forget,
            began: run.is_some().then(BTreeMap::new),
            run,
            number,
            content,
            cluster,
            status,
            metrics,
            announce,
            topics,
            caught_up: BTreeSet::new(),
            lost: BTreeMap::new(),
            under_way: None,
            compacting: None,
            compacted: false,
            rewritten: state.rewritten,
            erasures: state.erasures.clone(),
            state,
            waiting: Vec::new(),
            due: Instant::now() + interval,
        }
    }

    /// Runs until the workers end.
    pub(super) fn run(mut self, reports: &Receiver<Report>, requests: &Receiver<Request>) {
        loop {
            let patience = self.due.saturating_duration_since(Instant::now());
            // Whoever it waits for tells it.
            let patience = patience.max(Duration::from_millis(10));
            let added = self.compacting.as_ref().map_or_else(never, |it| it.added.clone());
            select! {
                recv(added) -> added => self.added(added.ok()),
                recv(reports) -> report => match report {
                    Ok(Report::CaughtUp(process)) => self.caught_up(process),
                    Ok(Report::Lost(process, what)) => {
                        self.lost.insert(process, what);
                        (self.announce)(Announcement::Lost(self.lost.clone()));
                    }
                    Ok(Report::Stored(text)) => {
                        self.told(serde_json::from_str(&text).expect("a writer wrote it"));
                    }
                    Err(_) => return,
                },
                recv(requests) -> request => match request {
                    Ok(Request::Now(reply)) => self.waiting.push(reply),
                    Ok(Request::Last(reply)) => {
                        self.compacting = None;
                        self.waiting.push(reply);
                    }
                    Ok(Request::End) => (self.announce)(Announcement::Ended),
                    Err(_) => return,
                },
                default(patience) => {}
            }
            let next = self.run.as_ref().map_or(0, |run| run.draft().number());
            let is_free = self.under_way.is_none()
                && self.began.is_none()
                && self.compacting.as_ref().is_none_or(|it| it.lets(next));
            if is_free && (self.due <= Instant::now() || !self.waiting.is_empty()) {
                self.ask();
            }
        }
    }

    /// Asks all workers for their changes.
    fn ask(&mut self) {
        self.due = Instant::now() + self.interval;
        let replies = std::mem::take(&mut self.waiting);
        if self.may_read_others() {
            let reason = "not all processes have caught up, and topics may be others than before";
            answer(&replies, &Err(reason.into()));
            return;
        }
        let Some(run) = self.run.as_ref() else {
            answer(&replies, &Err("checkpoint.url is not set".into()));
            return;
        };
        let (run, number) = (run.id(), run.draft().number());
        let asked = Asked { run, number, erasures: self.erasures.clone() };
        let asked = serde_json::to_string(&asked).expect("these are numbers");
        (self.announce)(Announcement::Cut(asked));
        let (since, parts) = (Instant::now(), BTreeMap::new());
        self.under_way = Some(UnderWay { since, number, parts, replies });
    }

    /// Whether some positions may be those of a topic that was made anew, and others those of the one before it: who
    /// accepts the loss begins with it in each process at another time.
    fn may_read_others(&self) -> bool {
        let has_ids = !self.state.topics.is_empty();
        self.cluster.accepts_loss && has_ids && self.caught_up.len() < self.cluster.processes
    }

    /// A process has read what was there when it began.
    fn caught_up(&mut self, process: usize) {
        self.caught_up.insert(process);
        self.check_caught_up();
    }

    fn check_caught_up(&self) {
        if self.began.is_none() && self.caught_up.len() == self.cluster.processes {
            (self.announce)(Announcement::CaughtUp);
        }
    }

    fn told(&mut self, Told { worker, what }: Told) {
        match what {
            What::Began(digests) => self.began(worker, digests),
            What::Written(part) => self.written(worker, *part),
            What::Failed { number, reason } => {
                let is_it = |under_way: &mut UnderWay| under_way.number == number;
                let replies = self.under_way.take_if(is_it).map(|it| it.replies);
                self.failed(&replies.unwrap_or_default(), format!("worker {worker}: {reason}"));
            }
        }
    }

    /// Compares what all workers began with to the checkpoint.
    fn began(&mut self, worker: usize, digests: BTreeMap<String, Digest>) {
        let Some(began) = &mut self.began else { return };
        began.insert(worker, digests);
        if began.len() < self.cluster.peers {
            return;
        }
        let mut sums = BTreeMap::new();
        began.values().for_each(|digests| add_digests(&mut sums, digests));
        self.began = None;
        for (view, digest) in &self.content.views {
            let found = sums.get(view).copied().unwrap_or_default();
            if digest.is_some_and(|digest| digest != found) {
                self.status.fail(format!(
                    "the view {view} is not what the checkpoint has; begin with another one, or with --rebuild"
                ));
                return;
            }
        }
        self.check_caught_up();
    }

    /// A worker has written its part.
    fn written(&mut self, worker: usize, part: Part) {
        let Some(under_way) = &mut self.under_way else { return };
        if part.number != under_way.number {
            return;
        }
        under_way.parts.insert(worker, part);
        let times: BTreeSet<u64> = under_way.parts.values().map(|part| part.time).collect();
        // Parts of a try before have earlier times.
        if under_way.parts.len() < self.cluster.peers || times.len() > 1 {
            return;
        }
        if let Some(UnderWay { since, parts, replies, .. }) = self.under_way.take() {
            match self.complete(since, parts) {
                Ok(number) => answer(&replies, &Ok(number)),
                Err(error) => {
                    if matches!(error, Error::Fenced { .. }) {
                        self.status.fail(error.to_string());
                    }
                    self.failed(&replies, error.to_string());
                }
            }
        }
    }

    fn failed(&self, replies: &[Sender<Reply>], reason: String) {
        tracing::error!(%reason, "a checkpoint could not be written; the next one has its changes as well");
        answer(replies, &Err(reason.clone()));
        self.metrics.failures.inc();
        self.status.failed(reason);
    }

    /// Writes the manifest, unless nothing has changed since the last one.
    fn complete(&mut self, since: Instant, parts: BTreeMap<usize, Part>) -> Result<u64, Error> {
        let (Some(run), Some(store)) = (&mut self.run, &self.store) else { return Ok(0) };
        let mut state = State::default();
        let (mut new, mut time) = (Vec::new(), 0);
        for part in parts.into_values() {
            state.add(part.state);
            new.extend(part.segments);
            time = part.time;
        }
        let digests = std::mem::take(&mut state.digests);
        let views = digests.into_iter().map(|(view, digest)| (view, Some(digest))).collect();
        let oldest = state.oldest;
        let before = &self.state;
        let of_forgets = table_of(StoredView::Forgets).map(|table| table.name);
        let forgets = new.iter().any(|segment| Some(&*segment.table) == of_forgets);
        let due = || unix_seconds() + self.forget.as_secs();
        // What was written anew has those who were forgotten since the cut that it is as of.
        let is_done = self.rewritten.is_some() && self.rewritten != before.rewritten;
        let due_before = before.rewrite_at.filter(|_| !is_done);
        state.rewrite_at = due_before.or_else(|| forgets.then(due));
        let rewrites = state.rewrite_at.is_some_and(|at| at <= unix_seconds());
        (state.rewritten, state.erasures) = (self.rewritten, self.erasures.clone());
        // Those of topics that are away stay.
        state.topics.clone_from(&before.topics);
        state.topics.extend((self.topics)());
        let is_wanted = rewrites || self.rewritten.is_some() || self.compacted || self.number == 0;
        if !is_wanted && new.is_empty() && self.state == state {
            self.metrics.written.set(seconds(SystemTime::now()));
            return Ok(self.number);
        }
        let written = bytes(&new);
        let segments = self.content.segments.iter().cloned().chain(new).collect();
        let text = serde_json::to_value(&state).expect("its keys are texts");
        let content = Content { time, views, segments, state: text };
        let number = store.block_on(run.commit(content.clone()))?;
        (self.number, self.content, self.state) = (number, content, state);
        self.compacted = false;
        let (took, all) = (since.elapsed(), bytes(&self.content.segments));
        tracing::info!(number, ?took, bytes = written, of = all, "checkpoint written");
        let (written_at, bytes) = (SystemTime::now(), (written, all));
        let profiles = digest_of_profiles(&self.content.views);
        self.status.goes_on_from(self.state.positions.clone(), profiles);
        self.status.wrote(LastCheckpoint { number, time, written: written_at, took, bytes });
        self.metrics.written.set(seconds(written_at));
        self.metrics.bytes.set(i64::try_from(all).unwrap_or(i64::MAX));
        self.metrics.new_bytes.inc_by(written);
        self.metrics.duration.set(took.as_secs_f64());
        self.metrics.total.inc();
        if let Err(error) = self.tidy(oldest, rewrites) {
            tracing::warn!(%error, "what no checkpoint needs could not be removed");
        }
        Ok(number)
    }

    /// Removes what no checkpoint needs, and begins to add together what is due: all of it, if somebody was forgotten and
    /// the time has come. Two checkpoints later nothing is left of them.
    fn tidy(&mut self, oldest: u32, rewrites: bool) -> Result<(), Error> {
        let (Some(run), Some(store)) = (&self.run, &self.store) else { return Ok(()) };
        store.block_on(run.collect())?;
        if let Some(Rewritten { from, time }) = self.rewritten
            && from < self.number
        {
            store.block_on(run.delete_before(from))?;
            tracing::info!(from, "nothing that was stored before is left");
            self.rewritten = None;
            // Of one that is dropped, the next says a later time, which is no less true.
            self.erasures.drain(..self.erasures.len().saturating_sub(ERASURES - 1));
            self.erasures.push(Erasure { before: time, at: now_ms() });
            self.status.knows(&self.erasures);
        }
        if self.compacting.is_none() {
            self.compact(oldest, rewrites && self.rewritten.is_none());
        }
        if self.rewritten.is_some() {
            self.due = Instant::now();
        }
        Ok(())
    }

    /// Begins to add segments together, if any are due.
    fn compact(&mut self, oldest: u32, all: bool) {
        let (Some(run), Some(store)) = (&self.run, self.store.clone()) else { return };
        let extent = match self.caught_up.len() == self.cluster.processes {
            _ if all => Extent::All,
            true => Extent::Due,
            false => Extent::Needed,
        };
        if !is_due(&self.content.segments, extent) {
            return;
        }
        let (draft, segments) = (run.draft(), self.content.segments.clone());
        let (number, kept) = (draft.number(), self.kept);
        let (sender, added) = bounded(1);
        let of = segments.clone();
        let add = move || {
            let added = compact(&store.store, &draft, &of, extent, (kept, oldest));
            // Nobody waits any more once the workers have ended.
            let _ = sender.send(store.block_on(added));
        };
        match thread::Builder::new().name("compaction".into()).spawn(add) {
            Ok(_) => self.compacting = Some(Compacting { segments, extent, number, added }),
            Err(error) => tracing::warn!(%error, "segments could not be added together"),
        }
    }

    /// Segments were added together, and take the place of those that they were made of.
    fn added(&mut self, added: Option<Result<Vec<Segment>, Error>>) {
        let Some(Compacting { segments: before, extent, number, .. }) = self.compacting.take()
        else {
            return;
        };
        match added {
            Some(Ok(mut segments)) => {
                let now = std::mem::take(&mut self.content.segments);
                segments.extend(now.into_iter().filter(|segment| !before.contains(segment)));
                (self.content.segments, self.compacted) = (segments, true);
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "segments could not be added together");
                return;
            }
            None => {
                tracing::warn!("segments could not be added together: the thread has ended");
                return;
            }
        }
        if extent == Extent::All {
            self.rewritten = Some(Rewritten { from: number, time: self.content.time });
            self.due = Instant::now();
        }
    }
}

fn unix_seconds() -> u64 {
    seconds(SystemTime::now()).unsigned_abs()
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn bytes(segments: &[Segment]) -> u64 {
    segments.iter().map(|segment| segment.length).sum()
}

fn answer(replies: &[Sender<Reply>], reply: &Reply) {
    for waiting in replies {
        // Who does not wait any more needs no answer.
        let _ = waiting.send(reply.clone());
    }
}
