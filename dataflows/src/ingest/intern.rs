//! Interns events: at the owners of their users, blocks become moments and tags in ids.
//!
//! Here it is decided whom an event counts for: for its own user, or for another one at whose owner it is
//! interned, or for nobody. That follows from the decisions of earlier times alone. A block passes at once; if a
//! decision of an earlier time comes after it, what the block made is corrected at its own time, which cannot be
//! complete before the decision's is.

use super::decisions::{Decisions, Holder, PastForget};
use super::moment::Moment;
use crate::arrange::packed::Value;
use crate::arrange::view::Changes;
use crate::held::Size;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ids::hash::owner;
use crate::inputs::Blocks;
use crate::record::block::Block;
use crate::record::decision::Decision;
use crate::record::event::{Event, EventType, Kind};
use crate::score::counts::Counts;
use crate::time::{Time, hour};
use differential_dataflow::AsCollection;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::{Capability, CapabilityTrait};

/// Events in ids, at the owners of the users that they count for.
pub struct Interned<'scope> {
    /// User and moment of every event, or of those alone that must be kept; see [`intern`].
    pub moments: Changes<'scope, Moment>,
    /// User and moment of every removal from the cart.
    pub removals: Changes<'scope, Moment>,
    /// User and tag, for every tag that an event brought.
    pub tags: Changes<'scope, u32>,
}

/// What [`intern`] makes.
pub struct Events<'scope> {
    /// The events that count for their own users.
    pub own: Interned<'scope>,
    /// The events that count for others.
    pub attributions: Stream<'scope, Time, Vec<Attribution>>,
    /// Product and set of tags of all events, whoever they count for, when they are news; none with profiles alone.
    pub sets: Stream<'scope, Time, Vec<(ProductSet, Time)>>,
}

/// A product, and a set of tags that an event of it brought.
pub type ProductSet = (u32, u32);

impl<'scope> Interned<'scope> {
    /// The events of both.
    #[must_use]
    pub fn concat(self, other: Interned<'scope>) -> Interned<'scope> {
        Interned {
            moments: self.moments.concat(other.moments),
            removals: self.removals.concat(other.removals),
            tags: self.tags.concat(other.tags),
        }
    }
}

/// What a user holds of another, from whose events it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Of<V> {
    /// The user for whom it counts.
    pub holder: u32,
    /// What it is.
    pub value: V,
}

impl<V: Value> Value for Of<V> {
    fn prefix(&self) -> u32 {
        self.holder
    }
}

/// Events that count for others than their users, or no longer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attribution {
    /// The worker that owns those for whom they count.
    owner: usize,
    /// 1, or -1 for a retraction.
    sign: i32,
    /// Whether their own users are guests.
    are_guests: bool,
    /// The events, each with the user for whom it counts. Its own user stands as its session.
    events: Block,
}

/// Who is told, and what is shared, by [`intern`].
pub struct Surroundings<F> {
    /// The dictionaries of the worker.
    pub dictionaries: SharedDictionaries,
    /// The decisions; they are added when their time is complete.
    pub decisions: Rc<RefCell<Decisions>>,
    /// The size of the decisions.
    pub held: Rc<Cell<Size>>,
    /// Gets every block.
    pub on_block: F,
    /// When this engine began.
    pub begun: Time,
}

