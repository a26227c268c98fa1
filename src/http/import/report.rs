//! What became of many rows: where they are stored, and of the others what is wrong.

use crate::event_log::Position;
use crate::http::fault::Fault;
use crate::http::json::{self, Object};
use crate::http::problem::{self, Problem};
use crate::http::stored::Stored;
use hyper::StatusCode;
use std::collections::BTreeSet;

/// The most errors, and the most names of fields, that are told.
const TOLD: usize = 20;

const NOTHING_STORED: Problem<'_> = Problem {
    word: "bad-request",
    status: StatusCode::BAD_REQUEST,
    error: "bad request",
    details: "no row is stored",
};

/// What became of the rows of one body.
#[derive(Debug, Default)]
pub(super) struct Report {
    stored: Stored,
    /// The first rows that are not stored, by their place.
    errors: Vec<(usize, String)>,
    error_count: usize,
    ignored: BTreeSet<String>,
}

impl Report {
    /// Counts a row that is stored.
    pub(super) fn store(&mut self, position: Position) {
        self.stored.add(position);
    }

    /// Counts a row that is not, with its place and the reason.
    pub(super) fn refuse(&mut self, place: usize, reason: String) {
        self.error_count += 1;
        if self.errors.len() < TOLD {
            self.errors.push((place, reason));
        }
    }

    /// Notes fields that mean nothing.
    pub(super) fn ignore(&mut self, names: Vec<String>) {
        for name in names {
            if self.ignored.len() < TOLD {
                self.ignored.insert(name);
            }
        }
    }

    pub(super) fn stored(&self) -> usize {
        self.stored.count()
    }

    /// True where there was no row.
    pub(super) fn is_empty(&self) -> bool {
        self.stored() == 0 && self.error_count == 0
    }

    /// True where every row is stored.
    pub(super) fn is_whole(&self) -> bool {
        self.error_count == 0
    }

    /// The last position in each partition.
    pub(super) fn positions(&self) -> Vec<Position> {
        self.stored.positions()
    }

    /// `{"stored", "positions", "errors": [{"line" | "index", "details"}], "errorCount", "ignored", "stopped"?}`, after the
    /// fields of an error as any other where nothing is stored.
    pub(super) fn to_json(&self, is_array: bool, stopped: Option<&Fault>) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let mut object = match self.stored() {
            0 => problem::started(&mut out, &NOTHING_STORED),
            _ => Object::new(&mut out),
        };
        let place = if is_array { "index" } else { "line" };
        object = self
            .stored
            .fields(object)
            .with("errors", |out| {
                json::list(out, &self.errors, |out, (at, reason)| {
                    Object::new(out).plain(place, at).text("details", reason).end();
                });
            })
            .plain("errorCount", self.error_count)
            .with("ignored", |out| {
                json::list(out, &self.ignored, |out, name| json::text(out, name))
            });
        if let Some(fault) = stopped {
            object = object.text("stopped", &format!("{fault}: {}", fault.details()));
        }
        object.end();
        out
    }
}
