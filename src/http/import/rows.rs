//! The rows of a body, in whichever of the three forms it has.

use super::array::Array;
use super::csv::Csv;
use super::found::Take;
use super::lines::Lines;
use crate::http::fault::Fault;
use hyper::header::{CONTENT_TYPE, HeaderMap};

/// What the type of a body says of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines of JSON.
    Lines,
    /// Comma-separated values.
    Csv,
    /// An array of JSON, or else lines of it.
    Json,
    /// Nothing: the first byte tells.
    Unsaid,
}

impl Form {
    /// Reads the type of a body.
    ///
    /// # Errors
    /// When it is none that rows may have.
    pub(super) fn of(headers: &HeaderMap) -> Result<Form, Fault> {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Form::Unsaid) };
        let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        Ok(match text.split(';').next().unwrap_or_default().trim() {
            "application/json" => Form::Json,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Form::Lines,
            "text/csv" => Form::Csv,
            // What curl says of all that it is not told of.
            ""
            | "application/x-www-form-urlencoded"
            | "application/octet-stream"
            | "text/plain" => Form::Unsaid,
            other => {
                let known = "application/json, application/x-ndjson or text/csv";
                return Err(Fault::Bad(format!("Content-Type is {known}, not {other:?}")));
            }
        })
    }
}

/// Finds the rows of a body as it comes.
pub(super) struct Rows {
    largest: usize,
    state: State,
}

enum State {
    /// The first byte that is no white space has not come: so many lines have ended, and these bytes may be the beginning of
    /// a byte-order mark.
    Before {
        form: Form,
        line: usize,
        mark: Vec<u8>,
    },
    Lines(Lines),
    Array(Array),
    Csv(Csv),
}

impl Rows {
    /// No row may have more bytes than `largest`.
    pub(super) fn new(form: Form, largest: usize) -> Rows {
        Rows { largest, state: State::Before { form, line: 1, mark: Vec::new() } }
    }

    /// True where places are indices in an array.
    pub(super) fn is_array(&self) -> bool {
        matches!(self.state, State::Array(_))
    }

    /// The columns that mean nothing.
    pub(super) fn ignored(&self) -> Vec<String> {
        match &self.state {
            State::Csv(csv) => csv.ignored().map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], take: &mut Take<'_>) -> Result<(), Fault> {
        while let State::Before { form, line, mark } = &mut self.state {
            let Some((&first, rest)) = bytes.split_first() else { return Ok(()) };
            if "\u{feff}".as_bytes()[mark.len()..].first() == Some(&first) && *line == 1 {
                mark.push(first);
                bytes = rest;
                continue;
            }
            if first.is_ascii_whitespace() {
                *line += usize::from(first == b'\n');
                bytes = rest;
                continue;
            }
            self.state = match (*form, first) {
                (Form::Json | Form::Unsaid, b'[') => State::Array(Array::new(self.largest)),
                (Form::Unsaid, b'{') | (Form::Json | Form::Lines, _) => {
                    State::Lines(Lines::new(*line, self.largest))
                }
                (Form::Unsaid | Form::Csv, _) => State::Csv(Csv::new(*line, self.largest)),
            };
        }
        match &mut self.state {
            State::Before { .. } => Ok(()),
            State::Lines(lines) => {
                lines.push(bytes, take);
                Ok(())
            }
            State::Array(array) => array.push(bytes, take),
            State::Csv(csv) => csv.push(bytes, take),
        }
    }

