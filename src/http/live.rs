//! `GET /api/stream`: events and numbers as they come, told to all who listen. While nobody does, nothing is asked.

use crate::engine::question::Answer;
use crate::http::Front;
use crate::http::call::Call;
use crate::http::content::Content;
use crate::http::fault::Fault;
use crate::http::given;
use crate::http::listeners::{Listeners, MOST_EVENTS, message};
use crate::http::pulse::Pulse;
use crate::http::reply::Reply;
use crate::readiness::CAUGHT_UP;
use crate::wall_clock::now_ms;
use dataflows::questions::ask::Latest;
use dataflows::record::event::OwnedEvent;
use dataflows::views::recent::Recent;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often new events are asked for.
const TICK: Duration = Duration::from_millis(500);
/// The ticks from one pulse to the next.
const PULSE: usize = 2;
/// The longest time that the workers' answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /api/stream?user=`
pub(super) fn stream(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = given::text(&call.query, "user")?;
    let (bits, begins) = call.listeners.add(user)?;
    if begins {
        tokio::spawn(tell(call.listeners.clone(), call.front.clone()));
    }
    let mut reply = Reply::new(Content::told(bits));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(reply)
}

/// Tells what is new, until nobody listens.
async fn tell(listeners: Arc<Listeners>, front: Front) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pulse = Pulse::new(&front.metrics);
    // What the last answer was as of, and its age in milliseconds when it came.
    let mut last: Option<(u64, i64)> = None;
    for tick in 0.. {
        ticks.tick().await;
        if !listeners.are_there() {
            return;
        }
        // What came before anybody listened is nothing new: of that the time alone is wanted.
        let limit = match last {
            None => 0,
            Some(_) if listeners.has_choosy() => Recent::EVENTS,
            Some(_) => MOST_EVENTS,
        };
        let answer = latest(&front, limit, last.map(|(as_of, _)| as_of)).await;
        if let Some(Answer { as_of, body: events }) = answer {
            let of = i64::try_from(as_of / 1000).unwrap_or_default();
            last = Some((as_of, (now_ms() - of).max(0)));
            listeners.tell_events(&events);
        }
        if tick % PULSE == 0 {
            listeners.tell(message("pulse", |out| pulse.write(out, &front, now_ms(), last)));
        }
    }
}

/// The events that came in after a time. While the process catches up there are none, as they would be of the past.
async fn latest(
    front: &Front,
    limit: usize,
    after: Option<u64>,
) -> Option<Answer<Vec<OwnedEvent>>> {
    if front.status.readiness.wait_for(CAUGHT_UP).is_some() {
        return None;
    }
    let asked = front.asker.ask(Latest { limit, after }).ok()?;
    timeout(PATIENCE, asked).await.ok()?.ok()
}
