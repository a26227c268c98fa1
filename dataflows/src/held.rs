//! What a worker holds in memory beside its arrangements: by whom, how many records, and their bytes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The size of what somebody holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// The number of records.
    pub records: usize,
    /// The bytes that were allocated for them.
    pub bytes: usize,
}

/// All that a worker holds, by the names of those who hold it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Held(Rc<RefCell<Vec<Entry>>>);

type Entry = (&'static str, Rc<Cell<Size>>);

impl Held {
    /// Where somebody tells the size of what they hold, as often as they like.
    pub fn by(&self, name: &'static str) -> Rc<Cell<Size>> {
        let size: Rc<Cell<Size>> = Rc::default();
        self.0.borrow_mut().push((name, size.clone()));
        size
    }

    /// Calls `each` with every name and what was told last; with a name as often as it was taken.
    pub fn each(&self, mut each: impl FnMut(&'static str, Size)) {
        self.0.borrow().iter().for_each(|(name, size)| each(name, size.get()));
    }
}
