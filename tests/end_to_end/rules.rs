//! Rules of merchandising in files: they hold at once for all rankings, a bad one leaves the last good ones in force,
//! and they outlive the process.

use crate::harness::{Process, event, eventually};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const NODE: &str = "data/config/recommendation/rules";
const PATH: &str = "/api/config/recommendation/rules";

/// The products, from the most popular to the least. The catalogue has two of them.
const PRODUCTS: [&str; 4] = ["cup", "mug", "pen", "rug"];

/// A process that has seen all products.
fn started(folder: &Path) -> Process {
    let rows = [
        r#"{"id":"mug","category":"kitchen","price":4.5}"#,
        r#"{"id":"pen","category":"office","price":1.5}"#,
    ];
    let topics = folder.join("data");
    std::fs::create_dir_all(&topics).unwrap();
    std::fs::write(topics.join("product-catalog.jsonl"), rows.join("\n") + "\n").unwrap();
    let process = Process::embedded(folder, "2");
    let viewed = PRODUCTS.iter().enumerate().flat_map(|(place, product)| {
        let viewers = place..PRODUCTS.len();
        viewers.map(move |viewer| event("view", &format!("user {viewer}"), product, &["all"]))
    });
    process.post(&viewed.collect());
    process
}

/// What is shown of a ranking.
fn shown(ranking: &Value) -> Vec<&str> {
    ranking.as_array().unwrap().iter().map(|ranked| ranked["id"].as_str().unwrap()).collect()
}

/// The rules that have hit a product, and what they have done.
fn reasons<'a>(ranking: &'a Value, product: &str) -> Vec<(&'a str, &'a str)> {
    let ranked = ranking.as_array().unwrap().iter().find(|ranked| ranked["id"] == product);
    let reasons = ranked.unwrap()["reasons"].as_array().unwrap().iter();
    let of_rules = reasons.filter(|reason| reason["type"] == "rule");
    let text = |value: &'a Value| value.as_str().unwrap();
    of_rules.map(|reason| (text(&reason["rule"]), text(&reason["action"]))).collect()
}

/// A time of now, so much later or earlier, in milliseconds since the Unix epoch.
fn time(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap() + seconds * 1000
}

