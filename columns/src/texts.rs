//! Texts, and lists of them, each told by its place.

use serde::{Deserialize, Serialize};

/// The place of what is missing.
pub const MISSING: u32 = u32::MAX;

/// Texts, end to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    text: String,
    ends: Vec<u32>,
}

/// Lists of the places of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lists {
    /// The texts.
    pub texts: Texts,
    ends: Vec<u32>,
    items: Vec<u32>,
}

/// Where something that is told by its place begins, of the ends of all.
fn begin(ends: &[u32], place: usize) -> usize {
    place.checked_sub(1).map_or(0, |before| ends[before] as usize)
}

fn place(length: usize) -> u32 {
    u32::try_from(length).expect("there are less than 4 GiB of texts in a batch")
}

/// Gives each of `of` places that is there a new one, which `add` makes when it is met first.
fn rename(places: &mut [u32], of: usize, mut add: impl FnMut(u32) -> u32) {
    let mut new = vec![MISSING; of];
    for place in places.iter_mut().filter(|place| **place != MISSING) {
        let new = &mut new[*place as usize];
        if *new == MISSING {
            *new = add(*place);
        }
        *place = *new;
    }
}

impl Texts {
    /// Adds a text. Returns its place.
    ///
    /// # Panics
    ///
    /// If all together come to 4 GiB.
    pub fn push(&mut self, text: &str) -> u32 {
        self.text.push_str(text);
        self.ends.push(place(self.text.len()));
        place(self.ends.len() - 1)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a place.
    pub fn get(&self, place: u32) -> &str {
        let place = place as usize;
        &self.text[begin(&self.ends, place)..self.ends[place] as usize]
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..place(self.len())).map(|place| self.get(place))
    }

    /// The texts of these places, each once. The places become those of what is returned; what is missing stays so.
    #[must_use]
    pub fn kept(&self, places: &mut [u32]) -> Texts {
        let mut kept = Texts::default();
        rename(places, self.len(), |place| kept.push(self.get(place)));
        kept
    }

    /// The bytes that were allocated.
    pub fn bytes(&self) -> usize {
        self.text.capacity() + size_of::<u32>() * self.ends.capacity()
    }
}

impl Lists {
    /// None yet, of these texts.
    pub fn of(texts: Texts) -> Lists {
        Lists { texts, ends: Vec::new(), items: Vec::new() }
    }

    /// Adds a list of places of texts. Returns its own.
    pub fn push(&mut self, items: impl IntoIterator<Item = u32>) -> u32 {
        self.items.extend(items);
        self.ends.push(place(self.items.len()));
        place(self.ends.len() - 1)
    }

    /// Adds a list of new texts. Returns its place.
    pub fn push_texts<'a>(&mut self, list: impl IntoIterator<Item = &'a str>) -> u32 {
        let texts = &mut self.texts;
        self.items.extend(list.into_iter().map(|text| texts.push(text)));
        self.push([])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The list of a place, as places of texts.
    pub fn get(&self, place: u32) -> &[u32] {
        let place = place as usize;
        &self.items[begin(&self.ends, place)..self.ends[place] as usize]
    }

    /// The texts of the list of a place.
    pub fn texts_of(&self, place: u32) -> impl ExactSizeIterator<Item = &str> {
        self.get(place).iter().map(|item| self.texts.get(*item))
    }

    /// The same as [`Texts::kept`], with no other texts than theirs.
    #[must_use]
    pub fn kept(&self, places: &mut [u32]) -> Lists {
        let mut kept = Lists::default();
        rename(places, self.len(), |place| kept.push(self.get(place).iter().copied()));
        kept.texts = self.texts.kept(&mut kept.items);
        kept
    }

    /// The bytes that were allocated.
    pub fn bytes(&self) -> usize {
        self.texts.bytes() + size_of::<u32>() * (self.ends.capacity() + self.items.capacity())
    }
}
