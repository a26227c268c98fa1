//! The ranking: the user's tags, the most popular products of those tags, and what is popular
//! overall for whoever has none.
//!
//! `score(q) = Σ_t share_t · popularity_t(q) / max popularity_t + ε · popularity(q) / max popularity`,
//! with `share_t` the tag's part of the user's profile.

use crate::weights::Score;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// How many of a user's tags are asked about.
pub const TAGS: usize = 20;
/// ε: what being popular overall adds; so little that it only orders what nothing else does.
pub const OVERALL_SHARE: f64 = 0.01;

/// The best products of a tag, or of one worker overall, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Popular {
    /// The tag; none is overall.
    pub tag: Option<String>,
    /// The tag's part of the user's profile.
    pub share: f64,
    /// Products and their weighted counts.
    pub products: Vec<(String, Score)>,
}

/// A product with the parts of its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// The product.
    pub product: String,
    /// The sum of the parts.
    pub score: f64,
    /// The tags (none is overall) and what each adds.
    pub parts: Vec<(Option<String>, f64)>,
}

/// Ranks what is popular in the user's tags and overall, without what has been bought.
pub fn rank(popular: &[Popular], bought: &HashSet<&str>, n: usize) -> Vec<Ranked> {
    let overall = merge_overall(popular, n.saturating_add(bought.len()));
    let tags = popular.iter().filter(|popular| popular.tag.is_some());
    let mut products: BTreeMap<&str, Vec<(Option<String>, f64)>> = BTreeMap::new();
    for popular in tags.chain(overall.as_ref()) {
        let most = popular.products.first().map_or(0.0, |(_, score)| score.to_f64());
        for (product, score) in &popular.products {
            if score.0 > 0 && !bought.contains(product.as_str()) {
                let part = popular.share * score.to_f64() / most;
                products.entry(product).or_default().push((popular.tag.clone(), part));
            }
        }
    }
    let mut ranked: Vec<Ranked> = products
        .into_iter()
        .map(|(product, mut parts)| {
            parts.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            let score = parts.iter().map(|(_, part)| part).sum();
            Ranked { product: product.into(), score, parts }
        })
        .collect();
    // Ties by product, so that the order does not depend on who owns what.
    ranked.sort_by(|one, other| {
        other.score.total_cmp(&one.score).then_with(|| one.product.cmp(&other.product))
    });
    ranked.truncate(n);
    ranked
}

/// The best overall, of what each worker found among its own: cut to what one worker would have
/// found, so that the ranking does not depend on how many there are.
fn merge_overall(popular: &[Popular], most: usize) -> Option<Popular> {
    let lists = popular.iter().filter(|popular| popular.tag.is_none());
    let mut merged = lists.cloned().reduce(|mut merged, list| {
        merged.products.extend(list.products);
        merged
    })?;
    merged.products.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    merged.products.truncate(most);
    Some(merged)
}
