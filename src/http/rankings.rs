//! Handlers of rankings: recommendations, similar products, trends; and the rules in a request.

use crate::engine::question::Answer;
use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::fields::Fields;
use crate::http::given::{self, Given, Item};
use crate::http::json;
use crate::http::reply::{Reply, json_as_of};
use crate::http::request::{self, MOST_ITEMS};
use crate::settings::rules::MOST_NAME;
use crate::wall_clock::now_ms;
use dataflows::questions::ask::{AskWhy, Rank};
use dataflows::ranking::answer::Ranking;
use dataflows::ranking::rules::{Basis, LeaveOut, REASONS, Rules};
use dataflows::record::product::PriceRange;
use dataflows::score::merchandising::Occasion;
use hyper::body::Incoming;
use serde_json::Value;

/// The rules that every ranking takes: as parameters of a query, or as fields of a body.
pub(super) const RULES: &[&str] = &[
    "n",
    "offset",
    "exclude",
    "excludeBought",
    "excludeIds",
    "onlyTags",
    "withoutTags",
    "perTag",
    "onlyCategories",
    "withoutCategories",
    "priceMin",
    "priceMax",
    "placement",
    "reasons",
];

/// The fields that say what a ranking starts from, of which a body has one at most.
pub(super) const BASES: [&str; 4] = ["user", "products", "product", "tag"];

/// Those of the rules that a question about one product takes, which has all its reasons.
pub(super) const WHY_RULES: &[&str] = RULES.split_at(RULES.len() - 1).0;

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

/// `GET /api/recommendations/{userId}/why/{productId}?n=10`
pub(super) async fn why(call: &Call<'_>) -> Result<Reply, Fault> {
    let (user, product) = call.parameter.split_once("/why/").unwrap_or((call.parameter, ""));
    let (user, product) = (request::user(user)?, request::id("productId in the path", product)?);
    let basis = Basis::User(user);
    let rules = rules(&call.query)?;
    let answer = call.ask(AskWhy { basis, rules, product: product.clone() }).await?;
    let mut body = Vec::with_capacity(2_000);
    json::why(&mut body, &product, &answer.body);
    Ok(json_as_of(answer.as_of, body))
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

/// Reads what a ranking starts from: what is popular overall, if nothing is given.
pub(super) fn basis(given: &Fields) -> Result<Basis, Fault> {
    let visit = given.one("products")?.map(|_| given::list(given, "products")).transpose()?;
    let bases = [
        given::text(given, "user")?.map(Basis::User),
        visit.map(Basis::Visit),
        given::text(given, "product")?.map(Basis::Product),
        given::text(given, "tag")?.map(Basis::Tag),
    ];
    let named = BASES.into_iter().zip(bases);
    let mut named = named.filter_map(|(name, basis)| basis.map(|basis| (name, basis)));
    match (named.next(), named.next()) {
        (None, _) => Ok(Basis::Everything),
        (Some((_, basis)), None) => Ok(basis),
        (Some((one, _)), Some((other, _))) => {
            Err(Fault::Bad(format!("{one} and {other} are given: a ranking starts from one")))
        }
    }
}

/// Reads the rules of a ranking, all of [`RULES`].
pub(super) fn rules(given: &impl Given) -> Result<Rules, Fault> {
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
        only_categories: given::list(given, "onlyCategories")?,
        without_categories: given::list(given, "withoutCategories")?,
        price: prices(given)?,
        occasion: Occasion { placement: placement(given)?, now: now_ms() },
        reasons: given::number(given, "reasons", 0..=MOST_ITEMS)?.unwrap_or(REASONS),
        ..Rules::first(given::number(given, "n", 1..=MOST_ITEMS)?.unwrap_or(10))
    })
}

/// Reads a range of prices, both ends of which are in it.
fn prices(given: &impl Given) -> Result<PriceRange, Fault> {
    let (least, most) = (given::price(given, "priceMin")?, given::price(given, "priceMax")?);
    if most.is_some_and(|most| least.is_some_and(|least| most < least)) {
        return Err(Fault::Bad("priceMax is below priceMin: no price is in between".into()));
    }
    Ok(PriceRange { least, most })
}

