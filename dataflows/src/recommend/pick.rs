//! From candidates, best first, to what is shown.

use super::{Ranked, Rules};
use std::collections::HashMap;

/// Picks from candidates, best first, as the rules allow; `tags_of` are a product's tags.
pub fn pick(
    mut candidates: Vec<Ranked>,
    rules: &Rules,
    mut tags_of: impl FnMut(&Ranked) -> Vec<String>,
) -> Vec<Ranked> {
    if rules.is_picky() {
        let mut per_tag: HashMap<String, usize> = HashMap::new();
        let most = rules.per_tag.unwrap_or(usize::MAX);
        candidates.retain(|candidate| {
            let tags = tags_of(candidate);
            let is_of = |list: &[String]| tags.iter().any(|tag| list.contains(tag));
            let full = tags.iter().any(|tag| most <= per_tag.get(tag).copied().unwrap_or_default());
            if full || is_of(&rules.without) || (!rules.only.is_empty() && !is_of(&rules.only)) {
                return false;
            }
            tags.into_iter().for_each(|tag| *per_tag.entry(tag).or_default() += 1);
            true
        });
    }
    candidates.into_iter().skip(rules.offset).take(rules.n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_decide_what_is_shown() {
        // Each is named by its tags.
        let candidates = ["a", "ab", "b", "a", "", "c"];
        let tags = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let first = Rules::first;
        for (rules, expected) in [
            (first(2), vec!["a", "ab"]),
            (first(9), candidates.to_vec()),
            (first(0), vec![]),
            (Rules { offset: 4, ..first(9) }, vec!["", "c"]),
            (Rules { only: tags("bc"), ..first(9) }, vec!["ab", "b", "c"]),
            (Rules { without: tags("a"), ..first(9) }, vec!["b", "", "c"]),
            (Rules { per_tag: Some(1), ..first(9) }, vec!["a", "b", "", "c"]),
            (Rules { per_tag: Some(2), ..first(9) }, vec!["a", "ab", "b", "", "c"]),
            (Rules { only: tags("a"), offset: 1, ..first(1) }, vec!["ab"]),
        ] {
            let ranked = candidates.iter().map(|name| Ranked {
                product: String::from(*name),
                score: 1.0,
                reasons: Vec::new(),
                row: None,
            });
            let picked = pick(ranked.collect(), &rules, |candidate| tags(&candidate.product));
            let names: Vec<&str> = picked.iter().map(|ranked| &*ranked.product).collect();
            assert_eq!(names, expected, "{rules:?}");
        }
    }
}
