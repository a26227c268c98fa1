//! The audit log: who has changed what. Its lines have the target `audit`, so that they can be told from others.

use crate::access::Right;
use crate::http::caller::Caller;
use crate::http::change::Change;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use crate::http::request::decode;
use crate::http::routes::Route;
use crate::receipt::user_digest;
use hyper::header::HeaderValue;

/// A request that was let in.
pub(super) struct Deed<'a> {
    pub(super) caller: &'a Caller,
    pub(super) id: &'a HeaderValue,
    pub(super) method: &'static str,
    pub(super) route: Route,
    pub(super) right: Right,
    /// The value of the pattern's parameter, percent-encoded.
    pub(super) parameter: &'a str,
}

/// Tells of a request, if it was to change something: events are none of these, as there are too many.
pub(super) fn tell(deed: &Deed<'_>, answer: &Result<Reply, Fault>) {
    if !matches!(deed.right, Right::Write | Right::Admin) {
        return;
    }
    let change = answer.as_ref().ok().and_then(|reply| reply.extensions().get().cloned());
    let Change { before, after } = change.unwrap_or_default();
    // Who was forgotten is in no log.
    let names_a_person = deed.route.is_about_a_person() && !deed.parameter.is_empty();
    let what = match names_a_person {
        true => user_digest(&decode("the user", deed.parameter).unwrap_or_default()),
        false => deed.parameter.to_owned(),
    };
    let request = deed.id.to_str().unwrap_or_default();
    tracing::info!(
        target: "audit",
        who = %deed.caller,
        request,
        method = deed.method,
        route = deed.route.spec().pattern,
        what,
        before,
        after,
        failure = answer.as_ref().err().map(tracing::field::display),
        "{}",
        if answer.is_ok() { "changed" } else { "not changed" },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Identity, Scope};
    use crate::http::peer::Peer;
    use crate::http::reply::json_reply;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the log has of a request.
    fn told(caller: &Caller, route: Route, right: Right, answer: &Result<Reply, Fault>) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        let id = HeaderValue::from_static("abc-1");
        let method = "POST";
        tracing::subscriber::with_default(log.finish(), || {
            tell(&Deed { caller, id: &id, method, route, right, parameter: "user%31" }, answer);
        });
        let told = lines.0.lock().unwrap().clone();
        String::from_utf8(told).unwrap()
    }

    #[test]
    fn a_change_is_told_with_who_and_what_and_an_event_is_not() {
        let shop = Caller::Known(Identity::Token { name: "shop".into(), scope: Scope::Admin });
        let mut reply = json_reply(Vec::new());
        let change = Change { before: Some("1".into()), after: Some("2".into()) };
        change.mark(&mut reply);
        let line = told(&shop, Route::Config, Right::Admin, &Ok(reply));
        for part in [
            "INFO audit: changed",
            "who=token shop",
            "request=\"abc-1\"",
            "method=\"POST\"",
            "route=\"/api/config/{path}\"",
            "what=\"user%31\"",
            "before=\"1\"",
            "after=\"2\"",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        let unnamed = Caller::Unnamed(Peer([10, 0, 0, 1].into()));
        let failed = Err(Fault::Unavailable("away".into()));
        let line = told(&unnamed, Route::Forget, Right::Write, &failed);
        assert!(line.contains("not changed") && line.contains("who=10.0.0.1"), "{line}");
        assert!(line.contains("failure=unavailable now, try again"), "{line}");
        assert!(!line.contains("user1"), "who was forgotten is not told: {line}");
        assert!(line.contains(&user_digest("user1")), "but by a digest, as in the receipt: {line}");
        let event = told(&shop, Route::Behavior, Right::Record, &Ok(json_reply(Vec::new())));
        assert_eq!(event, "");
        let read = told(&shop, Route::Status, Right::Read, &Ok(json_reply(Vec::new())));
        assert_eq!(read, "");
    }
}
