//! Puts stored rows back into the views.

use crate::arrange::view::Changes;
use crate::ids::dictionary::{Dictionaries, SharedDictionaries};
use crate::ingest::decisions::PastForget;
use crate::ingest::intern::Of;
use crate::ingest::moment::{Flags, Moment};
use crate::ingest::unique::CountedId;
use crate::moves::leavers::Leavers;
use crate::moves::receive::{Received, Updates, UserOutputs, UserUpdates, give, output};
use crate::moves::rows::{DatedRow, Row};
use crate::record::block::Block;
use crate::record::decision::Decision;
use crate::record::event::{Event, EventType};
use crate::record::product::{CatalogueRow, Product};
use crate::score::counts::Counts;
use crate::stored::{StoredRows, StoredView};
use crate::time::{RESTORED, Time};
use crate::views::pairs::RestoredPairs;
use crate::views::pairs::partner::{Link, Partner};
use crate::views::popularity::ProductDay;
use crate::views::product_tags::LabelName;
use crate::views::recent::Recent;
use columns::{MISSING, Values};
use differential_dataflow::AsCollection;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Broadcast;

/// What the views begin with; nothing, if nothing is restored.
pub(crate) struct Restored<'scope> {
    /// At the owners of users.
    pub(crate) of_users: Received<'scope>,
    pub(crate) pairs: RestoredPairs<'scope>,
    pub(crate) popularity: Changes<'scope, ProductDay>,
    pub(crate) event_ids: Stream<'scope, Time, Vec<CountedId>>,
    /// At any worker, as input would come.
    pub(crate) labels: Stream<'scope, Time, Vec<(LabelName, Time, Counts)>>,
    pub(crate) catalogue: Stream<'scope, Time, Vec<CatalogueRow>>,
    pub(crate) merges: Stream<'scope, Time, Vec<Decision>>,
    pub(crate) advances: Stream<'scope, Time, Vec<(String, i64)>>,
    /// At all workers.
    pub(crate) past_forgets: Stream<'scope, Time, Vec<PastForget>>,
    pub(crate) newest: Stream<'scope, Time, Vec<u32>>,
    pub(crate) oldest: Stream<'scope, Time, Vec<u32>>,
}

/// Rows of one view for one owner.
type Owned = (usize, StoredRows);

