//! The candidates of a ranking, best first, and the names that order those of equal score.

use super::rules::Rules;
use crate::ids::dictionary::Dictionary;
use std::cmp::Ordering;
use std::ops::ControlFlow;

/// A product with its score.
#[derive(Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) score: f64,
    pub(crate) product: u32,
}

impl Candidate {
    /// Orders by score, highest first, ties by name.
    pub(super) fn best_first(&self, other: &Candidate, names: &ProductNames<'_>) -> Ordering {
        let by_name = || names.text(self.product).cmp(names.text(other.product));
        other.score.total_cmp(&self.score).then_with(by_name)
    }
}

/// The names of products: the worker's dictionary, and past its ids the products that it lacks, of the requested visit
/// and of pins, for this ranking alone.
pub(crate) struct ProductNames<'a> {
    dictionary: &'a Dictionary,
    others: Vec<&'a str>,
}

impl<'a> ProductNames<'a> {
    pub(crate) fn new(
        dictionary: &'a Dictionary,
        named: impl Iterator<Item = &'a str>,
    ) -> ProductNames<'a> {
        let others = named.filter(|name| dictionary.id(name).is_none()).collect();
        ProductNames { dictionary, others }
    }

    pub(crate) fn len(&self) -> usize {
        self.dictionary.len() + self.others.len()
    }

    pub(crate) fn id(&self, name: &str) -> Option<u32> {
        let other = || {
            let place = self.others.iter().position(|other| *other == name)?;
            u32::try_from(self.dictionary.len() + place).ok()
        };
        self.dictionary.id(name).or_else(other)
    }

    pub(crate) fn text(&self, id: u32) -> &str {
        self.other(id).unwrap_or_else(|| self.dictionary.text(id))
    }

    /// The name of a product that the dictionary lacks.
    pub(crate) fn other(&self, id: u32) -> Option<&'a str> {
        (id as usize).checked_sub(self.dictionary.len()).map(|place| self.others[place])
    }
}

/// Moves the best `n` candidates, at least one, out of `rest`: highest score first, ties by name. Most
/// candidates are told apart by their scores alone, and names are looked at among the best only.
pub(crate) fn take_best(
    rest: &mut Vec<Candidate>,
    n: usize,
    names: &ProductNames<'_>,
) -> Vec<Candidate> {
    let by_score = |one: &Candidate, other: &Candidate| other.score.total_cmp(&one.score);
    let order = |one: &Candidate, other: &Candidate| one.best_first(other, names);
    let mut best = if n < rest.len() {
        let (_, last, _) = rest.select_nth_unstable_by(n - 1, by_score);
        let least = last.score;
        rest.extract_if(.., |candidate| least <= candidate.score).collect()
    } else {
        std::mem::take(rest)
    };
    // More than one candidate may have the least score.
    if n < best.len() {
        best.select_nth_unstable_by(n, order);
        rest.extend(best.drain(n..));
    }
    best.sort_unstable_by(order);
    best
}

/// Passes candidates to `examine`, best first, until it breaks or [`Rules::max_examined`] is reached.
pub(crate) fn pick(
    mut rest: Vec<Candidate>,
    rules: &Rules,
    names: &ProductNames<'_>,
    mut examine: impl FnMut(Candidate) -> ControlFlow<()>,
) {
    let (mut take, mut left) = (rules.end(), rules.max_examined());
    while !rest.is_empty() && left > 0 {
        for candidate in take_best(&mut rest, take.clamp(1, left), names) {
            if examine(candidate).is_break() {
                return;
            }
            left -= 1;
        }
        // Each selection is linear in `rest`: doubling keeps their number logarithmic.
        take = take.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::merchandising::Demand;

    /// The products that are examined when there are so many candidates, and none is shown. There
    /// are few different scores.
    fn examined(candidates: u32, rules: &Rules) -> Vec<u32> {
        let mut names = Dictionary::default();
        let candidate = |id: u32| {
            let score = f64::from(id % 7);
            Candidate { score, product: names.intern(&format!("{id:06}")) }
        };
        let candidates: Vec<_> = (0..candidates).map(candidate).collect();
        let mut examined = Vec::new();
        pick(candidates, rules, &ProductNames::new(&names, std::iter::empty()), |candidate| {
            examined.push(candidate.product);
            ControlFlow::Continue(())
        });
        examined
    }

    #[test]
    fn candidates_are_examined_once_each_best_first_and_ties_by_name() {
        let rules = Rules::first(1);
        let mut expected: Vec<u32> = (0..500).collect();
        expected.sort_by_key(|id| (std::cmp::Reverse(id % 7), *id));
        assert_eq!(examined(500, &rules), expected);
    }

    #[test]
    fn few_of_many_candidates_are_examined() {
        for n in [1, 10, 1000] {
            let rules = Rules { offset: n, ..Rules::first(n) };
            assert_eq!(examined(50_000, &rules).len(), rules.max_examined());
            assert!(rules.max_examined() <= 2_100);
            let shop = Demand { reorders: true, hidden: 0 };
            assert!(rules.popular(shop) <= 2_100);
            let rules = Rules { per_tag: Some(1), ..rules };
            assert!(rules.popular(Demand::default()) <= 2_100);
        }
    }
}
