//! A row of a view under construction, whose names are told by ids.
//!
//! A name is looked up when it is met first; from then on its id alone leads to its place.

use crate::ids::dictionary::Dictionaries;
use crate::ids::tag_sets::TagSet;
use crate::score::counts::Counts;
use crate::stored::StoredRows;
use columns::ColumnType;

/// The most values of a row.
const COLUMNS: usize = 10;

/// For each column the places of ids in the rows that are being written.
#[derive(Default)]
pub(super) struct Places([OfIds; COLUMNS]);

/// By id, the place, and the generation of rows that it is a place in: others are out of date.
#[derive(Default)]
struct OfIds {
    places: Vec<(u32, u32)>,
    generation: u32,
}

impl Places {
    /// Forgets all of them: other rows are written.
    pub(super) fn clear(&mut self) {
        for OfIds { places, generation } in &mut self.0 {
            *generation = generation.wrapping_add(1);
            if *generation == 0 {
                // What is that old would be taken for new.
                places.clear();
            }
        }
    }

    /// The bytes that were allocated.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|of| size_of::<(u32, u32)>() * of.places.capacity()).sum()
    }
}

impl OfIds {
    /// The place of an id, which `add` makes if there is none.
    #[inline]
    fn place(&mut self, id: u32, add: impl FnOnce() -> u32) -> u32 {
        let id = id as usize;
        if id >= self.places.len() {
            self.places.resize(id + 1, (0, self.generation.wrapping_sub(1)));
        }
        let (place, generation) = &mut self.places[id];
        if *generation != self.generation {
            (*place, *generation) = (add(), self.generation);
        }
        *place
    }
}

/// A row, whose values are written in the order of its view.
pub(super) struct RowWriter<'a> {
    rows: &'a mut StoredRows,
    places: &'a mut Places,
    names: &'a Dictionaries,
    column: usize,
}

impl<'a> RowWriter<'a> {
    pub(super) fn new(
        rows: &'a mut StoredRows,
        places: &'a mut Places,
        names: &'a Dictionaries,
    ) -> RowWriter<'a> {
        RowWriter { rows, places, names, column: 0 }
    }

    /// Ends the row. The next one begins.
    #[inline]
    pub(super) fn end(&mut self, counts: Counts) {
        self.rows.end(counts);
        self.column = 0;
    }

    #[inline]
    pub(super) fn user(&mut self, id: u32) {
        let names = self.names;
        self.name(id, |id| names.users.text(id));
    }

    #[inline]
    pub(super) fn product(&mut self, id: u32) {
        let names = self.names;
        self.name(id, |id| names.products.text(id));
    }

    #[inline]
    pub(super) fn tag(&mut self, id: u32) {
        let names = self.names;
        self.name(id, |id| names.tags.text(id));
    }

    #[inline]
    fn name(&mut self, id: u32, text: impl FnOnce(u32) -> &'a str) {
        let at = self.next();
        let column = self.rows.column(at, ColumnType::Text);
        let place = self.places.0[at].place(id, || column.text(text(id)));
        column.push(place.into());
    }

    /// Two values: whether a set of tags stands in, and its tags, in an order that is the same at all workers.
    #[inline]
    pub(super) fn tag_set(&mut self, id: u32) {
        let names = self.names;
        let TagSet { is_stand_in, .. } = names.tag_sets.get(id);
        self.flag(is_stand_in);
        let at = self.next();
        let column = self.rows.column(at, ColumnType::Texts);
        let place = self.places.0[at].place(id, || column.list(names.tags_of(id)));
        column.push(place.into());
    }

    /// A text that hardly any other row has.
    pub(super) fn text(&mut self, text: &str) {
        let at = self.next();
        self.rows.column(at, ColumnType::Text).push_text(text);
    }

    /// A list of such texts.
    pub(super) fn texts<'b>(&mut self, texts: impl IntoIterator<Item = &'b str>) {
        let at = self.next();
        self.rows.column(at, ColumnType::Texts).push_list(texts);
    }

    #[inline]
    pub(super) fn number(&mut self, number: u64) {
        let at = self.next();
        self.rows.column(at, ColumnType::U64).push(number);
    }

    /// A number of 32 bits.
    #[inline]
    pub(super) fn small(&mut self, number: u32) {
        let at = self.next();
        self.rows.column(at, ColumnType::U32).push(number.into());
    }

    #[inline]
    pub(super) fn flag(&mut self, flag: bool) {
        let at = self.next();
        self.rows.column(at, ColumnType::Bool).push(flag.into());
    }

    /// A value that the row lacks, of a type.
    pub(super) fn missing(&mut self, kind: ColumnType) {
        let at = self.next();
        self.rows.column(at, kind).push_missing();
    }

    #[inline]
    fn next(&mut self) -> usize {
        self.column += 1;
        self.column - 1
    }
}
