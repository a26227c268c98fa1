//! `recsys weights` and `recsys rules`: what a running engine has of its model, in words.

use super::args::{RulesArgs, WeightsAction, WeightsArgs};
use super::failure::Usage;
use super::output::{say, write};
use super::running_process::{get_json, get_setting, put_setting};
use super::words::{columns, text, texts};
use crate::config::Config;
use crate::settings::{RULES, WEIGHTS};
use anyhow::Context;
use dataflows::record::event::Kind;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub(super) fn weights(config: &Config, args: &WeightsArgs) -> anyhow::Result<()> {
    let path = format!("/api{WEIGHTS}");
    let mut weights = get_setting(config, &path)?;
    if let Some(WeightsAction::Set { weights: wanted }) = &args.action {
        weights.value = changed(&weights.value, wanted)?;
        put_setting(config, &path, &weights)?;
    }
    if args.json {
        return say(&weights.value);
    }
    let weights: Value = serde_json::from_str(&weights.value).context("they are no JSON")?;
    let rows = Kind::ALL.map(|kind| vec![kind.name().to_owned(), text(&weights[kind.name()])]);
    write(columns(&rows).as_bytes())
}

/// The weights with those in place that are named. No decimal passes through a float.
fn changed(weights: &str, wanted: &[String]) -> anyhow::Result<String> {
    let mut all: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(weights).context("the weights are no JSON")?;
    for wanted in wanted {
        let (kind, weight) = wanted.split_once('=').unwrap_or((wanted, ""));
        let kinds = Kind::ALL.map(Kind::name).join(", ");
        let bad = || Usage(format!("{wanted}: must be KIND=WEIGHT, of {kinds} and a number"));
        let Some(kind) = Kind::from_name(kind) else { return Err(bad().into()) };
        let weight = RawValue::from_string(weight.to_owned()).map_err(|_| bad())?;
        all.insert(kind.name().to_owned(), weight);
    }
    Ok(serde_json::to_string(&all)?)
}

pub(super) fn rules(config: &Config, args: &RulesArgs) -> anyhow::Result<()> {
    let rules = get_json(config, &format!("/api{RULES}"))?;
    if args.json {
        return say(&rules.to_string());
    }
    let rules = rules.as_array().context("the rules are no list")?;
    if rules.is_empty() {
        return say("there are no rules: recsys config set recommendation/rules < rules.json");
    }
    let rows = rules.iter().enumerate().map(|(index, rule)| {
        let id = if rule["id"].is_null() { index.to_string() } else { text(&rule["id"]) };
        vec![id, what(rule), of(rule), when(rule)]
    });
    write(columns(&rows.collect::<Vec<_>>()).as_bytes())
}

/// What a rule does.
fn what(rule: &Value) -> String {
    match rule["action"].as_str().unwrap_or_default() {
        "pin" => format!("pin to place {}", rule["place"]),
        action @ ("boost" | "bury") => format!("{action} by {}", rule["factor"]),
        action => action.to_owned(),
    }
}

/// What a rule is for.
fn of(rule: &Value) -> String {
    let mut of: Vec<String> = ["product", "tag", "category"]
        .into_iter()
        .filter(|name| !rule[name].is_null())
        .map(|name| format!("{name} {}", text(&rule[name])))
        .collect();
    let products = texts(&rule["products"]);
    if !products.is_empty() {
        of.push(format!("products {}", products.join(", ")));
    }
    for (name, words) in [("price_min", "from"), ("price_max", "up to")] {
        if !rule[name].is_null() {
            of.push(format!("price {words} {}", text(&rule[name])));
        }
    }
    of.join(" and ")
}

/// When and where it holds.
fn when(rule: &Value) -> String {
    let parts = [("placement", "at"), ("from", "from"), ("until", "until")];
    let parts = parts.into_iter().filter(|(name, _)| !rule[name].is_null());
    let parts = parts.map(|(name, word)| format!("{word} {}", text(&rule[name])));
    let when = parts.collect::<Vec<_>>().join(" ");
    if when.is_empty() { "always".into() } else { when }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn those_that_are_named_change_and_the_others_stay() {
        let weights = r#"{"view":1,"add_to_cart":3.5,"purchase":5}"#;
        let set = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|&it| it.into()).collect();
            changed(weights, &wanted).map_err(|error| error.to_string())
        };
        let expected = r#"{"add_to_cart":3.5,"purchase":8,"view":0.25}"#;
        assert_eq!(set(&["view=0.25", "purchase=8"]).as_deref(), Ok(expected));
        for bad in ["view", "view=", "view=x", "sale=3", "=3"] {
            let refused = set(&[bad]).unwrap_err();
            assert!(refused.contains("must be KIND=WEIGHT, of view, add_to_cart"), "{refused}");
        }
    }

    #[test]
    fn a_rule_is_told_in_words() {
        let rule = json!({
            "action": "boost", "factor": 2.5, "tag": "shoes", "price_max": 50, "placement": "home",
            "until": "2026-12-24T00:00:00Z",
        });
        assert_eq!(what(&rule), "boost by 2.5");
        assert_eq!(of(&rule), "tag shoes and price up to 50");
        assert_eq!(when(&rule), "at home until 2026-12-24T00:00:00Z");
        assert_eq!(when(&json!({})), "always");
    }
}
