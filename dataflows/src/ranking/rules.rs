//! A ranking's basis, the rules in its request, and how many candidates they call for.

use crate::record::product::PriceRange;
use crate::score::merchandising::{Demand, Occasion};
use crate::score::mixture::{GROUPS, Places};
use crate::score::model::ModelAt;
use serde::{Deserialize, Serialize};

/// The most tags of a user that popular products are fetched for.
pub const TAGS: usize = 10;
/// The most partners of a product that are fetched by minutes, and by what followed directly.
pub const PARTNERS: usize = 200;
/// The fewest partners that are fetched. Fifty rank as well as all (`docs/quality.md`).
const MIN_PARTNERS: usize = 50;
/// The most candidates of a ranking that are examined, unless more are to be shown. Each costs a
/// lookup or two, so this bounds the time that a question takes from a worker.
const MAX_EXAMINED: usize = 2_000;
/// Candidates fetched beyond those that are to be shown, since some may be unavailable.
const SPARE: usize = 50;

/// The reasons of a product that are shown unless more are asked for: of dozens, the first few are most of the score.
pub const REASONS: usize = 5;

/// The products that a ranking may show, and how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// The number of products to show.
    pub n: usize,
    /// The number of the best products that are skipped first.
    pub offset: usize,
    /// Leaves out the products that the user has bought.
    pub leave_out_bought: bool,
    /// The products of the current visit that are left out.
    pub leave_out: LeaveOut,
    /// Products that are left out.
    pub exclude: Vec<String>,
    /// Tags of which a product must have one; an empty list allows all products.
    pub only: Vec<String>,
    /// Tags of which a product must have none.
    pub without: Vec<String>,
    /// The most products that may share a tag.
    pub per_tag: Option<usize>,
    /// Categories of the catalogue of which a product must be; an empty list allows all products.
    pub only_categories: Vec<String>,
    /// Categories of which a product must not be.
    pub without_categories: Vec<String>,
    /// The prices that a product may have.
    pub price: PriceRange,
    /// Where and when it is shown, for the rules of the shop.
    pub occasion: Occasion,
    /// The most reasons that a product is shown with, besides rules of the shop: of more, the least are added up. With 0
    /// there are none.
    pub reasons: usize,
}

/// The products of the current visit that are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveOut {
    /// None: a product may be shown again.
    #[default]
    None,
    /// The newest.
    Current,
    /// All.
    Visit,
}

impl Rules {
    /// The first `n` products, without those that the user has bought.
    pub fn first(n: usize) -> Rules {
        Rules {
            n,
            offset: 0,
            leave_out_bought: true,
            leave_out: LeaveOut::None,
            exclude: Vec::new(),
            only: Vec::new(),
            without: Vec::new(),
            per_tag: None,
            only_categories: Vec::new(),
            without_categories: Vec::new(),
            price: PriceRange::default(),
            occasion: Occasion::default(),
            reasons: REASONS,
        }
    }

    /// True if the rules depend on a product's tags.
    pub(crate) fn needs_tags(&self) -> bool {
        !self.only.is_empty() || !self.without.is_empty() || self.per_tag.is_some()
    }

    /// True if the rules depend on a product's row of the catalogue.
    fn needs_row(&self) -> bool {
        let by_category = [&self.only_categories, &self.without_categories];
        by_category.into_iter().any(|list| !list.is_empty()) || !self.price.is_all()
    }

    /// The number of products to be skipped or shown.
    pub(crate) fn end(&self) -> usize {
        self.n.saturating_add(self.offset)
    }

    /// The most candidates that are examined; the ranking then ends, however few are shown.
    pub(crate) fn max_examined(&self) -> usize {
        MAX_EXAMINED.max(self.end().saturating_add(SPARE))
    }

    /// The number of candidates to fetch of each source: more where some may be ruled out, or the rules of the shop
    /// change their order.
    fn candidates(&self, shop: Demand) -> usize {
        let is_wide = self.needs_tags() || self.needs_row() || shop.reorders;
        let candidates = if is_wide { self.many() } else { self.end() };
        candidates.saturating_add(shop.hidden)
    }

    /// The number of candidates among which there are enough, even if most are ruled out or their order changes.
    pub(crate) fn many(&self) -> usize {
        let end = self.end();
        end.saturating_mul(10).saturating_add(SPARE).min(MAX_EXAMINED.max(end))
    }

    /// The number of partners to fetch of each product.
    pub(crate) fn partners(&self, shop: Demand) -> usize {
        self.candidates(shop).clamp(MIN_PARTNERS, PARTNERS)
    }

    /// The number of products to fetch of each popular list, besides those that the user's history
    /// leaves out.
    pub(crate) fn popular(&self, shop: Demand) -> usize {
        self.candidates(shop).saturating_add(self.exclude.len()).saturating_add(SPARE)
    }
}

/// What a ranking starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Basis {
    /// A user's history: what to show to them.
    User(String),
    /// A visit's products, oldest first: what to show to this visitor.
    Visit(Vec<String>),
    /// One product: what goes with it.
    Product(String),
    /// A tag: what is popular in it.
    Tag(String),
    /// Everything: what is popular overall.
    Everything,
}

impl Basis {
    /// The user of [`Basis::User`].
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Basis::User(user) => Some(user),
            _ => None,
        }
    }

    /// The products of [`Basis::Visit`], newest first, each once; empty for any other basis.
    pub(crate) fn visit(&self) -> Vec<&str> {
        let Basis::Visit(products) = self else { return Vec::new() };
        let mut visit: Vec<&str> = Vec::new();
        for product in products.iter().rev() {
            if !visit.contains(&product.as_str()) {
                visit.push(product);
            }
        }
        visit
    }
}

/// A ranking to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The model and the day that scores are computed with.
    pub model_at: ModelAt,
    /// The products that may be shown, and how many.
    pub rules: Rules,
    /// What it starts from.
    pub basis: Basis,
    /// The product whose place in the ranking is asked about; none if the ranking itself is asked for.
    pub why: Option<String>,
    /// How many products it goes by.
    pub places: Places,
    /// The tags whose popular products count, each with its share of the tags of the places of each group.
    pub tags: Vec<(String, [f64; GROUPS])>,
}
