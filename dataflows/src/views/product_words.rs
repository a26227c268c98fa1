//! The words of the catalogue's products: who searches finds a product by what its words begin with.

use crate::arrange::packed::Batch;
use crate::held::Size;
use crate::ids::dictionary::Dictionary;
use crate::ingest::catalogue::CatalogueEntry;
use crate::record::product::Product;
use crate::time::Time;
use differential_dataflow::trace::{Cursor, Navigable};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// The most products of a word that lie in one piece.
const PIECE: usize = 256;
/// The most products that are looked at for one question, which bounds its cost.
const MOST_LOOKED_AT: usize = 1_000;

/// About the bytes of a word beside its letters: its entry, and the least that lists of it are allocated with.
const WORD: usize = size_of::<(Box<str>, Products)>() + 4 * size_of::<Vec<(u32, u32)>>();

/// The words of a text: what is between anything but letters and digits, in small letters.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// The words of a product: of its id, its name and its tags.
fn words_of(id: &str, product: &Product) -> BTreeSet<String> {
    let texts = [id, &product.name].into_iter().chain(product.tags.iter().map(String::as_str));
    texts.flat_map(words).collect()
}

/// Where a product is among those that are found: a word of it, and its id.
pub type Place = (String, String);

/// A page of products, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The products.
    pub found: Vec<(Place, Arc<Product>)>,
    /// Up to where all products were looked at; none for all of them.
    pub until: Option<Place>,
}

impl Page {
    /// The first `n` products of the pages of several workers, as one page.
    pub(crate) fn first(pages: impl IntoIterator<Item = Page>, n: usize) -> Page {
        let mut all = Page::default();
        for Page { found, until } in pages {
            all.found.extend(found);
            all.until = all.until.into_iter().chain(until).min();
        }
        let Page { mut found, mut until } = all;
        found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        found.retain(|(place, _)| until.as_ref().is_none_or(|until| place <= until));
        if found.len() >= n {
            found.truncate(n);
            until = found.last().map(|(place, _)| place.clone());
        }
        Page { found, until }
    }
}

/// The words of the products that a worker owns, of all rows that questions may still ask about, and of newer ones. So it
/// tells where to look, and the catalogue what is there as of a time.
#[derive(Default)]
pub(crate) struct ProductWords {
    words: BTreeMap<Box<str>, Products>,
    /// What products no longer have, by since when.
    leaving: BTreeMap<Time, Vec<(u32, String)>>,
    size: Size,
}

/// The products of a word in the order of their ids, each with how often it was added; in pieces, so that one is
/// added to many in little time.
#[derive(Default)]
struct Products(Vec<Vec<(u32, u32)>>);

impl ProductWords {
    /// Adds a batch of the catalogue, before its times are complete; `is_owned` tells by an id whether the product is one of
    /// this worker's.
    pub(crate) fn update(
        &mut self,
        batch: &Batch<CatalogueEntry, isize>,
        names: &Dictionary,
        is_owned: impl Fn(&str) -> bool,
    ) {
        let mut cursor = batch.cursor();
        while let Some(&product) = cursor.get_key(batch) {
            let mut rows: Vec<(Time, isize, Arc<Product>)> = Vec::new();
            while is_owned(names.text(product))
                && let Some((_, row)) = cursor.get_val(batch)
            {
                if let Some(row) = row {
                    cursor.map_times(batch, |&time, &count| rows.push((time, count, row.clone())));
                }
                cursor.step_val(batch);
            }
            self.replace(product, rows, names);
            cursor.step_key(batch);
        }
    }

    /// Takes changes of a product's row: by how many it is there more often since a time. Words that the row before has as
    /// well cost nothing.
    fn replace(
        &mut self,
        product: u32,
        mut rows: Vec<(Time, isize, Arc<Product>)>,
        names: &Dictionary,
    ) {
        rows.sort_by_key(|(time, count, _)| (*time, *count));
        let mut gone: BTreeMap<String, Time> = BTreeMap::new();
        for (time, count, row) in rows {
            for word in words_of(names.text(product), &row) {
                if count < 0 {
                    gone.insert(word, time);
                } else if gone.remove(&word).is_none() {
                    self.add(product, word, names);
                }
            }
        }
        for (word, time) in gone {
            self.leaving.entry(time).or_default().push((product, word));
        }
    }

