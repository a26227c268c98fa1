//! The fields that a record may have, and the values that they may hold.

/// A field of an event, a merge, a forget or a catalogue row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    Kind,
    User,
    Product,
    Time,
    Category,
    Session,
    Id,
    Name,
    Price,
    Deleted,
    Available,
    Tags,
}

impl Field {
    /// The number of fields.
    pub(crate) const COUNT: usize = Field::Tags as usize + 1;
}

/// Finds the field that a key names. Events, merges, forgets and rows each have their own keys.
pub(crate) type FieldOf = fn(&str) -> Option<Field>;

/// A buffer for the texts of one record that can't be borrowed from it. The next record overwrites
/// them, and allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) texts: String,
}

/// A text: borrowed from the record, or a range of [`Scratch::texts`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Held(u32, u32),
}

impl<'a> Text<'a> {
    pub(crate) fn within(self, texts: &'a str) -> &'a str {
        match self {
            Text::Borrowed(text) => text,
            Text::Held(start, end) => &texts[start as usize..end as usize],
        }
    }
}

/// A field's value. A number is its decimal text, and null counts as absent.
#[derive(Debug, Default)]
pub(crate) enum FieldValue<'a> {
    #[default]
    Absent,
    Text(Text<'a>),
    Flag(bool),
    List(Vec<Text<'a>>),
    /// A value that no field may hold: an object, a list of lists, a number that is not exact.
    Wrong,
}
