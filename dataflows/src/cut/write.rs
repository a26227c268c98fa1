//! The rows of the views as they are stored.

use crate::cut::row_writer::RowWriter;
use crate::ingest::catalogue::CatalogueEntry;
use crate::ingest::decisions::PastForget;
use crate::ingest::intern::Of;
use crate::ingest::moment::{Flags, Moment};
use crate::ingest::unique::CountedId;
use crate::moves::rows::{DatedRow, Row};
use crate::score::counts::Counts;
use crate::stored::{StoredRows, Value};
use crate::views::pairs::partner::Partner;
use crate::views::popularity::ProductDay;
use crate::views::product_tags::Label;
use columns::ColumnType;
use std::cmp::Reverse;

/// A merge, by names.
pub(super) struct Merge {
    pub(super) user: String,
    pub(super) time: i64,
    pub(super) account: String,
    pub(super) recorded: u32,
}

/// Writes the values of a row of a view: those of its key and of its value.
pub(super) type Write<V> = fn(&mut RowWriter<'_>, u32, &V);

pub(super) fn profile(row: &mut RowWriter<'_>, user: u32, &tag: &u32) {
    row.user(user);
    row.tag(tag);
}

pub(super) fn bought(row: &mut RowWriter<'_>, user: u32, &product: &u32) {
    row.user(user);
    row.product(product);
}

pub(super) fn activity(row: &mut RowWriter<'_>, user: u32, &Reverse(minute): &Reverse<u32>) {
    row.user(user);
    row.small(minute);
}

pub(super) fn history(row: &mut RowWriter<'_>, user: u32, &moment: &Moment) {
    row.user(user);
    put_moment(row, moment);
}

pub(super) fn moved_moment(row: &mut RowWriter<'_>, origin: u32, of: &Of<Moment>) {
    row.user(of.holder);
    row.user(origin);
    put_moment(row, of.value);
}

fn put_moment(row: &mut RowWriter<'_>, moment: Moment) {
    row.number(moment.time());
    row.product(moment.product);
    let Flags { pairs, is_guests, is_removal, is_taken } = moment.flags();
    [pairs, is_guests, is_removal, is_taken].into_iter().for_each(|flag| row.flag(flag));
    row.tag_set(moment.tag_set);
}

pub(super) fn moved_row(row: &mut RowWriter<'_>, origin: u32, of: &Of<DatedRow>) {
    row.user(of.holder);
    row.user(origin);
    row.small(of.value.hour);
    match of.value.row {
        Row::Tag(tag) => {
            row.tag(tag);
            row.missing(ColumnType::Text);
            row.missing(ColumnType::U32);
        }
        Row::Product(product) => {
            row.missing(ColumnType::Text);
            row.product(product);
            row.missing(ColumnType::U32);
        }
        Row::Minute(minute) => {
            row.missing(ColumnType::Text);
            row.missing(ColumnType::Text);
            row.small(minute);
        }
    }
}

pub(super) fn pair(row: &mut RowWriter<'_>, product: u32, partner: &Partner) {
    row.product(product);
    row.product(partner.product);
    row.small(partner.day.into());
    row.flag(partner.after);
    match partner.link.minutes() {
        Some(minutes) => row.small(minutes),
        None => row.missing(ColumnType::U32),
    }
}

pub(super) fn repeats(row: &mut RowWriter<'_>, _: u32, &day: &u16) {
    row.small(day.into());
}

pub(super) fn popularity(
    row: &mut RowWriter<'_>,
    tag: u32,
    &ProductDay { product, day }: &ProductDay,
) {
    row.tag(tag);
    row.product(product);
    row.small(day.into());
}

pub(super) fn label(row: &mut RowWriter<'_>, product: u32, &Label { is_stand_in, tag }: &Label) {
    row.product(product);
    row.tag(tag);
    row.flag(is_stand_in);
}

pub(super) fn entry(row: &mut RowWriter<'_>, product: u32, (_, entry): &CatalogueEntry) {
    row.product(product);
    row.flag(entry.is_none());
    let [name, category] = match entry {
        Some(entry) => [&*entry.name, &*entry.category],
        None => [""; 2],
    };
    row.text(name);
    row.text(category);
    match entry.as_ref().and_then(|entry| entry.price) {
        Some(price) => row.number(price.cast_unsigned()),
        None => row.missing(ColumnType::U64),
    }
    row.flag(entry.as_ref().is_some_and(|entry| entry.unavailable));
    row.texts(entry.iter().flat_map(|entry| &entry.tags).map(|tag| &**tag));
}

pub(super) fn merge(merge: &Merge, rows: &mut StoredRows) {
    let Merge { user, time, account, recorded } = merge;
    let numbers = [time.cast_unsigned(), (*recorded).into()];
    let [time, recorded] = numbers.map(Value::Number);
    rows.push(&[Value::Text(user), time, Value::Text(account), recorded], Counts([1, 0, 0]));
}

pub(super) fn forget(forget: &PastForget, rows: &mut StoredRows) {
    let &PastForget { user: [one, other], time, recorded, since } = forget;
    let values = [one, other, time.cast_unsigned(), recorded.into(), since].map(Value::Number);
    rows.push(&values, Counts([1, 0, 0]));
}

pub(super) fn event_id(&CountedId { owner, hash, recorded }: &CountedId, rows: &mut StoredRows) {
    let [one, other] = hash;
    let values = [owner, one, other, recorded.into()].map(Value::Number);
    rows.push(&values, Counts([1, 0, 0]));
}
