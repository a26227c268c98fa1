//! The query of a request: the part of its target after the `?`.

use crate::http::fault::Fault;
use crate::http::given::{Given, Item, known};
use crate::http::request::decode;
use std::borrow::Cow;

/// The parameters of a query, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Query<'a> {
    /// Names, and values as they were typed. No name is unknown, and no value is empty.
    parameters: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Query<'a> {
    /// Reads a query whose parameters have these names.
    ///
    /// # Errors
    /// When a parameter has another name, or no value.
    pub(super) fn parse(text: &'a str, names: &[&str]) -> Result<Query<'a>, Fault> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let parameters = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode_form("the name of a parameter", name)?;
            known("parameter", &name, names)?;
            if value.is_empty() {
                return Err(Fault::Bad(format!("{name} is empty: leave it out, or give a value")));
            }
            Ok((name, value))
        });
        Ok(Query { parameters: parameters.collect::<Result<_, _>>()? })
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.parameters.iter().filter(move |(known, _)| known == name).map(|(_, value)| *value)
    }
}

impl Given for Query<'_> {
    fn one(&self, name: &str) -> Result<Option<Item<'_>>, Fault> {
        let mut values = self.values(name);
        let value = values.next().map(|value| decode_form(name, value)).transpose()?;
        if values.next().is_some() {
            return Err(Fault::Bad(format!("{name} is given more than once")));
        }
        Ok(value.map(Item::Typed))
    }

    /// The items between commas, of all parameters of the name. A comma that is part of an item is
    /// percent-encoded.
    fn many(&self, name: &str) -> Result<Vec<Item<'_>>, Fault> {
        let items = self.values(name).flat_map(|value| value.split(','));
        let items = items.enumerate();
        items
            .map(|(index, item)| decode_form(&format!("{name}[{index}]"), item).map(Item::Typed))
            .collect()
    }
}

/// Decodes a part of a query, named by `what`, where a plus may stand for a space.
fn decode_form<'a>(what: &str, encoded: &'a str) -> Result<Cow<'a, str>, Fault> {
    if encoded.contains('+') {
        Ok(Cow::Owned(decode(what, &encoded.replace('+', " "))?.into_owned()))
    } else {
        decode(what, encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::given::{list, number, text};

    const NAMES: &[&str] = &["tag", "n", "ids"];

    fn query(text: &str) -> Query<'_> {
        Query::parse(text, NAMES).unwrap()
    }

    #[test]
    fn single_values_are_decoded() {
        for (given, expected) in [
            ("tag=a%20b&n=3", Some("a b")),
            ("tag=a+b", Some("a b")),
            ("tag=%2B", Some("+")),
            ("tag=a,b", Some("a,b")),
            ("n=3&tag=x=y", Some("x=y")),
            ("%74ag=x", Some("x")),
            ("&tag=x&", Some("x")),
            ("", None),
        ] {
            assert_eq!(text(&query(given), "tag").unwrap().as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn lists_are_split_before_they_are_decoded() {
        for (given, expected) in [
            ("ids=a,b", &["a", "b"][..]),
            ("ids=Home%2C%20Garden", &["Home, Garden"]),
            ("ids=a%2Cb,c+d", &["a,b", "c d"]),
            ("ids=a&n=3&ids=b,c", &["a", "b", "c"]),
            ("n=3", &[]),
        ] {
            assert_eq!(list(&query(given), "ids").unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_name() {
        for (given, expected) in [
            ("m=1", "\"m\" is no parameter: there are tag, n, ids"),
            ("=1", "\"\" is no parameter: there are tag, n, ids"),
            ("Tag=x", "\"Tag\" is no parameter: there are tag, n, ids"),
            ("tag=", "tag is empty: leave it out, or give a value"),
            ("tag", "tag is empty: leave it out, or give a value"),
            ("tag=a&tag=b", "tag is given more than once"),
            ("tag=%ff", "tag is not UTF-8 once percent-decoded, from byte 1 on: \"%ff\""),
            (
                "t%ff=a",
                "the name of a parameter is not UTF-8 once percent-decoded, from byte 2 on: \"t%ff\"",
            ),
            ("n=0", "n is a whole number from 1 to 9, not \"0\""),
            ("n=10", "n is a whole number from 1 to 9, not \"10\""),
            ("n=-1", "n is a whole number from 1 to 9, not \"-1\""),
            ("n=ten", "n is a whole number from 1 to 9, not \"ten\""),
            ("n=1&n=1", "n is given more than once"),
            ("ids=a,,b", "ids[1] is a text of 1 to 512 bytes or a number, not \"\""),
            ("ids=a&ids=,", "ids[1] is a text of 1 to 512 bytes or a number, not \"\""),
            ("ids=a,b+%ff", "ids[1] is not UTF-8 once percent-decoded, from byte 3 on: \"b %ff\""),
        ] {
            let told = Query::parse(given, NAMES).and_then(|query| {
                text(&query, "tag")?;
                number(&query, "n", 1..=9)?;
                list(&query, "ids")
            });
            assert_eq!(told.unwrap_err().details(), expected, "{given}");
        }
        let told = Query::parse("cb=1", &[]).unwrap_err();
        assert_eq!(told.details(), "\"cb\" is no parameter: there is none here");
    }
}
