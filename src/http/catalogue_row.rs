//! A row of the catalogue on its way to its topic: the same one, whatever it was written as.

use crate::event_log::{NewRecord, Subject};
use crate::http::json;
use dataflows::record::product::CatalogueRow;
use parser::{Reason, Scratch, parse_row, unknown_row_fields};

/// A row that is to be stored.
#[derive(Debug, PartialEq)]
pub(super) struct NewRow {
    pub(super) record: NewRecord,
    /// The names of its fields that mean nothing, and are not stored.
    pub(super) ignored: Vec<String>,
}

/// Reads a row, of a product that is named beside it or in it.
///
/// # Errors
/// The [`Reason`] why it would be a dead letter.
pub(super) fn new_row(
    product: Option<&str>,
    json: &[u8],
    scratch: &mut Scratch,
) -> Result<NewRow, Reason> {
    // A key may be an object: so an id that looks like one is a text in it.
    let key = product.map(|id| serde_json::json!({ "id": id }).to_string());
    let row = parse_row(key.as_deref().map(str::as_bytes), Some(json), scratch)?;
    Ok(NewRow { record: record(&row), ignored: unknown_row_fields(json) })
}

/// A row as its topic has it.
pub(super) fn record(row: &CatalogueRow) -> NewRecord {
    let mut json = Vec::with_capacity(256);
    json::catalogue_row(&mut json, row);
    NewRecord { subject: Subject::Product, key: row.product.clone(), json }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataflows::record::product::Product;

    #[test]
    fn a_row_is_stored_as_it_is_understood() {
        let wrapped = r#"{"op":"u","source":{},"after":{"id":"p","name":"Mug","sku":1}}"#;
        for (product, json, expected) in [
            (Some("p"), r#"{"name":"Mug"}"#, Ok((r#"{"id":"p","name":"Mug"}"#, &[][..]))),
            (
                None,
                r#"{"id":7,"name":"","tags":["a","a","b"],"price":"19.90","available":true,"sku":1,"Name":2}"#,
                Ok((r#"{"id":"7","tags":["a","b"],"price":19.9}"#, &["Name", "sku"])),
            ),
            (
                Some("{\"id\":\"q\"}"),
                r#"{"category":"c","available":"false"}"#,
                Ok((r#"{"id":"{\"id\":\"q\"}","category":"c","available":false}"#, &[])),
            ),
            (Some("p"), wrapped, Ok((r#"{"id":"p","name":"Mug"}"#, &[]))),
            (Some("p"), r#"{"deleted":true}"#, Ok((r#"{"id":"p","deleted":true}"#, &[]))),
            (Some("p"), r#"{"id":"q","name":"Mug"}"#, Err(Reason::BadProduct)),
            (None, r#"{"name":"Mug"}"#, Err(Reason::NoProduct)),
            (Some("p"), r#"{"price":-1}"#, Err(Reason::BadPrice)),
        ] {
            let read = new_row(product, json.as_bytes(), &mut Scratch::default());
            let ignored = |ignored: &[&str]| ignored.iter().map(|&name| name.to_owned()).collect();
            let expected = expected.map(|(json, names)| (json.to_owned(), ignored(names)));
            let read = read.map(|row| (String::from_utf8(row.record.json).unwrap(), row.ignored));
            assert_eq!(read, expected, "{json}");
        }
    }

    /// What is stored is read as what was to be stored.
    #[test]
    fn a_stored_row_is_the_same_row() {
        let product = Product {
            name: "a \"b\"".into(),
            category: "ü".into(),
            tags: vec!["x|y".into(), "1".into()],
            price: Some(1_000_001),
            unavailable: true,
        };
        for row in [Some(product), Some(Product { name: "n".into(), ..Product::default() }), None] {
            let row = CatalogueRow { product: "7".into(), row };
            let NewRecord { key, json, .. } = record(&row);
            let scratch = &mut Scratch::default();
            assert_eq!(parse_row(Some(key.as_bytes()), Some(&json), scratch), Ok(row.clone()));
            // A line of a topic file has no key.
            assert_eq!(parse_row(None, Some(&json), scratch), Ok(row));
        }
    }
}