/// Restores stored rows, which come at any workers.
pub(crate) fn restore<'scope>(
    stored: Stream<'scope, Time, Vec<StoredRows>>,
    dictionaries: SharedDictionaries,
    leavers: Leavers,
    recent: Rc<RefCell<Recent>>,
) -> Restored<'scope> {
    let scope = stored.scope();
    let peers = scope.peers();
    let divided = stored.unary::<CapacityContainerBuilder<Vec<Owned>>, _, _, _>(
        Pipeline,
        "divide restored rows",
        |_, _| {
            move |stored, output| {
                stored.for_each(|capability, stored| {
                    let mut session = output.session(&capability);
                    for rows in stored.drain(..) {
                        divide(rows, peers, |owned| session.give(owned));
                    }
                });
            }
        },
    );
    let by_owner = Exchange::new(|(owner, _): &Owned| *owner as u64);
    let mut builder = OperatorBuilder::new("intern restored rows".into(), scope);
    let mut divided = builder.new_input(divided, by_owner);
    let (mut of_users, user_changes) = UserOutputs::new(&mut builder);
    let (mut partners, partner_stream) = output(&mut builder);
    let (mut popularity, popularity_stream) = output(&mut builder);
    let (mut repeats, repeat_stream) = output(&mut builder);
    let (mut labels, labels_stream) = output(&mut builder);
    let (mut event_ids, event_id_stream) = output(&mut builder);
    let (mut catalogue, catalogue_stream) = output(&mut builder);
    let (mut merges, merge_stream) = output(&mut builder);
    let (mut past_forgets, past_forget_stream) = output(&mut builder);
    let (mut advances, advance_stream) = output(&mut builder);
    let (mut newest, newest_stream) = output(&mut builder);
    let (mut oldest, oldest_stream) = output(&mut builder);
    builder.build(move |_| {
        let mut all = Rows::default();
        move |_| {
            divided.for_each(|capability, stored| {
                let mut dictionaries = dictionaries.borrow_mut();
                for (_, rows) in stored.drain(..) {
                    let mut row = RowReader::new(&rows);
                    for counts in rows.counts() {
                        all.add(rows.view(), &mut row, *counts, &mut dictionaries);
                        row.next();
                    }
                }
                if !all.recent.is_empty() {
                    recent.borrow_mut().push(RESTORED, Rc::new(std::mem::take(&mut all.recent)));
                }
                // Rows of a user follow each other.
                let active =
                    all.of_users.minutes.chunk_by(|((one, _), ..), ((other, _), ..)| one == other);
                active.for_each(|rows| leavers.moved(rows[0].0.0, RESTORED));
                of_users.give(&capability, &mut all.of_users);
                give(&mut partners, &capability, &mut all.partners);
                give(&mut popularity, &capability, &mut all.popularity);
                give(&mut repeats, &capability, &mut all.repeats);
                give(&mut labels, &capability, &mut all.labels);
                give(&mut event_ids, &capability, &mut all.event_ids);
                give(&mut catalogue, &capability, &mut all.catalogue);
                give(&mut merges, &capability, &mut all.merges);
                give(&mut past_forgets, &capability, &mut all.past_forgets);
                give(&mut advances, &capability, &mut all.advances);
                give(&mut newest, &capability, &mut all.newest);
                give(&mut oldest, &capability, &mut all.oldest);
            });
        }
    });
    Restored {
        of_users: user_changes,
        pairs: RestoredPairs {
            partners: partner_stream.as_collection(),
            repeats: repeat_stream.as_collection(),
        },
        popularity: popularity_stream.as_collection(),
        event_ids: event_id_stream,
        labels: labels_stream,
        catalogue: catalogue_stream,
        merges: merge_stream,
        advances: advance_stream,
        past_forgets: past_forget_stream.broadcast(),
        newest: newest_stream.broadcast(),
        oldest: oldest_stream.broadcast(),
    }
}

/// Divides rows by their owners.
fn divide(rows: StoredRows, peers: usize, mut give: impl FnMut(Owned)) {
    if peers == 1 {
        give((0, rows));
        return;
    }
    let mut parts = vec![Vec::new(); peers];
    for (row, owner) in (0..).zip(rows.view().owners(rows.columns())) {
        parts[usize::try_from(owner % peers as u64).unwrap_or(0)].push(row);
    }
    for (owner, part) in parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
        give((owner, rows.some(part)));
    }
}

/// Restored rows in the ids of a worker.
#[derive(Default)]
struct Rows {
    of_users: UserUpdates,
    partners: Updates<Partner>,
    popularity: Updates<ProductDay>,
    repeats: Vec<(u16, Time, Counts)>,
    labels: Vec<(LabelName, Time, Counts)>,
    event_ids: Vec<CountedId>,
    catalogue: Vec<CatalogueRow>,
    merges: Vec<Decision>,
    past_forgets: Vec<PastForget>,
    advances: Vec<(String, i64)>,
    newest: Vec<u32>,
    oldest: Vec<u32>,
    recent: Block,
}

