//! A ranking as an answer: products, best first, each with the reasons for its score.
//!
//! All texts lie in one string and all reasons in one list. So an answer is a few allocations,
//! however long it is: a worker makes it, and another thread frees it.

use crate::record::product::Product;
use crate::score::merchandising::ActionKind;
use std::ops::Range;
use std::sync::Arc;

/// A ranking: products, best first, but for those that rules of the shop have pinned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    texts: String,
    products: Vec<StoredProduct>,
    causes: Vec<Cause<Span>>,
    reasons: Vec<StoredReason>,
    hits: Vec<StoredHits>,
}

/// The range of a text in [`Ranking::texts`].
type Span = Range<usize>;

#[derive(Clone, Debug, PartialEq)]
struct StoredProduct {
    product: Span,
    score: f64,
    row: Option<Arc<Product>>,
    /// The end of its reasons, which begin at the end of the product before.
    reasons_end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct StoredReason {
    /// The index of the cause in [`Ranking::causes`].
    cause: usize,
    events: u32,
    score: f64,
}

/// How often a rule has hit.
#[derive(Clone, Debug, PartialEq)]
struct StoredHits {
    action: ActionKind,
    rule: Span,
    hits: usize,
}

/// A product with the reasons for its score.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    /// The product.
    pub product: &'a str,
    /// The sum of the reasons' scores, if there are any.
    pub score: f64,
    /// Its catalogue row.
    pub row: Option<&'a Product>,
    ranking: &'a Ranking,
    reasons: &'a [StoredReason],
}

/// A part of a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason<'a> {
    /// The cause.
    pub cause: Cause<&'a str>,
    /// The number of events that it sums up.
    pub events: u32,
    /// Its contribution to the score.
    pub score: f64,
}

/// The cause of a part of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause<T> {
    /// Visitors who touched this product touched the ranked one, too.
    Product(T),
    /// Visitors who touched products that go with this one touched the ranked one.
    Related(T),
    /// The visitor touched the product in this visit.
    Seen,
    /// The visitor touched the product before this visit.
    SeenBefore,
    /// The product is popular in this tag.
    Tag(T),
    /// The product is popular overall.
    Popular,
    /// What is less than each of the other reasons, together.
    Other,
    /// A rule of the shop, which has this name, has done this.
    Rule(ActionKind, T),
}

/// Why a product is at its place in a ranking, or in none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Why {
    /// The product alone with all its reasons, after the rules of the shop; empty if no source has it.
    pub product: Ranking,
    /// What no part of the score is, as lists are cut: what the evidence on the product would add if it were in them.
    pub cut: Ranking,
    /// Its place among all candidates by the score before the rules of the shop, from 1; 0 if it is none.
    pub rank: usize,
    /// The number of candidates, with those that are left out.
    pub candidates: usize,
    /// Its place in the ranking, from 1, with those that are skipped; 0 if it is in none.
    pub place: usize,
    /// All that keeps it out.
    pub obstacles: Vec<Obstacle>,
}

/// What keeps a product out of a ranking.
#[derive(Clone, Debug, PartialEq)]
pub enum Obstacle {
    /// No source has it among the first of its lists.
    NoSource,
    /// The request excludes it, or the ranking starts from it.
    Excluded,
    /// It is the product of the moment.
    Current,
    /// It is of the visit.
    Visited,
    /// The user has bought it.
    Bought,
    /// It was deleted from the catalogue.
    Deleted,
    /// It cannot be bought now.
    Unavailable,
    /// The request's tags do not allow it.
    Tags,
    /// The request's categories do not allow it.
    Category,
    /// The request's prices do not allow it.
    Price,
    /// The rules of the shop with these names hide it.
    Hidden(Vec<String>),
    /// So many products that share one of these tags with it are shown as may be.
    PerTag(Vec<String>),
    /// It is one of the best that the request skips.
    Skipped,
    /// All places are taken by better products, the last of which has a score that is so much higher.
    Outranked(f64),
    /// It is behind all candidates that a ranking looks at.
    Unexamined,
}

