//! The limit on nesting, and values that are read past.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// How many more levels of lists and objects a value may have.
///
/// As a seed it reads past a value, and fails where that is nested deeper. `serde::de::IgnoredAny`
/// would take any depth, so that a record's validity would depend on which fields are known.
#[derive(Clone, Copy)]
pub(crate) struct Depth(u8);

impl Depth {
    /// How deep the value of a field may be nested. serde_json's own limit is twice as deep.
    pub(crate) const MAX: Depth = Depth(64);

    /// The limit one level down.
    pub(crate) fn deeper<E: Error>(self) -> Result<Depth, E> {
        self.0.checked_sub(1).map(Depth).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'a> DeserializeSeed<'a> for Depth {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Depth {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let deeper = self.deeper()?;
        while seq.next_element_seed(deeper)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let deeper = self.deeper()?;
        while map.next_entry_seed(deeper, deeper)?.is_some() {}
        Ok(())
    }
}