    fn add(&mut self, product: u32, word: String, names: &Dictionary) {
        if !self.words.contains_key(&*word) {
            self.size.bytes += word.len() + WORD;
        }
        let added = self.words.entry(word.into()).or_default().add(product, names);
        self.size.records += usize::from(added > 0);
        self.size.bytes += added;
    }

    /// Drops the words that products no longer have since a time: no question is about an earlier one.
    pub(crate) fn forget_before(&mut self, time: Time, names: &Dictionary) {
        while let Some(entry) = self.leaving.first_entry().filter(|entry| *entry.key() <= time) {
            for (product, word) in entry.remove() {
                let Some(products) = self.words.get_mut(&*word) else { continue };
                let removed = products.remove(product, names);
                self.size.records -= usize::from(removed > 0);
                self.size.bytes -= removed;
                if products.0.is_empty() {
                    self.words.remove(&*word);
                    self.size.bytes -= word.len() + WORD;
                }
            }
        }
    }

    /// About the size of what is held.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// The first `n` products after a place that have, for each of some words, one that begins with it. They come in the
    /// order of the first word that the longest of these finds. A page may be short, where many had to be looked at.
    ///
    /// ```text
    /// catalogue.as_of(time).filter(|row| asked.all(|asked| row.words().any(|word| word.starts_with(asked))))
    ///     .key_by(|row| (row.words().filter(|word| word.starts_with(longest)).min(), row.id))
    ///     .sort().skip_while(|place| place <= after).take(n)
    /// ```
    pub(crate) fn search(
        &self,
        asked: &[String],
        after: Option<&Place>,
        n: usize,
        names: &Dictionary,
        mut row_of: impl FnMut(u32) -> Option<Arc<Product>>,
    ) -> Page {
        // It finds the fewest, as a rule, and is the same at all workers.
        let longest =
            asked.iter().min_by_key(|word| Reverse(word.len())).map_or("", String::as_str);
        let from = after.map_or(longest, |(word, _)| word.as_str().max(longest));
        let (mut found, mut looked_at) = (Vec::new(), 0);
        let words = self.words.range::<str, _>((Bound::Included(from), Bound::Unbounded));
        for (word, products) in words.take_while(|(word, _)| word.starts_with(longest)) {
            let after = after.filter(|(last, _)| **last == **word).map(|(_, id)| id.as_str());
            for product in products.after(after, names) {
                let id = names.text(product);
                looked_at += 1;
                if let Some(row) = row_of(product) {
                    let of_row = words_of(id, &row);
                    let has = |asked: &String| {
                        let first = of_row.range::<String, _>(asked..).next();
                        first.is_some_and(|first| first.starts_with(asked))
                    };
                    // A product comes once, at the first of its words that are found.
                    let first =
                        of_row.range::<str, _>((Bound::Included(longest), Bound::Unbounded));
                    let is_first = first.into_iter().next().is_some_and(|first| **first == **word);
                    if is_first && asked.iter().all(has) {
                        found.push(((word.to_string(), id.to_owned()), row));
                    }
                }
                if found.len() == n || looked_at == MOST_LOOKED_AT {
                    return Page { found, until: Some((word.to_string(), id.to_owned())) };
                }
            }
        }
        Page { found, until: None }
    }
}

impl Products {
    /// The piece where a product is, or belongs; none if there is no piece.
    fn piece(&self, id: &str, names: &Dictionary) -> usize {
        let ends_before =
            |piece: &Vec<(u32, u32)>| piece.last().is_some_and(|(last, _)| names.text(*last) < id);
        self.0.partition_point(ends_before).min(self.0.len().saturating_sub(1))
    }