#[test]
fn rules_hold_at_once_for_their_products_placements_and_times() {
    let folder = tempfile::tempdir().unwrap();
    let process = started(folder.path());
    let rank = |parameters: &str| process.get(&format!("/api/trending?{parameters}"));
    // Each of these shows other products, or another order, than the one before.
    let check = |rules: Value, parameters: &str, expected: &[&str]| {
        process.call("PUT", PATH, &rules.to_string());
        eventually(&format!("{rules} {parameters}"), || shown(&rank(parameters)) == expected);
    };
    assert_eq!(process.get(PATH), json!([]), "none by default");
    assert_eq!(shown(&rank("")), PRODUCTS);
    let pin = json!({"id": "summer", "action": "pin", "place": 1, "product": "pen"});
    check(json!([pin]), "", &["pen", "cup", "mug", "rug"]);
    assert_eq!(reasons(&rank(""), "pen"), [("summer", "pin")]);
    assert_eq!(reasons(&rank(""), "cup"), []);
    // The request and the catalogue have the last word.
    assert_eq!(shown(&rank("excludeIds=pen")), ["cup", "mug", "rug"]);
    assert_eq!(shown(&rank("onlyCategories=kitchen")), ["mug"]);
    assert_eq!(shown(&rank("priceMin=2")), ["mug"]);
    assert_eq!(shown(&rank("withoutCategories=office&priceMax=4.5")), ["mug"]);
    assert_eq!(shown(&rank("n=1&offset=1")), ["cup"]);

    let boost = json!({"id": "b", "action": "boost", "factor": 1.75, "category": "office"});
    check(json!([boost]), "", &["cup", "pen", "mug", "rug"]);
    assert_eq!(reasons(&rank(""), "pen"), [("b", "boost")]);
    let bury = json!({"id": "c", "action": "bury", "factor": 0.01, "price_min": 4, "price_max": 5});
    check(json!([bury]), "", &["cup", "pen", "rug", "mug"]);
    assert_eq!(reasons(&rank(""), "mug"), [("c", "bury")]);
    check(json!([{"action": "hide", "products": ["cup", "rug"]}]), "", &["mug", "pen"]);
    check(json!([{"action": "hide", "tag": "all"}]), "", &[]);

    let placed = json!([{"action": "hide", "product": "cup", "placement": "home"}]);
    check(placed, "placement=home", &["mug", "pen", "rug"]);
    assert_eq!(shown(&rank("")), PRODUCTS);
    let timed = json!([
        {"action": "hide", "product": "cup", "until": time(-60)},
        {"action": "hide", "product": "mug", "from": time(3600)},
        {"action": "hide", "product": "pen", "from": time(-60), "until": time(3600)},
    ]);
    check(timed, "", &["cup", "mug", "rug"]);
    // Nobody writes anything while the time of a rule ends.
    let until = time(2);
    check(
        json!([{"action": "hide", "product": "pen", "until": until}]),
        "",
        &["cup", "mug", "rug"],
    );
    eventually("its time ends", || shown(&rank("")) == PRODUCTS);
    assert!(until <= time(0));

    for path in
        ["/api/recommendations/nobody?", "/api/products/unknown/similar?", "/api/trending?tag=all&"]
    {
        check(
            json!([{"id": "all", "action": "pin", "place": 1, "product": "new"}]),
            "n=1",
            &["new"],
        );
        let ranking = process.get(&format!("{path}n=1"));
        assert_eq!(
            (shown(&ranking), reasons(&ranking, "new")),
            (vec!["new"], vec![("all", "pin")])
        );
    }
    let session = r#"{"products":["cup"],"n":1,"placement":"home","onlyCategories":["office"]}"#;
    let ranking = process.call("POST", "/api/session/recommendations", session);
    assert_eq!(shown(&ranking), ["pen"]);
    for action in ["pin", "boost", "bury", "hide"] {
        let label = format!("action=\"{action}\"");
        assert!(process.metric("recsys_rule_hits_total", &[&label]) > 0.0, "{action}");
    }
}

#[test]
fn a_bad_rule_is_refused_by_its_index_and_the_last_good_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let process = started(folder.path());
    let rank = |process: &Process| process.get("/api/trending");
    let good = json!([{"id": "r", "action": "hide", "product": "cup"}]);
    process.call("PUT", PATH, &good.to_string());
    eventually("it holds", || shown(&rank(&process)) == ["mug", "pen", "rug"]);
    let bad =
        r#"[{"action":"hide","tag":"a"},{"id":"sale","action":"boost","tag":"a","factor":0.5}]"#;
    let reason =
        r#"rule 1 ("sale"): factor must be a number above 1, up to 1000, which 0.5 is not"#;
    let (status, told) = process.try_call("PUT", PATH, bad).unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((status, &told["details"]), (400, &json!(format!("bad rules: {reason}"))));
    assert_eq!(process.get(PATH), good);
    // Past the front.
    std::fs::write(folder.path().join(NODE), bad).unwrap();
    let stored = |process: &Process| process.get("/api/status")["stored"]["rules"].clone();
    eventually("it is refused", || stored(&process) == json!(format!("refused: {reason}")));
    assert_eq!(process.metric("recsys_rules_rejected_total", &[]), 1.0);
    assert_eq!(shown(&rank(&process)), ["mug", "pen", "rug"]);
    process.kill();
    let process = Process::embedded(folder.path(), "1");
    assert_eq!(shown(&rank(&process)), ["mug", "pen", "rug"], "from the first answer on");
    assert_eq!(process.get(PATH), good);
    assert_eq!(stored(&process), json!(format!("refused: {reason}")));
    assert_eq!(process.metric("recsys_settings_refused", &["setting=\"rules\""]), 1.0);
    process.call("PUT", PATH, "[]");
    eventually("none hold", || shown(&rank(&process)) == PRODUCTS);
}
