//! Picks the products that the rules allow from candidates, best first.

use crate::ids::by_id::ById;
use crate::ids::dictionary::Dictionary;
use crate::ranking::rules::Rules;

/// Lets candidates through as the rules allow. They come best first.
pub(super) struct Picker {
    picky: bool,
    /// Tags of which a product must have one; `None` where the rules name none.
    only: Option<ById<()>>,
    /// Tags of which a product must have none.
    without: ById<()>,
    /// The most products that may share a tag.
    most: usize,
    /// By tag, the number of products shown.
    per_tag: ById<usize>,
    /// The number of products still to be skipped.
    skip: usize,
    /// The number of products still to be shown.
    left: usize,
}

impl Picker {
    pub(crate) fn new(rules: &Rules, tags: &Dictionary) -> Picker {
        // A tag without an id is none of any product.
        let ids = |texts: &[String]| -> ById<()> {
            texts.iter().filter_map(|text| Some((tags.id(text)?, ()))).collect()
        };
        Picker {
            picky: rules.is_picky(),
            only: (!rules.only.is_empty()).then(|| ids(&rules.only)),
            without: ids(&rules.without),
            most: rules.per_tag.unwrap_or(usize::MAX),
            per_tag: ById::default(),
            skip: rules.offset,
            left: rules.n,
        }
    }

    /// True once all products to be shown have been.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Decides about the next candidate; calls `tags` only if the rules depend on them.
    pub(crate) fn shows(&mut self, tags: impl FnOnce() -> Vec<u32>) -> bool {
        if self.left == 0 || self.picky && !self.allows(&tags()) {
            return false;
        }
        let skipped = self.skip > 0;
        *if skipped { &mut self.skip } else { &mut self.left } -= 1;
        !skipped
    }

    fn allows(&mut self, tags: &[u32]) -> bool {
        let is_of = |set: &ById<()>| tags.iter().any(|tag| set.contains_key(tag));
        let count = |tag| self.per_tag.get(tag).copied().unwrap_or_default();
        if is_of(&self.without)
            || self.only.as_ref().is_some_and(|only| !is_of(only))
            || tags.iter().any(|tag| self.most <= count(tag))
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
        // Each is named by its tags.
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
            let shown = candidates.into_iter().filter(|name| picker.shows(|| ids(name)));
            assert_eq!(shown.collect::<Vec<_>>(), expected, "{rules:?}");
        }
    }
}
