//! The names under which a process is a member, and whether another process has one of them.
//!
//! A process that is started again soon after it was killed finds the node of its predecessor, whose
//! session has yet to expire. So who holds a name is waited for, as long as a session without a process
//! lasts; a node that is still there then has a process, and this one must not have the same name.

use crate::holder::Holder;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How a process stands as a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Membership {
    /// Nobody else is known to have its name.
    #[default]
    Free,
    /// Another session has it, which may be one of a process that was killed. The text is for a person.
    Awaits(String),
    /// Another process has it, and keeps it. The text is for a person.
    Refused(String),
}

/// The members of one process.
#[derive(Debug, Default)]
pub(super) struct Members(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The data of each member, by its node's path.
    data: BTreeMap<String, Vec<u8>>,
    /// The sessions that this process has, or had.
    own: BTreeSet<i64>,
    /// The session that holds a member's node, and since when it is waited for.
    awaited: Option<(i64, Instant)>,
    membership: Membership,
}

impl Members {
    pub(super) fn insert(&self, path: String, data: Vec<u8>) {
        self.lock().data.insert(path, data);
    }

    /// Takes all members out.
    pub(super) fn take(&self) -> BTreeMap<String, Vec<u8>> {
        std::mem::take(&mut self.lock().data)
    }

    pub(super) fn all(&self) -> BTreeMap<String, Vec<u8>> {
        self.lock().data.clone()
    }

    /// Notes a session of this process.
    pub(super) fn begin(&self, session: i64) {
        self.lock().own.insert(session);
    }

    pub(super) fn is_own(&self, session: i64) -> bool {
        self.lock().own.contains(&session)
    }

    pub(super) fn membership(&self) -> Membership {
        self.lock().membership.clone()
    }

    /// Notes that a member's node is this process's, or nobody's.
    pub(super) fn free(&self) {
        let mut state = self.lock();
        state.awaited = None;
        state.membership = Membership::Free;
    }

    /// Notes that another session holds a member's node. A session outlives its process by `outlives` at
    /// most.
    pub(super) fn held(
        &self,
        (path, data): (&str, &[u8]),
        session: i64,
        outlives: Duration,
        now: Instant,
    ) {
        let holder = match serde_json::from_slice::<Holder>(data) {
            Ok(holder) => holder.to_string(),
            Err(_) => format!("{:?}", String::from_utf8_lossy(data)),
        };
        let mut state = self.lock();
        let since = match state.awaited {
            Some((awaited, since)) if awaited == session => since,
            _ => now,
        };
        state.awaited = Some((session, since));
        let held = format!("{path} is held by {holder} (session {session:#x})");
        let membership = if now.duration_since(since) > outlives {
            let advice = "another engine has this name: give this one another zookeeper.chroot, or \
                          another --process of the same cluster";
            Membership::Refused(format!("{held}; {advice}"))
        } else {
            Membership::Awaits(format!("{held}; unless it is there in {outlives:?}, it has ended"))
        };
        if state.membership == Membership::Free {
            tracing::warn!("{}", membership.text());
        }
        state.membership = membership;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic leaves each field as it was, or as it was to be.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Membership {
    fn text(&self) -> &str {
        match self {
            Membership::Free => "",
            Membership::Awaits(text) | Membership::Refused(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_name_for_longer_than_a_session_outlives_its_process_has_one() {
        let (members, outlives, begun) =
            (Members::default(), Duration::from_secs(10), Instant::now());
        let path = "/services/recsys/process-0";
        let data = br#"{"process":0,"http":"10.0.0.1:8080","host":"shop","pid":7}"#;
        let after = |session: i64, seconds: u64| {
            let now = begun + Duration::from_secs(seconds);
            members.held((path, data), session, outlives, now);
            members.membership()
        };
        for (session, seconds, refused) in
            [(7, 0, false), (7, 10, false), (8, 11, false), (8, 21, false), (8, 22, true)]
        {
            let membership = after(session, seconds);
            let held = format!(
                "{path} is held by process 7 on shop, which serves 10.0.0.1:8080 (session {session:#x}); "
            );
            assert!(membership.text().starts_with(&held), "{membership:?}");
            assert_eq!(matches!(membership, Membership::Refused(_)), refused, "{membership:?}");
        }
        members.free();
        assert_eq!(members.membership(), Membership::Free);
        assert!(matches!(after(8, 23), Membership::Awaits(_)), "it is waited for anew");
    }
}
