//! Plans a ranking: the products of the visit, their tags or else the user's, and the owners that
//! have evidence about these.

use super::latest::{Latest, VISIT, WHOLE_VISIT};
use super::parts::Planned;
use super::products::EvidenceRequest;
use super::profile::scores;
use crate::arrange::lookup::Lookup;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ids::hash::owner;
use crate::ranking::evidence::Visited;
use crate::ranking::kernel::fade;
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::{Basis, LeaveOut, Plan, Rules, TAGS};
use crate::score::counts::Counts;
use crate::score::model::ModelAt;
use crate::time::Time;
use crate::views::history::Moment;
use crate::views::pairs::REPEATS;
use timely::progress::frontier::AntichainRef;

/// The share of moments that touch the same product again at once, before any is known.
const PRIOR: f64 = 0.3;
/// The number of moments that the prior counts for.
const PRIOR_MOMENTS: f64 = 20.0;

/// Plans rankings from the views of a worker's users, and of all products.
pub(super) struct Planner {
    pub(super) bought: Lookup<u32>,
    pub(super) history: Lookup<Moment>,
    pub(super) repeats: Lookup<u16>,
    pub(super) product_info: ProductInfo,
    /// The number of workers.
    pub(super) peers: usize,
    pub(super) dictionaries: SharedDictionaries,
    /// The last result of [`Planner::again`] and its time: many questions are of one time.
    pub(super) again: Option<(Time, f64)>,
}

/// A user's interests, or those that are given in their place.
#[derive(Default)]
struct Interests {
    visit: Vec<Visited>,
    bought: Vec<u32>,
    /// The products of the visit, newest first.
    current: Vec<String>,
    /// The products from before the visit, newest first.
    earlier: Vec<String>,
    /// The most products that the origin may leave out, besides those that the rules name.
    left_out: usize,
}

impl Planner {
    /// Plans a ranking; `request` takes the requests to owners of evidence.
    pub(super) fn plan(
        &mut self,
        mut model_at: ModelAt,
        basis: Basis,
        rules: Rules,
        time: Time,
        profile: &mut Lookup<u32>,
        request: impl FnMut(EvidenceRequest),
    ) -> Planned {
        let dictionaries = self.dictionaries.clone();
        let dictionaries = &dictionaries.borrow();
        let user = match &basis {
            Basis::User(user) => dictionaries.users.id(user),
            _ => None,
        };
        if matches!(basis, Basis::User(_) | Basis::Visit(_)) {
            model_at.repeat_rate = self.again(&model_at, time);
        }
        let interests = match user {
            Some(user) => self.interests(user, &rules, &model_at, time, dictionaries),
            None => given(&basis),
        };
        let tastes = match &basis {
            Basis::Tag(tag) => vec![(tag.clone(), 1.0)],
            _ => {
                let mut tastes = self.tastes(&interests.current, &model_at, time, dictionaries);
                if let (true, Some(user)) = (tastes.is_empty(), user) {
                    let score = |counts: Counts| model_at.model.weights.score(counts);
                    let scores = scores(profile, user, time, score).into_iter();
                    tastes = scores.map(|(tag, score)| (tag, score.to_f64())).collect();
                }
                best(tastes, dictionaries)
            }
        };
        let overall = !matches!(basis, Basis::Product(_) | Basis::Tag(_));
        let requests = self.request(&interests, tastes, overall, &rules, model_at, request);
        let Interests { visit, bought, .. } = interests;
        Planned { plan: Plan { model_at, rules, basis }, visit, bought, requests }
    }

    /// The share of moments that touch the same product again at once, as learned so far.
    fn again(&mut self, model_at: &ModelAt, time: Time) -> f64 {
        if let Some((at, again)) = self.again
            && at == time
        {
            return again;
        }
        let (mut all, mut same) = (PRIOR_MOMENTS, PRIOR_MOMENTS * PRIOR);
        self.repeats.each(REPEATS, time, |&day, &Counts([following, repeating, _])| {
            let fade = model_at.fade(day);
            all += f64::from(following) * fade;
            same += f64::from(repeating) * fade;
        });
        self.again = Some((time, same / all));
        same / all
    }

