//! Products as they are answered: best first, each with the parts of its score.
//!
//! All texts lie in one string and all reasons in one list, so that an answer is a few pieces of
//! memory however long it is: it is made by a worker, and freed by whoever asked.

use crate::record::product::Product;
use std::ops::Range;
use std::sync::Arc;

/// A ranking: products, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    texts: String,
    products: Vec<Listed>,
    causes: Vec<Cause<Span>>,
    reasons: Vec<Part>,
}

/// Where a text lies.
type Span = Range<usize>;

#[derive(Clone, Debug, PartialEq)]
struct Listed {
    product: Span,
    score: f64,
    row: Option<Arc<Product>>,
    /// Where its reasons end; they begin where those of the product before it do.
    reasons: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    cause: usize,
    events: u32,
    score: f64,
}

/// A product with the parts of its score.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    /// The product.
    pub product: &'a str,
    /// The sum of the reasons' scores.
    pub score: f64,
    /// What the catalogue says of it.
    pub row: Option<&'a Product>,
    ranking: &'a Ranking,
    parts: &'a [Part],
}

/// A part of a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason<'a> {
    /// What speaks for the product.
    pub cause: Cause<&'a str>,
    /// Of how many events.
    pub events: u32,
    /// How much of the score.
    pub score: f64,
}

/// What speaks for a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause<T> {
    /// Visitors who touched this product touched that one, too.
    Product(T),
    /// The visitor has touched it in this visit.
    Seen,
    /// The visitor touched it before this visit.
    SeenBefore,
    /// It is popular in this tag.
    Tag(T),
    /// It is popular.
    Popular,
}

impl<T> Cause<T> {
    /// The same, with its text as another type has it.
    pub fn map<U>(self, text: impl FnOnce(T) -> U) -> Cause<U> {
        match self {
            Cause::Product(product) => Cause::Product(text(product)),
            Cause::Seen => Cause::Seen,
            Cause::SeenBefore => Cause::SeenBefore,
            Cause::Tag(tag) => Cause::Tag(text(tag)),
            Cause::Popular => Cause::Popular,
        }
    }
}

impl Ranking {
    /// How many products there are.
    pub fn len(&self) -> usize {
        self.products.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.products.is_empty()
    }

    /// The products, best first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Ranked<'_>> {
        let end = |place: usize| self.products[place].reasons;
        self.products.iter().enumerate().map(move |(place, listed)| Ranked {
            product: &self.texts[listed.product.clone()],
            score: listed.score,
            row: listed.row.as_deref(),
            ranking: self,
            parts: &self.reasons[place.checked_sub(1).map_or(0, end)..listed.reasons],
        })
    }

    /// Adds what may speak for products; the number by which reasons name it.
    pub fn add_cause(&mut self, cause: Cause<&str>) -> usize {
        let cause = cause.map(|text| self.text(text));
        self.causes.push(cause);
        self.causes.len() - 1
    }

    /// Adds a product, which is no better than those before it.
    pub fn add(&mut self, product: &str, score: f64, row: Option<Arc<Product>>) {
        let product = self.text(product);
        self.products.push(Listed { product, score, row, reasons: self.reasons.len() });
    }

    /// Adds a reason to the product that was added last; without one, it is lost.
    pub fn add_reason(&mut self, cause: usize, events: u32, score: f64) {
        if let Some(last) = self.products.last_mut() {
            self.reasons.push(Part { cause, events, score });
            last.reasons = self.reasons.len();
        }
    }

    fn text(&mut self, text: &str) -> Span {
        let start = self.texts.len();
        self.texts.push_str(text);
        start..self.texts.len()
    }
}

impl<'a> Ranked<'a> {
    /// The parts of the score, in the order in which they were added.
    pub fn reasons(&self) -> impl ExactSizeIterator<Item = Reason<'a>> + use<'a> {
        let ranking = self.ranking;
        self.parts.iter().map(move |&Part { cause, events, score }| {
            let cause = ranking.causes[cause].clone().map(|span| &ranking.texts[span]);
            Reason { cause, events, score }
        })
    }
}
