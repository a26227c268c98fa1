//! Plans a ranking: finds the products of the visit and their tags, or else the user's, and
//! requests the evidence about them from its owners.

use super::latest::{LatestProducts, MAX_VISIT, MAX_WHOLE_VISIT};
use super::lists::ListScale;
use super::parts::Planned;
use super::products::{EvidenceRequest, Fetch};
use super::profile::scores;
use super::query::Touched;
use crate::arrange::lookup::Lookup;
use crate::ids::dictionary::{Dictionaries, Dictionary, SharedDictionaries};
use crate::ids::hash::owner;
use crate::ingest::moment::Moment;
use crate::ingest::sample::Sampled;
use crate::ranking::evidence::Visited;
use crate::ranking::product_info::ProductInfo;
use crate::ranking::rules::{Basis, LeaveOut, Plan, Rules, TAGS};
use crate::score::counts::Counts;
use crate::score::grade::LENGTH;
use crate::score::merchandising::Demand;
use crate::score::mixture::{
    GROUPS, MAX_BEFORE, MAX_GRADED, MAX_IN_VISIT, Mixture, Places, WeightsInForce,
};
use crate::score::model::ModelAt;
use crate::score::scale::fade;
use crate::score::weights::Score;
use crate::time::{Time, VISIT_GAP, day};
use crate::views::pairs::REPEATS;
use columns::Texts;
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

/// What is popular overall is fetched by multiples of so many, so that a list that was given to one user is that of the
/// next, however many products each has bought.
const OVERALL_STEP: usize = 64;

/// The interests that a ranking is made for: a user's, or those in the request.
#[derive(Default)]
struct Interests {
    visit: Vec<Visited>,
    bought: Vec<u32>,
    /// The names of the products of the visit, newest first, and of those from before it, newest first.
    products: Texts,
    /// The ids of these products, of which one that nobody has touched has none.
    ids: Vec<Option<u32>>,
    /// The number of those of the visit.
    in_visit: usize,
    /// As [`Places::are_told`].
    are_told: bool,
    /// The most products that the ranking may leave out, besides those that the rules name.
    left_out: usize,
}

impl Interests {
    /// Those of products that were touched, newest first.
    fn of(visit: Vec<Visited>, names: &Dictionary) -> Interests {
        let (mut products, mut ids) = (Texts::default(), Vec::with_capacity(MAX_VISIT));
        for (current, max) in [(true, MAX_IN_VISIT), (false, MAX_BEFORE)] {
            let visited = visit.iter().filter(|visited| visited.current == current);
            for Visited { product, .. } in visited.take(max) {
                products.push(names.text(*product));
                ids.push(Some(*product));
            }
        }
        let in_visit = visit.iter().filter(|visited| visited.current).count().min(MAX_IN_VISIT);
        Interests { products, ids, in_visit, visit, ..Interests::default() }
    }

    fn places(&self) -> Places {
        let in_visit = self.in_visit;
        Places { in_visit, before: self.products.len() - in_visit, are_told: self.are_told }
    }

    /// The products that count, newest first, with whether they are in the visit, and their place there or before it.
    fn all(&self) -> impl Iterator<Item = (&str, bool, usize)> {
        self.products.iter().enumerate().map(|(at, product)| {
            let before = at.checked_sub(self.in_visit);
            (product, before.is_none(), before.unwrap_or(at))
        })
    }
}

/// What is asked of a ranking.
pub(super) struct Asked {
    pub(super) basis: Basis,
    pub(super) rules: Rules,
    /// The product that it is asked about; none for the ranking itself.
    pub(super) why: Option<String>,
}

/// What a ranking is weighed by.
pub(super) struct Weighing {
    pub(super) model_at: ModelAt,
    /// As [`ListScale::is_own`].
    pub(super) is_own: bool,
    pub(super) weights: WeightsInForce,
    /// What the rules of the shop call for.
    pub(super) shop: Demand,
}

impl Planner {
    /// Plans a ranking, and passes the requests for evidence to `request`.
    pub(super) fn plan(
        &mut self,
        mut weighing: Weighing,
        Asked { basis, rules, why }: Asked,
        time: Time,
        profile: &mut Lookup<u32>,
        request: impl FnMut(EvidenceRequest),
    ) -> Planned {
        let dictionaries = self.dictionaries.clone();
        let dictionaries = &dictionaries.borrow();
        let user = basis.user().and_then(|user| dictionaries.users.id(user));
        if matches!(basis, Basis::User(_) | Basis::Visit(_)) {
            weighing.model_at.repeat_rate = self.repeat_rate(&weighing.model_at, time);
        }
        let interests = match user {
            Some(user) => self.interests(user, &rules, time, dictionaries),
            None => requested_interests(&basis, &dictionaries.products),
        };
        let tags = match &basis {
            Basis::Tag(tag) => vec![(tag.clone(), NO_SHARES)],
            _ if interests.products.is_empty() => {
                let score = |counts: Counts| weighing.model_at.scale.weights.score(counts);
                let scores = user.map(|user| scores(profile, user, time, score));
                shares_of(scores.unwrap_or_default(), dictionaries)
            }
            _ => self.tags(&interests, &weighing, time, dictionaries),
        };
        self.planned(interests, tags, weighing, Asked { basis, rules, why }, request)
    }

