//! Merchandising: the rules by which a shop corrects what rankings show, for a placement and a time.

use crate::record::product::PriceRange;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The rules of a shop, in their order. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Merchandising(Arc<[Rule]>);

/// A rule: what happens to the products that meet a condition, where and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, which no other rule has.
    pub id: String,
    /// What happens.
    pub action: Action,
    /// Which products it happens to.
    pub condition: Condition,
    /// The placement whose rankings it is for; `None` for all.
    pub placement: Option<String>,
    /// The first time at which it holds, in milliseconds since the Unix epoch; `None` if it always has.
    pub from: Option<i64>,
    /// The first time at which it holds no more; `None` if it always will.
    pub until: Option<i64>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Puts products to a place, counted from 1, and those after the first to the places after it.
    Pin(usize),
    /// Multiplies the score by a factor above 1.
    Boost(f64),
    /// Multiplies the score by a factor below 1.
    Bury(f64),
    /// Leaves products out.
    Hide,
}

/// The products that a rule is about. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// It is one of these products; an empty list allows all.
    pub products: Vec<String>,
    /// It has this tag.
    pub tag: Option<String>,
    /// It is of this category of the catalogue.
    pub category: Option<String>,
    /// Its price in the catalogue.
    pub price: PriceRange,
}

/// An action without its number: what is told of rules that hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActionKind {
    /// [`Action::Pin`]
    Pin,
    /// [`Action::Boost`]
    Boost,
    /// [`Action::Bury`]
    Bury,
    /// [`Action::Hide`]
    Hide,
}

/// Where and when a ranking is shown, as far as rules ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasion {
    /// The name that the shop gives to the place.
    pub placement: String,
    /// The wall clock of whoever asks, in milliseconds since the Unix epoch.
    pub now: i64,
}

/// How many more candidates the rules of an occasion call for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// True if they change the order of candidates, or leave out some that are not known beforehand.
    pub(crate) reorders: bool,
    /// The number of products that they hide by name.
    pub(crate) hidden: usize,
}

impl Merchandising {
    /// Rules in their order.
    pub fn new(rules: Vec<Rule>) -> Merchandising {
        Merchandising(rules.into())
    }

    /// The rules in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// True if the other one is a clone of this.
    pub(crate) fn is_clone_of(&self, other: &Merchandising) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// How many more candidates a ranking needs.
    pub(crate) fn demand(&self, occasion: &Occasion) -> Demand {
        let mut demand = Demand::default();
        for rule in self.0.iter().filter(|rule| rule.holds(occasion)) {
            match rule.action {
                Action::Pin(_) if !rule.condition.products.is_empty() => {}
                Action::Hide if !rule.condition.products.is_empty() => {
                    demand.hidden += rule.condition.products.len();
                }
                _ => demand.reorders = true,
            }
        }
        demand
    }
}

impl Rule {
    /// True if the rule is for an occasion's placement and time.
    pub(crate) fn holds(&self, occasion: &Occasion) -> bool {
        let Occasion { placement, now } = occasion;
        self.placement.as_ref().is_none_or(|only| only == placement)
            && self.from.is_none_or(|from| from <= *now)
            && self.until.is_none_or(|until| *now < until)
    }
}

impl Action {
    pub(crate) fn is_pin(self) -> bool {
        matches!(self, Action::Pin(_))
    }

    /// The action without its number.
    pub fn kind(self) -> ActionKind {
        match self {
            Action::Pin(_) => ActionKind::Pin,
            Action::Boost(_) => ActionKind::Boost,
            Action::Bury(_) => ActionKind::Bury,
            Action::Hide => ActionKind::Hide,
        }
    }
}

impl ActionKind {
    /// All actions.
    pub const ALL: [ActionKind; 4] =
        [ActionKind::Pin, ActionKind::Boost, ActionKind::Bury, ActionKind::Hide];

    /// Its name, as in the setting.
    pub fn name(self) -> &'static str {
        match self {
            ActionKind::Pin => "pin",
            ActionKind::Boost => "boost",
            ActionKind::Bury => "bury",
            ActionKind::Hide => "hide",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(action: Action, products: &[&str]) -> Rule {
        let products = products.iter().map(|&product| product.to_owned()).collect();
        let condition = Condition { products, ..Condition::default() };
        let (placement, from, until) = (None, None, None);
        Rule { id: "r".into(), action, condition, placement, from, until }
    }

    #[test]
    fn a_rule_holds_for_its_placement_from_its_first_time_until_its_last() {
        let any = rule(Action::Hide, &["a"]);
        let home = Rule { placement: Some("home".into()), ..any.clone() };
        let unnamed = Rule { placement: Some(String::new()), ..any.clone() };
        let timed = Rule { from: Some(10), until: Some(20), ..any.clone() };
        for (rule, placement, now, expected) in [
            (&any, "", 0, true),
            (&any, "home", i64::MAX, true),
            (&home, "home", 0, true),
            (&home, "", 0, false),
            (&home, "Home", 0, false),
            (&unnamed, "", 0, true),
            (&unnamed, "home", 0, false),
            (&timed, "", 9, false),
            (&timed, "", 10, true),
            (&timed, "", 19, true),
            (&timed, "", 20, false),
        ] {
            let occasion = Occasion { placement: placement.into(), now };
            assert_eq!(rule.holds(&occasion), expected, "{rule:?} {occasion:?}");
        }
    }

    #[test]
    fn only_rules_that_hold_call_for_candidates() {
        let occasion = Occasion::default();
        let demand = |rule| Merchandising::new(vec![rule]).demand(&occasion);
        let none = Demand::default();
        assert_eq!(demand(rule(Action::Pin(1), &["a"])), none);
        assert_eq!(demand(rule(Action::Hide, &["a", "b"])), Demand { hidden: 2, ..none });
        for rule in
            [rule(Action::Pin(1), &[]), rule(Action::Hide, &[]), rule(Action::Boost(2.0), &["a"])]
        {
            assert_eq!(demand(rule.clone()), Demand { reorders: true, ..none });
            assert_eq!(demand(Rule { from: Some(1), ..rule }), none);
        }
    }
}
