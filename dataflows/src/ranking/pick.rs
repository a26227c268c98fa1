//! Picks the candidates that the rules allow.

use crate::ids::by_id::ById;
use crate::ids::dictionary::Dictionary;
use crate::ranking::answer::Obstacle;
use crate::ranking::rules::Rules;
use crate::record::product::{PriceRange, Product};

/// Accepts or rejects candidates, which come best first, by the rules of a request, and counts the places that are taken.
pub(super) struct Picker<'a> {
    /// True if the rules depend on a product's tags.
    needs_tags: bool,
    /// Tags of which a product must have one; `None` allows all products.
    only: Option<ById<()>>,
    /// Tags of which a product must have none.
    without: ById<()>,
    /// Categories of which a product must be; an empty list allows all.
    only_categories: &'a [String],
    /// Categories of which a product must not be.
    without_categories: &'a [String],
    /// The prices that a product may have.
    price: PriceRange,
    /// The most accepted products that may share a tag.
    max_per_tag: usize,
    /// By tag, the number of accepted products.
    per_tag: ById<usize>,
    /// The number of places that are taken.
    taken: usize,
    /// The number of places that are not shown.
    skip: usize,
    /// The number of places up to the last one that is shown.
    end: usize,
}

impl Picker<'_> {
    pub(crate) fn new<'a>(rules: &'a Rules, tags: &Dictionary) -> Picker<'a> {
        // A tag without an id belongs to no product.
        let ids = |texts: &[String]| -> ById<()> {
            texts.iter().filter_map(|text| Some((tags.id(text)?, ()))).collect()
        };
        Picker {
            needs_tags: rules.needs_tags(),
            only: (!rules.only.is_empty()).then(|| ids(&rules.only)),
            without: ids(&rules.without),
            only_categories: &rules.only_categories,
            without_categories: &rules.without_categories,
            price: rules.price,
            max_per_tag: rules.per_tag.unwrap_or(usize::MAX),
            per_tag: ById::default(),
            taken: 0,
            skip: rules.offset,
            end: rules.end(),
        }
    }

    /// True once all places to be shown are taken.
    pub(crate) fn is_done(&self) -> bool {
        self.taken == self.end
    }

    /// The tags of which no further product may be shown.
    pub(crate) fn full_tags(&self) -> Vec<u32> {
        let full = self.per_tag.iter().filter(|(_, count)| self.max_per_tag <= **count);
        full.map(|(tag, _)| *tag).collect()
    }

    /// What the rules say against a product, but for how many of its tags are shown.
    pub(crate) fn obstacles(&self, row: Option<&Product>, tags: &[u32]) -> Vec<Obstacle> {
        let all = [
            (self.allows_tags(tags), Obstacle::Tags),
            (self.allows_category(row), Obstacle::Category),
            (self.allows_price(row), Obstacle::Price),
        ];
        all.into_iter().filter(|(allows, _)| !allows).map(|(_, obstacle)| obstacle).collect()
    }

    /// The next place, counted from 1.
    pub(crate) fn next_place(&self) -> usize {
        self.taken + 1
    }

    /// True if the next candidate is to be shown. Calls `tags` only if the rules depend on them.
    pub(crate) fn accepts(
        &mut self,
        row: Option<&Product>,
        tags: impl FnOnce() -> Vec<u32>,
    ) -> bool {
        !self.is_done() && self.allows(row, tags) && self.take_place()
    }

    /// Takes the next place, if any is left. True if it is shown.
    pub(crate) fn take_place(&mut self) -> bool {
        let is_shown = !self.is_done() && self.skip <= self.taken;
        self.taken += usize::from(!self.is_done());
        is_shown
    }

    /// True if the rules allow a product, whose tags then count.
    pub(crate) fn allows(
        &mut self,
        row: Option<&Product>,
        tags: impl FnOnce() -> Vec<u32>,
    ) -> bool {
        self.allows_category(row)
            && self.allows_price(row)
            && (!self.needs_tags || self.counts(&tags()))
    }

    /// Checks the rules on categories, which are the catalogue's.
    fn allows_category(&self, row: Option<&Product>) -> bool {
        let is_of = |list: &[String]| row.is_some_and(|row| list.contains(&row.category));
        (self.only_categories.is_empty() || is_of(self.only_categories))
            && !is_of(self.without_categories)
    }

    /// Checks the range of prices, which are the catalogue's.
    fn allows_price(&self, row: Option<&Product>) -> bool {
        self.price.has(row.and_then(|row| row.price))
    }

    /// Checks the rules on tags.
    fn allows_tags(&self, tags: &[u32]) -> bool {
        let has_any = |set: &ById<()>| tags.iter().any(|tag| set.contains_key(tag));
        !has_any(&self.without) && self.only.as_ref().is_none_or(has_any)
    }

    /// Checks the rules on tags, and counts the tags of a product that passes.
    fn counts(&mut self, tags: &[u32]) -> bool {
        let count = |tag| self.per_tag.get(tag).copied().unwrap_or_default();
        let is_full = tags.iter().any(|tag| self.max_per_tag <= count(tag));
        if is_full || !self.allows_tags(tags) {
            return false;
        }
        tags.iter().for_each(|&tag| *self.per_tag.entry(tag).or_default() += 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_decide_what_is_shown() {
        // Each candidate's name is the list of its tags.
        let candidates = ["a", "ab", "b", "a", "", "c"];
        let mut names = Dictionary::default();
        names.intern_all(&["a", "b", "c"], &mut Vec::new());
        let tags = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let first = Rules::first;
        for (rules, expected) in [
            (first(2), vec!["a", "ab"]),
            (first(9), candidates.to_vec()),
            (first(0), vec![]),
            (Rules { offset: 4, ..first(9) }, vec!["", "c"]),
            (Rules { only: tags("bc"), ..first(9) }, vec!["ab", "b", "c"]),
            (Rules { only: tags("x"), ..first(9) }, vec![]),
            (Rules { without: tags("ax"), ..first(9) }, vec!["b", "", "c"]),
            (Rules { per_tag: Some(1), ..first(9) }, vec!["a", "b", "", "c"]),
            (Rules { per_tag: Some(2), ..first(9) }, vec!["a", "ab", "b", "", "c"]),
            (Rules { only: tags("a"), offset: 1, ..first(1) }, vec!["ab"]),
        ] {
            let mut picker = Picker::new(&rules, &names);
            let ids = |name: &str| tags(name).iter().filter_map(|tag| names.id(tag)).collect();
            let shown = candidates.into_iter().filter(|name| picker.accepts(None, || ids(name)));
            assert_eq!(shown.collect::<Vec<_>>(), expected, "{rules:?}");
        }
    }

    #[test]
    fn categories_and_prices_are_those_of_the_catalogue() {
        let row = |category: &str, price| {
            Some(Product { category: category.into(), price, ..Product::default() })
        };
        let candidates =
            [row("a", Some(10)), row("b", Some(20)), row("b", None), row("", Some(0)), None];
        let texts = |list: &[&str]| list.iter().map(|&text| text.into()).collect::<Vec<String>>();
        let all = || Rules::first(9);
        let price = |least, most| Rules { price: PriceRange { least, most }, ..all() };
        for (rules, expected) in [
            (all(), vec![0, 1, 2, 3, 4]),
            (Rules { only_categories: texts(&["b", "c"]), ..all() }, vec![1, 2]),
            (Rules { without_categories: texts(&["b"]), ..all() }, vec![0, 3, 4]),
            (price(Some(10), None), vec![0, 1]),
            (price(None, Some(10)), vec![0, 3]),
            (price(Some(10), Some(10)), vec![0]),
            (price(Some(11), Some(19)), vec![]),
            (Rules { only_categories: texts(&["a", "b"]), ..price(Some(11), None) }, vec![1]),
            (Rules { only_categories: texts(&["b"]), offset: 1, ..all() }, vec![2]),
        ] {
            let names = Dictionary::default();
            let mut picker = Picker::new(&rules, &names);
            let shown = candidates.iter().enumerate();
            let shown = shown.filter(|(_, row)| picker.accepts(row.as_ref(), Vec::new));
            assert_eq!(shown.map(|(at, _)| at).collect::<Vec<_>>(), expected, "{rules:?}");
        }
    }
}
