//! What a ranking goes by: the products of a visit, their tags, or the user's; and who knows what
//! goes with these.

use super::Visited;
use super::latest::{Latest, VISIT};
use super::parts::Planned;
use super::products::Lead;
use super::shelf::Shelf;
use super::users::scores;
use crate::Time;
use crate::block::owner;
use crate::counts::Counts;
use crate::history::Moment;
use crate::lookup::Lookup;
use crate::model::Lens;
use crate::names::{SharedVocabulary, Vocabulary};
use crate::pairs::REPEATS;
use crate::recommend::{Basis, LeaveOut, Plan, Rules, TAGS, fade};
use timely::progress::frontier::AntichainRef;

/// How often it is believed that a product is touched again at once, before anything is known.
const PRIOR: f64 = 0.3;
/// Of how many moments that belief is.
const BELIEF: f64 = 20.0;

/// What rankings are planned with: of the users that a worker owns, and of all products.
pub(super) struct Planner {
    pub(super) bought: Option<Lookup<u32>>,
    pub(super) history: Option<Lookup<Moment>>,
    pub(super) repeats: Option<Lookup<u16>>,
    pub(super) shelf: Shelf,
    /// How many workers there are.
    pub(super) peers: usize,
    pub(super) vocabulary: SharedVocabulary,
    /// How often a product is touched again at once, as of a time: many questions are of one.
    pub(super) again: Option<(Time, f64)>,
}

/// What is known of a user, or given in their place.
#[derive(Default)]
struct Interests {
    visit: Vec<Visited>,
    bought: Vec<u32>,
    /// The products of the visit, and of what was before it, newest first.
    current: Vec<String>,
    earlier: Vec<String>,
    /// How many products may be left out at the origin, besides those that the rules name.
    left_out: usize,
}

impl Planner {
    /// Plans a ranking; `lead` is told whom else to ask.
    pub(super) fn plan(
        &mut self,
        mut lens: Lens,
        basis: Basis,
        rules: Rules,
        time: Time,
        profile: &mut Lookup<u32>,
        lead: impl FnMut(Lead),
    ) -> Planned {
        let vocabulary = self.vocabulary.clone();
        let vocabulary = &vocabulary.borrow();
        let user = match &basis {
            Basis::User(user) => vocabulary.users.id(user),
            _ => None,
        };
        if matches!(basis, Basis::User(_) | Basis::Visit(_)) {
            lens.again = self.again(&lens, time);
        }
        let interests = match user {
            Some(user) => self.interests(user, &rules, &lens, time, vocabulary),
            None => given(&basis),
        };
        let tastes = match &basis {
            Basis::Tag(tag) => vec![(tag.clone(), 1.0)],
            _ => {
                let mut tastes = self.tastes(&interests.current, &lens, time, vocabulary);
                if let (true, Some(user)) = (tastes.is_empty(), user) {
                    let score = |counts: Counts| lens.model.weights.score(counts);
                    let scores = scores(profile, user, time, score).into_iter();
                    tastes = scores.map(|(tag, score)| (tag, score.to_f64())).collect();
                }
                best(tastes, vocabulary)
            }
        };
        let overall = !matches!(basis, Basis::Product(_) | Basis::Tag(_));
        let leads = self.leads(&interests, tastes, overall, &rules, lens, lead);
        let Interests { visit, bought, .. } = interests;
        Planned { plan: Plan { lens, rules, basis }, visit, bought, leads }
    }

    /// How often a product is touched again at once.
    fn again(&mut self, lens: &Lens, time: Time) -> f64 {
        let Some(repeats) = &mut self.repeats else { return PRIOR };
        if let Some((at, again)) = self.again
            && at == time
        {
            return again;
        }
        let (mut all, mut same) = (BELIEF, BELIEF * PRIOR);
        repeats.each(REPEATS, time, |&day, &Counts([following, repeating, _])| {
            let fade = lens.fade(day);
            all += f64::from(following) * fade;
            same += f64::from(repeating) * fade;
        });
        self.again = Some((time, same / all));
        same / all
    }

