//! Stores many rows of the catalogue: they are sent to the log as they come, and never all held.

mod pieces;
mod found;
mod lines;
mod array;
mod csv;
mod rows;
mod report;

use crate::event_log::{LogError, NewRecord};
use crate::http::behavior::{self, Visible};
use crate::http::body::Held;
use crate::http::call::Call;
use crate::http::catalogue_row::new_row;
use crate::http::fault::Fault;
use crate::http::reply::{PROBLEM, Reply, typed_reply};
use hyper::StatusCode;
use hyper::body::Incoming;
use parser::{Reason, RecordKind, Scratch, explain};
use pieces::Pieces;
use report::Report;
use rows::{Form, Rows};
use tokio::time::Instant;

/// The most rows that are sent to the log at once.
const MOST_ROWS: usize = 1_000;

/// `POST /api/products?wait=visible`: an array of rows, lines of them, or a table with a header.
pub(super) async fn import(call: &Call<'_>, body: Incoming) -> Result<Reply, Fault> {
    let visible = behavior::waits(&call.query)?;
    let form = Form::of(call.headers)?;
    let memory = call.http.max_body_bytes;
    let _held = Held::of(call.budget, memory)?;
    let mut pieces = Pieces::new(call, body, call.http.max_catalogue_bytes)?;
    let mut import = Import {
        call,
        rows: Rows::new(form, memory / 4),
        batch: Batch::default(),
        largest_batch: memory / 4,
        report: Report::default(),
    };
    let stopped = import.read(&mut pieces).await.err();
    if stopped.is_some() {
        pieces.throw_away().await;
    }
    import.answer(stopped, visible).await
}

struct Import<'a> {
    call: &'a Call<'a>,
    rows: Rows,
    batch: Batch,
    largest_batch: usize,
    report: Report,
}

/// The rows that are to be sent to the log next, each with its place in the body.
#[derive(Default)]
struct Batch {
    records: Vec<NewRecord>,
    places: Vec<usize>,
    bytes: usize,
}

impl Import<'_> {
    /// Stores the rows of a body.
    ///
    /// # Errors
    /// When it stops before the body's end; what was stored until then is.
    async fn read(&mut self, pieces: &mut Pieces<'_>) -> Result<(), Fault> {
        let mut scratch = Scratch::default();
        loop {
            let piece = pieces.next().await;
            let Import { rows, batch, report, .. } = self;
            let mut take = |place: usize, row: Result<&[u8], String>| match row {
                Ok(json) => match new_row(None, json, &mut scratch) {
                    Ok(row) => {
                        report.ignore(row.ignored);
                        batch.add(place, row.record);
                    }
                    // Events name it otherwise.
                    Err(Reason::NoProduct) => report.refuse(place, "id is missing".into()),
                    Err(reason) => {
                        let explanation = explain(RecordKind::Row, None, json, reason);
                        report.refuse(place, explanation.to_string());
                    }
                },
                Err(reason) => report.refuse(place, reason),
            };
            let read = match &piece {
                Ok(Some(piece)) => rows.push(piece, &mut take),
                Ok(None) => rows.finish(&mut take),
                Err(_) => Ok(()),
            };
            let is_last = !matches!((&piece, &read), (Ok(Some(_)), Ok(())));
            if is_last
                || self.batch.bytes >= self.largest_batch
                || self.batch.records.len() >= MOST_ROWS
            {
                self.store().await?;
            }
            read?;
            if piece?.is_none() {
                return Ok(());
            }
        }
    }

    /// Sends what waits to the log.
    ///
    /// # Errors
    /// When the log is not there, or does not answer: then it is not sent more.
    async fn store(&mut self) -> Result<(), Fault> {
        let Batch { records, places, .. } = std::mem::take(&mut self.batch);
        if records.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.call.http.request_timeout;
        let outcomes = self.call.front.log.append(records).until(deadline).await;
        let mut stop = None;
        for (place, outcome) in places.into_iter().zip(outcomes) {
            match outcome {
                Ok(position) => self.report.store(position),
                Err(error) => {
                    self.report.refuse(place, error.to_string());
                    stop = stop.or(match error {
                        LogError::Refused(_) => None,
                        LogError::Unavailable(details) => Some(Fault::Unavailable(details)),
                        // To store a row twice does no harm.
                        LogError::Unknown(details) => Some(Fault::Late(details)),
                    });
                }
            }
        }
        stop.map_or(Ok(()), Err)
    }

    async fn answer(mut self, stopped: Option<Fault>, visible: bool) -> Result<Reply, Fault> {
        self.report.ignore(self.rows.ignored());
        let is_untouched = self.report.is_empty();
        let stopped = match stopped {
            Some(fault) if self.report.stored() == 0 => return Err(fault),
            None if is_untouched => return Err(Fault::Bad("the body has no row".into())),
            stopped => stopped,
        };
        let is_whole = stopped.is_none() && self.report.is_whole();
        let body = self.report.to_json(self.rows.is_array(), stopped.as_ref());
        if self.report.stored() == 0 {
            let mut reply = typed_reply(PROBLEM, body);
            *reply.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(reply);
        }
        let deadline = Instant::now() + self.call.http.request_timeout;
        let call = self.call.until(deadline);
        let visible = visible.then_some(Visible { moves: false });
        let stored = (&*self.report.positions(), is_whole);
        let as_of = behavior::visible_from(&call, stored, visible).await?;
        Ok(behavior::stored_reply(body, as_of, is_whole))
    }
}

impl Batch {
    fn add(&mut self, place: usize, record: NewRecord) {
        self.bytes += record.json.len() + size_of::<NewRecord>();
        self.records.push(record);
        self.places.push(place);
    }
}
