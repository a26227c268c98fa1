//! The settings that may change at run time: all of them, and their defaults.

use super::fixture::{Engine, Fixture, http_config};
use super::schema::DESCRIPTION;
use crate::settings::registry::SETTINGS;
use crate::settings::status::{NodeStatus, Stored};
use crate::settings::{BLEND, StoreError, WEIGHTS};
use serde_json::{Value, json};

fn list(fixture: &Fixture) -> Vec<Value> {
    let reply = fixture.send("GET /api/config", "");
    assert_eq!(reply.status, 200, "{reply:?}");
    let told: Value = serde_json::from_str(&reply.body).unwrap();
    told["settings"].as_array().unwrap().clone()
}

/// Calls `each` with every object within a value.
fn each_object(value: &Value, each: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(fields) => {
            each(value);
            fields.values().for_each(|field| each_object(field, each));
        }
        Value::Array(items) => items.iter().for_each(|item| each_object(item, each)),
        _ => {}
    }
}

#[test]
fn all_settings_are_listed_with_what_may_be_set() {
    let fixture = Fixture::new();
    let stored = Stored::Refused("it is no JSON".into());
    fixture.nodes.set("blend", NodeStatus { stored, unknown: None });
    let listed = list(&fixture);
    assert_eq!(listed.len(), SETTINGS.len());
    for (told, setting) in listed.iter().zip(&SETTINGS) {
        assert_eq!((&told["path"], &told["name"]), (&json!(setting.path), &json!(setting.name)));
        let default: Value = serde_json::from_str(&setting.default()).unwrap();
        assert_eq!((&told["value"], &told["default"]), (&default, &default), "the model is new");
        let expected = if setting.path == BLEND { "refused: it is no JSON" } else { "unread" };
        assert_eq!(told["stored"], expected, "{}", setting.path);
        // The schema stands for itself.
        let mut objects = 0;
        each_object(&told["schema"], &mut |object| {
            objects += 1;
            assert_eq!(object.get("$ref"), None);
        });
        assert!(objects > 1, "{told}");
    }
    assert_eq!(listed[0]["schema"], DESCRIPTION["components"]["schemas"]["Weights"]);

    let fixture = Fixture::without_model(Engine::Scripted, http_config());
    let listed = list(&fixture);
    assert!(
        listed.iter().all(|told| told["value"] == Value::Null && told["default"] != Value::Null)
    );
}

#[test]
fn who_has_changed_a_setting_is_told_with_what_it_was() {
    let fixture = Fixture::new();
    let changes = |fixture: &Fixture| {
        let reply = fixture.send("GET /api/changes", "");
        let told: Value = serde_json::from_str(&reply.body).unwrap();
        told["changes"].as_array().unwrap().clone()
    };
    assert_eq!(changes(&fixture), [Value::Null; 0]);
    let weights = |view| json!({"view": view, "add_to_cart": 3, "purchase": 5});
    let sent = |request: &str, body: &Value| {
        let reply = fixture.send(request, body.to_string());
        assert_eq!(reply.status, 200, "{reply:?}");
    };
    sent("POST /api/recommendation/weights", &weights(2));
    sent("PUT /api/config/recommendation/weights", &weights(7));
    sent("PUT /api/config/custom/x", &json!(1));
    let refused = fixture.send("PUT /api/config/recommendation/weights", "{}");
    assert_eq!(refused.status, 400, "{refused:?}");
    let restored = fixture.send("DELETE /api/config/recommendation/weights", "");
    assert_eq!(restored.status, 200, "{restored:?}");
    let told = changes(&fixture);
    let from_to: Vec<_> = told.iter().map(|change| (&change["before"], &change["after"])).collect();
    let (one, two, seven) = (weights(1), weights(2), weights(7));
    assert_eq!(from_to, [(&seven, &one), (&two, &seven), (&Value::Null, &two)], "newest first");
    for change in &told {
        assert_eq!((&change["who"], &change["path"]), (&json!("127.0.0.1"), &json!(WEIGHTS)));
        assert!(change["time"].as_str().unwrap().ends_with('Z'), "{change}");
    }
}

