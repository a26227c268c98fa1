//! The rows of the views as texts and numbers, for their hashes.

use super::hash::Hash;
use crate::held::Size;
use crate::ids::dictionary::{Dictionaries, Dictionary};
use crate::ids::tag_sets::TagSet;
use crate::ingest::catalogue::CatalogueEntry;
use crate::ingest::intern::Of;
use crate::ingest::moment::Moment;
use crate::moves::rows::{DatedRow, Row};
use crate::record::product::Product;
use crate::views::pairs::partner::Partner;
use crate::views::popularity::ProductDay;
use crate::views::tags::StandIn;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// The views that have a digest: those that are the same on any number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DigestedView {
    /// Tags of users.
    Profile,
    /// Touches that count under a stand-in until the catalogue knows the product.
    StandIns,
    /// Rows of the catalogue, and deleted products.
    Catalogue,
    /// Purchases.
    Bought,
    /// Minutes in which users were active.
    Activity,
    /// Moments of users.
    History,
    /// Partners of products.
    Pairs,
    /// Days of products, by tag and overall.
    Popularity,
    /// What counts for users because of others, by the others.
    Moved,
}

impl DigestedView {
    /// All of them.
    pub const ALL: [DigestedView; 9] = [
        DigestedView::Profile,
        DigestedView::StandIns,
        DigestedView::Catalogue,
        DigestedView::Bought,
        DigestedView::Activity,
        DigestedView::History,
        DigestedView::Pairs,
        DigestedView::Popularity,
        DigestedView::Moved,
    ];

    /// The name in the status.
    pub fn name(self) -> &'static str {
        match self {
            DigestedView::Profile => "profile",
            DigestedView::StandIns => "standIns",
            DigestedView::Catalogue => "catalogue",
            DigestedView::Bought => "bought",
            DigestedView::Activity => "activity",
            DigestedView::History => "history",
            DigestedView::Pairs => "pairs",
            DigestedView::Popularity => "popularity",
            DigestedView::Moved => "moved",
        }
    }

    /// A row of this view that begins with a key. The rows of two views are never the same.
    #[inline]
    pub fn row(self, key: Hash) -> Hash {
        key.then_number(self as u64)
    }
}

/// The hashes of a worker's names: those of products and tags, which come again and again, are kept.
#[derive(Default)]
pub(crate) struct NameHashes {
    products: Vec<Hash>,
    tags: Vec<Hash>,
    tag_sets: Vec<Hash>,
}

impl NameHashes {
    /// The hashes that are kept.
    pub(crate) fn size(&self) -> Size {
        let all = [&self.products, &self.tags, &self.tag_sets];
        let bytes = all.map(|hashes| size_of::<Hash>() * hashes.capacity()).iter().sum();
        Size { records: all.map(Vec::len).iter().sum(), bytes }
    }
}

/// The names of a worker, with their hashes.
pub(crate) struct Names<'a> {
    pub(super) hashes: &'a mut NameHashes,
    pub(super) dictionaries: &'a Dictionaries,
}

/// The hash of a user's name.
fn of_user(names: &mut Names<'_>, id: u32) -> Hash {
    Hash::of(names.dictionaries.users.text(id))
}

/// The hashes of users' names, in order.
pub(crate) fn of_users(names: &mut Names<'_>, ids: &[u32], hashes: &mut Vec<Hash>) {
    names.dictionaries.users.each_text(ids, |name| hashes.push(Hash::of(name)));
}

/// The hashes of products' names, in order.
pub(crate) fn of_products(names: &mut Names<'_>, ids: &[u32], hashes: &mut Vec<Hash>) {
    hashes.extend(ids.iter().map(|&id| of_product(names, id)));
}

/// The hashes of tags' names, in order.
pub(crate) fn of_tags(names: &mut Names<'_>, ids: &[u32], hashes: &mut Vec<Hash>) {
    hashes.extend(ids.iter().map(|&id| of_tag(names, id)));
}

/// The hash of a product's name.
#[inline]
fn of_product(names: &mut Names<'_>, id: u32) -> Hash {
    kept(&mut names.hashes.products, id, &names.dictionaries.products)
}

/// The hash of a tag's name.
#[inline]
fn of_tag(names: &mut Names<'_>, id: u32) -> Hash {
    kept(&mut names.hashes.tags, id, &names.dictionaries.tags)
}

#[inline]
fn kept(hashes: &mut Vec<Hash>, id: u32, names: &Dictionary) -> Hash {
    if hashes.len() <= id as usize {
        keep_all(hashes, names);
    }
    hashes[id as usize]
}

#[cold]
fn keep_all(hashes: &mut Vec<Hash>, names: &Dictionary) {
    let begin = u32::try_from(hashes.len()).expect("an id is a u32");
    let end = u32::try_from(names.len()).expect("an id is a u32");
    hashes.extend((begin..end).map(|id| Hash::of(names.text(id))));
}

