//! Catalogue rows: the shop's description of a product, or its deletion.

use crate::field::{Field, Scratch};
use crate::object::{Object, required};
use crate::reason::Reason;
use dataflows::record::event::Event;
use dataflows::record::product::{CatalogueRow, Product};
use dataflows::score::weights::Score;

/// Reads a row of the catalogue. The key, where there is one, is the product's id, which `id` in
/// the value may repeat. A row without a value, with an empty one, with `null` or with
/// `{"deleted":true}` deletes the product; one with `"available":false` keeps it from being
/// recommended.
///
/// # Errors
/// The [`Reason`] why the record is a dead letter.
pub fn parse_row(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    scratch: &mut Scratch,
) -> Result<CatalogueRow, Reason> {
    let key = match key.map(std::str::from_utf8) {
        Some(Ok(key)) if key.len() > Event::MAX_TEXT => {
            return Err(Reason::BadProduct);
        }
        Some(Ok(key)) => Some(key).filter(|key| !key.is_empty()),
        Some(Err(_)) => return Err(Reason::BadProduct),
        None => None,
    };
    let value = value.unwrap_or(b"").trim_ascii();
    if value.is_empty() || value == b"null" {
        let product = key.ok_or(Reason::NoProduct)?.to_owned();
        return Ok(CatalogueRow { product, row: None });
    }
    let mut object = Object::default();
    object.read(value, field_of, &mut scratch.texts)?;
    let texts = scratch.texts.as_str();
    let id = object.text(Field::Product, texts, Reason::BadProduct)?;
    if key.is_some() && id.is_some() && key != id {
        return Err(Reason::BadProduct);
    }
    let product = required(key.or(id), Reason::NoProduct, Reason::BadProduct)?.to_owned();
    if object.flag(Field::Deleted).map_err(|()| Reason::BadDeleted)? == Some(true) {
        return Ok(CatalogueRow { product, row: None });
    }
    let available = object.flag(Field::Available).map_err(|()| Reason::BadAvailable)?;
    let unavailable = available == Some(false);
    let name = object.text(Field::Name, texts, Reason::BadName)?.unwrap_or("").to_owned();
    let category = object.text(Field::Category, texts, Reason::BadCategory)?;
    let category = category.unwrap_or("").to_owned();
    let price = object.text(Field::Price, texts, Reason::BadPrice)?.map(price).transpose()?;
    let tags = object.into_tags(texts)?.into_iter().map(str::to_owned).collect();
    Ok(CatalogueRow { product, row: Some(Product { name, category, tags, price, unavailable }) })
}

/// A price in millionths.
fn price(text: &str) -> Result<i64, Reason> {
    let price: f64 = text.parse().map_err(|_| Reason::BadPrice)?;
    let Score(millionths) = Score::from_f64(price).ok_or(Reason::BadPrice)?;
    if millionths < 0 { Err(Reason::BadPrice) } else { Ok(millionths) }
}

/// Finds the field of a row that a key names.
fn field_of(key: &str) -> Option<Field> {
    Some(match key {
        "id" => Field::Product,
        "name" => Field::Name,
        "category" => Field::Category,
        "tags" => Field::Tags,
        "price" => Field::Price,
        "deleted" => Field::Deleted,
        "available" => Field::Available,
        _ => return None,
    })
}
