//! `recsys user`, `recommend` and `why`: what a running engine knows of a user.

use super::args::{RecommendArgs, UserArgs, WhyArgs};
use super::output::{say, write};
use super::running_process::get_json;
use super::words::{bar, cause, columns, plain, reasons, text, texts};
use crate::config::Config;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The most tags of a profile that are shown.
const TAGS: usize = 20;

/// A part of a path, or of a query, as it is sent.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub(super) fn user(config: &Config, args: &UserArgs) -> anyhow::Result<()> {
    let user = get_json(config, &format!("/api/users/{}?format=list", encoded(&args.user)))?;
    if args.json {
        return say(&user.to_string());
    }
    write(of_user(&user).as_bytes())
}

fn of_user(user: &Value) -> String {
    let (activity, visit) = (&user["activity"], &user["visit"]);
    let id = plain(&text(&user["userId"]));
    let Some(last) = activity["lastActivity"].as_str() else {
        return format!("{id}: nothing is known of this user\n");
    };
    let totals = &activity["totals"];
    let mut told = format!(
        "{id}: {} views, {} carts, {} purchases, the last on {last}\n",
        totals["view"], totals["add_to_cart"], totals["purchase"]
    );
    for (name, products) in [
        ("this visit", &visit["products"]),
        ("before it", &visit["before"]),
        ("bought", &user["purchases"]["products"]),
    ] {
        let products = texts(products);
        if !products.is_empty() {
            told += &format!("{name}: {}\n", plain(&products.join(", ")));
        }
    }
    let tags: Vec<&Value> = user["profile"].as_array().into_iter().flatten().collect();
    let score = |tag: &Value| tag["score"].as_f64().unwrap_or_default();
    let largest = tags.first().map_or(0.0, |tag| score(tag));
    let rows = tags.iter().take(TAGS);
    let rows =
        rows.map(|tag| vec![text(&tag["tag"]), text(&tag["score"]), bar(score(tag), largest)]);
    told += "\n";
    told += &columns(&rows.collect::<Vec<_>>());
    if tags.len() > TAGS {
        told += &format!("and {} more tags\n", tags.len() - TAGS);
    }
    told
}

pub(super) fn recommend(config: &Config, args: &RecommendArgs) -> anyhow::Result<()> {
    let placement = args.placement.as_deref().map(encoded);
    let placement = placement.map_or(String::new(), |name| format!("&placement={name}"));
    let path = format!("/api/recommendations/{}?n={}{placement}", encoded(&args.user), args.n);
    let products = get_json(config, &path)?;
    if args.json {
        return say(&products.to_string());
    }
    write(of_ranking(&products).as_bytes())
}

fn of_ranking(products: &Value) -> String {
    let products = products.as_array().into_iter().flatten();
    let rows = (1..).zip(products).map(|(place, product): (usize, _)| {
        let score = product["score"].as_f64().unwrap_or_default();
        vec![
            place.to_string(),
            text(&product["id"]),
            text(&product["name"]),
            text(&product["price"]),
            format!("{score:.4}"),
            reasons(&product["reasons"], score),
        ]
    });
    let told = columns(&rows.collect::<Vec<_>>());
    if told.is_empty() { "nothing may be shown: there are no candidates\n".into() } else { told }
}

pub(super) fn why(config: &Config, args: &WhyArgs) -> anyhow::Result<()> {
    let (user, product) = (encoded(&args.user), encoded(&args.product));
    let why = get_json(config, &format!("/api/recommendations/{user}/why/{product}"))?;
    if args.json {
        return say(&why.to_string());
    }
    write(of_why(&why).as_bytes())
}