/// Interns events, in blocks that are at the owners of their users. Those that count for others come out as they
/// are.
///
/// With `ranks` unset, there are moments of those events alone whose tags may change, whose user may have to be
/// told from others by the time, or which may be taken back: those without tags, those of guests, and carts.
pub fn intern<'scope>(
    blocks: Blocks<'scope>,
    decisions: Stream<'scope, Time, Vec<Decision>>,
    past_forgets: Stream<'scope, Time, Vec<PastForget>>,
    oldest: Stream<'scope, Time, Vec<u32>>,
    ranks: bool,
    surroundings: Surroundings<impl FnMut(Time, &Rc<Block>) + 'static>,
) -> Events<'scope> {
    let scope = blocks.scope();
    let mut builder = OperatorBuilder::new("intern events".into(), scope);
    let mut blocks = builder.new_input(blocks, Pipeline);
    let mut decisions = builder.new_input(decisions, Pipeline);
    let mut past_forgets = builder.new_input(past_forgets, Pipeline);
    let mut oldest = builder.new_input(oldest, Pipeline);
    let (mut outputs, interned) = Outputs::new(&mut builder);
    let (elsewhere, attributions) = builder.new_output();
    let mut elsewhere = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(elsewhere);
    let (sets, set_stream) = builder.new_output();
    let mut sets = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(sets);
    let mut news = NewSets::default();
    let Surroundings { dictionaries, decisions: known, held, mut on_block, begun } = surroundings;
    let mut ids = Ids::new(ranks, known.borrow().horizon(), false);
    let mut moved = Moved::new(scope.peers());
    builder.build(move |_| {
        let mut waiting: BTreeMap<Time, ([Capability<Time>; 4], Vec<Decision>)> = BTreeMap::new();
        // The blocks of times that are not complete.
        let mut open: BTreeMap<Time, Vec<Rc<Block>>> = BTreeMap::new();
        move |frontiers| {
            let (mut elsewhere, mut sets) = (elsewhere.activate(), sets.activate());
            past_forgets.for_each(|_, forgets| {
                let mut known = known.borrow_mut();
                forgets.drain(..).for_each(|forget| known.add_past(forget, begun));
            });
            decisions.for_each(|capability, decisions| {
                let retain = |output| capability.retain_least(output).expect("data has a time");
                let capabilities = [0, 1, 2, 3].map(retain);
                let time = *capabilities[0].time();
                waiting.entry(time).or_insert((capabilities, vec![])).1.append(decisions);
            });
            blocks.for_each(|capability, blocks| {
                let time = *capability.least().expect("data has a time");
                let known = known.borrow();
                for (_, block) in blocks.drain(..) {
                    ids.find_all((&block, time), &mut dictionaries.borrow_mut(), |event| {
                        let holder = holder(&known, event, time);
                        moved.attribute(holder, event, 1);
                        holder == Holder::User(event.user)
                    });
                    let is_new = |set: &ProductSet| news.is_new(*set, time);
                    let new = ids.sets().filter(is_new).map(|set| (set, time));
                    sets.session(&capability).give_iterator(new);
                    outputs.give([&capability; 3], |updates| ids.add_to(time, 1, updates));
                    let block = Rc::new(block);
                    on_block(time, &block);
                    open.entry(time).or_default().push(block);
                }
                elsewhere.session(&capability).give_iterator(moved.take());
            });
            let is_open = |time: &Time| frontiers.iter().any(|frontier| frontier.less_equal(time));
            while let Some(first) = waiting.first_entry().filter(|first| !is_open(first.key())) {
                let (since, (capabilities, decided)) = first.remove_entry();
                known.borrow_mut().add(&decided, since);
                let known = known.borrow();
                let users = known.reaching(decided.iter().map(|decision| &*decision.user), since);
                let users: HashSet<&str> = users.into_iter().collect();
                for (&time, blocks) in open.range(since + 1..) {
                    let delayed =
                        capabilities.each_ref().map(|capability| capability.delayed(&time));
                    for block in blocks {
                        // As it was without these decisions, and as it is with them.
                        for (entered, sign) in [(since, -1), (since + 1, 1)] {
                            ids.find((block, time), &mut dictionaries.borrow_mut(), |event| {
                                if !users.contains(event.user) {
                                    return false;
                                }
                                let holder = holder(&known, event, entered);
                                moved.attribute(holder, event, sign);
                                holder == Holder::User(event.user)
                            });
                            let [moments, removals, tags, _] = &delayed;
                            let add = |updates: &mut _| ids.add_to(time, sign, updates);
                            outputs.give([moments, removals, tags], add);
                        }
                    }
                    elsewhere.session(&delayed[3]).give_iterator(moved.take());
                }
            }
            oldest.for_each(|_, hours| {
                let hour = hours.drain(..).max();
                known.borrow_mut().forget_before(hour.unwrap_or_default());
            });
            held.set(known.borrow().size());
            while let Some(first) = open.first_entry().filter(|first| !is_open(first.key())) {
                first.remove();
            }
        }
    });
    Events { own: interned, attributions, sets: set_stream }
}