    /// Plans the ranking that would have been shown before an event, if its user was in a visit, within which the event
    /// came, of which not too much is graded.
    pub(super) fn plan_grade(
        &mut self,
        mut weighing: Weighing,
        sampled: &Sampled,
        time: Time,
        request: impl FnMut(EvidenceRequest),
    ) -> Option<Planned> {
        let dictionaries = self.dictionaries.clone();
        let dictionaries = &dictionaries.borrow();
        weighing.model_at.repeat_rate = self.repeat_rate(&weighing.model_at, time);
        let interests = self.interests_before(sampled, time, dictionaries)?;
        let rules = Rules { leave_out_bought: false, ..Rules::first(LENGTH as usize) };
        let asked = Asked { basis: Basis::User(String::new()), rules, why: None };
        let tags = self.tags(&interests, &weighing, time, dictionaries);
        let planned = self.planned(interests, tags, weighing, asked, request);
        Some(Planned { came: Some((sampled.product, day(sampled.time))), ..planned })
    }

    /// The plan of a ranking from some interests and tags, the evidence for which is requested.
    fn planned(
        &self,
        interests: Interests,
        tags: Vec<(String, [f64; GROUPS])>,
        Weighing { model_at, is_own, shop, .. }: Weighing,
        Asked { basis, rules, why }: Asked,
        request: impl FnMut(EvidenceRequest),
    ) -> Planned {
        let overall = !matches!(basis, Basis::Product(_) | Basis::Tag(_));
        let (of_tag, near) = (rules.popular(shop), rules.partners(shop));
        let fetch = Fetch {
            near,
            far: near * 2 / 5,
            of_tag,
            overall: of_tag.saturating_add(interests.left_out).next_multiple_of(OVERALL_STEP),
        };
        let texts = tags.iter().map(|(tag, _)| tag);
        let by = ListScale { scale: model_at.scale, is_own };
        let to = |to| EvidenceRequest::new(to, by, fetch, why.clone());
        let requests = (0..self.peers).map(to).collect();
        let requests = self.request(&interests, texts, overall, requests, request);
        let places = interests.places();
        let Interests { visit, bought, .. } = interests;
        let plan = Plan { model_at, rules, basis, why, places, tags };
        Planned { plan, visit, bought, requests, came: None }
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
            let fade = fade(model_at.scale.today.saturating_sub(day));
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
        time: Time,
        dictionaries: &Dictionaries,
    ) -> Interests {
        let names = &dictionaries.products;
        let mut bought = Vec::new();
        if rules.leave_out_bought {
            self.bought.each(user, time, |&product, _| bought.push(product));
        }
        let max = if rules.leave_out == LeaveOut::Visit { MAX_WHOLE_VISIT } else { MAX_VISIT };
        let mut latest = LatestProducts::new(max);
        self.history.try_each(user, time, |moment, _| match moment.counts() {
            true => latest.push(moment.time(), moment.product, names),
            false => ControlFlow::Continue(()),
        });
        let visit = latest.finish(names);
        let seen = match rules.leave_out {
            LeaveOut::None => 0,
            LeaveOut::Current => 1,
            LeaveOut::Visit => visit.len(),
        };
        Interests { left_out: bought.len() + seen, bought, ..Interests::of(visit, names) }
    }

    /// The products that a user has seen and bought.
    pub(super) fn touched(&mut self, user: &str, time: Time) -> Touched {
        let dictionaries = self.dictionaries.clone();
        let dictionaries = &dictionaries.borrow();
        let Some(user) = dictionaries.users.id(user) else { return Touched::default() };
        let rules = Rules { leave_out_bought: true, ..Rules::first(0) };
        let interests = self.interests(user, &rules, time, dictionaries);
        let mut visit: Vec<String> = interests.products.iter().map(str::to_owned).collect();
        let before = visit.split_off(interests.in_visit);
        let mut bought: Vec<&str> = interests
            .bought
            .into_iter()
            .map(|product| dictionaries.products.text(product))
            .collect();
        bought.sort_unstable();
        let bought_count = bought.len();
        bought.truncate(Touched::MOST_BOUGHT);
        let bought = bought.into_iter().map(str::to_owned).collect();
        Touched { visit, before, bought, bought_count }
    }