    /// Ends the body.
    ///
    /// # Errors
    /// When something is missing.
    pub(super) fn finish(&mut self, take: &mut Take<'_>) -> Result<(), Fault> {
        match &mut self.state {
            State::Before { .. } => Err(Fault::Bad("the body is empty".into())),
            State::Lines(lines) => {
                lines.finish(take);
                Ok(())
            }
            State::Array(array) => array.finish(),
            State::Csv(csv) => csv.finish(take),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a body in pieces of so many bytes. Returns the places of the rows with each row or what is wrong with it, and
    /// what is wrong with all.
    fn read(form: Form, body: &[u8], piece: usize) -> (Vec<String>, Option<String>) {
        let (mut rows, mut found) = (Rows::new(form, 64), Vec::new());
        let mut take = |place: usize, row: Result<&[u8], String>| {
            found.push(match row {
                Ok(row) => format!("{place} {}", String::from_utf8_lossy(row)),
                Err(reason) => format!("{place}: {reason}"),
            });
        };
        let pushed = body.chunks(piece).try_for_each(|piece| rows.push(piece, &mut take));
        let done = pushed.and_then(|()| rows.finish(&mut take));
        (found, done.err().map(|fault| fault.details()))
    }

    fn check(form: Form, body: &str, expected: &[&str], fault: Option<&str>) {
        for piece in [1, 2, 3, 7, body.len().max(1)] {
            let (found, told) = read(form, body.as_bytes(), piece);
            assert_eq!(found, expected, "{body:?} by {piece}");
            assert_eq!(told.as_deref(), fault, "{body:?} by {piece}");
        }
    }

    const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

    #[test]
    fn the_first_byte_tells_the_form_if_the_type_does_not() {
        for form in [Form::Unsaid, Form::Json] {
            check(form, "\u{feff} \n[1]", &["0 1"], None);
            check(form, "\n{}\n", &["2 {}"], None);
        }
        check(Form::Unsaid, "id\n7\n", &[r#"2 {"id":"7"}"#], None);
        check(Form::Csv, "\u{feff}\r\nid\r\n[7\r\n", &[r#"3 {"id":"[7"}"#], None);
        check(Form::Lines, "[1]\n{}", &["1 [1]", "2 {}"], None);
        check(Form::Unsaid, " \n", &[], Some("the body is empty"));
        for (value, expected) in [
            ("application/json; charset=utf-8", Some(Form::Json)),
            ("application/x-ndjson", Some(Form::Lines)),
            ("Text/CSV;header=present", Some(Form::Csv)),
            ("application/x-www-form-urlencoded", Some(Form::Unsaid)),
            ("application/xml", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(Form::of(&headers).ok(), expected, "{value}");
        }
        assert_eq!(Form::of(&HeaderMap::new()).unwrap(), Form::Unsaid);
    }

    #[test]
    fn each_line_is_a_row() {
        let long = format!("{{}}\n{LONG}\n\r\n{{\"a\"\n{{}}");
        let told = "2: the row has more than 64 bytes, a quarter of http.max_body_bytes";
        check(Form::Lines, &long, &["1 {}", told, "4 {\"a\"", "5 {}"], None);
    }

    #[test]
    fn each_item_is_a_row() {
        let mixed = format!(r#"[ {{"a":"],}}\"["}} , [1,[2]],"{LONG}",}} ,,"b" ] "#);
        check(
            Form::Json,
            &mixed,
            &[
                r#"0 {"a":"],}\"["}"#,
                "1 [1,[2]]",
                "2: the row has more than 64 bytes, a quarter of http.max_body_bytes",
                "3 }",
                "4: there is no row between two commas",
                "5 \"b\"",
            ],
            None,
        );
        check(Form::Json, "[]", &[], None);
        check(Form::Json, "[7", &[], Some("the array does not end: item 0 is open"));
        check(Form::Json, "[7,{\"a\":1]", &["0 7"], Some("the array does not end: item 1 is open"));
        check(Form::Json, "[7] 8", &["0 7"], Some("something follows the array"));
    }

    #[test]
    fn each_record_below_a_header_is_a_row() {
        let table = "id, name ,tags,price,available,colour\r\n\
                     1,\"a, \"\"b\"\"\r\nc\",x| y,1.5,TRUE,red\r\n\
                     \r\n\
                     2,,,,,\r\n\
                     3,d\r\n\
                     4,e,,,FALSE,";
        check(
            Form::Csv,
            table,
            &[
                r#"2 {"id":"1","name":"a, \"b\"\r\nc","tags":["x","y"],"price":"1.5","available":"true"}"#,
                r#"5 {"id":"2"}"#,
                "6: the row has 2 values, the header 6",
                r#"7 {"id":"4","name":"e","available":"false"}"#,
            ],
            None,
        );
        check(
            Form::Csv,
            &format!("id,name\n1,\"{LONG}\n{LONG}\"\n2,b\n"),
            &[
                "3: the row has more than 64 bytes, a quarter of http.max_body_bytes: is a quote not closed?",
                r#"4 {"id":"2","name":"b"}"#,
            ],
            None,
        );
        let many = format!("id\n{}\n2\n", ",".repeat(300));
        check(Form::Csv, &many, &["2: the row has more than 256 values", r#"3 {"id":"2"}"#], None);
        check(Form::Csv, "id", &[], None);
        check(Form::Csv, "name,sku\n1,2\n", &[], Some("the header has no id: it is \"name, sku\""));
        check(Form::Csv, "id,a,a\n1,2\n", &[], Some("the header has \"a\" twice"));
        check(
            Form::Csv,
            &LONG.repeat(2),
            &[],
            Some(
                "the header is none: the row has more than 64 bytes, a quarter of http.max_body_bytes: is a quote not closed?",
            ),
        );
        let (found, _) = read(Form::Csv, b"id,name\n1,\xff\n2,b\n", 5);
        assert_eq!(found, ["2: the row is not UTF-8", r#"3 {"id":"2","name":"b"}"#]);
    }

    #[test]
    fn columns_that_mean_nothing_are_known() {
        let mut rows = Rows::new(Form::Unsaid, 64);
        rows.push(b"sku,id,Name\n", &mut |_, _| {}).unwrap();
        assert_eq!(rows.ignored(), ["sku", "Name"]);
    }
}
