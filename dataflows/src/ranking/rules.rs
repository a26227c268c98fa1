//! The question that a ranking answers: its basis, and the rules of the shop for it.

use crate::score::model::ModelAt;
use serde::{Deserialize, Serialize};

/// How many of a user's tags are asked about.
pub const TAGS: usize = 20;
/// How many partners of a product are looked at: the best. At most, and as long as few are wanted.
pub const PARTNERS: usize = 200;
const FEW_PARTNERS: usize = 50;
/// How often visitors come back to the products of the visit, from the second on.
pub const AGAIN: [f64; 9] = [0.08, 0.03, 0.021, 0.015, 0.012, 0.01, 0.009, 0.008, 0.006];
/// The most candidates of a ranking that are looked at, beyond those that are to be shown: each costs
/// a lookup or two, and together they bound the time that a question takes from a worker.
const MOST_LOOKED_AT: usize = 2_000;
/// How many more of what is popular are asked for than are to be shown: some may be unavailable.
const SPARE: usize = 50;

/// What may be shown, and how much of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// How many products.
    pub n: usize,
    /// How many of the best are left out first.
    pub offset: usize,
    /// Whether what the user has bought is left out.
    pub leave_out_bought: bool,
    /// What of the current visit is left out.
    pub leave_out: LeaveOut,
    /// Products that are left out.
    pub exclude: Vec<String>,
    /// Tags of which a product must have one; none allows all.
    pub only: Vec<String>,
    /// Tags of which a product must have none.
    pub without: Vec<String>,
    /// How many products may share a tag.
    pub per_tag: Option<usize>,
}

/// What of the current visit is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaveOut {
    /// Nothing: a product may be shown again.
    #[default]
    None,
    /// The product that was touched last.
    Current,
    /// All of it.
    Visit,
}

impl Rules {
    /// So many products, without what the user has bought.
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
        }
    }

    /// Whether it matters which tags a product has.
    pub(crate) fn is_picky(&self) -> bool {
        !self.only.is_empty() || !self.without.is_empty() || self.per_tag.is_some()
    }

    /// The number of products to be shown or skipped.
    pub(crate) fn shown(&self) -> usize {
        self.n.saturating_add(self.offset)
    }

    /// The most candidates that are looked at: with fewer products shown the ranking then ends.
    pub(crate) fn most_looked_at(&self) -> usize {
        MOST_LOOKED_AT.max(self.shown().saturating_add(SPARE))
    }

    /// The number of candidates wanted of each source, so that enough remain: some may be of the
    /// wrong tags.
    fn candidates(&self) -> usize {
        let shown = self.shown();
        if self.is_picky() {
            shown.saturating_mul(10).saturating_add(SPARE).min(MOST_LOOKED_AT.max(shown))
        } else {
            shown
        }
    }

    /// How many partners of each product are needed. Fifty do as well as all (`docs/quality.md`).
    pub(crate) fn partners(&self) -> usize {
        self.candidates().clamp(FEW_PARTNERS, PARTNERS)
    }

    /// How many products may be needed of what is popular, besides those that the user's own
    /// history leaves out.
    pub(crate) fn reach(&self) -> usize {
        // Some may be unavailable.
        self.candidates().saturating_add(self.exclude.len()).saturating_add(SPARE)
    }
}

/// What a ranking is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Basis {
    /// What a user does and has done: what to show to them.
    User(String),
    /// Products that someone has seen, oldest first: what to show to them.
    Visit(Vec<String>),
    /// One product: what goes with it.
    Product(String),
    /// A tag: what is popular in it.
    Tag(String),
    /// Nothing in particular: what is popular.
    Everything,
}

impl Basis {
    /// The products of a visit that is given, newest first, no product twice.
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

/// A ranking that is to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// How counts are looked at.
    pub model_at: ModelAt,
    /// What may be shown, and how much.
    pub rules: Rules,
    /// What it is made from.
    pub basis: Basis,
}