/// Ends a row with a tag.
#[inline]
pub(crate) fn with_tag(row: Hash, &tag: &u32, names: &mut Names<'_>) -> Hash {
    row.then(of_tag(names, tag))
}

/// Ends a row with a product.
#[inline]
pub(crate) fn with_product(row: Hash, &product: &u32, names: &mut Names<'_>) -> Hash {
    row.then(of_product(names, product))
}

/// Ends a row with a minute.
#[inline]
pub(crate) fn with_minute(row: Hash, &Reverse(minute): &Reverse<u32>, _: &mut Names<'_>) -> Hash {
    row.then_number(minute.into())
}

/// Ends a row with a moment. One that counts has a row of its own, and so has a removal.
#[inline]
pub(crate) fn with_moment(row: Hash, &moment: &Moment, names: &mut Names<'_>) -> Hash {
    let row = row.then(of_product(names, moment.product));
    let row = row.then_number(moment.time() << 1 | u64::from(moment.may_pair()));
    let row = row.then(of_tag_set(names, moment.tag_set));
    let state = u64::from(moment.is_removal()) << 1 | u64::from(moment.is_taken());
    if moment.counts() { row } else { row.then_number(state) }
}

/// Ends a row of an origin with a holder and a moment.
pub(crate) fn with_moved_moment(row: Hash, of: &Of<Moment>, names: &mut Names<'_>) -> Hash {
    let row = row.then(of_user(names, of.holder));
    with_moment(row, &of.value, names)
}

/// Ends a row of an origin with a holder and a row; its hour tells only when it leaves.
pub(crate) fn with_moved_row(row: Hash, of: &Of<DatedRow>, names: &mut Names<'_>) -> Hash {
    let &Of { holder, value: DatedRow { row: moved, .. } } = of;
    let row = row.then(of_user(names, holder));
    match moved {
        Row::Tag(tag) => row.then_number(0).then(of_tag(names, tag)),
        Row::Product(product) => row.then_number(1).then(of_product(names, product)),
        Row::Minute(minute) => row.then_number(2).then_number(minute.into()),
    }
}

/// The hash of a set of tags.
#[inline]
fn of_tag_set(names: &mut Names<'_>, id: u32) -> Hash {
    while names.hashes.tag_sets.len() <= id as usize {
        let next = u32::try_from(names.hashes.tag_sets.len()).expect("an id is a u32");
        let TagSet { tags, is_stand_in } = names.dictionaries.tag_sets.get(next);
        let tags = tags.iter().map(|&tag| of_tag(names, tag)).collect();
        names.hashes.tag_sets.push(with_tags(tags, is_stand_in));
    }
    names.hashes.tag_sets[id as usize]
}

/// The hash of a set of tags, or of what stands in for them, from the hashes of their names in any order.
pub fn with_tags(mut tags: Vec<Hash>, is_stand_in: bool) -> Hash {
    tags.sort_unstable();
    let set = Hash::of("").then_number(is_stand_in.into());
    tags.into_iter().fold(set, Hash::then)
}

/// Ends a row with a partner.
#[inline]
pub(crate) fn with_partner(row: Hash, partner: &Partner, names: &mut Names<'_>) -> Hash {
    let &Partner { product, day, after, link } = partner;
    let rest = u64::from(day) << 4 | u64::from(after) << 3 | link as u64;
    row.then(of_product(names, product)).then_number(rest)
}

/// Ends a row with a product's day.
#[inline]
pub(crate) fn with_product_day(row: Hash, value: &ProductDay, names: &mut Names<'_>) -> Hash {
    row.then(of_product(names, value.product)).then_number(value.day.into())
}

/// Ends a row with a user, a stand-in and a day.
#[inline]
pub(crate) fn with_stand_in(row: Hash, stand_in: &StandIn, names: &mut Names<'_>) -> Hash {
    let &(user, tag, day) = stand_in;
    row.then(of_user(names, user)).then(of_tag(names, tag)).then_number(day.into())
}

/// Ends a row with what the catalogue says of a product; a deleted one has nothing.
pub(crate) fn with_entry(row: Hash, (_, entry): &CatalogueEntry, _: &mut Names<'_>) -> Hash {
    entry.as_deref().map_or(row, |entry| with_description(row, entry))
}

/// Ends a row with a product's description.
pub fn with_description(row: Hash, product: &Product) -> Hash {
    let Product { name, category, tags, price, unavailable } = product;
    let row = row.then(Hash::of(name)).then(Hash::of(category)).then_number((*unavailable).into());
    let row = price.map_or(row, |price| row.then_number(price.cast_unsigned()));
    tags.iter().fold(row.then_number(tags.len() as u64), |row, tag| row.then(Hash::of(tag)))
}
