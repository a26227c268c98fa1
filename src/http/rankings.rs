//! Handlers of rankings: recommendations, similar products, trends; and the rules in a request.

use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::json;
use crate::http::reply::{Reply, json_as_of};
use crate::http::request::{self, Id, MOST_ITEMS, Query};
use dataflows::questions::ask::Rank;
use dataflows::ranking::rules::{Basis, LeaveOut, Rules};
use hyper::body::Incoming;
use serde::Deserialize;

/// `GET /api/recommendations/{userId}?n=10`
pub(super) async fn recommendations(call: &Call<'_>) -> Result<Reply, Fault> {
    let user = request::user(call.parameter)?;
    let rules = rules(call.query)?;
    products(call, Basis::User(user), rules).await
}

/// `GET /api/products/{id}/similar?n=10`
pub(super) async fn similar(call: &Call<'_>) -> Result<Reply, Fault> {
    let product = request::decode(call.parameter)?.into_owned();
    request::checked("a product's id", &product)?;
    let rules = rules(call.query)?;
    products(call, Basis::Product(product), rules).await
}

/// `GET /api/trending?tag=&n=10`
pub(super) async fn trending(call: &Call<'_>) -> Result<Reply, Fault> {
    let tag = call.query.get("tag")?.map(|tag| Basis::Tag(tag.into()));
    let rules = rules(call.query)?;
    products(call, tag.unwrap_or(Basis::Everything), rules).await
}

/// The body of `POST /api/session/recommendations`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Session {
    /// The products of the visit, oldest first.
    products: Vec<Id>,
    n: Option<usize>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    exclude: Vec<Id>,
    #[serde(default)]
    only_tags: Vec<String>,
    #[serde(default)]
    without_tags: Vec<String>,
    per_tag: Option<usize>,
}

/// `POST /api/session/recommendations`
pub(super) async fn session(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let body = call.read(body).await?;
    let session: Session = serde_json::from_slice(&body).map_err(|error| {
        Fault::Bad(format!("the body is {{\"products\": [oldest, …, newest], \"n\": 20}}: {error}"))
    })?;
    let Session { products: visit, n, offset, exclude, only_tags, without_tags, per_tag } = session;
    let n = n.unwrap_or(10);
    if !(1..=MOST_ITEMS).contains(&n) || MOST_ITEMS < visit.len().max(offset) {
        let most = format!("n is a number from 1 to {MOST_ITEMS}; products and offset are at most");
        return Err(Fault::Bad(format!("{most} as many")));
    }
    let texts = |ids: Vec<Id>| ids.into_iter().map(String::from).collect::<Vec<_>>();
    let visit = texts(visit);
    visit.iter().try_for_each(|product| request::checked("a product's id", product))?;
    let rules = Rules {
        offset,
        exclude: texts(exclude),
        only: only_tags,
        without: without_tags,
        per_tag,
        ..Rules::first(n)
    };
    products(call, Basis::Visit(visit), rules).await
}

/// Reads the rules of a ranking from a query.
fn rules(query: Query<'_>) -> Result<Rules, Fault> {
    let per_tag = query.get("perTag")?.map(|_| query.count("perTag", 1)).transpose()?;
    let offset = query.get("offset")?.map_or(Ok(0), |offset| match offset.parse() {
        Ok(offset @ 0..=MOST_ITEMS) => Ok(offset),
        _ => Err(Fault::Bad(format!("offset is a number from 0 to {MOST_ITEMS}"))),
    })?;
    let leave_out = match query.get("exclude")?.as_deref() {
        None | Some("none") => LeaveOut::None,
        Some("current") => LeaveOut::Current,
        Some("visit") => LeaveOut::Visit,
        Some(_) => return Err(Fault::Bad("exclude is none, current or visit".into())),
    };
    let leave_out_bought = match query.get("excludeBought")?.as_deref() {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(Fault::Bad("excludeBought is true or false".into())),
    };
    Ok(Rules {
        offset,
        leave_out_bought,
        leave_out,
        exclude: list(query, "excludeIds")?,
        only: list(query, "onlyTags")?,
        without: list(query, "withoutTags")?,
        per_tag,
        ..Rules::first(query.count("n", 10)?)
    })
}

/// Reads a parameter with commas as a list.
fn list(query: Query<'_>, name: &str) -> Result<Vec<String>, Fault> {
    let list = query.get(name)?.unwrap_or_default();
    let list: Vec<String> =
        list.split(',').filter(|text| !text.is_empty()).map(String::from).collect();
    match list.len() {
        0..=MOST_ITEMS => Ok(list),
        _ => Err(Fault::Bad(format!("{name} has at most {MOST_ITEMS} texts"))),
    }
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

    #[test]
    fn a_query_gives_rules() {
        let texts = |list: &[&str]| list.iter().map(|&text| String::from(text)).collect();
        let first = Rules::first;
        for (query, expected) in [
            ("", Some(first(10))),
            ("n=3&offset=2", Some(Rules { offset: 2, ..first(3) })),
            ("exclude=visit", Some(Rules { leave_out: LeaveOut::Visit, ..first(10) })),
            ("exclude=current", Some(Rules { leave_out: LeaveOut::Current, ..first(10) })),
            (
                "exclude=none&excludeBought=false",
                Some(Rules { leave_out_bought: false, ..first(10) }),
            ),
            ("excludeIds=a,b", Some(Rules { exclude: texts(&["a", "b"]), ..first(10) })),
            (
                "onlyTags=x&withoutTags=y,z&perTag=2",
                Some(Rules {
                    only: texts(&["x"]),
                    without: texts(&["y", "z"]),
                    per_tag: Some(2),
                    ..first(10)
                }),
            ),
            ("exclude=all", None),
            ("excludeBought=no", None),
            ("offset=-1", None),
            ("perTag=0", None),
            ("n=0", None),
        ] {
            assert_eq!(rules(Query(query)).ok(), expected, "{query}");
        }
    }
}