/// For whom an event counts that enters at a time: decisions of earlier times count. A guest's that was as old as the
/// horizon when it was written counts for nobody, as nothing stays of it, whatever is read before it.
fn holder<'a>(decisions: &'a Decisions, event: &Event<'a>, at: Time) -> Holder<'a> {
    if event.is_by_guest() && came_late(event, decisions.horizon()) {
        return Holder::Nobody;
    }
    decisions.holder(event.user, event.time.max(0), Some(event.recorded), at.saturating_sub(1))
}

/// True for an event that was as old as the horizon when it was written.
fn came_late(event: &Event<'_>, horizon: u32) -> bool {
    let hour = hour(u64::try_from(event.time).unwrap_or_default());
    hour.saturating_add(horizon) <= event.recorded
}

/// Events that count for others than their users, until they are sent: by owner, whether they are retracted, and
/// whether their users are guests.
struct Moved(Vec<[[Block; 2]; 2]>);

impl Moved {
    fn new(peers: usize) -> Moved {
        Moved(std::iter::repeat_with(Default::default).take(peers).collect())
    }

    /// Adds an event with a sign, unless it counts for its own user or for nobody.
    fn attribute(&mut self, holder: Holder<'_>, event: &Event<'_>, sign: i32) {
        let Holder::User(user) = holder else { return };
        if user != event.user {
            let owner = owner(user, self.0.len());
            let blocks = &mut self.0[owner][usize::from(sign < 0)];
            blocks[usize::from(event.is_by_guest())].push_as(user, event.user, event);
        }
    }

    fn take(&mut self) -> impl Iterator<Item = Attribution> {
        self.0.iter_mut().enumerate().flat_map(|(owner, blocks)| {
            blocks.iter_mut().zip([1, -1]).flat_map(move |(blocks, sign)| {
                let blocks = blocks.iter_mut().zip([false, true]);
                let some = blocks.filter(|(block, _)| !block.is_empty());
                some.map(move |(block, are_guests)| {
                    let events = std::mem::take(block);
                    Attribution { owner, sign, are_guests, events }
                })
            })
        })
    }
}

/// Exchanges events to the owners of the users that they count for, and interns them. Returns as well what
/// the users hold of others, by the others.
pub fn intern_attributed<'scope>(
    attributions: Stream<'scope, Time, Vec<Attribution>>,
    ranks: bool,
    horizon: u32,
    dictionaries: SharedDictionaries,
) -> (Interned<'scope>, Changes<'scope, Of<Moment>>) {
    let by_owner = Exchange::new(|attribution: &Attribution| attribution.owner as u64);
    let mut builder = OperatorBuilder::new("intern attributed events".into(), attributions.scope());
    let mut input = builder.new_input(attributions, by_owner);
    let (mut outputs, interned) = Outputs::new(&mut builder);
    let (origins, origin_stream) = builder.new_output();
    let mut origins = OutputBuilder::<_, CapacityContainerBuilder<Vec<_>>>::from(origins);
    let mut ids = Ids::new(ranks, horizon, true);
    builder.build(move |_| {
        move |_| {
            let mut origins = origins.activate();
            input.for_each(|capability, attributions| {
                let time = *capability.least().expect("data has a time");
                for Attribution { sign, are_guests, events, .. } in attributions.drain(..) {
                    let dictionaries = &mut dictionaries.borrow_mut();
                    let (mut of, mut of_removals) = (Vec::with_capacity(events.events()), vec![]);
                    ids.keep_all((&events, time), are_guests, dictionaries, |event| {
                        let is_removal = event.event_type == EventType::RemoveFromCart;
                        if is_removal { &mut of_removals } else { &mut of }.push(event.session);
                    });
                    outputs.give([&capability; 3], |updates| {
                        ids.add_to(time, sign, updates);
                        let moments = of.iter().zip(&updates.moments);
                        let moments = moments.chain(of_removals.iter().zip(&updates.removals));
                        let held = moments.map(|(origin, ((holder, moment), time, counts))| {
                            let of = Of { holder: *holder, value: moment.as_came() };
                            let origin = dictionaries.users.intern(origin);
                            dictionaries.note([origin], *time);
                            ((origin, of), *time, *counts)
                        });
                        origins.session(&capability).give_iterator(held);
                    });
                }
            });
        }
    });
    (interned, origin_stream.as_collection())
}

