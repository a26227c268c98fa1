//! Scores a profile with the weights.

use crate::arrange::lookup::Lookup;
use crate::score::counts::Counts;
use crate::score::weights::Score;
use crate::time::Time;

/// A user's tags whose score is not zero, with their scores, in no order.
pub(super) fn scores(
    profile: &mut Lookup<u32>,
    user: u32,
    time: Time,
    score: impl Fn(Counts) -> Score,
) -> Vec<(u32, Score)> {
    let mut tags = Vec::new();
    profile.each(user, time, |&tag, &counts| match score(counts) {
        Score(0) => {}
        score => tags.push((tag, score)),
    });
    tags
}
