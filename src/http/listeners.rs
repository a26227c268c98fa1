//! Those who listen to what happens, and what each of them hears.

use crate::http::fault::Fault;
use crate::http::json;
use bytes::Bytes;
use dataflows::record::event::OwnedEvent;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// The most clients that listen at a time.
const MOST: usize = 100;
/// The most events that are told at once: of more it is the newest, as nobody reads faster.
pub(super) const MOST_EVENTS: usize = 50;
/// The messages that wait for a client which is slow to take them; it misses further ones.
const WAITING: usize = 8;

/// Those who listen. One task tells them all; it ends with the last of them.
#[derive(Default)]
pub(super) struct Listeners(Mutex<State>);

#[derive(Default)]
struct State {
    listeners: Vec<Listener>,
    is_told: bool,
    has_closed: bool,
}

struct Listener {
    /// The one user whose events are wanted.
    user: Option<String>,
    told: Sender<Bytes>,
}

impl Listeners {
    /// Ends all streams, and has none begin any more.
    pub(super) fn close(&self) {
        self.state().has_closed = true;
        self.end_all();
    }

    /// Ends all streams: whoever still may begins another one.
    pub(super) fn end_all(&self) {
        self.state().listeners.clear();
    }

    /// Adds one. Returns what it hears, and whether the telling has to begin.
    pub(super) fn add(&self, user: Option<String>) -> Result<(Receiver<Bytes>, bool), Fault> {
        let mut state = self.state();
        state.listeners.retain(|listener| !listener.told.is_closed());
        if state.has_closed {
            return Err(Fault::Unavailable("the process ends".into()));
        }
        if state.listeners.len() == MOST {
            return Err(Fault::Unavailable(format!("{MOST} clients listen already")));
        }
        let (told, bits) = channel(WAITING);
        // Headers go out with the first bit.
        let _ = told.try_send(Bytes::from_static(b": events and numbers as they come\n\n"));
        state.listeners.push(Listener { user, told });
        Ok((bits, !std::mem::replace(&mut state.is_told, true)))
    }

    /// Whether any are there. If none is, the telling is over.
    pub(super) fn are_there(&self) -> bool {
        let mut state = self.state();
        state.listeners.retain(|listener| !listener.told.is_closed());
        state.is_told = !state.listeners.is_empty();
        state.is_told
    }

    /// Tells everybody the same.
    pub(super) fn tell(&self, message: Bytes) {
        for listener in &self.state().listeners {
            let _ = listener.told.try_send(message.clone());
        }
    }

    /// Whether somebody wants the events of one user alone, which may be few among all.
    pub(super) fn has_choosy(&self) -> bool {
        self.state().listeners.iter().any(|listener| listener.user.is_some())
    }

    /// Tells everybody the events that they want, which come newest first.
    pub(super) fn tell_events(&self, events: &[OwnedEvent]) {
        let all = message_of(events.iter());
        for listener in &self.state().listeners {
            let message = match &listener.user {
                None => all.clone(),
                Some(user) => message_of(events.iter().filter(|event| event.user == *user)),
            };
            let _ = message.map(|message| listener.told.try_send(message));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A listener is there or not, whatever happened to whoever held the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message of the newest of these events, which come newest first, and are told oldest first.
fn message_of<'a>(events: impl Iterator<Item = &'a OwnedEvent>) -> Option<Bytes> {
    let mut events: Vec<&OwnedEvent> = events.take(MOST_EVENTS).collect();
    events.reverse();
    (!events.is_empty()).then(|| message("events", |out| json::events(out, events)))
}

/// A message of server-sent events. Its JSON is one line.
pub(super) fn message(name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = format!("event: {name}\ndata: ").into_bytes();
    write(&mut out);
    out.extend(b"\n\n");
    out.into()
}
