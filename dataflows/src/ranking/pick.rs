//! Picks the candidates that the rules allow.

use crate::ids::by_id::ById;
use crate::ids::dictionary::Dictionary;
use crate::ranking::rules::Rules;

/// Accepts or rejects candidates, which come best first, by the rules.
pub(super) struct Picker {
    /// True if the rules depend on a product's tags.
    needs_tags: bool,
    /// Tags of which a product must have one; `None` allows all products.
    only: Option<ById<()>>,
    /// Tags of which a product must have none.
    without: ById<()>,
    /// The most accepted products that may share a tag.
    max_per_tag: usize,
    /// By tag, the number of accepted products.
    per_tag: ById<usize>,
    /// The number of products still to be skipped.
    skip: usize,
    /// The number of products still to be shown.
    left: usize,
}

impl Picker {
    pub(crate) fn new(rules: &Rules, tags: &Dictionary) -> Picker {
        // A tag without an id belongs to no product.
        let ids = |texts: &[String]| -> ById<()> {
            texts.iter().filter_map(|text| Some((tags.id(text)?, ()))).collect()
        };
        Picker {
            needs_tags: rules.needs_tags(),
            only: (!rules.only.is_empty()).then(|| ids(&rules.only)),
            without: ids(&rules.without),
            max_per_tag: rules.per_tag.unwrap_or(usize::MAX),
            per_tag: ById::default(),
            skip: rules.offset,
            left: rules.n,
        }
    }

    /// True once all products to be shown were accepted.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// True if the next candidate is to be shown. Calls `tags` only if the rules depend on them.
    pub(crate) fn accepts(&mut self, tags: impl FnOnce() -> Vec<u32>) -> bool {
        if self.left == 0 || self.needs_tags && !self.allows_tags(&tags()) {
            return false;
        }
        let skipped = self.skip > 0;
        *if skipped { &mut self.skip } else { &mut self.left } -= 1;
        !skipped
    }

    /// Checks the rules on tags, and counts the tags of a product that passes.
    fn allows_tags(&mut self, tags: &[u32]) -> bool {
        let has_any = |set: &ById<()>| tags.iter().any(|tag| set.contains_key(tag));
        let count = |tag| self.per_tag.get(tag).copied().unwrap_or_default();
        if has_any(&self.without)
            || self.only.as_ref().is_some_and(|only| !has_any(only))
            || tags.iter().any(|tag| self.max_per_tag <= count(tag))
        {
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
            let shown = candidates.into_iter().filter(|name| picker.accepts(|| ids(name)));
            assert_eq!(shown.collect::<Vec<_>>(), expected, "{rules:?}");
        }
    }
}
