//! Plans a ranking: finds the products of the visit and their tags, or else the user's, and
//! requests the evidence about them from its owners.

use super::latest::{LatestProducts, MAX_VISIT, MAX_WHOLE_VISIT};
use super::parts::Planned;
use super::products::EvidenceRequest;
use super::profile::scores;
use crate::arrange::lookup::Lookup;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ids::hash::owner;
use crate::ingest::moment::Moment;
use crate::ranking::evidence::Visited;
use crate::ranking::kernel::fade;
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::{Basis, LeaveOut, Plan, Rules, TAGS};
use crate::score::counts::Counts;
use crate::score::merchandising::Demand;
use crate::score::model::ModelAt;
use crate::time::Time;
use crate::views::pairs::REPEATS;
use std::ops::ControlFlow;
use timely::progress::frontier::AntichainRef;

/// The repeat rate before any moments are known.
const PRIOR_REPEAT_RATE: f64 = 0.3;
/// The number of moments that the prior repeat rate counts for.
const PRIOR_MOMENTS: f64 = 20.0;

/// Plans rankings, from the views of a worker's users and of all products.
pub(super) struct Planner {
    pub(super) bought: Lookup<u32>,
    pub(super) history: Lookup<Moment>,
    pub(super) repeats: Lookup<u16>,
    pub(super) product_info: ProductInfo,
    /// The number of workers.
    pub(super) peers: usize,
    pub(super) dictionaries: SharedDictionaries,
    /// The last result of [`Planner::repeat_rate`] and its time, as many questions are of one time.
    pub(super) repeat_rate: Option<(Time, f64)>,
}

/// The interests that a ranking is made for: a user's, or those in the request.
#[derive(Default)]
struct Interests {
    visit: Vec<Visited>,
    bought: Vec<u32>,
    /// The products of the visit, newest first.
    current: Vec<String>,
    /// The products from before the visit, newest first.
    earlier: Vec<String>,
    /// The most products that the ranking may leave out, besides those that the rules name.
    left_out: usize,
}

