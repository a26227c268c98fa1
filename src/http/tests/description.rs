//! The description, `/openapi.json`, and the front: each has what the other has.

use super::described::described;
use super::fixture::Fixture;
use super::schema::{DESCRIPTION, resolved, violations};
use crate::http::description::OPENAPI;
use crate::http::rankings::RULES;
use crate::http::routes::{ROUTES, Route};
use crate::settings::registry::SETTINGS;
use dataflows::score::model::Blend;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn the_description_has_every_route_and_parameter_and_no_other() {
    assert_eq!(DESCRIPTION["info"]["version"], env!("CARGO_PKG_VERSION"));
    let parameter = |given: &'static Value| {
        let given = resolved(given);
        (given["in"] == "query").then(|| given["name"].as_str().unwrap().to_owned())
    };
    let mut described = BTreeSet::new();
    for (path, methods) in DESCRIPTION["paths"].as_object().unwrap() {
        for (method, of) in methods.as_object().unwrap() {
            let parameters = of["parameters"].as_array().into_iter().flatten();
            let parameters: BTreeSet<String> = parameters.filter_map(parameter).collect();
            described.insert((path.clone(), method.to_uppercase(), parameters));
        }
    }
    let mut served = BTreeSet::new();
    let settings = SETTINGS.iter().map(|setting| format!("/api{}", setting.path));
    let settings = settings.map(|path| (path, Route::Config.spec()));
    let routes = ROUTES.iter().map(|row| (row.pattern.to_owned(), row));
    for (path, row) in routes.chain(settings) {
        for method in row.methods {
            let parameters = method.parameters.iter().map(|&name| name.to_owned()).collect();
            served.insert((path.clone(), method.verb.name().to_owned(), parameters));
        }
    }
    assert_eq!(described, served);
}

#[test]
fn the_description_has_every_rule_of_a_body() {
    let of_lab = ["user", "products", "product", "tag", "weights", "blend"];
    for (path, others) in
        [("/api/session/recommendations", &["products"][..]), ("/api/lab/recommendations", &of_lab)]
    {
        let body = &DESCRIPTION["paths"][path]["post"]["requestBody"];
        let fields = &body["content"]["application/json"]["schema"]["properties"];
        let described: BTreeSet<_> =
            fields.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(described, [others, RULES].concat().into_iter().collect(), "{path}");
    }
}

#[test]
fn the_description_refers_only_to_what_it_has() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let openapi: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut found = Vec::new();
    references(&openapi, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(openapi.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn settings_are_taken_and_refused_as_they_are_described() {
    let fixture = Fixture::new();
    let weights = |view: &str| format!(r#"{{"view":{view},"add_to_cart":3,"purchase":5}}"#);
    let (weights_path, blend_path) =
        ("/api/config/recommendation/weights", "/api/config/recommendation/blend");
    let mut bodies: Vec<(&str, String)> =
        ["0", "0.5", "1000000", "1000000.5", "-1", "null", "\"1\""]
            .into_iter()
            .flat_map(|view| {
                [weights_path, "/api/recommendation/weights"].map(|path| (path, weights(view)))
            })
            .collect();
    for other in ["{}", "[1,3,5]", "7", r#"{"view":1,"add_to_cart":3}"#] {
        bodies.push((weights_path, other.into()));
    }
    bodies.push((weights_path, weights("1,\"wish\":1")));
    bodies.extend(["{}", "[]", "null", r#"{"tag":1}"#].map(|body| (blend_path, body.into())));
    let default = serde_json::to_value(Blend::default()).unwrap();
    for name in default.as_object().unwrap().keys() {
        let of_field = &described(blend_path)["put"]["requestBody"]["content"]["application/json"];
        let of_field = &resolved(&of_field["schema"])["properties"][name];
        assert_eq!(of_field["default"].as_f64(), default[name].as_f64(), "{name}");
        let (least, most) = (of_field["minimum"].clone(), of_field["maximum"].clone());
        let beyond = [least.as_f64().unwrap() - 0.0005, most.as_f64().unwrap() + 1.0];
        let beside = [json!(beyond[0]), json!(beyond[1]), json!("1"), json!(1.5), json!(2)];
        for value in [least, most].into_iter().chain(beside) {
            bodies.push((blend_path, json!({ name: value }).to_string()));
        }
    }
    for former in [r#"{"doubt":30,"fade_days":-1}"#, r#"{"doubt":null}"#, r#"{"doubts":30}"#] {
        bodies.push((blend_path, former.into()));
    }
    let rules_path = "/api/config/recommendation/rules";
    for rule in [
        r#"{"id":"r","action":"pin","place":1,"product":7}"#,
        r#"{"action":"boost","factor":1000,"tag":"a","placement":"","from":"2026-12-01","until":null}"#,
        r#"{"action":"bury","factor":0.001,"category":"a"}"#,
        r#"{"action":"hide","products":["a"],"price_min":0,"price_max":1000000000000}"#,
        r#"{"action":"raise","tag":"a"}"#,
        r#"{"tag":"a"}"#,
        r#"{"action":"hide","tag":""}"#,
        r#"{"action":"hide","products":[]}"#,
        r#"{"action":"hide","price_min":-1}"#,
        r#"{"action":"hide","color":"red"}"#,
        r#"{"action":"pin","place":1001,"tag":"a"}"#,
        r#"{"action":"boost","factor":1001,"tag":"a"}"#,
        "7",
    ] {
        bodies.push((rules_path, format!("[{rule}]")));
    }
    bodies.extend(["[]", "{}", "null"].map(|body| (rules_path, body.into())));
    let (ranking_path, pinning_path) =
        ("/api/config/recommendation/ranking", "/api/ranking/weights");
    bodies.extend(
        ["{}", "[]", "null", r#"{"resets":7}"#, r#"{"resets":-1}"#, r#"{"resets":4294967296}"#]
            .map(|body| (ranking_path, body.into())),
    );
    for (gates, sources, weight) in
        [(6, 66, 0.5), (6, 66, 1e6), (6, 66, -0.5), (6, 66, 1e6 + 1.0), (5, 66, 0.5), (6, 67, 0.5)]
    {
        let weights = json!(vec![vec![weight; sources]; gates]);
        bodies.push((ranking_path, json!({"pinned": &weights}).to_string()));
        bodies.push((pinning_path, json!({"weights": &weights}).to_string()));
        bodies.push((pinning_path, json!({"weights": weights, "resets": 1}).to_string()));
    }
    bodies.extend(
        [r#"{"weights":null}"#, r#"{"weights":1}"#, "{}", "[]", "null"]
            .map(|body| (pinning_path, body.into())),
    );
    for (path, body) in bodies {
        for method in described(path)
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| **name == "put" || **name == "post")
        {
            let content = &described(path)[method]["requestBody"]["content"];
            let schema = &content["application/json"]["schema"];
            let expected = violations(schema, &serde_json::from_str(&body).unwrap()).is_empty();
            let reply = fixture.send(&format!("{} {path}", method.to_uppercase()), &body);
            let expected = if expected { 200 } else { 400 };
            assert_eq!(reply.status, expected, "{method} {path} {body}: {reply:?}");
        }
    }
}
