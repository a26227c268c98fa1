//! The formats of the click sets, each with its reader of one line.

use crate::read::csv::{Unquoted, Values, id, text, time};
use crate::read::record::{ClickRecord, LineError};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use dataflows::record::event::{EventType, Kind};
use parser::{RecordKind, Scratch, Written, explain, parse_event, shown, syntax};
use serde::Deserialize;
use serde_json::Number;

/// The format of a click set. The variants' comments are their help texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// `event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session`
    Rees46,
    /// `timestamp,visitorid,event,itemid,transactionid`
    Retailrocket,
    /// `user,item,category,pv|cart|fav|buy,seconds`, without a header
    Taobao,
    /// Clicks `session,time,item,category` or purchases `session,time,item,price,quantity`
    Yoochoose,
    /// A session a line: `{"session":…,"events":[{"aid":…,"ts":…,"type":"clicks|carts|orders"}]}`
    Otto,
    /// The engine's own events, as in the topics
    Jsonl,
}

impl Format {
    /// Every format.
    pub(super) fn all() -> &'static [Format] {
        Format::value_variants()
    }

    /// The format's name, as it is given.
    pub(super) fn name(self) -> String {
        self.shown().get_name().to_owned()
    }

    /// A line of the format, as its help text has it.
    pub(super) fn shape(self) -> String {
        self.shown().get_help().map(ToString::to_string).unwrap_or_default()
    }

    fn shown(self) -> PossibleValue {
        self.to_possible_value().expect("no format is hidden")
    }

    /// Tells whether a file's first line names the columns.
    pub(super) fn is_header(self, line: &str) -> bool {
        let line = line.trim_start_matches('"').to_ascii_lowercase();
        match self {
            Format::Rees46 => line.starts_with("event_time"),
            Format::Retailrocket => line.starts_with("timestamp"),
            Format::Taobao => line.starts_with("user"),
            Format::Yoochoose => line.starts_with("session"),
            Format::Otto | Format::Jsonl => false,
        }
    }
}

/// Reads the lines of a format.
pub(super) struct LineReader {
    format: Format,
    unquoted: Unquoted,
}

impl LineReader {
    pub(super) fn new(format: Format) -> LineReader {
        LineReader { format, unquoted: Unquoted::default() }
    }

    /// Shows the records of a line; none for an action that has no kind here.
    pub(super) fn records(
        &mut self,
        line: &str,
        each: &mut dyn FnMut(&ClickRecord<'_>),
    ) -> Result<(), LineError> {
        let read: ReadValues = match self.format {
            Format::Rees46 => rees46,
            Format::Retailrocket => retailrocket,
            Format::Taobao => taobao,
            Format::Yoochoose => yoochoose,
            Format::Otto => return otto(line, each),
            Format::Jsonl => return jsonl(line, each),
        };
        read(&Values::of(line, &mut self.unquoted)?)?.iter().for_each(each);
        Ok(())
    }
}

/// Reads a record from a line's values; none of an action that has no kind here.
type ReadValues = for<'a> fn(&Values<'a>) -> Result<Option<ClickRecord<'a>>, LineError>;

fn unknown<T>(event: &str) -> Result<T, LineError> {
    Err(LineError(format!("{} is no kind of event", shown(&format!("{event:?}")))))
}

fn rees46<'a>(values: &Values<'a>) -> Result<Option<ClickRecord<'a>>, LineError> {
    let [at, event, product, category, code, brand, _price, user, session] = values.fields()?;
    let event_type = match event {
        "view" => EventType::View,
        "cart" => EventType::AddToCart,
        "purchase" => EventType::Purchase,
        "remove_from_cart" => EventType::RemoveFromCart,
        _ => return unknown(event),
    };
    // The readable code is missing for a third of the products.
    let category = if code.is_empty() { category } else { code };
    let mut tags: Vec<&str> = [category, brand].into_iter().filter(|tag| !tag.is_empty()).collect();
    tags.dedup();
    let (user, product) = (id(user, "user_id")?, id(product, "product_id")?);
    let (session, category) = (text(session, "user_session")?, text(category, "category")?);
    text(brand, "brand")?;
    Ok(Some(ClickRecord { event_type, time: time(at)?, user, session, product, category, tags }))
}