#[test]
fn a_setting_gets_its_default_back_and_another_node_goes() {
    let fixture = Fixture::new();
    let nodes = &fixture.store.nodes;
    nodes.lock().unwrap().insert(WEIGHTS.into(), b"nonsense".into());
    nodes.lock().unwrap().insert("/config/custom/x".into(), b"1".into());
    let missing = r#"{"error":"no such node","details":"/config/custom/x"}"#;
    for (path, status, expected) in [
        ("recommendation/weights", 200, format!(r#"{{"path":"{WEIGHTS}"}}"#)),
        ("custom/x", 200, r#"{"path":"/config/custom/x"}"#.into()),
        ("custom/x", 404, missing.into()),
    ] {
        let reply = fixture.send(&format!("DELETE /api/config/{path}"), "");
        assert_eq!((reply.status, reply.told()), (status, expected), "{path}");
    }
    let weights = br#"{"view":1,"add_to_cart":3,"purchase":5}"#;
    assert_eq!(nodes.lock().unwrap().get(WEIGHTS), Some(&weights.to_vec()));
    for path in ["other", "custom", "recommendation", "custom/../x", ""] {
        let reply = fixture.send(&format!("DELETE /api/config/{path}"), "");
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
    }
    for (error, status) in
        [(StoreError::Unavailable("gone".into()), 503), (StoreError::Refused("no".into()), 502)]
    {
        *fixture.store.failure.lock().unwrap() = Some(error);
        let reply = fixture.send("DELETE /api/config/recommendation/blend", "");
        assert_eq!(reply.status, status, "{reply:?}");
    }
    let reply = fixture.send("DELETE /api/config/custom/x\nOrigin: http://evil.example", "");
    assert_eq!(reply.status, 403, "{reply:?}");
}

#[test]
fn nobody_overwrites_what_another_has_written_since() {
    let fixture = Fixture::new();
    let path = "/api/config/custom/banner";
    let put = |header: &str, body: &str| fixture.send(&format!("PUT {path}\n{header}"), body);
    assert_eq!(put("", "one").status, 200);
    let read = || fixture.send(&format!("GET {path}"), "").header("etag").unwrap().to_owned();
    let one = read();
    assert_eq!(put(&format!("If-Match: {one}"), "two").status, 200);
    let late = put(&format!("If-Match: {one}"), "three");
    assert_eq!(late.status, 412);
    assert!(late.body.contains(&read().replace('"', "\\\"")), "{late:?}");
    assert_eq!(fixture.send(&format!("DELETE {path}\nIf-Match: {one}"), "").status, 412);
    assert_eq!(fixture.send(&format!("GET {path}"), "").body, "two");
    for bad in ["0", "", &one[1..], "*, x"] {
        assert_eq!(put(&format!("If-Match: {bad}"), "x").status, 400, "{bad}");
    }
    assert_eq!(put(&format!("If-Match: W/{}", read()), "x").status, 412, "it is no strong tag");
    let either = format!("If-Match: {one}, {}", read());
    assert_eq!(put(&either, "four").status, 200);
    assert_eq!(put("If-Match: *", "five").status, 200);
    assert_eq!(fixture.send(&format!("DELETE {path}\nIf-Match: *"), "").status, 200);
    assert_eq!(put("If-Match: *", "six").status, 412);
}

#[test]
fn the_tag_of_a_setting_is_of_its_value_however_it_is_written() {
    let fixture = Fixture::new();
    let path = "/api/config/recommendation/weights";
    let (spaced, plain) = (
        r#"{ "view": 1, "add_to_cart": 3, "purchase": 5 }"#,
        r#"{"view":1,"add_to_cart":3,"purchase":5}"#,
    );
    assert_eq!(fixture.send(&format!("PUT {path}"), spaced).status, 200);
    let stored = Stored::Good(plain.into());
    fixture.nodes.set("weights", NodeStatus { stored, unknown: None });
    let tag = fixture.send(&format!("GET {path}"), "").header("etag").unwrap().to_owned();
    let put = |body: &str| fixture.send(&format!("PUT {path}\nIf-Match: {tag}"), body).status;
    assert_eq!(put(r#"{"view":2,"add_to_cart":3,"purchase":5}"#), 200);
    assert_eq!(put(plain), 412);
    assert_eq!(put("nonsense"), 400);
    // What is stored is not in force yet: the tag is of what is shown, by which the other is not overwritten.
    let stored = Stored::Good(r#"{"view":2,"add_to_cart":3,"purchase":5}"#.into());
    fixture.nodes.set("weights", NodeStatus { stored, unknown: None });
    let shown = fixture.send(&format!("GET {path}"), "");
    assert_eq!((shown.header("etag"), &*shown.body), (Some(&*tag), plain));
    assert_eq!(put(r#"{"view":3,"add_to_cart":3,"purchase":5}"#), 412);
}