    /// Adds a product. Returns the bytes that were allocated for it; none if it is there.
    fn add(&mut self, product: u32, names: &Dictionary) -> usize {
        let id = names.text(product);
        let at = self.piece(id, names);
        if self.0.is_empty() {
            self.0.push(Vec::new());
        }
        let piece = &mut self.0[at];
        match piece.binary_search_by(|(other, _)| names.text(*other).cmp(id)) {
            Ok(place) => {
                piece[place].1 += 1;
                return 0;
            }
            Err(place) => piece.insert(place, (product, 1)),
        }
        if piece.len() == PIECE {
            let second = piece.split_off(PIECE / 2);
            self.0.insert(at + 1, second);
        }
        size_of::<(u32, u32)>()
    }

    /// Takes a product away that was added. Returns the bytes that it had; none if it was added more often.
    fn remove(&mut self, product: u32, names: &Dictionary) -> usize {
        let id = names.text(product);
        let at = self.piece(id, names);
        let Some(piece) = self.0.get_mut(at) else { return 0 };
        let Ok(place) = piece.binary_search_by(|(other, _)| names.text(*other).cmp(id)) else {
            return 0;
        };
        if piece[place].1 > 1 {
            piece[place].1 -= 1;
            return 0;
        }
        piece.remove(place);
        if piece.is_empty() {
            self.0.remove(at);
        }
        size_of::<(u32, u32)>()
    }