impl Rows {
    fn add(
        &mut self,
        view: StoredView,
        values: &mut RowReader<'_>,
        counts: Counts,
        names: &mut Dictionaries,
    ) {
        let at = RESTORED;
        match view {
            StoredView::Profile => {
                self.of_users.tags.push(((values.user(names), values.tag(names)), at, counts));
            }
            StoredView::Bought => {
                self.of_users.products.push((
                    (values.user(names), values.product(names)),
                    at,
                    counts,
                ));
            }
            StoredView::Activity => {
                let user = values.user(names);
                self.of_users.minutes.push(((user, Reverse(values.number32())), at, counts));
            }
            StoredView::History => {
                self.of_users.moments.push((
                    (values.user(names), values.moment(names)),
                    at,
                    counts,
                ));
            }
            StoredView::MovedMoments => {
                let (holder, origin) = (values.user(names), values.user(names));
                let value = values.moment(names);
                self.of_users.moved_moments.push(((origin, Of { holder, value }), at, counts));
            }
            StoredView::MovedRest => {
                let (holder, origin) = (values.user(names), values.user(names));
                let value = DatedRow { hour: values.number32(), row: values.row(names) };
                self.of_users.moved_rest.push(((origin, Of { holder, value }), at, counts));
            }
            StoredView::Pairs => {
                let (key, product) = (values.product(names), values.product(names));
                let (day, after, link) = (values.day(), values.flag(), values.link());
                self.partners.push(((key, Partner { product, day, after, link }), at, counts));
            }
            StoredView::Repeats => self.repeats.push((values.day(), at, counts)),
            StoredView::Popularity => {
                let (tag, product) = (values.tag(names), values.product(names));
                let day = values.day();
                self.popularity.push(((tag, ProductDay { product, day }), at, counts));
            }
            StoredView::Labels => {
                let label = (values.text().into(), values.text().into(), values.flag());
                self.labels.push((label, at, counts));
            }
            StoredView::Catalogue => self.catalogue.push(values.catalogue_row()),
            StoredView::Merges => {
                let (user, time) = (values.text().into(), values.number().cast_signed());
                let (account, recorded) = (Some(values.text().into()), values.number32());
                self.merges.push(Decision { user, time, account, recorded });
            }
            StoredView::Forgets => {
                let user = [values.number(), values.number()];
                let (time, recorded) = (values.number().cast_signed(), values.number32());
                let since = values.number();
                self.past_forgets.push(PastForget { user, time, recorded, since });
            }
            StoredView::EventIds => {
                let (owner, hash) = (values.number(), [values.number(), values.number()]);
                let recorded = values.number32();
                self.event_ids.push(CountedId { owner, hash, recorded });
            }
            StoredView::Positions => {
                self.advances.push((values.text().into(), values.number().cast_signed()));
            }
            StoredView::Clock => {
                self.newest.push(values.number32());
                self.oldest.push(values.number32());
            }
            StoredView::Recent => self.recent.push(&values.event()),
        }
    }
}

/// A row, whose values are read in their order. Whoever stored them wrote these.
struct RowReader<'a> {
    rows: &'a StoredRows,
    row: usize,
    column: usize,
    /// For each column the ids of its texts or sets of tags, by their places, once they are looked up.
    ids: Vec<Vec<u32>>,
}

impl<'a> RowReader<'a> {
    fn new(rows: &'a StoredRows) -> RowReader<'a> {
        let ids = rows.columns().iter().map(|column| match &column.values {
            Values::Text(texts, _) => vec![MISSING; texts.len()],
            // One set of each list stands in, and one does not.
            Values::Texts(lists, _) => vec![MISSING; 2 * lists.len()],
            _ => Vec::new(),
        });
        RowReader { rows, row: 0, column: 0, ids: ids.collect() }
    }

    /// Goes on to the next row.
    fn next(&mut self) {
        (self.row, self.column) = (self.row + 1, 0);
    }

    fn value(&mut self) -> &'a Values {
        self.column += 1;
        &self.rows.columns()[self.column - 1].values
    }

    /// Whether the next value is missing.
    fn is_missing(&self) -> bool {
        self.rows.columns()[self.column].is_missing(self.row)
    }