fn of_why(why: &Value) -> String {
    let product = plain(&text(&why["product"]));
    let candidates = &why["candidates"];
    let mut told = match (&why["place"], &why["rank"]) {
        (place @ Value::Number(_), _) if why["shown"] == true => {
            format!("{product} is shown, at place {place} of {candidates} candidates\n")
        }
        (_, rank @ Value::Number(_)) => {
            format!("{product} is not shown; it is number {rank} of {candidates} candidates\n")
        }
        _ => format!("{product} is not shown, nor among the {candidates} candidates\n"),
    };
    for obstacle in why["obstacles"].as_array().into_iter().flatten() {
        told += &format!("  {}\n", plain(&in_words(obstacle)));
    }
    let parts = |parts: &Value| {
        let largest = parts[0]["score"].as_f64().unwrap_or_default();
        let rows = parts.as_array().into_iter().flatten().map(|part| {
            let score = part["score"].as_f64().unwrap_or_default();
            let events = text(&part["events"]);
            vec![cause(part), format!("{score:.6}"), events, bar(score, largest)]
        });
        columns(&rows.collect::<Vec<_>>())
    };
    if why["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()) {
        told += &format!("\nIts score, from so many events:\n{}", parts(&why["reasons"]));
    }
    if why["cut"].is_object() {
        told += &format!(
            "\nIt is behind the first of the lists that rankings are made of. If these were longer:\n{}",
            parts(&why["cut"]["reasons"])
        );
    }
    told
}

/// What keeps a product out, in words.
fn in_words(obstacle: &Value) -> String {
    let named = |name: &str| texts(&obstacle[name]).join(", ");
    match obstacle["type"].as_str().unwrap_or_default() {
        "no_source" => "nothing that this user has done leads to it".into(),
        "excluded" => "the request leaves it out".into(),
        "current" => "the user is looking at it".into(),
        "visited" => "the user has seen it in this visit".into(),
        "bought" => "the user has bought it".into(),
        "deleted" => "the catalogue no longer has it".into(),
        "unavailable" => "the catalogue says that it is not available".into(),
        "tags" | "category" | "price" => "the request wants others".into(),
        "hidden" => format!("rules of the shop hide it: {}", named("rules")),
        "per_tag" => format!("as many of its tags are shown as may be: {}", named("tags")),
        "skipped" => "it is on an earlier page".into(),
        "outranked" => format!("the last one shown has a score higher by {}", obstacle["by"]),
        "unexamined" => "it is behind all candidates that a ranking looks at".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn answers_are_told_in_words() {
        let unknown = json!({"userId": "u", "activity": {"lastActivity": null}});
        assert_eq!(of_user(&unknown), "u: nothing is known of this user\n");
        let user = json!({
            "userId": "ann", "profile": [{"tag": "shoes", "score": 4}, {"tag": "hats", "score": 1}],
            "activity": {"lastActivity": "2026-11-30T12:00:00.000Z", "totals": {"view": 2, "add_to_cart": 1, "purchase": 0}},
            "visit": {"products": ["p1", "p2"], "before": []}, "purchases": {"count": 0, "products": []},
        });
        let told = of_user(&user);
        assert!(told.starts_with("ann: 2 views, 1 carts, 0 purchases, the last on 2026"), "{told}");
        assert!(told.contains("\nthis visit: p1, p2\n\nshoes  4  ███"), "{told}");
        assert_eq!(of_ranking(&json!([])), "nothing may be shown: there are no candidates\n");
        let ranked = json!([{
            "id": "p1", "name": "Mug", "price": 4.5, "score": 0.5,
            "reasons": [{"type": "popular", "events": 3, "score": 0.5}],
        }]);
        assert_eq!(of_ranking(&ranked), "1  p1  Mug  4.5  0.5000  popular 100 %\n");
    }

    #[test]
    fn why_tells_place_or_obstacle() {
        let reasons = json!([{"type": "tag", "tag": "shoes", "events": 3, "score": 0.5}]);
        let shown = json!({
            "product": "p", "shown": true, "place": 2, "rank": 2, "candidates": 9, "reasons": reasons, "obstacles": [],
        });
        let told = of_why(&shown);
        assert!(told.starts_with("p is shown, at place 2 of 9 candidates\n\nIts score"), "{told}");
        assert!(told.contains("tag shoes  0.500000  3  ███"), "{told}");
        let hidden = json!({
            "product": "p", "shown": false, "rank": 3, "candidates": 9, "reasons": [],
            "obstacles": [{"type": "hidden", "rules": ["recall"]}],
        });
        let told = of_why(&hidden);
        let hidden =
            "p is not shown; it is number 3 of 9 candidates\n  rules of the shop hide it: recall\n";
        assert_eq!(told, hidden);
    }
}