/// The updates that a block makes.
#[derive(Default)]
struct Updates {
    moments: Vec<((u32, Moment), Time, Counts)>,
    removals: Vec<((u32, Moment), Time, Counts)>,
    tags: Vec<((u32, u32), Time, Counts)>,
}

/// The first outputs of an interning operator.
struct Outputs {
    moments: Output<(u32, Moment)>,
    removals: Output<(u32, Moment)>,
    tags: Output<(u32, u32)>,
    updates: Updates,
}

type Output<D> = OutputBuilder<Time, CapacityContainerBuilder<Vec<(D, Time, Counts)>>>;

impl Outputs {
    fn new<'scope>(builder: &mut OperatorBuilder<'scope, Time>) -> (Outputs, Interned<'scope>) {
        let (moments, moment_stream) = builder.new_output();
        let (removals, removal_stream) = builder.new_output();
        let (tags, tag_stream) = builder.new_output();
        let outputs = Outputs {
            moments: OutputBuilder::from(moments),
            removals: OutputBuilder::from(removals),
            tags: OutputBuilder::from(tags),
            updates: Updates::default(),
        };
        let interned = Interned {
            moments: moment_stream.as_collection(),
            removals: removal_stream.as_collection(),
            tags: tag_stream.as_collection(),
        };
        (outputs, interned)
    }

    /// Sends the updates that `add` makes, as one container for each output: a block is about as
    /// large as a container should be.
    fn give<C: CapabilityTrait<Time>>(
        &mut self,
        [at_moments, at_removals, at_tags]: [&C; 3],
        add: impl FnOnce(&mut Updates),
    ) {
        let Outputs { moments, removals, tags, updates } = self;
        add(updates);
        moments.activate().session(at_moments).give_container(&mut updates.moments);
        if !updates.removals.is_empty() {
            removals.activate().session(at_removals).give_container(&mut updates.removals);
        }
        tags.activate().session(at_tags).give_container(&mut updates.tags);
    }
}

/// The ids of a block's texts, in their order.
struct Ids {
    /// True if all events have moments.
    ranks: bool,
    /// The age in hours at which events are too old for the history.
    horizon: u32,
    /// True if the events count for others than their users.
    are_others: bool,
    heads: Vec<Head>,
    users: Vec<u32>,
    /// Of the events whose product and set of tags are known.
    products: Vec<u32>,
    tags: Vec<u32>,
    /// Likewise.
    tag_sets: Vec<u32>,
    removals: Removals,
}

/// The removals of a block that count.
#[derive(Default)]
struct Removals {
    /// The time of each, in milliseconds since the Unix epoch, and whether its own user is a guest.
    heads: Vec<(u64, bool)>,
    users: Vec<u32>,
    products: Vec<u32>,
    /// The id of the set without tags.
    no_tags: u32,
}