    /// The interests of an event's user before it, within the visit that it is of: what the history had before the
    /// epoch, and what came before the event in it. None if that was too long ago, or came after the event, or is too
    /// much: of a visit, or of a day.
    fn interests_before(
        &mut self,
        sampled: &Sampled,
        time: Time,
        dictionaries: &Dictionaries,
    ) -> Option<Interests> {
        let (names, mut latest) = (&dictionaries.products, LatestProducts::new(MAX_VISIT));
        let mut before = sampled.before.iter().copied().peekable();
        let (mut newest, mut is_bot) = (None, false);
        self.history.try_each(sampled.user, time, |moment, _| {
            if !moment.counts() {
                return ControlFlow::Continue(());
            }
            is_bot |= newest.is_none() && !moment.pairs();
            while let Some((time, product)) = before.next_if(|(time, _)| moment.time() <= *time) {
                newest.get_or_insert(time);
                latest.push(time, product, names)?;
            }
            newest.get_or_insert(moment.time());
            latest.push(moment.time(), moment.product, names)
        });
        for (time, product) in before {
            newest.get_or_insert(time);
            if latest.push(time, product, names).is_break() {
                break;
            }
        }
        let ago = sampled.time.checked_sub(newest?)?;
        let interests = Interests::of(latest.finish(names), names);
        let is_graded = !is_bot && ago <= VISIT_GAP && interests.in_visit <= MAX_GRADED;
        is_graded.then_some(Interests { left_out: interests.visit.len(), ..interests })
    }

    /// The tags of the products that count, each with its share of the tags of the places of each group, those that weigh
    /// most first. They do not depend on the worker, since every worker has all labels.
    fn tags(
        &mut self,
        interests: &Interests,
        weighing: &Weighing,
        time: Time,
        dictionaries: &Dictionaries,
    ) -> Vec<(String, [f64; GROUPS])> {
        let places = interests.places();
        let mut all: Vec<(u32, [f64; GROUPS])> = Vec::new();
        for ((product, in_visit, place), id) in interests.all().zip(&interests.ids) {
            let Some((group, of)) = places.group(in_visit, place) else { continue };
            let Some(id) = *id else { continue };
            let mut tags = self.product_info.tags(id, time, &dictionaries.tags);
            // A product that stands in for its tags says nothing of others.
            tags.retain(|tag| dictionaries.tags.text(*tag) != product);
            #[allow(
                clippy::cast_precision_loss,
                reason = "a product has few tags, a visit few places"
            )]
            let share = 1.0 / (tags.len() * of) as f64;
            for tag in tags {
                let at = all.iter().position(|(other, _)| *other == tag).unwrap_or(all.len());
                if at == all.len() {
                    all.push((tag, NO_SHARES));
                }
                all[at].1[group] += share;
            }
        }
        let mixture = Mixture::new(places, &weighing.model_at, &weighing.weights);
        heaviest(all, |shares| mixture.of_tag(shares), dictionaries)
    }

    /// Requests the evidence for a ranking, by one of the `requests` to each owner of any. Returns their number.
    fn request<'a>(
        &self,
        interests: &Interests,
        tags: impl Iterator<Item = &'a String>,
        overall: bool,
        mut requests: Vec<EvidenceRequest>,
        request: impl FnMut(EvidenceRequest),
    ) -> usize {
        for (product, in_visit, place) in interests.all() {
            requests[owner(product, self.peers)].add_row(product, place, in_visit);
        }
        for tag in tags {
            requests[owner(tag, self.peers)].popular.push(Some(tag.clone()));
        }
        if overall {
            // Each worker owns some of the products, and so some of those that are popular overall.
            requests.iter_mut().for_each(|request| request.popular.push(None));
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
fn requested_interests(basis: &Basis, names: &Dictionary) -> Interests {
    let named: Vec<&str> = match basis {
        Basis::Product(product) => vec![product],
        basis => basis.visit(),
    };
    let (mut products, mut ids) = (Texts::default(), Vec::new());
    for product in named.iter().take(MAX_IN_VISIT) {
        products.push(product);
        ids.push(names.id(product));
    }
    let (left_out, in_visit) = (named.len(), ids.len());
    let are_told = matches!(basis, Basis::Visit(_));
    Interests { left_out, products, ids, in_visit, are_told, ..Interests::default() }
}

/// The shares of a tag of no place.
const NO_SHARES: [f64; GROUPS] = [0.0; GROUPS];

/// The tags that weigh most, in order.
fn heaviest<S>(
    tags: Vec<(u32, S)>,
    weight: impl Fn(&S) -> f64,
    dictionaries: &Dictionaries,
) -> Vec<(String, S)> {
    let weighed = tags.into_iter().map(|(tag, shares)| (weight(&shares), tag, shares));
    let mut tags: Vec<(f64, &str, S)> = weighed
        .filter(|(weight, ..)| 0.0 < *weight)
        .map(|(weight, tag, shares)| (weight, dictionaries.tags.text(tag), shares))
        .collect();
    tags.sort_unstable_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    tags.truncate(TAGS);
    tags.into_iter().map(|(_, tag, shares)| (tag.to_string(), shares)).collect()
}

/// The tags of a profile, as those of the first place of who has no visit.
fn shares_of(
    scores: Vec<(u32, Score)>,
    dictionaries: &Dictionaries,
) -> Vec<(String, [f64; GROUPS])> {
    let tags = heaviest(scores, |score| score.to_f64(), dictionaries);
    let total: f64 = tags.iter().map(|(_, score)| score.to_f64()).sum();
    let share =
        |score: Score| std::array::from_fn(|at| if at == 0 { score.to_f64() / total } else { 0.0 });
    tags.into_iter().map(|(tag, score)| (tag, share(score))).collect()
}
