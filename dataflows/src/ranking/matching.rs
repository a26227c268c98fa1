//! The rules of the shop in ids of a worker, and which of them hit a product.
//!
//! Each rule is found by one of its conditions: its products, or else its tag, its category or its price. So a product
//! is looked at by the few rules that may hit it, however many there are.

use super::candidates::ProductNames;
use super::product_info::{Listing, ProductInfo};
use crate::ids::by_id::ById;
use crate::ids::dictionary::{Dictionaries, Dictionary};
use crate::record::product::Product;
use crate::score::merchandising::{Action, Merchandising, Occasion, Rule};
use crate::time::Time;
use std::collections::HashMap;
use std::sync::Arc;

/// Rules by what they are found by; each is named by its index.
#[derive(Default)]
pub(crate) struct RuleIndex {
    rules: Merchandising,
    by_product: ById<Vec<usize>>,
    by_tag: ById<Vec<usize>>,
    by_category: HashMap<String, Vec<usize>>,
    by_price: Vec<usize>,
    /// By rule, the id of its tag.
    tags: Vec<Option<u32>>,
    /// By rule, the ids of its products.
    products: Vec<Vec<Option<u32>>>,
    /// Products of rules that have no id yet, each with the index of the rule and its place there.
    unknown_products: Vec<(usize, usize)>,
    /// Rules whose tag has no id yet. No product has such a tag.
    unknown_tags: Vec<usize>,
    /// The numbers of ids of products and tags when names were looked up last.
    known: [usize; 2],
}

impl RuleIndex {
    /// Makes it one of these rules, by the names that have ids now.
    pub(crate) fn update(&mut self, rules: &Merchandising, dictionaries: &Dictionaries) {
        if !self.rules.is_clone_of(rules) {
            *self = RuleIndex::new(rules.clone());
        }
        let known = [&dictionaries.products, &dictionaries.tags].map(Dictionary::len);
        if self.known != known {
            self.look_up(dictionaries);
            self.known = known;
        }
    }

    fn new(rules: Merchandising) -> RuleIndex {
        let mut index = RuleIndex { tags: vec![None; rules.rules().len()], ..RuleIndex::default() };
        for (at, Rule { condition, .. }) in rules.rules().iter().enumerate() {
            index.products.push(vec![None; condition.products.len()]);
            index.unknown_products.extend((0..condition.products.len()).map(|place| (at, place)));
            if condition.tag.is_some() {
                index.unknown_tags.push(at);
            }
            if !condition.products.is_empty() || condition.tag.is_some() {
                continue;
            }
            match &condition.category {
                Some(category) => index.by_category.entry(category.clone()).or_default().push(at),
                None => index.by_price.push(at),
            }
        }
        RuleIndex { rules, ..index }
    }

    /// Looks for the ids of names that had none.
    fn look_up(&mut self, dictionaries: &Dictionaries) {
        let RuleIndex { rules, by_product, by_tag, tags, products, .. } = self;
        self.unknown_products.retain(|&(at, place)| {
            let name = &rules.rules()[at].condition.products[place];
            let Some(id) = dictionaries.products.id(name) else { return true };
            by_product.entry(id).or_default().push(at);
            products[at][place] = Some(id);
            false
        });
        self.unknown_tags.retain(|&at| {
            let condition = &rules.rules()[at].condition;
            tags[at] = condition.tag.as_ref().and_then(|tag| dictionaries.tags.id(tag));
            let Some(id) = tags[at] else { return true };
            if condition.products.is_empty() {
                by_tag.entry(id).or_default().push(at);
            }
            false
        });
    }

    /// The rules that hold for an occasion; `None` if there are none.
    pub(crate) fn in_force(&self, occasion: &Occasion) -> Option<RulesInForce<'_>> {
        let holds: Vec<bool> = self.rules.rules().iter().map(|rule| rule.holds(occasion)).collect();
        let needs_tags = self.by_tag.values().flatten().any(|&at| holds[at]);
        let mut by_row = self.by_category.values().flatten().chain(&self.by_price);
        let needs_row = by_row.any(|&at| holds[at]);
        holds.contains(&true).then_some(RulesInForce { index: self, holds, needs_tags, needs_row })
    }
}

/// The rules that hold for a ranking.
pub(crate) struct RulesInForce<'a> {
    index: &'a RuleIndex,
    /// By rule.
    holds: Vec<bool>,
    /// True if some of them are found by tags.
    needs_tags: bool,
    /// True if some are found by the catalogue's row.
    needs_row: bool,
}

