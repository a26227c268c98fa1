//! Handlers of the catalogue's products: of one, and of those that have some words.

use crate::http::batch;
use crate::http::behavior;
use crate::http::call::Call;
use crate::http::catalogue_row::{NewRow, new_row, record};
use crate::http::fault::Fault;
use crate::http::given;
use crate::http::json::{self, Object};
use crate::http::reply::{Reply, json_as_of};
use crate::http::request;
use dataflows::questions::ask::{ListingOf, ProductActivity, Search};
use dataflows::ranking::product_info::Listing;
use dataflows::record::product::CatalogueRow;
use dataflows::views::product_words::words;
use hyper::body::Incoming;
use parser::{RecordKind, Scratch, without_byte_order_mark};

/// The most bytes of what is searched for.
const MOST_TEXT: usize = 200;
/// The same of a cursor: a word and an id, whose letters may be longer in small.
const MOST_CURSOR: usize = 2_500;
/// The most products of a page.
const MOST_FOUND: usize = 100;

/// `GET /api/products/{id}`
pub(super) async fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    let id = product(call)?;
    let answer = call.ask(ListingOf(id.clone())).await?;
    let row = match answer.body {
        Listing::Listed(row) => row,
        Listing::Deleted => return Err(Fault::NoProduct("it was deleted".into())),
        Listing::Unlisted => return Err(Fault::NoProduct("it is not in the catalogue".into())),
    };
    let mut body = Vec::with_capacity(256);
    json::listed(&mut body, &id, &row);
    Ok(json_as_of(answer.as_of, body))
}

/// `GET /api/products/{id}/activity`: of any product, also one that is not in the catalogue.
pub(super) async fn activity(call: &Call<'_>) -> Result<Reply, Fault> {
    let id = product(call)?;
    let answer = call.ask(ProductActivity(id.clone())).await?;
    let mut body = Vec::with_capacity(128 + 96 * answer.body.len());
    json::product_activity(&mut body, &id, &answer.body);
    Ok(json_as_of(answer.as_of, body))
}

/// `PUT /api/products/{id}?wait=visible`: the body is the row, as the topic takes it.
pub(super) async fn write(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let visible = behavior::waits(&call.query)?;
    let id = product(call)?;
    let body = call.read(body).await?;
    // In the topic no value is a deletion, which is not done by leaving something out here.
    if matches!(without_byte_order_mark(&body).trim_ascii(), b"" | b"null") {
        return Err(Fault::Bad("the body has no row: DELETE deletes the product".into()));
    }
    let row = new_row(Some(&id), &body, &mut Scratch::default())
        .map_err(|reason| batch::refusal(&body, None, RecordKind::Row, &body, reason))?;
    store(call, row, visible).await
}

/// `DELETE /api/products/{id}?wait=visible`
pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, Fault> {
    let visible = behavior::waits(&call.query)?;
    let deletion = CatalogueRow { product: product(call)?, row: None };
    store(call, NewRow { record: record(&deletion), ignored: Vec::new() }, visible).await
}

/// `GET /api/products?q=…&n=20&cursor=…`
pub(super) async fn search(call: &Call<'_>) -> Result<Reply, Fault> {
    let text = given::text_of(&call.query, "q", 1..=MOST_TEXT)?;
    if text.as_deref().is_some_and(|text| words(text).next().is_none()) {
        return Err(Fault::Bad("q has no letter and no digit: nothing begins with it".into()));
    }
    let after = given::text_of(&call.query, "cursor", 1..=MOST_CURSOR)?;
    let after = after.map(|cursor| {
        let place = cursor.split_once(':').map(|(word, id)| (word.to_owned(), id.to_owned()));
        place.ok_or_else(|| Fault::Bad("cursor is the `next` of an answer before".into()))
    });
    let after = after.transpose()?;
    let n = given::number(&call.query, "n", 1..=MOST_FOUND)?.unwrap_or(20);
    let answer = call.ask(Search { text: text.unwrap_or_default(), after, n }).await?;
    let mut body = Vec::with_capacity(256 * answer.body.found.len());
    json::found(&mut body, &answer.body);
    Ok(json_as_of(answer.as_of, body))
}

/// The product that the path names.
fn product(call: &Call<'_>) -> Result<String, Fault> {
    request::id("id in the path", call.parameter)
}

async fn store(call: &Call<'_>, row: NewRow, visible: bool) -> Result<Reply, Fault> {
    let (stored, as_of) = behavior::append(call, &[0], vec![row.record], visible).await?;
    let mut body = Vec::with_capacity(128);
    let object = stored.fields(Object::new(&mut body));
    object.with("ignored", |out| json::texts(out, &row.ignored)).end();
    Ok(behavior::stored_reply(body, as_of, stored.is_whole()))
}