/// Reads the name of the place that a ranking is for.
fn placement(given: &impl Given) -> Result<String, Fault> {
    Ok(given::text_of(given, "placement", 0..=MOST_NAME)?.unwrap_or_default())
}

async fn products(call: &Call<'_>, basis: Basis, rules: Rules) -> Result<Reply, Fault> {
    let answer = call.ask(Rank { basis, rules, own: None }).await?;
    count_hits(call, &answer.body);
    Ok(ranking_reply(&answer))
}

/// Counts what rules have hit in a ranking that is shown.
pub(super) fn count_hits(call: &Call<'_>, ranking: &Ranking) {
    let counted = &call.front.metrics.settings.rule_hits;
    ranking.hits().for_each(|(action, rule, hits)| counted.add(action, rule, hits as u64));
}

/// The products of an answer.
pub(super) fn ranking_reply(answer: &Answer<Ranking>) -> Reply {
    let mut body = Vec::with_capacity(640 * answer.body.len());
    json::products(&mut body, &answer.body);
    json_as_of(answer.as_of, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::query::Query;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    /// Rules without the time at which they were read.
    fn timeless(rules: Rules) -> Rules {
        let occasion = Occasion { now: 0, ..rules.occasion };
        Rules { occasion, ..rules }
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
            (
                "onlyCategories=Home%2C%20Garden,b&withoutCategories=c&priceMin=0.1&priceMax=19.99",
                r#"{"onlyCategories":["Home, Garden","b"],"withoutCategories":["c"],"priceMin":0.1,"priceMax":19.99}"#,
                Some(Rules {
                    only_categories: texts(&["Home, Garden", "b"]),
                    without_categories: texts(&["c"]),
                    price: PriceRange { least: Some(100_000), most: Some(19_990_000) },
                    ..first(10)
                }),
            ),
            (
                "priceMax=0&placement=home%20page",
                r#"{"priceMax":0,"placement":"home page"}"#,
                Some(Rules {
                    price: PriceRange { least: None, most: Some(0) },
                    occasion: Occasion { placement: "home page".into(), now: 0 },
                    ..first(10)
                }),
            ),
            (
                &format!("placement={}", "x".repeat(64)),
                &format!(r#"{{"placement":"{}"}}"#, "x".repeat(64)),
                Some(Rules {
                    occasion: Occasion { placement: "x".repeat(64), now: 0 },
                    ..first(10)
                }),
            ),
            (
                "priceMin=5&priceMax=5",
                r#"{"priceMin":5,"priceMax":5}"#,
                Some(Rules {
                    price: PriceRange { least: Some(5_000_000), most: Some(5_000_000) },
                    ..first(10)
                }),
            ),
            ("priceMin=5&priceMax=4", r#"{"priceMin":5,"priceMax":4}"#, None),
            ("priceMin=-1", r#"{"priceMin":-1}"#, None),
            ("priceMin=free", r#"{"priceMin":"free"}"#, None),
            ("priceMin=inf", r#"{"priceMin":1e300}"#, None),
            ("priceMax=NaN", r#"{"priceMax":[1]}"#, None),
            (
                &format!("placement={}", "x".repeat(65)),
                &format!(r#"{{"placement":"{}"}}"#, "x".repeat(65)),
                None,
            ),
            ("placement=a&placement=b", r#"{"placement":["a","b"]}"#, None),
            ("onlyCategories=a,", r#"{"onlyCategories":["a",""]}"#, None),
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
            assert_eq!(asked.ok().map(timeless), expected, "{query}");
            let posted = Fields::parse(body.as_bytes(), RULES).and_then(|body| rules(&body));
            assert_eq!(posted.ok().map(timeless), expected, "{body}");
        }
    }

    #[test]
    fn a_body_may_still_name_ids_under_exclude() {
        let body = br#"{"exclude":["a",1],"excludeIds":["b"]}"#;
        let rules = rules(&Fields::parse(body, RULES).unwrap()).unwrap();
        let (leave_out, exclude) = (LeaveOut::Current, texts(&["b", "a", "1"]));
        assert_eq!(timeless(rules), Rules { leave_out, exclude, ..Rules::first(10) });
    }
}
