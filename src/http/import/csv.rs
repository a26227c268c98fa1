//! Rows that are records of comma-separated values below a header.

use super::found::{Take, too_long};
use crate::http::fault::Fault;
use crate::http::json::{Object, texts};
use csv_core::{ReadRecordResult, Reader};
use parser::{beginning, is_row_field};
use std::collections::BTreeSet;

/// The most columns of a table.
const MOST_COLUMNS: usize = 256;

/// Reads records, and makes JSON of them by the names in the header. An empty value is as good as none. Values in quotes may
/// have commas and ends of lines, tags are separated by `|`.
pub(super) struct Csv {
    reader: Box<Reader>,
    values: Vec<u8>,
    ends: Vec<usize>,
    /// How much of the two above the present record has filled.
    filled: (usize, usize),
    /// Why it is no row, if that is known already.
    wrong: Option<String>,
    /// The newlines before the present byte.
    newlines: usize,
    columns: Option<Vec<Column>>,
    json: Vec<u8>,
}

/// A column, by the name that the header gives it.
#[derive(Debug)]
struct Column {
    name: String,
    is_known: bool,
}

impl Csv {
    /// Begins at a line. No record may have more bytes than `largest`.
    pub(super) fn new(line: usize, largest: usize) -> Csv {
        Csv {
            reader: Box::new(Reader::new()),
            values: vec![0; largest],
            ends: vec![0; MOST_COLUMNS],
            filled: (0, 0),
            wrong: None,
            newlines: line - 1,
            columns: None,
            json: Vec::new(),
        }
    }

    /// The columns that mean nothing.
    pub(super) fn ignored(&self) -> impl Iterator<Item = &str> {
        let unknown = self.columns.iter().flatten().filter(|column| !column.is_known);
        unknown.map(|column| &*column.name)
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], take: &mut Take<'_>) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let read = self.read(bytes, take)?;
            bytes = &bytes[read..];
        }
        Ok(())
    }

    /// Ends the last record, which need not have a newline.
    ///
    /// # Errors
    /// When there is no header.
    pub(super) fn finish(&mut self, take: &mut Take<'_>) -> Result<(), Fault> {
        // No bytes are the end to the reader: it gives what is left, for which it may want room first, and then nothing.
        self.read(&[], take)?;
        self.read(&[], take)?;
        match self.columns {
            Some(_) => Ok(()),
            None => Err(Fault::Bad("the body has no header".into())),
        }
    }

    /// Reads up to the end of a record, or of the bytes. Returns how many were read.
    fn read(&mut self, bytes: &[u8], take: &mut Take<'_>) -> Result<usize, Fault> {
        let (values, ends) = self.filled;
        let (result, read, more, last) =
            self.reader.read_record(bytes, &mut self.values[values..], &mut self.ends[ends..]);
        self.filled = (values + more, ends + last);
        let is_newline = |byte: &&u8| **byte == b'\n';
        self.newlines += bytes[..read].iter().filter(is_newline).count();
        match result {
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            ReadRecordResult::OutputFull => {
                self.wrong = Some(too_long(self.values.len()) + ": is a quote not closed?");
                self.filled.0 = 0;
            }
            ReadRecordResult::OutputEndsFull => {
                self.wrong = Some(format!("the row has more than {MOST_COLUMNS} values"));
                self.filled.1 = 0;
            }
            ReadRecordResult::Record => {
                let ends_line = bytes[..read].last() == Some(&b'\n');
                let line = self.newlines + 1 - usize::from(ends_line);
                self.record(line, take)?;
                self.filled = (0, 0);
            }
        }
        Ok(read)
    }

    /// Takes a record that ends in this line.
    fn record(&mut self, line: usize, take: &mut Take<'_>) -> Result<(), Fault> {
        let (values, ends) = self.filled;
        let (values, ends) = (&self.values[..values], &self.ends[..ends]);
        if let Some(wrong) = self.wrong.take() {
            if self.columns.is_none() {
                return Err(Fault::Bad(format!("the header is none: {wrong}")));
            }
            take(line, Err(wrong));
            return Ok(());
        }
        let line = line - values.iter().filter(|byte| **byte == b'\n').count();
        let begins = std::iter::once(0).chain(ends.iter().copied());
        let fields = begins.zip(ends).map(|(begin, &end)| str::from_utf8(&values[begin..end]));
        let fields: Result<Vec<&str>, _> = fields.map(|text| text.map(str::trim)).collect();
        let Some(columns) = &self.columns else {
            let fields = fields.map_err(|_| Fault::Bad("the header is not UTF-8".into()))?;
            self.columns = Some(header(&fields)?);
            return Ok(());
        };
        match fields {
            Err(_) => take(line, Err("the row is not UTF-8".into())),
            Ok(fields) if fields.len() != columns.len() => {
                let (found, expected) = (fields.len(), columns.len());
                take(line, Err(format!("the row has {found} values, the header {expected}")));
            }
            Ok(fields) => {
                self.json.clear();
                to_json(&mut self.json, columns, &fields);
                take(line, Ok(&self.json));
            }
        }
        Ok(())
    }
}

/// Reads the names of the columns.
fn header(fields: &[&str]) -> Result<Vec<Column>, Fault> {
    let mut names = BTreeSet::new();
    if let Some(twice) = fields.iter().find(|name| !names.insert(**name)) {
        return Err(Fault::Bad(format!("the header has {:?} twice", beginning(twice))));
    }
    if !names.contains("id") {
        let found = fields.join(", ");
        return Err(Fault::Bad(format!("the header has no id: it is {:?}", beginning(&found))));
    }
    let column = |name: &&str| Column { name: (*name).into(), is_known: is_row_field(name) };
    Ok(fields.iter().map(column).collect())
}

fn to_json(out: &mut Vec<u8>, columns: &[Column], fields: &[&str]) {
    let mut object = Object::new(out);
    let known = columns.iter().zip(fields).filter(|(column, _)| column.is_known);
    for (Column { name, .. }, value) in known.filter(|(_, value)| !value.is_empty()) {
        object = match &**name {
            "tags" => {
                let tags: Vec<&str> = value.split('|').map(str::trim).collect();
                object.with(name, |out| texts(out, &tags))
            }
            // Spreadsheets write them in capitals.
            "available" | "deleted" | "__deleted" => object.text(name, &value.to_ascii_lowercase()),
            _ => object.text(name, value),
        };
    }
    object.end();
}
