//! Handlers of rankings: recommendations, similar products, trends; and the rules in a request.

use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::fields::Fields;
use crate::http::given::{self, Given, Item};
use crate::http::json;
use crate::http::reply::{Reply, json_as_of};
use crate::http::request::{self, MOST_ITEMS};
use dataflows::questions::ask::Rank;
use dataflows::ranking::rules::{Basis, LeaveOut, Rules};
use hyper::body::Incoming;
use serde_json::Value;

/// The rules that every ranking takes: as parameters of a query, or as fields of a body.
pub(super) const RULES: &[&str] =
    &["n", "offset", "exclude", "excludeBought", "excludeIds", "onlyTags", "withoutTags", "perTag"];

/// What of the current visit `exclude` may leave out.
const LEAVE_OUT: [(&str, LeaveOut); 3] =
    [("none", LeaveOut::None), ("current", LeaveOut::Current), ("visit", LeaveOut::Visit)];

/// Who looks at a product need not be shown it.
const UNLESS_ASKED: LeaveOut = LeaveOut::Current;

/// `GET /api/recommendations/{userId}?n=10`
pub(super) async fn recommendations(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = request::user(call.parameter)?;
    products(call, Basis::User(user), rules(&call.query)?).await
}

/// `GET /api/products/{id}/similar?n=10`
pub(super) async fn similar(call: &Call<'_>) -> Result<Reply, Fault> {
    let product = request::id("id in the path", call.parameter)?;
    products(call, Basis::Product(product), rules(&call.query)?).await
}

/// `GET /api/trending?tag=audio&n=10`
pub(super) async fn trending(call: &Call<'_>) -> Result<Reply, Fault> {
    let tag = given::text(&call.query, "tag")?;
    products(call, tag.map_or(Basis::Everything, Basis::Tag), rules(&call.query)?).await
}

/// `POST /api/session/recommendations`: the body has the products of the visit, oldest first, and
/// the rules.
pub(super) async fn session(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let body = call.read(body).await?;
    let session = Fields::parse(&body, &[&["products"], RULES].concat())?;
    let visit = given::required(&session, "products", given::list)?;
    products(call, Basis::Visit(visit), rules(&session)?).await
}

/// Reads the rules of a ranking, all of [`RULES`].
fn rules(given: &impl Given) -> Result<Rules, Fault> {
    let mut exclude = given::list(given, "excludeIds")?;
    let leave_out = match given.one("exclude")? {
        None => UNLESS_ASKED,
        // Bodies of earlier clients have ids here.
        Some(Item::Json(Value::Array(_))) => {
            exclude.extend(given::list(given, "exclude")?);
            UNLESS_ASKED
        }
        Some(item) => given::chosen("exclude", &LEAVE_OUT, &item)?,
    };
    Ok(Rules {
        offset: given::number(given, "offset", 0..=MOST_ITEMS)?.unwrap_or(0),
        leave_out_bought: given::flag(given, "excludeBought")?.unwrap_or(true),
        leave_out,
        exclude,
        only: given::list(given, "onlyTags")?,
        without: given::list(given, "withoutTags")?,
        per_tag: given::number(given, "perTag", 1..=MOST_ITEMS)?,
        ..Rules::first(given::number(given, "n", 1..=MOST_ITEMS)?.unwrap_or(10))
    })
}

async fn products(call: &Call<'_>, basis: Basis, rules: Rules) -> Result<Reply, Fault> {
    let answer = call.ask(Rank { basis, rules }).await?;
    let mut body = Vec::with_capacity(640 * answer.body.len());
    json::products(&mut body, &answer.body);
    Ok(json_as_of(answer.as_of, body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::query::Query;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    /// The same rules as a query and as a body, and what they mean.
    #[test]
    fn queries_and_bodies_have_the_same_rules() {
        let first = |n| Rules { leave_out: LeaveOut::Current, ..Rules::first(n) };
        for (query, body, expected) in [
            ("", "{}", Some(first(10))),
            ("n=3&offset=2", r#"{"n":3,"offset":2}"#, Some(Rules { offset: 2, ..first(3) })),
            (
                "exclude=visit",
                r#"{"exclude":"visit"}"#,
                Some(Rules { leave_out: LeaveOut::Visit, ..first(10) }),
            ),
            ("exclude=current", r#"{"exclude":"current"}"#, Some(first(10))),
            (
                "exclude=none&excludeBought=false",
                r#"{"exclude":"none","excludeBought":false}"#,
                Some(Rules { leave_out_bought: false, ..Rules::first(10) }),
            ),
            (
                "excludeIds=a,7&excludeIds=c%2Cd",
                r#"{"excludeIds":["a",7,"c,d"]}"#,
                Some(Rules { exclude: texts(&["a", "7", "c,d"]), ..first(10) }),
            ),
            (
                "onlyTags=Home%2C%20Garden&withoutTags=y,z&perTag=2",
                r#"{"onlyTags":["Home, Garden"],"withoutTags":["y","z"],"perTag":2}"#,
                Some(Rules {
                    only: texts(&["Home, Garden"]),
                    without: texts(&["y", "z"]),
                    per_tag: Some(2),
                    ..first(10)
                }),
            ),
            ("exclude=all", r#"{"exclude":"all"}"#, None),
            ("excludeBought=no", r#"{"excludeBought":"no"}"#, None),
            ("excludeIds=a,", r#"{"excludeIds":["a",""]}"#, None),
            ("onlyTags=", r#"{"onlyTags":[""]}"#, None),
            ("withoutTags=,", r#"{"withoutTags":["",""]}"#, None),
            ("offset=-1", r#"{"offset":-1}"#, None),
            ("offset=1001", r#"{"offset":1001}"#, None),
            ("perTag=0", r#"{"perTag":0}"#, None),
            ("n=0", r#"{"n":0}"#, None),
            ("n=1001", r#"{"n":1001}"#, None),
            ("n=1&n=2", r#"{"n":1,"n":2}"#, None),
            ("m=1", r#"{"m":1}"#, None),
        ] {
            let asked = Query::parse(query, RULES).and_then(|query| rules(&query));
            assert_eq!(asked.ok(), expected, "{query}");
            let posted = Fields::parse(body.as_bytes(), RULES).and_then(|body| rules(&body));
            assert_eq!(posted.ok(), expected, "{body}");
        }
    }

    #[test]
    fn a_body_may_still_name_ids_under_exclude() {
        let body = br#"{"exclude":["a",1],"excludeIds":["b"]}"#;
        let rules = rules(&Fields::parse(body, RULES).unwrap()).unwrap();
        let (leave_out, exclude) = (LeaveOut::Current, texts(&["b", "a", "1"]));
        assert_eq!(rules, Rules { leave_out, exclude, ..Rules::first(10) });
    }
}