    /// What a user is looking at, was looking at before, and has bought.
    fn interests(
        &mut self,
        user: u32,
        rules: &Rules,
        lens: &Lens,
        time: Time,
        vocabulary: &Vocabulary,
    ) -> Interests {
        let (names, blend) = (&vocabulary.products, &lens.model.blend);
        let mut bought = Vec::new();
        if let (true, Some(view)) = (rules.leave_out_bought, &mut self.bought) {
            view.each(user, time, |&product, _| bought.push(product));
        }
        let Some(history) = &mut self.history else {
            return Interests { left_out: bought.len(), bought, ..Interests::default() };
        };
        let most = if rules.leave_out == LeaveOut::Visit { usize::MAX } else { VISIT };
        let mut latest = Latest::new(most, blend.earlier_products.into());
        history.until(user, time, |moment, _| latest.go_on(moment, names));
        let visit = latest.finish(names);
        let of = |current: bool, most: u16| {
            let visited = visit.iter().filter(move |visited| visited.current == current);
            let visited = visited.take(most.into());
            visited.map(|visited| names.text(visited.product).to_string()).collect()
        };
        let seen = match rules.leave_out {
            LeaveOut::None => 0,
            LeaveOut::Current => 1,
            LeaveOut::Visit => visit.len(),
        };
        Interests {
            current: of(true, blend.products),
            earlier: of(false, blend.earlier_products),
            left_out: bought.len() + seen,
            visit,
            bought,
        }
    }

    /// The tags of a visit and how much of it each is, in no order. Labels are on every worker, so
    /// that these can be told wherever it is asked.
    fn tastes(
        &mut self,
        visit: &[String],
        lens: &Lens,
        time: Time,
        vocabulary: &Vocabulary,
    ) -> Vec<(u32, f64)> {
        let blend = &lens.model.blend;
        let mut tastes: Vec<(u32, f64)> = Vec::new();
        for (place, product) in visit.iter().take(blend.products.into()).enumerate() {
            let Some(product) = vocabulary.products.id(product) else { continue };
            let tags = self.shelf.tags(product, time, &vocabulary.tags);
            #[allow(clippy::cast_precision_loss, reason = "a product has few tags")]
            let share = fade(place, blend.recency) / tags.len() as f64;
            for tag in tags {
                match tastes.iter_mut().find(|(other, _)| *other == tag) {
                    Some((_, sum)) => *sum += share,
                    None => tastes.push((tag, share)),
                }
            }
        }
        tastes
    }

    /// Where the parts of a ranking are to be found: one lead an owner. How many there are.
    fn leads(
        &self,
        interests: &Interests,
        tastes: Vec<(String, f64)>,
        overall: bool,
        rules: &Rules,
        lens: Lens,
        lead: impl FnMut(Lead),
    ) -> usize {
        let n = rules.reach().saturating_add(interests.left_out);
        let mut leads: Vec<Lead> =
            (0..self.peers).map(|to| Lead::new(to, lens, n, rules.partners())).collect();
        let blend = &lens.model.blend;
        let rows = |products: &[String], current: bool, most: u16| {
            let products = products.iter().take(most.into()).cloned().enumerate();
            products.map(move |(place, product)| (product, place, current)).collect::<Vec<_>>()
        };
        let current = rows(&interests.current, true, blend.products);
        let earlier = rows(&interests.earlier, false, blend.earlier_products);
        for row in current.into_iter().chain(earlier) {
            leads[owner(&row.0, self.peers)].rows.push(row);
        }
        for (tag, share) in tastes {
            leads[owner(&tag, self.peers)].popular.push((Some(tag), share));
        }
        if overall {
            // Everyone has a part of what is popular overall.
            leads.iter_mut().for_each(|lead| lead.popular.push((None, 1.0)));
        }
        leads.retain(|lead| !lead.is_empty());
        let count = leads.len();
        leads.into_iter().for_each(lead);
        count
    }

    /// As [`Lookup::release`].
    pub(super) fn release(&mut self, asked: AntichainRef<'_, Time>) {
        self.bought.iter_mut().for_each(|bought| bought.release(asked));
        self.history.iter_mut().for_each(|history| history.release(asked));
        self.repeats.iter_mut().for_each(|repeats| repeats.release(asked));
        self.shelf.release(asked);
    }
}

/// What a ranking goes by that is not a user's.
fn given(basis: &Basis) -> Interests {
    let current: Vec<String> = match basis {
        Basis::Product(product) => vec![product.clone()],
        basis => basis.visit().into_iter().map(String::from).collect(),
    };
    Interests { left_out: current.len(), current, ..Interests::default() }
}

/// The tags that count most, as parts of one.
fn best(tastes: Vec<(u32, f64)>, vocabulary: &Vocabulary) -> Vec<(String, f64)> {
    let positive = tastes.into_iter().filter(|(_, share)| 0.0 < *share);
    let texts = positive.map(|(tag, share)| (vocabulary.tags.text(tag), share));
    let mut tags: Vec<(&str, f64)> = texts.collect();
    tags.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)));
    tags.truncate(TAGS);
    let total: f64 = tags.iter().map(|(_, share)| share).sum();
    tags.into_iter().map(|(tag, share)| (tag.to_string(), share / total)).collect()
}
