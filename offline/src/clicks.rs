//! Clicks with dense ids, in the order of their times, each in its visit.

use crate::read::{self, ClickRecord, Format, ReadError, Tally};
use dataflows::record::event::Kind;
use std::collections::HashMap;
use std::path::PathBuf;

/// The longest pause within a visit, in milliseconds, where the set does not name visits.
pub const PAUSE: i64 = 30 * 60 * 1_000;

/// One action of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Click {
    /// The kind of action.
    pub kind: Kind,
    /// Its time, in milliseconds since the Unix epoch.
    pub time: i64,
    /// The visitor.
    pub user: u32,
    /// The visit; visits are numbered in the order in which they begin.
    pub visit: u32,
    /// The product.
    pub product: u32,
}

/// A click set.
#[derive(Debug, Default)]
pub struct Clicks {
    /// All clicks; times never fall.
    pub clicks: Vec<Click>,
    /// The texts of users.
    pub users: Vec<String>,
    /// The texts of products.
    pub products: Vec<String>,
    /// The texts of tags.
    pub tags: Vec<String>,
    /// By product, the tags of its first record.
    pub tags_of: Vec<Vec<u32>>,
    /// The number of visits.
    pub visits: u32,
}

impl Clicks {
    /// Reads files.
    ///
    /// # Errors
    /// When [`read::read`] fails.
    pub fn read(files: &[PathBuf], format: Format) -> Result<(Clicks, Tally), ReadError> {
        let (mut builder, mut tally) = (Builder::default(), Tally::default());
        for file in files {
            read::read(file, format, &mut tally, |record| {
                builder.push(record);
                Ok::<(), ReadError>(())
            })?;
        }
        Ok((builder.build(), tally))
    }
}

/// Collects records in any order into a click set.
#[derive(Default)]
pub struct Builder {
    users: Ids,
    sessions: Ids,
    products: Ids,
    tags: Ids,
    tags_of: Vec<Vec<u32>>,
    /// The clicks, still without their visits, and the sessions of those that have one.
    clicks: Vec<(Click, Option<u32>)>,
}

impl Builder {
    /// Adds a record. What is taken out of the cart is no click.
    pub fn push(&mut self, record: &ClickRecord<'_>) {
        let Some(kind) = record.event_type.kind() else { return };
        let product = self.products.of(record.product);
        if product as usize == self.tags_of.len() {
            // The category stands in for missing tags, as it does in the engine.
            let category = [record.category];
            let tags = if record.tags.is_empty() { &category[..] } else { &record.tags };
            let tags = tags.iter().filter(|tag| !tag.is_empty());
            self.tags_of.push(tags.map(|tag| self.tags.of(tag)).collect());
        }
        let session = (!record.session.is_empty()).then(|| self.sessions.of(record.session));
        let (time, user) = (record.time, self.users.of(record.user));
        self.clicks.push((Click { kind, time, user, visit: 0, product }, session));
    }

    /// Sorts the clicks by time, stably, and finds their visits: a session is one, and without
    /// sessions a user's visit ends with a pause longer than [`PAUSE`].
    pub fn build(mut self) -> Clicks {
        self.clicks.sort_by_key(|(click, _)| click.time);
        let mut visits = 0;
        let mut by_session: HashMap<u32, u32> = HashMap::new();
        let mut by_user: HashMap<u32, (u32, i64)> = HashMap::new();
        let mut begin = || {
            visits += 1;
            visits - 1
        };
        for (click, session) in &mut self.clicks {
            click.visit = match *session {
                Some(session) => *by_session.entry(session).or_insert_with(&mut begin),
                None => {
                    let (visit, last) = by_user
                        .entry(click.user)
                        .and_modify(|(visit, last)| {
                            if click.time - *last > PAUSE {
                                *visit = begin();
                            }
                        })
                        .or_insert_with(|| (begin(), 0));
                    *last = click.time;
                    *visit
                }
            };
        }
        Clicks {
            clicks: self.clicks.into_iter().map(|(click, _)| click).collect(),
            users: self.users.texts,
            products: self.products.texts,
            tags: self.tags.texts,
            tags_of: self.tags_of,
            visits,
        }
    }
}

/// Gives out dense ids for texts.
#[derive(Default)]
struct Ids {
    ids: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Ids {
    fn of(&mut self, text: &str) -> u32 {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = u32::try_from(self.texts.len()).expect("no set has 2^32 users or products");
        self.ids.insert(text.into(), id);
        self.texts.push(text.into());
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataflows::record::event::EventType;

    fn record<'a>(user: &'a str, session: &'a str, minute: i64) -> ClickRecord<'a> {
        let (event_type, time) = (EventType::View, minute * 60_000);
        let (product, category, tags) = ("p", "", vec!["t"]);
        ClickRecord { event_type, time, user, session, product, category, tags }
    }

    /// Compares the visits of records, in the order of their times.
    fn check(records: &[(&str, &str, i64)], expected: &[u32]) {
        let mut builder = Builder::default();
        for &(user, session, minute) in records {
            builder.push(&record(user, session, minute));
        }
        let clicks = builder.build();
        let visits: Vec<u32> = clicks.clicks.iter().map(|click| click.visit).collect();
        assert_eq!(visits, expected, "{records:?}");
        assert_eq!(clicks.visits, expected.iter().max().map_or(0, |last| last + 1));
    }

    #[test]
    fn visits_are_sessions_or_end_with_a_pause() {
        check(&[("u", "", 0), ("u", "", 30), ("u", "", 61)], &[0, 0, 1]);
        check(&[("u", "", 61), ("u", "", 0), ("u", "", 31)], &[0, 1, 1]);
        check(&[("u", "", 0), ("v", "", 1), ("u", "", 2)], &[0, 1, 0]);
        check(&[("u", "s", 0), ("u", "s", 100), ("u", "t", 101)], &[0, 0, 1]);
        check(&[], &[]);
    }

    #[test]
    fn texts_become_ids_once() {
        let mut builder = Builder::default();
        builder.push(&record("u", "", 0));
        builder.push(&record("v", "", 1));
        let clicks = builder.build();
        assert_eq!(
            (clicks.users, clicks.products),
            (vec!["u".into(), "v".into()], vec!["p".into()])
        );
        assert_eq!((clicks.tags, clicks.tags_of), (vec!["t".into()], vec![vec![0]]));
    }
}
