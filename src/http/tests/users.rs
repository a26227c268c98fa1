//! All that is known of a user, and that nothing is.

use super::fixture::{AS_OF, Fixture};
use crate::event_log::Subject;

#[test]
fn all_that_is_known_of_a_user_is_one_answer() {
    let fixture = Fixture::new();
    let rest = concat!(
        r#""activity":{"lastActivity":"2025-04-01T12:00:00.000Z","totals":{"view":3,"add_to_cart":2,"purchase":1}},"#,
        r#""visit":{"products":["lamp","mug"],"before":["rug"]},"purchases":{"count":1,"products":["mug"]}}"#,
    );
    let nothing = concat!(
        r#""activity":{"lastActivity":null,"totals":{"view":0,"add_to_cart":0,"purchase":0}},"#,
        r#""visit":{"products":[],"before":[]},"purchases":{"count":0,"products":[]}}"#,
    );
    for (path, expected) in [
        (
            "user1",
            format!(r#"{{"userId":"user1","profile":{{"electronics":9,"audio":1.5}},{rest}"#),
        ),
        (
            "numbers?format=list",
            format!(
                r#"{{"userId":"numbers","profile":[{{"tag":"10","score":9}},{{"tag":"9","score":1.5}}],{nothing}"#
            ),
        ),
        ("a%2Fb", format!(r#"{{"userId":"a/b","profile":{{}},{nothing}"#)),
    ] {
        let reply = fixture.send(&format!("GET /api/users/{path}"), "");
        assert_eq!((reply.status, &reply.body), (200, &expected), "{path}");
        assert_eq!(reply.header("x-as-of"), Some(&*AS_OF.to_string()));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    for path in ["", "user1?format=map", "%FF"] {
        assert_eq!(fixture.send(&format!("GET /api/users/{path}"), "").status, 400, "{path}");
    }
}

#[test]
fn to_delete_a_user_is_to_forget_them() {
    let fixture = Fixture::new();
    let when = r#"{"timestamp":"2025-04-01T12:00:00.000Z"}"#;
    for (path, body, status) in [
        ("ann?wait=visible", "", 201),
        ("a%2Fb", when, 201),
        ("ann", r#"{"timestamp":"noon"}"#, 400),
        ("", "", 400),
    ] {
        let reply = fixture.send(&format!("DELETE /api/users/{path}"), body);
        assert_eq!(reply.status, status, "{path} {body}: {reply:?}");
    }
    let stored = fixture.log.events.lock().unwrap();
    assert!(stored.iter().all(|record| record.subject == Subject::Forget));
    let records = stored.iter().map(|record| (&*record.key, str::from_utf8(&record.json).unwrap()));
    let [(ann, now), then] = records.collect::<Vec<_>>()[..] else { panic!("two were stored") };
    assert!(ann == "ann" && now.starts_with(r#"{"userId":"ann","timestamp":1"#), "{now}");
    assert_eq!(then, ("a/b", r#"{"userId":"a/b","timestamp":1743508800000}"#));
}