impl Planner {
    /// Plans a ranking, and passes the requests for evidence to `request`.
    pub(super) fn plan(
        &mut self,
        (mut model_at, shop): (ModelAt, Demand),
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
            model_at.repeat_rate = self.repeat_rate(&model_at, time);
        }
        let interests = match user {
            Some(user) => self.interests(user, &rules, &model_at, time, dictionaries),
            None => requested_interests(&basis),
        };
        let tag_shares = match &basis {
            Basis::Tag(tag) => vec![(tag.clone(), 1.0)],
            _ => {
                let mut shares = self.tag_shares(&interests.current, &model_at, time, dictionaries);
                if let (true, Some(user)) = (shares.is_empty(), user) {
                    let score = |counts: Counts| model_at.weights.score(counts);
                    let scores = scores(profile, user, time, score).into_iter();
                    shares = scores.map(|(tag, score)| (tag, score.to_f64())).collect();
                }
                largest_shares(shares, dictionaries)
            }
        };
        let overall = !matches!(basis, Basis::Product(_) | Basis::Tag(_));
        let wanted = (rules.popular(shop).saturating_add(interests.left_out), rules.partners(shop));
        let requests = self.request(&interests, tag_shares, overall, wanted, model_at, request);
        let Interests { visit, bought, .. } = interests;
        Planned { plan: Plan { model_at, rules, basis }, visit, bought, requests }
    }

    /// As [`ModelAt::repeat_rate`], learned from the moments so far.
    fn repeat_rate(&mut self, model_at: &ModelAt, time: Time) -> f64 {
        if let Some((at, rate)) = self.repeat_rate
            && at == time
        {
            return rate;
        }
        let (mut all, mut same) = (PRIOR_MOMENTS, PRIOR_MOMENTS * PRIOR_REPEAT_RATE);
        self.repeats.each(REPEATS, time, |&day, &Counts([following, repeating, _])| {
            let fade = model_at.fade(day);
            all += f64::from(following) * fade;
            same += f64::from(repeating) * fade;
        });
        self.repeat_rate = Some((time, same / all));
        same / all
    }

    /// A user's interests: the products of the visit, of earlier ones, and those bought.
    fn interests(
        &mut self,
        user: u32,
        rules: &Rules,
        model_at: &ModelAt,
        time: Time,
        dictionaries: &Dictionaries,
    ) -> Interests {
        let (names, blend) = (&dictionaries.products, &model_at.blend);
        let mut bought = Vec::new();
        if rules.leave_out_bought {
            self.bought.each(user, time, |&product, _| bought.push(product));
        }
        let max = if rules.leave_out == LeaveOut::Visit { MAX_WHOLE_VISIT } else { MAX_VISIT };
        let mut latest = LatestProducts::new(max, blend.earlier_products.into());
        self.history.try_each(user, time, |moment, _| match moment.counts() {
            true => latest.push(moment, names),
            false => ControlFlow::Continue(()),
        });
        let visit = latest.finish(names);
        let of = |current: bool, max: u16| {
            let visited = visit.iter().filter(move |visited| visited.current == current);
            let visited = visited.take(max.into());
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

    /// The tags of a visit and their shares of it, in no order. They do not depend on the worker,
    /// since every worker has all labels.
    fn tag_shares(
        &mut self,
        visit: &[String],
        model_at: &ModelAt,
        time: Time,
        dictionaries: &Dictionaries,
    ) -> Vec<(u32, f64)> {
        let blend = &model_at.blend;
        let mut shares: Vec<(u32, f64)> = Vec::new();
        for (place, product) in visit.iter().take(blend.products.into()).enumerate() {
            let Some(product) = dictionaries.products.id(product) else { continue };
            let tags = self.product_info.tags(product, time, &dictionaries.tags);
            #[allow(clippy::cast_precision_loss, reason = "a product has few tags")]
            let share = fade(place, blend.recency) / tags.len() as f64;
            for tag in tags {
                match shares.iter_mut().find(|(other, _)| *other == tag) {
                    Some((_, sum)) => *sum += share,
                    None => shares.push((tag, share)),
                }
            }
        }
        shares
    }

    /// Makes one request to each owner of evidence for a ranking, for so many popular products of each list and so many
    /// partners of each product. Returns their number.
    fn request(
        &self,
        interests: &Interests,
        tag_shares: Vec<(String, f64)>,
        overall: bool,
        (popular, partners): (usize, usize),
        model_at: ModelAt,
        request: impl FnMut(EvidenceRequest),
    ) -> usize {
        let to = |to| EvidenceRequest::new(to, model_at, popular, partners);
        let mut requests: Vec<EvidenceRequest> = (0..self.peers).map(to).collect();
        let blend = &model_at.blend;
        let rows = |products: &[String], current: bool, max: u16| {
            let products = products.iter().take(max.into()).cloned().enumerate();
            products.map(move |(place, product)| (product, place, current)).collect::<Vec<_>>()
        };
        let current = rows(&interests.current, true, blend.products);
        let earlier = rows(&interests.earlier, false, blend.earlier_products);
        for row in current.into_iter().chain(earlier) {
            requests[owner(&row.0, self.peers)].rows.push(row);
        }
        for (tag, share) in tag_shares {
            requests[owner(&tag, self.peers)].popular.push((Some(tag), share));
        }
        if overall {
            // Each worker owns some of the products, and so some of those that are popular overall.
            requests.iter_mut().for_each(|request| request.popular.push((None, 1.0)));
        }
        requests.retain(|request| !request.is_empty());
        let count = requests.len();
        requests.into_iter().for_each(request);
        count
    }

    /// As [`Lookup::release`].
    pub(super) fn release(&mut self, questions: AntichainRef<'_, Time>) {
        self.bought.release(questions);
        self.history.release(questions);
        self.repeats.release(questions);
        self.product_info.release(questions);
    }
}

/// The interests that a basis other than a user states.
fn requested_interests(basis: &Basis) -> Interests {
    let current: Vec<String> = match basis {
        Basis::Product(product) => vec![product.clone()],
        basis => basis.visit().into_iter().map(String::from).collect(),
    };
    Interests { left_out: current.len(), current, ..Interests::default() }
}

/// The tags with the largest shares, scaled to sum to one.
fn largest_shares(shares: Vec<(u32, f64)>, dictionaries: &Dictionaries) -> Vec<(String, f64)> {
    let positive = shares.into_iter().filter(|(_, share)| 0.0 < *share);
    let texts = positive.map(|(tag, share)| (dictionaries.tags.text(tag), share));
    let mut tags: Vec<(&str, f64)> = texts.collect();
    tags.sort_unstable_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)));
    tags.truncate(TAGS);
    let total: f64 = tags.iter().map(|(_, share)| share).sum();
    tags.into_iter().map(|(tag, share)| (tag.to_string(), share / total)).collect()
}
