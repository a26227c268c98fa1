//! Catalogue rows: the shop's description of a product, or its deletion.

use crate::confluent;
use crate::field::{Field, Scratch};
use crate::id::{is_id, without_byte_order_mark};
use crate::object::{Object, required};
use crate::reason::Reason;
use dataflows::record::product::{CatalogueRow, Product};
use dataflows::score::weights::Score;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Reads a row of the catalogue. The key, where there is one, is the product's id, which `id` in
/// the value may repeat. A row without a value, with an empty one, with `null` or with
/// `{"deleted":true}` deletes the product; one with `"available":false` keeps it from being
/// recommended. Key and value may be wrapped as change data capture wraps them (Debezium, Kafka
/// Connect): `{"payload":…}`, and `{"op":…,"before":…,"after":…}` with `op` `d` for a deletion; so may
/// a row be marked by `"__deleted":"true"`.
///
/// # Errors
/// The [`Reason`] why the record is a dead letter.
pub fn parse_row(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    scratch: &mut Scratch,
) -> Result<CatalogueRow, Reason> {
    let key = key.map(confluent::key).transpose()?.filter(|key| !key.is_empty());
    let key = key.as_deref().map(unwrapped_key).transpose()?;
    let key = key.as_deref();
    let value = confluent::json(value.unwrap_or(b""))?.trim_ascii();
    if value.is_empty() || value == b"null" {
        let product = key.ok_or(Reason::NoProduct)?.to_owned();
        return Ok(CatalogueRow { product, row: None });
    }
    let mut object = Object::default();
    object.read(value, field_of, &mut scratch.texts)?;
    let mut deleted = false;
    // A row may have fields of an envelope's names: only a value that has none of a row is one.
    if object.is_empty()
        && let Some((row, was_deleted)) = unwrapped(value)
    {
        deleted = was_deleted;
        object.read(row.unwrap_or(b"{}"), field_of, &mut scratch.texts)?;
    }
    let texts = scratch.texts.as_str();
    let id = object.text(Field::Product, texts, Reason::BadProduct)?;
    if key.is_some() && id.is_some() && key != id {
        return Err(Reason::BadProduct);
    }
    let product = required(key.or(id), Reason::NoProduct, Reason::BadProduct)?.to_owned();
    if object.is_empty() && !deleted {
        return Err(Reason::NoField);
    }
    let marked = object.flag(Field::Deleted, texts).map_err(|()| Reason::BadDeleted)?;
    if deleted || marked == Some(true) {
        return Ok(CatalogueRow { product, row: None });
    }
    let available = object.flag(Field::Available, texts).map_err(|()| Reason::BadAvailable)?;
    let unavailable = available == Some(false);
    let name = object.text(Field::Name, texts, Reason::BadName)?.unwrap_or("").to_owned();
    let category = object.text(Field::Category, texts, Reason::BadCategory)?;
    let category = category.unwrap_or("").to_owned();
    let price = object.text(Field::Price, texts, Reason::BadPrice)?.map(price).transpose()?;
    let tags = object.into_tags(texts)?.into_iter().map(str::to_owned).collect();
    Ok(CatalogueRow { product, row: Some(Product { name, category, tags, price, unavailable }) })
}

/// The names of a row's fields that mean nothing, in their order; none for what is no row, and for what a row is wrapped
/// in.
pub fn unknown_fields(row: &[u8]) -> Vec<String> {
    let fields =
        serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(without_byte_order_mark(row));
    let names = fields.unwrap_or_default().into_keys();
    let (known, unknown): (Vec<_>, Vec<_>) = names.partition(|name| is_field(name));
    if known.is_empty() { known } else { unknown }
}

/// Whether a row may have a field of this name.
pub fn is_field(name: &str) -> bool {
    field_of(name).is_some()
}

/// What change data capture wraps a row in.
#[derive(Deserialize)]
struct Envelope<'a> {
    /// Of Kafka Connect's converter: the envelope or the row itself.
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    /// `c`, `u`, `r` or `d`.
    #[serde(borrow, default)]
    op: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    before: Option<&'a RawValue>,
    #[serde(borrow, default)]
    after: Option<&'a RawValue>,
}

/// The row in an envelope, if there is one, and `true` where the envelope says that it was deleted: then
/// it is the row from before. `None` for a value that is no envelope.
pub(crate) fn unwrapped(value: &[u8]) -> Option<(Option<&[u8]>, bool)> {
    match serde_json::from_slice(value).ok()? {
        Envelope { payload: Some(payload), .. } => {
            let payload = payload.get().as_bytes();
            unwrapped(payload).or(Some((Some(payload), false)))
        }
        Envelope { op: Some(op), before, after, .. } => {
            let deleted = op == "d";
            let row = if deleted { before } else { after };
            Some((row.map(|row| row.get().as_bytes()), deleted))
        }
        _ => None,
    }
}

/// The id in a key: the key itself, or the `id` of an object.
fn unwrapped_key(key: &[u8]) -> Result<Cow<'_, str>, Reason> {
    #[derive(Deserialize)]
    struct Key<'a> {
        #[serde(borrow, default)]
        payload: Option<&'a RawValue>,
    }
    let key = str::from_utf8(key).map_err(|_| Reason::BadProduct)?;
    let itself = || if is_id(key) { Ok(key.into()) } else { Err(Reason::BadProduct) };
    if !key.starts_with('{') {
        return itself();
    }
    let inner = match serde_json::from_str(key) {
        Ok(Key { payload: Some(payload) }) => payload.get(),
        Ok(Key { payload: None }) => key,
        // An id may begin so.
        Err(_) => return itself(),
    };
    let (mut object, mut texts) = (Object::default(), String::new());
    object.read(inner.as_bytes(), field_of, &mut texts)?;
    let id = object.text(Field::Product, &texts, Reason::BadProduct)?;
    required(id, Reason::NoProduct, Reason::BadProduct).map(|id| id.to_owned().into())
}

/// A price in millionths.
fn price(text: &str) -> Result<i64, Reason> {
    let price: f64 = text.parse().map_err(|_| Reason::BadPrice)?;
    let Score(millionths) = Score::from_f64(price).ok_or(Reason::BadPrice)?;
    if millionths < 0 { Err(Reason::BadPrice) } else { Ok(millionths) }
}

/// Finds the field of a row that a key names.
pub(crate) fn field_of(key: &str) -> Option<Field> {
    Some(match key {
        "id" => Field::Product,
        "name" => Field::Name,
        "category" => Field::Category,
        "tags" => Field::Tags,
        "price" => Field::Price,
        "deleted" | "__deleted" => Field::Deleted,
        "available" => Field::Available,
        _ => return None,
    })
}