    /// The products that a user is looking at, was looking at before, and has bought.
    fn interests(
        &mut self,
        user: u32,
        rules: &Rules,
        model_at: &ModelAt,
        time: Time,
        dictionaries: &Dictionaries,
    ) -> Interests {
        let (names, blend) = (&dictionaries.products, &model_at.model.blend);
        let mut bought = Vec::new();
        if rules.leave_out_bought {
            self.bought.each(user, time, |&product, _| bought.push(product));
        }
        let most = if rules.leave_out == LeaveOut::Visit { WHOLE_VISIT } else { VISIT };
        let mut latest = Latest::new(most, blend.earlier_products.into());
        self.history.try_each(user, time, |moment, _| latest.go_on(moment, names));
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

    /// The tags of a visit and their shares of it, in no order. Every worker has all labels, so any
    /// worker can tell.
    fn tastes(
        &mut self,
        visit: &[String],
        model_at: &ModelAt,
        time: Time,
        dictionaries: &Dictionaries,
    ) -> Vec<(u32, f64)> {
        let blend = &model_at.model.blend;
        let mut tastes: Vec<(u32, f64)> = Vec::new();
        for (place, product) in visit.iter().take(blend.products.into()).enumerate() {
            let Some(product) = dictionaries.products.id(product) else { continue };
            let tags = self.product_info.tags(product, time, &dictionaries.tags);
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

    /// Makes one request an owner for the evidence of a ranking; returns their number.
    fn request(
        &self,
        interests: &Interests,
        tastes: Vec<(String, f64)>,
        overall: bool,
        rules: &Rules,
        model_at: ModelAt,
        request: impl FnMut(EvidenceRequest),
    ) -> usize {
        let n = rules.popular().saturating_add(interests.left_out);
        let to = |to| EvidenceRequest::new(to, model_at, n, rules.partners());
        let mut requests: Vec<EvidenceRequest> = (0..self.peers).map(to).collect();
        let blend = &model_at.model.blend;
        let rows = |products: &[String], current: bool, most: u16| {
            let products = products.iter().take(most.into()).cloned().enumerate();
            products.map(move |(place, product)| (product, place, current)).collect::<Vec<_>>()
        };
        let current = rows(&interests.current, true, blend.products);
        let earlier = rows(&interests.earlier, false, blend.earlier_products);
        for row in current.into_iter().chain(earlier) {
            requests[owner(&row.0, self.peers)].rows.push(row);
        }
        for (tag, share) in tastes {
            requests[owner(&tag, self.peers)].popular.push((Some(tag), share));
        }
        if overall {
            // Each worker has a part of the products, and so of the most popular overall.
            requests.iter_mut().for_each(|request| request.popular.push((None, 1.0)));
        }
        requests.retain(|request| !request.is_empty());
        let count = requests.len();
        requests.into_iter().for_each(request);
        count
    }

    /// As [`Lookup::release`].
    pub(super) fn release(&mut self, asked: AntichainRef<'_, Time>) {
        self.bought.release(asked);
        self.history.release(asked);
        self.repeats.release(asked);
        self.product_info.release(asked);
    }
}

/// The interests of a basis that is no user.
fn given(basis: &Basis) -> Interests {
    let current: Vec<String> = match basis {
        Basis::Product(product) => vec![product.clone()],
        basis => basis.visit().into_iter().map(String::from).collect(),
    };
    Interests { left_out: current.len(), current, ..Interests::default() }
}

/// The tags with the largest shares, scaled to sum to one.
fn best(tastes: Vec<(u32, f64)>, dictionaries: &Dictionaries) -> Vec<(String, f64)> {
    let positive = tastes.into_iter().filter(|(_, share)| 0.0 < *share);
    let texts = positive.map(|(tag, share)| (dictionaries.tags.text(tag), share));
    let mut tags: Vec<(&str, f64)> = texts.collect();
    tags.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)));
    tags.truncate(TAGS);
    let total: f64 = tags.iter().map(|(_, share)| share).sum();
    tags.into_iter().map(|(tag, share)| (tag.to_string(), share / total)).collect()
}
