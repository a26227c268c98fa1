//! The rules that recommendations keep, whatever ranks them.

use crate::harness::{Process, event};
use serde_json::{Value, json};

/// A shop of lamps and chairs, where more is done with chairs.
fn shop() -> Value {
    json!([
        event("view", "v1", "desk lamp", &["lamps"]),
        event("view", "v1", "floor lamp", &["lamps"]),
        event("add_to_cart", "v2", "desk lamp", &["lamps"]),
        event("purchase", "v3", "armchair", &["chairs"]),
        event("purchase", "v4", "armchair", &["chairs"]),
        event("purchase", "v5", "stool", &["chairs"]),
        event("view", "lampless", "floor lamp", &["lamps"]),
        event("purchase", "buyer", "armchair", &["chairs"]),
    ])
}

fn ids(products: &Value) -> Vec<&str> {
    products.as_array().unwrap().iter().map(|product| product["id"].as_str().unwrap()).collect()
}

#[test]
fn what_a_visitor_should_see() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    process.post(&shop());
    let shown = |user: &str, n: usize| process.get(&format!("/api/recommendations/{user}?n={n}"));
    // Nobody knows them: what is popular.
    assert_eq!(ids(&shown("stranger", 1)), ["armchair"]);
    assert_eq!(ids(&shown("stranger", 10)).len(), 4);
    // What they care about comes before what is popular.
    let lamps = shown("lampless", 10);
    assert_eq!(ids(&lamps)[0], "desk lamp", "{lamps}");
    // What they look at is left out, unless they ask for it.
    assert!(!ids(&lamps).contains(&"floor lamp"), "{lamps}");
    let all = process.get("/api/recommendations/lampless?exclude=none");
    assert!(ids(&all)[..2].iter().all(|id| id.ends_with("lamp")), "{all}");
    // What they have bought is not shown to them, though it is to others.
    assert_eq!(ids(&shown("buyer", 1)), ["stool"]);
    assert!(!ids(&shown("buyer", 10)).contains(&"armchair"));
    for user in ["stranger", "lampless", "buyer"] {
        let products = shown(user, 10);
        let ids = ids(&products);
        let mut scores = Vec::new();
        for product in products.as_array().unwrap() {
            let score = product["score"].as_f64().unwrap();
            let reasons = product["reasons"].as_array().unwrap();
            let sum: f64 = reasons.iter().map(|reason| reason["score"].as_f64().unwrap()).sum();
            assert!((sum - score).abs() < 1e-6, "the reasons add up to the score: {product}");
            assert!(score > 0.0, "{product}");
            scores.push(score);
        }
        assert!(scores.is_sorted_by(|one, other| one >= other), "best first: {scores:?}");
        // NB: not the first of the longer list: what counts for a product depends on `n`.
        assert!((1..=ids.len()).all(|n| shown(user, n).as_array().unwrap().len() == n));
    }
}

#[test]
fn what_is_trending() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    process.post(&shop());
    for (ask, expected) in [
        ("/api/trending?n=2", &["armchair", "stool"][..]),
        ("/api/trending?tag=lamps", &["desk lamp", "floor lamp"]),
        ("/api/trending?tag=chairs&n=1", &["armchair"]),
        ("/api/trending?tag=tables", &[]),
    ] {
        assert_eq!(ids(&process.get(ask)), expected, "{ask}");
    }
    // Without weight nothing trends.
    process.set_weights(&json!({"view": 0, "add_to_cart": 0, "purchase": 5}));
    process.reads("v1", &json!({}));
    assert_eq!(ids(&process.get("/api/trending?tag=lamps")), [""; 0]);
    assert_eq!(ids(&process.get("/api/trending")), ["armchair", "stool"]);
}

#[test]
fn the_catalogue_tells_of_a_product() {
    let folder = tempfile::tempdir().unwrap();
    let row = json!({"id": "vase", "name": "A vase", "category": "Decor", "tags": ["glass"], "price": 9.5});
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/product-catalog.jsonl"), format!("{row}\n")).unwrap();
    let process = Process::embedded(folder.path(), "1");
    process.post(&json!([{"eventType": "view", "userId": "u", "product": "vase"}]));
    assert_eq!(process.profile("u"), json!({"glass": 1}));
    let shown = process.get("/api/recommendations/stranger");
    for (key, value) in row.as_object().unwrap() {
        assert_eq!(shown[0][key], *value, "{shown}");
    }
}
