//! `recsys tail`: events as they come.

use super::args::TailArgs;
use super::asked::encoded;
use super::output::{say, write};
use super::running_process::listen;
use super::words::{plain, text, texts};
use crate::config::Config;
use anyhow::Context;
use serde_json::Value;
use std::ops::ControlFlow;

pub(super) fn run(config: &Config, args: &TailArgs) -> anyhow::Result<()> {
    let user = args.user.as_deref().map(encoded);
    let query = user.map_or(String::new(), |user| format!("?user={user}"));
    let mut left = args.n;
    listen(config, &format!("/api/stream{query}"), |name, data| {
        if name != "events" {
            return Ok(ControlFlow::Continue(()));
        }
        let events: Vec<Value> = serde_json::from_str(data).context("it is no list of events")?;
        for event in events {
            if left == Some(0) {
                return Ok(ControlFlow::Break(()));
            }
            left = left.map(|left| left - 1);
            match args.json {
                true => say(&event.to_string())?,
                false => write(line(&event).as_bytes())?,
            }
        }
        Ok(if left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

/// An event as a line.
fn line(event: &Value) -> String {
    let time = text(&event["timestamp"]);
    let time = time.get(11..23).unwrap_or(&time);
    let [kind, user, product] =
        ["eventType", "userId", "product"].map(|name| plain(&text(&event[name])));
    let tags = plain(&texts(&event["tags"]).join(", "));
    let line = format!("{time}  {kind:<16}  {user:<14}  {product:<14}  {tags}");
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::line;
    use serde_json::json;

    #[test]
    fn an_event_is_a_line() {
        let event = json!({
            "eventType": "view", "userId": "ann\n", "product": "p1", "timestamp": "2026-11-30T12:00:00.123Z",
            "tags": ["a", "b"],
        });
        let told = "12:00:00.123  view              ann\u{fffd}            p1              a, b\n";
        assert_eq!(line(&event), told);
    }
}