impl<'a> RulesInForce<'a> {
    /// All rules, also those that do not hold.
    pub(crate) fn all(&self) -> &'a [Rule] {
        self.index.rules.rules()
    }

    /// The rules that hold, in their order, each with its index.
    fn holding(&self) -> impl Iterator<Item = (usize, &'a Rule)> {
        self.all().iter().enumerate().filter(|(at, _)| self.holds[*at])
    }

    /// Replaces `hits` by the rules that hit a product, in their order.
    pub(crate) fn hits(&self, product: u32, lookups: &mut Lookups<'_>, hits: &mut Vec<usize>) {
        hits.clear();
        let RuleIndex { by_product, by_tag, by_category, by_price, .. } = self.index;
        hits.extend(by_product.get(&product).into_iter().flatten());
        if let Some(name) = lookups.names.other(product) {
            let unknown = self.index.unknown_products.iter();
            let is_same =
                |&&(at, place): &&(usize, usize)| self.all()[at].condition.products[place] == name;
            hits.extend(unknown.filter(is_same).map(|(at, _)| at));
        }
        let mut product = Facts { product, lookups, row: None, tags: None };
        if self.needs_tags {
            let tags = product.tags();
            hits.extend(tags.iter().filter_map(|tag| by_tag.get(tag)).flatten());
        }
        if self.needs_row {
            hits.extend(by_price);
            let category = product.row().map(|row| &row.category);
            hits.extend(
                category.and_then(|category| by_category.get(category)).into_iter().flatten(),
            );
        }
        hits.retain(|&at| self.holds[at] && self.meets(at, &mut product));
        hits.sort_unstable();
        hits.dedup();
    }

    /// True if any of the rules that hit a product hides it.
    pub(crate) fn hides(&self, hits: &[usize]) -> bool {
        self.hiding(hits).next().is_some()
    }

    /// Those of the rules that hit a product that hide it.
    pub(crate) fn hiding(&self, hits: &[usize]) -> impl Iterator<Item = usize> {
        hits.iter().copied().filter(|&at| self.all()[at].action == Action::Hide)
    }

    /// The names that pins have and that no id has.
    pub(crate) fn unknown_pins(&self) -> impl Iterator<Item = &'a str> {
        let unknown = self.index.unknown_products.iter();
        let of_pins = unknown.filter(|(at, _)| self.holds[*at] && self.all()[*at].action.is_pin());
        of_pins.map(|&(at, place)| &*self.all()[at].condition.products[place])
    }

    /// The products that a rule names.
    pub(crate) fn products(
        &self,
        at: usize,
        names: &ProductNames<'_>,
    ) -> impl Iterator<Item = u32> {
        let named = self.index.products[at].iter().zip(&self.all()[at].condition.products);
        named.filter_map(|(id, name)| id.or_else(|| names.id(name)))
    }

    /// The pins, in their order, each with its index and its place.
    pub(crate) fn pins(&self) -> impl Iterator<Item = (usize, usize)> {
        self.holding().filter_map(|(at, rule)| match rule.action {
            Action::Pin(place) => Some((at, place)),
            _ => None,
        })
    }

    /// True if a rule names no products.
    pub(crate) fn is_open(&self, at: usize) -> bool {
        self.index.products[at].is_empty()
    }

    /// True if a product that a rule was found by meets its other conditions.
    fn meets(&self, at: usize, product: &mut Facts<'_, '_>) -> bool {
        let condition = &self.all()[at].condition;
        let has_tag = |tag: u32, product: &mut Facts<'_, '_>| product.tags().contains(&tag);
        (condition.tag.is_none() || self.index.tags[at].is_some_and(|tag| has_tag(tag, product)))
            && condition
                .category
                .as_ref()
                .is_none_or(|category| product.row().is_some_and(|row| row.category == *category))
            && (condition.price.is_all()
                || condition.price.has(product.row().and_then(|row| row.price)))
    }
}

/// Looks up products as of a time.
pub(crate) struct Lookups<'a> {
    pub(crate) names: &'a ProductNames<'a>,
    pub(crate) tag_names: &'a Dictionary,
    pub(crate) info: &'a mut ProductInfo,
    pub(crate) time: Time,
}

impl Lookups<'_> {
    pub(crate) fn listing(&mut self, product: u32) -> Listing {
        self.info.listing(product, self.time)
    }

    pub(crate) fn tags(&mut self, product: u32) -> Vec<u32> {
        self.info.tags(product, self.time, self.tag_names)
    }
}

/// A product, with what is known of it: looked up when it is asked for.
struct Facts<'a, 'b> {
    product: u32,
    lookups: &'a mut Lookups<'b>,
    row: Option<Option<Arc<Product>>>,
    tags: Option<Vec<u32>>,
}

impl Facts<'_, '_> {
    fn row(&mut self) -> Option<&Product> {
        let Facts { product, lookups, row, .. } = self;
        row.get_or_insert_with(|| lookups.listing(*product).into_row()).as_deref()
    }

    fn tags(&mut self) -> &[u32] {
        let Facts { product, lookups, tags, .. } = self;
        tags.get_or_insert_with(|| lookups.tags(*product))
    }
}
