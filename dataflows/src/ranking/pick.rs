//! From candidates, best first, to what is shown.

use crate::ids::by_id::ById;
use crate::ids::dictionary::Dictionary;
use crate::ranking::rules::Rules;

/// Lets candidates through as the rules allow. They come best first.
pub(super) struct Picker {
    picky: bool,
    only: Vec<Option<u32>>,
    without: Vec<Option<u32>>,
    /// How many products may share a tag, and how many do so far.
    most: usize,
    per_tag: ById<usize>,
    /// How many are still left out first.
    skip: usize,
    /// How many are still wanted.
    left: usize,
}

impl Picker {
    pub(crate) fn new(rules: &Rules, tags: &Dictionary) -> Picker {
        let ids = |texts: &[String]| texts.iter().map(|text| tags.id(text)).collect();
        Picker {
            picky: rules.is_picky(),
            only: ids(&rules.only),
            without: ids(&rules.without),
            most: rules.per_tag.unwrap_or(usize::MAX),
            per_tag: ById::default(),
            skip: rules.offset,
            left: rules.n,
        }
    }

    /// Whether no more is wanted.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Whether the next candidate is shown; its tags are asked for if they matter.
    pub(crate) fn shows(&mut self, tags: impl FnOnce() -> Vec<u32>) -> bool {
        if self.left == 0 || self.picky && !self.allows(&tags()) {
            return false;
        }
        let skipped = self.skip > 0;
        *if skipped { &mut self.skip } else { &mut self.left } -= 1;
        !skipped
    }

    fn allows(&mut self, tags: &[u32]) -> bool {
        // A tag that nobody has is in no list.
        let is_of = |list: &[Option<u32>]| tags.iter().any(|tag| list.contains(&Some(*tag)));
        let count = |tag| self.per_tag.get(tag).copied().unwrap_or_default();
        if is_of(&self.without)
            || !self.only.is_empty() && !is_of(&self.only)
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