impl Obstacle {
    /// Its name, as users see it.
    pub fn name(&self) -> &'static str {
        match self {
            Obstacle::NoSource => "no_source",
            Obstacle::Excluded => "excluded",
            Obstacle::Current => "current",
            Obstacle::Visited => "visited",
            Obstacle::Bought => "bought",
            Obstacle::Deleted => "deleted",
            Obstacle::Unavailable => "unavailable",
            Obstacle::Tags => "tags",
            Obstacle::Category => "category",
            Obstacle::Price => "price",
            Obstacle::Hidden(_) => "hidden",
            Obstacle::PerTag(_) => "per_tag",
            Obstacle::Skipped => "skipped",
            Obstacle::Outranked(_) => "outranked",
            Obstacle::Unexamined => "unexamined",
        }
    }
}

impl<T> Cause<T> {
    /// Converts the text.
    pub fn map<U>(self, text: impl FnOnce(T) -> U) -> Cause<U> {
        match self {
            Cause::Product(product) => Cause::Product(text(product)),
            Cause::Related(product) => Cause::Related(text(product)),
            Cause::Seen => Cause::Seen,
            Cause::SeenBefore => Cause::SeenBefore,
            Cause::Tag(tag) => Cause::Tag(text(tag)),
            Cause::Popular => Cause::Popular,
            Cause::Other => Cause::Other,
            Cause::Rule(action, rule) => Cause::Rule(action, text(rule)),
        }
    }
}

impl Ranking {
    /// The number of products.
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// True without any product.
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }

    /// The rules of the shop that have hit, each with how many products that are shown, or that are hidden.
    pub fn hits(&self) -> impl Iterator<Item = (ActionKind, &str, usize)> {
        self.hits.iter().map(|it| (it.action, &self.texts[it.rule.clone()], it.hits))
    }

    /// Adds a rule that has hit.
    pub fn add_hits(&mut self, action: ActionKind, rule: &str, hits: usize) {
        let rule = self.text(rule);
        self.hits.push(StoredHits { action, rule, hits });
    }

    /// The products, best first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Ranked<'_>> {
        let end = |place: usize| self.products[place].reasons_end;
        self.products.iter().enumerate().map(move |(place, stored)| Ranked {
            product: &self.texts[stored.product.clone()],
            score: stored.score,
            row: stored.row.as_deref(),
            ranking: self,
            reasons: &self.reasons[place.checked_sub(1).map_or(0, end)..stored.reasons_end],
        })
    }

    /// Adds a cause. Returns its index, for [`Ranking::add_reason`].
    pub fn add_cause(&mut self, cause: Cause<&str>) -> usize {
        let cause = cause.map(|text| self.text(text));
        self.causes.push(cause);
        self.causes.len() - 1
    }

    /// Adds a product. Products must be added best first.
    pub fn add(&mut self, product: &str, score: f64, row: Option<Arc<Product>>) {
        let product = self.text(product);
        let reasons_end = self.reasons.len();
        self.products.push(StoredProduct { product, score, row, reasons_end });
    }

    /// Adds a reason to the product that was added last; does nothing without one.
    pub fn add_reason(&mut self, cause: usize, events: u32, score: f64) {
        if let Some(last) = self.products.last_mut() {
            self.reasons.push(StoredReason { cause, events, score });
            last.reasons_end = self.reasons.len();
        }
    }

    /// Stores a text.
    fn text(&mut self, text: &str) -> Span {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }
}

impl<'a> Ranked<'a> {
    /// The reasons, in the order in which they were added. Their scores sum up to the product's.
    pub fn reasons(&self) -> impl ExactSizeIterator<Item = Reason<'a>> + use<'a> {
        let ranking = self.ranking;
        self.reasons.iter().map(move |&StoredReason { cause, events, score }| {
            let cause = ranking.causes[cause].clone().map(|span| &ranking.texts[span]);
            Reason { cause, events, score }
        })
    }
}
