//! The two protocols: asking a method that has stopped learning, and one that goes on.

use crate::clicks::{Click, Clicks};
use crate::metrics::{Grader, LENGTH, Quality};
use crate::recommender::Recommender;
use clap::ValueEnum;
use serde::Serialize;
use std::collections::HashSet;
use std::ops::Range;

/// A protocol. The variants' comments are their help texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Learn all before the cut; then, learning nothing, predict each next product of the visits
    /// that begin after it. Clicks on products that were not learned are left out, as session-rec
    /// does: nobody could predict them, and nobody is asked about them.
    Static,
    /// Predict each click after the cut, then learn it. A product never seen before counts as
    /// missed.
    Prequential,
}

/// The clicks that are learned beforehand, and those that are asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The clicks to learn.
    pub learned: Range<usize>,
    /// The clicks to ask about.
    pub asked: Range<usize>,
}

impl Split {
    /// Splits a range after its first `share`, by count. Clicks of one time stay together.
    pub fn at(clicks: &[Click], range: Range<usize>, share: f64) -> Split {
        #[allow(clippy::cast_precision_loss, reason = "no set has 2^53 clicks")]
        #[allow(clippy::cast_possible_truncation, reason = "a share of a length")]
        #[allow(clippy::cast_sign_loss, reason = "shares are above zero")]
        let near = range.start + (range.len() as f64 * share) as usize;
        let cut = match clicks[range.clone()].get(near - range.start) {
            Some(first) => clicks.partition_point(|click| click.time < first.time),
            None => range.end,
        };
        let cut = cut.max(range.start);
        Split { learned: range.start..cut, asked: cut..range.end }
    }
}

impl Split {
    /// The same, but that no more are asked about than the clicks until so many visits have had one.
    #[must_use]
    pub fn at_most(self, clicks: &[Click], visits: usize) -> Split {
        let mut asked = HashSet::new();
        let mut within = |click: &&Click| {
            asked.insert(click.visit);
            asked.len() <= visits
        };
        let end =
            self.asked.start + clicks[self.asked.clone()].iter().take_while(&mut within).count();
        Split { asked: self.asked.start..end, ..self }
    }
}

/// Runs a method through a protocol. `tick` is called for every click.
pub fn run(
    clicks: &Clicks,
    split: &Split,
    protocol: Protocol,
    method: &mut dyn Recommender,
    tick: &mut dyn FnMut(),
) -> Quality {
    let mut known: HashSet<u32> = HashSet::new();
    let mut visits: Vec<Vec<Click>> = vec![Vec::new(); clicks.visits as usize];
    for click in &clicks.clicks[split.learned.clone()] {
        method.learn(click);
        known.insert(click.product);
        visits[click.visit as usize].push(*click);
        tick();
    }
    let mut grader = Grader::default();
    let begun: Vec<bool> = visits.iter().map(|visit| !visit.is_empty()).collect();
    for next in &clicks.clicks[split.asked.clone()] {
        tick();
        let place = next.visit as usize;
        if protocol == Protocol::Static && (begun[place] || !known.contains(&next.product)) {
            continue;
        }
        if !visits[place].is_empty() {
            ask(method, &mut grader, &visits[place], next);
        }
        if protocol == Protocol::Prequential {
            method.learn(next);
            known.insert(next.product);
        }
        visits[place].push(*next);
    }
    grader.quality(known.len())
}

/// Asks for the next product of a visit, and grades the list.
fn ask(method: &mut dyn Recommender, grader: &mut Grader, visit: &[Click], next: &Click) {
    let products: Vec<u32> = visit.iter().map(|click| click.product).collect();
    let distinct = products.iter().collect::<HashSet<_>>().len();
    let list = method.rank(visit, LENGTH + distinct);
    grader.grade(&list, &products, next.product);
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataflows::record::event::Kind;

    /// Ranks the products that it has learned, newest first, and notes the visits that it is asked
    /// about.
    #[derive(Default)]
    struct Parrot {
        learned: Vec<u32>,
        asked: Vec<Vec<u32>>,
    }

    impl Recommender for Parrot {
        fn learn(&mut self, click: &Click) {
            self.learned.retain(|&product| product != click.product);
            self.learned.insert(0, click.product);
        }

        fn rank(&mut self, visit: &[Click], _n: usize) -> Vec<u32> {
            self.asked.push(visit.iter().map(|click| click.product).collect());
            self.learned.clone()
        }
    }

    /// Runs clicks of (visit, product), one a second, of which the first three are learned; compares
    /// the visits that are asked about, and the mean of 1/rank.
    fn check(protocol: Protocol, clicks: &[(u32, u32)], expected: &[&[u32]], mrr: f64) {
        let click = |(time, &(visit, product)): (i64, &(u32, u32))| Click {
            kind: Kind::View,
            time: time * 1_000,
            user: visit,
            visit,
            product,
        };
        let clicks: Vec<Click> = (0..).zip(clicks).map(click).collect();
        let split = Split { learned: 0..3, asked: 3..clicks.len() };
        let clicks = Clicks { clicks, visits: 3, ..Clicks::default() };
        let mut parrot = Parrot::default();
        let mut ticks = 0;
        let quality = run(&clicks, &split, protocol, &mut parrot, &mut || ticks += 1);
        assert_eq!(parrot.asked, expected);
        assert!((quality.all.mrr20 - mrr).abs() < 1e-12, "{quality:?}");
        assert_eq!(ticks, clicks.clicks.len());
    }

    const CLICKS: [(u32, u32); 8] =
        [(0, 1), (0, 2), (0, 3), (0, 2), (1, 1), (1, 9), (1, 3), (1, 9)];

    #[test]
    fn static_asks_about_new_visits_and_learned_products_alone() {
        // Ranked 3 2 1, for good: 3 comes after 1.
        check(Protocol::Static, &CLICKS, &[&[1]], 1.0);
    }

    #[test]
    fn prequential_asks_about_everything_that_follows_something() {
        let asked: [&[u32]; 4] = [&[1, 2, 3], &[1], &[1, 9], &[1, 9, 3]];
        // 2 in 3 2 1, 9 in 1 2 3, 3 in 9 1 2 3, 9 in 3 9 1 2.
        check(Protocol::Prequential, &CLICKS, &asked, (0.5 + 0.0 + 0.25 + 0.5) / 4.0);
    }

    #[test]
    fn a_split_is_by_count_and_leaves_times_whole() {
        let clicks = [0, 1, 2, 2, 2, 5].map(|time| Click {
            kind: Kind::View,
            time,
            user: 0,
            visit: 0,
            product: 0,
        });
        for (share, learned) in [(0.0, 0), (0.34, 2), (0.67, 2), (0.9, 5), (1.0, 6)] {
            let split = Split::at(&clicks, 0..6, share);
            assert_eq!((split.learned, split.asked), (0..learned, learned..6), "{share}");
        }
    }
}
