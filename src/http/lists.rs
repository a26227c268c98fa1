//! Several rankings in one call: the lists of a page.

use crate::engine::question::Answer;
use crate::http::call::Call;
use crate::http::fault::Fault;
use crate::http::fields::{Fields, raw_field};
use crate::http::given::{self, Given};
use crate::http::json::{self, Object};
use crate::http::rankings::{self, BASES, RULES};
use crate::http::reply::{Reply, json_as_of};
use crate::http::request::MOST_ITEMS;
use dataflows::questions::ask::Rank;
use dataflows::ranking::answer::Ranking;
use dataflows::ranking::rules::Basis;
use hyper::body::Incoming;
use serde_json::value::RawValue;

/// The most lists of a page.
const MOST_LISTS: usize = 20;

/// `POST /api/recommendations`: the body has the lists, each with what it starts from and its rules.
pub(super) async fn lists(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let body = call.read(body).await?;
    let page = Fields::parse(&body, &["lists", "distinct"])?;
    let is_distinct = given::flag(&page, "distinct")?.unwrap_or(false);
    let asked = asked(&body)?;
    let answers =
        if is_distinct { in_turn(call, asked).await? } else { call.ask_all(asked).await? };
    answers.iter().for_each(|answer| rankings::count_hits(call, &answer.body));
    let as_of = answers.iter().map(|answer| answer.as_of).min().unwrap_or_default();
    let products: usize = answers.iter().map(|answer| answer.body.len()).sum();
    let mut body = Vec::with_capacity(640 * products);
    Object::new(&mut body)
        .with("lists", |out| {
            json::list(out, &answers, |out, answer| {
                let object = Object::new(out).plain("asOf", answer.as_of);
                object.with("products", |out| json::products(out, &answer.body)).end();
            });
        })
        .end();
    Ok(json_as_of(as_of, body))
}

/// Asks for one list after the other, none of which shows what one before it has shown.
async fn in_turn(call: &Call<'_>, asked: Vec<Rank>) -> Result<Vec<Answer<Ranking>>, Fault> {
    let (mut answers, mut shown) = (Vec::new(), Vec::new());
    for mut rank in asked {
        rank.rules.exclude.extend_from_slice(&shown);
        let answer = call.ask(rank).await?;
        shown.extend(answer.body.iter().map(|ranked| ranked.product.to_owned()));
        answers.push(answer);
    }
    Ok(answers)
}

/// Reads the lists of a page.
fn asked(body: &[u8]) -> Result<Vec<Rank>, Fault> {
    let lists = raw_field(body, "lists")?.ok_or_else(|| Fault::Bad("lists is missing".into()))?;
    let lists: Vec<&RawValue> = serde_json::from_str(lists)
        .map_err(|error| Fault::Bad(format!("lists is a list of objects: {error}")))?;
    if !(1..=MOST_LISTS).contains(&lists.len()) {
        let found = lists.len();
        return Err(Fault::Bad(format!("lists has 1 to {MOST_LISTS} items, not {found}")));
    }
    let of_list = |(index, list): (usize, &&RawValue)| {
        rank(list.get()).map_err(|fault| match fault {
            Fault::Bad(details) => Fault::Bad(format!("lists[{index}]: {details}")),
            fault => fault,
        })
    };
    let asked: Vec<Rank> = lists.iter().enumerate().map(of_list).collect::<Result<_, _>>()?;
    let products: usize = asked.iter().map(|rank| rank.rules.n).sum();
    if products > MOST_ITEMS {
        let details = format!("n of all lists is at most {MOST_ITEMS} together, not {products}");
        return Err(Fault::Bad(details));
    }
    Ok(asked)
}

/// Reads one list.
fn rank(list: &str) -> Result<Rank, Fault> {
    let fields = Fields::parse(list.as_bytes(), &[&["trending"][..], &BASES, RULES].concat())?;
    let basis = rankings::basis(&fields)?;
    match (fields.one("trending")?, &basis) {
        (None, Basis::Everything) => {
            let bases = BASES.join(", ");
            return Err(Fault::Bad(format!("it starts from nothing: give {bases} or trending")));
        }
        (None, _) => {}
        (Some(_), Basis::Everything | Basis::Tag(_)) => {
            if given::flag(&fields, "trending")? != Some(true) {
                return Err(Fault::Bad("trending is true, or left out".into()));
            }
        }
        (Some(_), _) => {
            return Err(Fault::Bad("trending is of everything, or of a tag".into()));
        }
    }
    Ok(Rank { basis, rules: rankings::rules(&fields)?, own: None })
}