    fn text(&mut self) -> &'a str {
        match self.value() {
            Values::Text(texts, places) => texts.get(places[self.row]),
            other => panic!("{:?} are no texts", other.kind()),
        }
    }

    fn texts(&mut self) -> impl Iterator<Item = &'a str> + use<'a> {
        match self.value() {
            Values::Texts(lists, places) => lists.texts_of(places[self.row]),
            other => panic!("{:?} are no lists", other.kind()),
        }
    }

    fn number(&mut self) -> u64 {
        let row = self.row;
        self.value().bits(row)
    }

    fn number32(&mut self) -> u32 {
        u32::try_from(self.number()).expect("hours, minutes and days are small")
    }

    fn day(&mut self) -> u16 {
        u16::try_from(self.number()).expect("days are small")
    }

    fn flag(&mut self) -> bool {
        self.number() != 0
    }

    fn link(&mut self) -> Link {
        let has_minutes = !self.is_missing();
        let minutes = self.number32();
        Link::of_minutes(has_minutes.then_some(minutes)).expect("minutes are those of a link")
    }

    fn user(&mut self, names: &mut Dictionaries) -> u32 {
        self.id(|text| names.users.intern(text))
    }

    fn product(&mut self, names: &mut Dictionaries) -> u32 {
        self.id(|text| names.products.intern(text))
    }

    fn tag(&mut self, names: &mut Dictionaries) -> u32 {
        self.id(|text| names.tags.intern(text))
    }

    fn id(&mut self, intern: impl FnOnce(&str) -> u32) -> u32 {
        let column = self.column;
        match self.value() {
            Values::Text(texts, places) => {
                let place = places[self.row];
                let id = &mut self.ids[column][place as usize];
                if *id == MISSING {
                    *id = intern(texts.get(place));
                }
                *id
            }
            other => panic!("{:?} are no texts", other.kind()),
        }
    }

    fn moment(&mut self, names: &mut Dictionaries) -> Moment {
        let (time, product) = (self.number(), self.product(names));
        let (pairs, is_guests) = (self.flag(), self.flag());
        let (is_removal, is_taken) = (self.flag(), self.flag());
        let flags = Flags { pairs, is_guests, is_removal, is_taken };
        Moment::with_flags(time, product, self.tag_set(names), flags)
    }

    fn tag_set(&mut self, names: &mut Dictionaries) -> u32 {
        let is_stand_in = self.flag();
        let column = self.column;
        match self.value() {
            Values::Texts(lists, places) => {
                let place = places[self.row];
                let id = &mut self.ids[column][2 * place as usize + usize::from(is_stand_in)];
                if *id == MISSING {
                    let tags = lists.texts_of(place).map(|tag| names.tags.intern(tag));
                    *id = names.tag_sets.intern(&tags.collect::<Vec<_>>(), is_stand_in);
                }
                *id
            }
            other => panic!("{:?} are no lists", other.kind()),
        }
    }

    fn event(&mut self) -> Event<'a> {
        let (user, event_type) = (self.text(), EventType::from_index(self.day().into()));
        Event {
            event_type: event_type.expect("it is one of the types"),
            time: self.number().cast_signed(),
            user,
            product: self.text(),
            category: self.text(),
            session: self.text(),
            id: self.text(),
            tags: self.texts().collect(),
            recorded: 0,
        }
    }

    fn row(&mut self, names: &mut Dictionaries) -> Row {
        if !self.is_missing() {
            return Row::Tag(self.tag(names));
        }
        self.column += 1;
        if !self.is_missing() {
            return Row::Product(self.product(names));
        }
        self.column += 1;
        Row::Minute(self.number32())
    }

    fn catalogue_row(&mut self) -> CatalogueRow {
        let (product, is_deleted) = (self.text().into(), self.flag());
        let (name, category) = (self.text().into(), self.text().into());
        let has_price = !self.is_missing();
        let price = self.number().cast_signed();
        let (price, unavailable) = (has_price.then_some(price), self.flag());
        let tags = self.texts().map(String::from).collect();
        let row = Product { name, category, tags, price, unavailable };
        CatalogueRow { product, row: (!is_deleted).then_some(row) }
    }
}