fn retailrocket<'a>(values: &Values<'a>) -> Result<Option<ClickRecord<'a>>, LineError> {
    let [at, user, event, product, _transaction] = values.fields()?;
    let kind = match event {
        "view" => Kind::View,
        "addtocart" => Kind::AddToCart,
        "transaction" => Kind::Purchase,
        _ => return unknown(event),
    };
    let (user, product) = (id(user, "visitorid")?, id(product, "itemid")?);
    Ok(Some(plain(kind, time(at)?, user, "", product, "")))
}

fn taobao<'a>(values: &Values<'a>) -> Result<Option<ClickRecord<'a>>, LineError> {
    let [user, product, category, event, at] = values.fields()?;
    let kind = match event {
        "pv" => Kind::View,
        // A favourite is put by for later, as in a cart.
        "cart" | "fav" => Kind::AddToCart,
        "buy" => Kind::Purchase,
        _ => return unknown(event),
    };
    let (user, product, category) =
        (id(user, "user")?, id(product, "item")?, text(category, "category")?);
    Ok(Some(plain(kind, time(at)?, user, "", product, category)))
}

fn yoochoose<'a>(values: &Values<'a>) -> Result<Option<ClickRecord<'a>>, LineError> {
    let (kind, [session, at, product, category]) = match values.fields() {
        Ok(click) => (Kind::View, click),
        Err(_) => {
            let [session, at, product, _price, _quantity] = values.fields()?;
            (Kind::Purchase, [session, at, product, ""])
        }
    };
    let (session, product) = (id(session, "session")?, id(product, "item")?);
    // 0 is no category.
    let category = if category == "0" { "" } else { text(category, "category")? };
    Ok(Some(plain(kind, time(at)?, session, session, product, category)))
}

/// A record whose category is its only tag.
fn plain<'a>(
    kind: Kind,
    time: i64,
    user: &'a str,
    session: &'a str,
    product: &'a str,
    category: &'a str,
) -> ClickRecord<'a> {
    let tags = Some(category).filter(|category| !category.is_empty()).into_iter().collect();
    let event_type = kind.into();
    ClickRecord { event_type, time, user, session, product, category, tags }
}

#[derive(Deserialize)]
struct OttoSession {
    session: u64,
    events: Vec<OttoEvent>,
}

#[derive(Deserialize)]
struct OttoEvent {
    aid: u64,
    ts: Number,
    r#type: OttoKind,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OttoKind {
    Clicks,
    Carts,
    Orders,
}

fn otto(line: &str, each: &mut dyn FnMut(&ClickRecord<'_>)) -> Result<(), LineError> {
    let OttoSession { session, events } = serde_json::from_str(line).map_err(|error| {
        let (text, offset) = syntax(line.as_bytes(), &error);
        LineError(format!("{text}, at byte {}", offset + 1))
    })?;
    let session = session.to_string();
    // A line counts as a whole, so nothing is shown before all of it is read.
    let times = events.iter().map(|event| time(&event.ts.to_string()));
    let times = times.collect::<Result<Vec<_>, _>>()?;
    for (OttoEvent { aid, r#type, .. }, time) in events.into_iter().zip(times) {
        let kind = match r#type {
            OttoKind::Clicks => Kind::View,
            OttoKind::Carts => Kind::AddToCart,
            OttoKind::Orders => Kind::Purchase,
        };
        each(&plain(kind, time, &session, &session, &aid.to_string(), ""));
    }
    Ok(())
}

fn jsonl(line: &str, each: &mut dyn FnMut(&ClickRecord<'_>)) -> Result<(), LineError> {
    let mut scratch = Scratch::default();
    // A file may be of any time; a record without a timestamp gets an impossible one, and is refused.
    let record = line.as_bytes();
    let event = parse_event(record, None, Written::of_line(record, i64::MAX), &mut scratch)
        .map_err(|reason| {
            let explanation = explain(RecordKind::Event, None, record, reason);
            LineError(format!("{explanation}, at byte {}", explanation.offset + 1))
        })?;
    if event.time == i64::MAX {
        return Err(LineError("timestamp is missing".into()));
    }
    each(&ClickRecord {
        event_type: event.event_type,
        time: event.time,
        user: event.user,
        session: event.session,
        product: event.product,
        category: event.category,
        tags: event.tags,
    });
    Ok(())
}
