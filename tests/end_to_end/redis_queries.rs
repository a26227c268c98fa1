//! What is asked of profiles: one user's, several users', and what Redis is asked instead.

use crate::harness::{Process, event};
use serde_json::{Value, json};

/// A profile, in the order in which it is told.
fn order(profile: &Value) -> Vec<(&str, &Value)> {
    profile.as_object().unwrap().iter().map(|(tag, score)| (tag.as_str(), score)).collect()
}

#[test]
fn a_profile_is_what_the_user_did_by_tag_highest_first() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "2");
    process.post(&json!([
        event("view", "ann", "lamp", &["light", "home"]),
        event("add_to_cart", "ann", "desk", &["home"]),
        event("purchase", "ann", "pen", &["office", "office"]),
        event("view", "a/b ü", "pen", &[]),
        {"eventType": "view", "userId": 7, "product": 8},
    ]));
    for (user, profile) in [
        ("ann", json!({"office": 5, "home": 4, "light": 1})),
        ("a%2Fb%20%C3%BC", json!({"pen": 1})),
        ("7", json!({"8": 1})),
        ("nobody", json!({})),
    ] {
        let told = process.profile(user);
        assert_eq!(order(&told), order(&profile), "{user}");
    }
    let users = ["nobody", "ann", "7", "ann"].map(String::from);
    let told = process.profiles(&users);
    assert_eq!(
        told,
        json!({"nobody": {}, "ann": {"office": 5, "home": 4, "light": 1}, "7": {"8": 1}})
    );
    assert_eq!(process.profiles(&[]), json!({}));
}

#[test]
fn scores_follow_the_weights_and_those_of_zero_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::embedded(folder.path(), "1");
    process.post(&json!([
        event("view", "bob", "lamp", &["seen"]),
        event("purchase", "bob", "lamp", &["had"]),
    ]));
    for (weights, profile) in [
        (json!({"view": 0.25, "add_to_cart": 3, "purchase": 5}), json!({"had": 5, "seen": 0.25})),
        (json!({"view": 0, "add_to_cart": 3, "purchase": 5}), json!({"had": 5})),
        (json!({"view": 6, "add_to_cart": 3, "purchase": 5}), json!({"seen": 6, "had": 5})),
    ] {
        process.set_weights(&weights);
        process.reads("bob", &profile);
        assert_eq!(order(&process.profile("bob")), order(&profile));
    }
}