    /// The products after an id, or all.
    fn after<'a>(
        &'a self,
        id: Option<&str>,
        names: &'a Dictionary,
    ) -> impl Iterator<Item = u32> + 'a {
        let (first, skipped) = match id {
            None => (0, 0),
            Some(id) => {
                let at = self.piece(id, names);
                let before = |piece: &Vec<(u32, u32)>| {
                    piece.partition_point(|(product, _)| names.text(*product) <= id)
                };
                (at, self.0.get(at).map_or(0, before))
            }
        };
        let rest = self.0.get(first..).unwrap_or_default();
        rest.iter().flatten().skip(skipped).map(|(product, _)| *product)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds a product with a row.
    fn insert(index: &mut ProductWords, product: u32, row: &Product, names: &Dictionary) {
        index.replace(product, vec![(1, 1, Arc::new(row.clone()))], names);
    }

    /// Holds a search among rows, which are spread over some workers, to one without an index, page by page. Returns the ids
    /// as they were found.
    fn check(
        rows: &[(&str, Product)],
        asked: &[&str],
        (workers, n): (usize, usize),
    ) -> Vec<String> {
        let mut names = Dictionary::default();
        let mut indices: Vec<ProductWords> =
            (0..workers).map(|_| ProductWords::default()).collect();
        let mut by_product = BTreeMap::new();
        for (at, (id, row)) in rows.iter().enumerate() {
            let product = names.intern(id);
            insert(&mut indices[at % workers], product, row, &names);
            by_product.insert(product, Arc::new(row.clone()));
        }
        let asked: Vec<String> = asked.iter().map(|&word| word.to_owned()).collect();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let row_of = |product| by_product.get(&product).cloned();
            let search =
                |index: &ProductWords| index.search(&asked, after.as_ref(), n, &names, row_of);
            let page = Page::first(indices.iter().map(search), n);
            assert!(page.found.len() <= n);
            found.extend(page.found.into_iter().map(|((_, id), _)| id));
            after = page.until;
            if after.is_none() {
                break;
            }
        }
        let matches = |(id, row): &&(&str, Product)| {
            let words = words_of(id, row);
            asked.iter().all(|asked| words.iter().any(|word| word.starts_with(asked)))
        };
        let expected = rows.iter().filter(matches).map(|(id, _)| (*id).to_owned());
        let (mut expected, mut in_order): (Vec<_>, _) = (expected.collect(), found.clone());
        expected.sort();
        in_order.sort();
        assert_eq!(in_order, expected, "{asked:?} by {n} of {workers}");
        found
    }

    fn product(name: &str, tags: &[&str]) -> Product {
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        Product { name: name.into(), tags, ..Product::default() }
    }

    #[test]
    fn words_are_letters_and_digits_in_small_letters() {
        let found: Vec<_> = words("Über-Radio (2nd, ИЮЛЬ)--").collect();
        assert_eq!(found, ["über", "radio", "2nd", "июль"]);
        assert_eq!(words(" -,").count(), 0);
    }

    #[test]
    fn a_product_is_found_by_what_its_words_begin_with_and_once() {
        let rows = [
            ("SKU-17", product("Blue radio, blue", &["audio"])),
            ("SKU-2", product("Radiator", &["blue steel"])),
            ("x", product("", &[])),
            ("sku 3", product("Radio Blue", &[])),
        ];
        for by in [(1, 1), (1, 2), (1, 10), (3, 1), (3, 2)] {
            assert_eq!(check(&rows, &["radi"], by), ["SKU-2", "SKU-17", "sku 3"]);
            assert_eq!(check(&rows, &["bl", "radio"], by), ["SKU-17", "sku 3"]);
            assert_eq!(check(&rows, &["sku", "2"], by), ["SKU-2"]);
            assert_eq!(check(&rows, &[], by).len(), 4);
            assert_eq!(check(&rows, &["green"], by), [""; 0]);
        }
    }

    #[test]
    fn many_products_of_one_word_come_in_the_order_of_their_ids() {
        let ids: Vec<String> = (0..3_000).map(|at| format!("p{:04}", at * 7919 % 3_000)).collect();
        let rows: Vec<_> = ids.iter().map(|id| (&**id, product("same", &[]))).collect();
        for workers in [1, 2] {
            let found = check(&rows, &["same"], (workers, 100));
            assert!(found.is_sorted() && found.len() == 3_000);
            // None of the first thousand is what is looked for.
            check(&rows, &["same", "p2"], (workers, 10));
        }
    }

    #[test]
    fn no_more_than_a_thousand_products_are_looked_at() {
        let (mut names, mut index) = (Dictionary::default(), ProductWords::default());
        for at in 0..5_000 {
            insert(&mut index, names.intern(&format!("p{at}")), &product("same", &[]), &names);
        }
        let mut looked_at = 0;
        let row_of = |_| {
            looked_at += 1;
            Some(Arc::new(product("same", &[])))
        };
        let page = index.search(&["same".into(), "ot".into()], None, 20, &names, row_of);
        assert_eq!((page.found.len(), looked_at), (0, MOST_LOOKED_AT));
        assert!(page.until.is_some());
    }

    #[test]
    fn a_row_that_was_replaced_is_found_until_nobody_asks_about_it() {
        let (mut names, mut index) = (Dictionary::default(), ProductWords::default());
        let id = names.intern("p");
        let rows = ["old mug", "short mug", "new mug"].map(|name| Arc::new(product(name, &[])));
        let [old, short, new] = &rows;
        insert(&mut index, id, old, &names);
        let before = index.size();
        let change = |time, count, row: &Arc<Product>| (time, count, row.clone());
        // One batch has both changes.
        let changes = [(5, -1, old), (5, 1, short), (7, -1, short), (7, 1, new)];
        let changes = changes.map(|(time, count, row)| change(time, count, row)).to_vec();
        index.replace(id, changes, &names);
        let find = |index: &ProductWords, asked: &str, row: &Arc<Product>| {
            let row_of = |_| Some(row.clone());
            index.search(&[asked.into()], None, 9, &names, row_of).found.len()
        };
        for row in &rows {
            assert_eq!(find(&index, "mug", row), 1);
            let has = |asked: &str| usize::from(row.name.contains(asked));
            for asked in ["old", "short", "new"] {
                assert_eq!(find(&index, asked, row), has(asked), "{asked}");
            }
        }
        index.forget_before(4, &names);
        assert_eq!(find(&index, "old", old), 1);
        index.forget_before(5, &names);
        assert_eq!((find(&index, "old", old), find(&index, "short", short)), (0, 1));
        index.forget_before(7, &names);
        assert_eq!((find(&index, "short", short), find(&index, "new", new)), (0, 1));
        assert_eq!(find(&index, "mug", new), 1);
        assert_eq!(index.size(), before, "the two words are as long");
        index.replace(id, vec![change(8, -1, new)], &names);
        index.forget_before(8, &names);
        assert_eq!(index.size(), Size::default());
    }
}