/// An event beside its texts.
struct Head {
    fate: Fate,
    kind: Kind,
    /// In milliseconds since the Unix epoch.
    time: u64,
    /// Whether it was as old as the horizon when it was written.
    is_late: bool,
    /// The number of tags that it brought.
    tags: usize,
}

/// What an event makes.
#[derive(Clone, Copy)]
struct Fate {
    /// Whether it counts.
    counts: bool,
    /// Whether its product and its set of tags are needed.
    has_set: bool,
    /// Whether its own user is a guest.
    by_guest: bool,
}

impl Ids {
    fn new(ranks: bool, horizon: u32, are_others: bool) -> Ids {
        let (heads, users, products, tags, tag_sets) = Default::default();
        let removals = Removals::default();
        Ids { ranks, horizon, are_others, heads, users, products, tags, tag_sets, removals }
    }

    /// Interns the texts of all events that have a set of tags, but the users of those alone for which `counts` holds.
    fn find_all(
        &mut self,
        (block, at): (&Block, Time),
        dictionaries: &mut Dictionaries,
        mut counts: impl FnMut(&Event<'_>) -> bool,
    ) {
        let ranks = self.ranks;
        self.find_with((block, at), dictionaries, |event| {
            let counts = counts(event);
            let has_set = ranks || counts && needs_moment(event);
            Fate { counts, has_set, by_guest: event.is_by_guest() }
        });
    }

    /// Interns the texts of the events for which `is_wanted` holds.
    fn find(
        &mut self,
        (block, at): (&Block, Time),
        dictionaries: &mut Dictionaries,
        mut is_wanted: impl FnMut(&Event<'_>) -> bool,
    ) {
        let ranks = self.ranks;
        self.find_with((block, at), dictionaries, |event| {
            let counts = is_wanted(event);
            let has_set = counts && (ranks || needs_moment(event));
            Fate { counts, has_set, by_guest: event.is_by_guest() }
        });
    }

    /// Interns the texts of all events, each of which has a moment, and calls `each` with them.
    fn keep_all<'a>(
        &mut self,
        (block, at): (&'a Block, Time),
        are_guests: bool,
        dictionaries: &mut Dictionaries,
        mut each: impl FnMut(&Event<'a>),
    ) {
        self.find_with((block, at), dictionaries, |event| {
            each(event);
            Fate { counts: true, has_set: true, by_guest: are_guests }
        });
    }

    /// Interns the texts of events, one dictionary after the other, which is much faster than event by event. `fate`
    /// tells what one makes.
    fn find_with<'a>(
        &mut self,
        (block, at): (&'a Block, Time),
        dictionaries: &mut Dictionaries,
        mut fate: impl FnMut(&Event<'a>) -> Fate,
    ) {
        let events = block.events();
        let (mut users, mut products) = (Vec::with_capacity(events), Vec::new());
        let mut tags = Vec::with_capacity(2 * events);
        let (mut removers, mut removed) = (Vec::new(), Vec::new());
        self.heads.clear();
        self.removals.heads.clear();
        block.for_each(|event| {
            let fate = fate(event);
            let Fate { counts, has_set, by_guest } = fate;
            if !counts && !has_set {
                return;
            }
            // A time before the epoch counts as the epoch.
            let time = u64::try_from(event.time).unwrap_or_default();
            let Some(kind) = event.event_type.kind() else {
                if counts {
                    self.removals.heads.push((time, by_guest));
                    removers.push(event.user);
                    removed.push(event.product);
                }
                return;
            };
            let own = event.tags.len();
            let is_late = came_late(event, self.horizon);
            self.heads.push(Head { fate, kind, time, is_late, tags: own });
            if counts {
                users.push(event.user);
            }
            if has_set {
                products.push(event.product);
            }
            tags.extend_from_slice(&event.tags);
            if event.tags.is_empty() {
                // The category stands in, or the product itself.
                let category = (!event.category.is_empty()).then_some(event.category);
                tags.push(category.unwrap_or(event.product));
            }
        });
        dictionaries.users.intern_all(&users, &mut self.users);
        dictionaries.note(self.users.iter().copied(), at);
        dictionaries.products.intern_all(&products, &mut self.products);
        dictionaries.tags.intern_all(&tags, &mut self.tags);
        let removals = &mut self.removals;
        dictionaries.users.intern_all(&removers, &mut removals.users);
        dictionaries.products.intern_all(&removed, &mut removals.products);
        if !removers.is_empty() {
            dictionaries.note(removals.users.iter().copied(), at);
            removals.no_tags = dictionaries.tag_sets.intern(&[], false);
        }
        self.tag_sets.clear();
        let mut rest = self.tags.as_slice();
        for head in &self.heads {
            let (tags, others) = rest.split_at(head.tags.max(1));
            rest = others;
            if head.fate.has_set {
                self.tag_sets.push(dictionaries.tag_sets.intern(tags, head.tags == 0));
            }
        }
    }

    /// Product and set of tags of each event whose set is needed; with profiles alone, of none.
    fn sets(&self) -> impl Iterator<Item = ProductSet> {
        let sets = self.products.iter().zip(&self.tag_sets).map(|(product, set)| (*product, *set));
        sets.filter(|_| self.ranks)
    }

    /// Adds the updates of the block that was interned; `sign` is -1 to retract them.
    fn add_to(&self, at: Time, sign: i32, updates: &mut Updates) {
        let mut sets = self.products.iter().zip(&self.tag_sets);
        let (mut users, mut rest) = (self.users.iter(), self.tags.as_slice());
        for head in &self.heads {
            let (tags, others) = rest.split_at(head.tags.max(1));
            rest = others;
            let set = if head.fate.has_set { sets.next() } else { None };
            if !head.fate.counts {
                continue;
            }
            let &user = users.next().expect("one for each event that counts");
            let counts = Counts::one(head.kind).times(sign);
            if head.tags > 0 {
                updates.tags.extend(tags.iter().map(|&tag| ((user, tag), at, counts)));
            }
            if let Some((&product, &tag_set)) = set {
                let moment = self.of(head.fate.by_guest, Moment::new(head.time, product, tag_set));
                // Whether a late one is let in depends on what was read before it: so it pairs with none.
                let moment = moment.pairing(!head.is_late);
                updates.moments.push(((user, moment), at, counts));
            }
        }
        let Removals { heads, users, products, no_tags } = &self.removals;
        let counts = Counts::one(Kind::AddToCart).times(sign);
        for ((&(time, by_guest), &user), &product) in heads.iter().zip(users).zip(products) {
            let removal = self.of(by_guest, Moment::removal(time, product, *no_tags));
            updates.removals.push(((user, removal), at, counts));
        }
    }

    /// A moment whose own user may be a guest.
    fn of(&self, by_guest: bool, moment: Moment) -> Moment {
        if by_guest { moment.by_guest(!self.are_others) } else { moment }
    }
}

/// True for an event that has a moment in any case: its tags may change, its user may have to be told from others
/// by the time, or it may be taken back.
fn needs_moment(event: &Event<'_>) -> bool {
    event.tags.is_empty() || event.is_by_guest() || event.event_type == EventType::AddToCart
}

/// Tells which sets of tags are news.
#[derive(Default)]
struct NewSets {
    /// By product, the set that was seen last, and the earliest time at which it was.
    last: Vec<Option<(u32, Time)>>,
}

impl NewSets {
    /// False if a set is the last one of its product, and no earlier than that.
    fn is_new(&mut self, (product, set): ProductSet, time: Time) -> bool {
        let product = product as usize;
        if self.last.len() <= product {
            self.last.resize(product + 1, None);
        }
        let last = &mut self.last[product];
        let is_new = last.is_none_or(|(other, since)| other != set || time < since);
        if is_new {
            *last = Some((set, time));
        }
        is_new
    }
}
