//! File descriptors: while none is left, accepting pauses, and a few that were kept let those in who ask
//! for health.

use crate::http::Front;
use crate::readiness::Latch;
use rustix::io::Errno;
use std::fs::File;
use std::future::pending;
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The pause after an accept that failed while nothing is kept.
const PAUSE: Duration = Duration::from_millis(20);
/// A shortage ends once no accept has failed for this long, so that it is not told again and again.
const CALM: Duration = Duration::from_secs(1);

/// How many are kept. Of the clients that wait before the one who asks for health, some say nothing.
const KEPT: usize = 16;

/// What is wrong, for whoever is told.
pub(super) const SHORTAGE: &str = "the process has no file descriptor left";

/// The descriptors that are kept, and the shortage, while there is one.
pub(super) struct Descriptors {
    front: Front,
    kept: Vec<File>,
    shortage: Option<Shortage>,
}

struct Shortage {
    since: Instant,
    /// When to look whether it has ended.
    check: Instant,
    /// Keeps the process from being ready.
    _latch: Latch,
}

impl Descriptors {
    pub(super) fn new(front: &Front) -> Descriptors {
        let mut descriptors =
            Descriptors { front: front.clone(), kept: Vec::new(), shortage: None };
        descriptors.refill();
        descriptors
    }

    /// Keeps as many as there should be, if there are. Returns whether there are.
    fn refill(&mut self) -> bool {
        while self.kept.len() < KEPT {
            let Some(one) = take() else { return false };
            self.kept.push(one);
        }
        true
    }

    /// Notes that an accept has failed. It gives one that is kept to the next connection, or pauses.
    pub(super) async fn failed(&mut self, error: io::Error) {
        if !is_shortage(&error) {
            // The client has gone, say, before it was accepted: nothing that it could make a log grow by.
            tracing::debug!(%error, "a connection was not accepted");
            return sleep(PAUSE).await;
        }
        let check = Instant::now() + CALM;
        match &mut self.shortage {
            Some(shortage) => shortage.check = check,
            None => self.begin(&error, check),
        }
        if self.kept.pop().is_none() {
            sleep(PAUSE).await;
        }
    }

    fn begin(&mut self, error: &io::Error, check: Instant) {
        let advice = "raise the limit of open files (ulimit -n, LimitNOFILE), or lower \
                      http.max_connections";
        tracing::warn!(%error, advice, "{SHORTAGE}; connections wait");
        self.front.metrics.http.descriptor_shortages.inc();
        let latch = self.front.status.readiness.latch("file descriptors");
        latch.tell(format!("{SHORTAGE}: {error}; {advice}"));
        self.shortage = Some(Shortage { since: Instant::now(), check, _latch: latch });
    }

    /// Returns whether the connection that was just accepted has one that was kept.
    pub(super) fn are_short(&mut self) -> bool {
        self.shortage.is_some() && !self.refill()
    }

    /// Waits until a shortage has ended, and tells so; for ever, while there is none.
    pub(super) async fn recovered(&mut self) {
        loop {
            let Some(shortage) = &mut self.shortage else { return pending().await };
            sleep_until(shortage.check).await;
            shortage.check = Instant::now() + CALM;
            let since = shortage.since;
            // One more than are kept.
            if self.refill() && take().is_some() {
                tracing::info!(took = ?since.elapsed(), "there are file descriptors again");
                self.shortage = None;
                return;
            }
        }
    }
}

/// Takes a descriptor, if one is left.
fn take() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Whether an accept has failed for want of descriptors, or of memory for a socket, rather than for
/// something that is the client's.
fn is_shortage(error: &io::Error) -> bool {
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|error| short.contains(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_cause_is_no_shortage() {
        for (error, expected) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOBUFS, true),
            (Errno::CONNABORTED, false),
            (Errno::PERM, false),
        ] {
            assert_eq!(is_shortage(&error.into()), expected, "{error}");
        }
        assert!(!is_shortage(&io::ErrorKind::TimedOut.into()));
    }
}
