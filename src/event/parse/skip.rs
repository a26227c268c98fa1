//! Reads past what nobody asked for.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// How many levels deep lists and objects may be nested in a field.
pub(super) const MAX_DEPTH: Skip = Skip(64);

/// Reads past a value, down to so many levels.
///
/// NB: not `serde::de::IgnoredAny`, which sonic-rs skips by recursion without a limit, so that one
/// record of brackets would overflow the stack.
#[derive(Clone, Copy)]
pub(super) struct Skip(u8);

impl Skip {
    /// One level down.
    pub(super) fn deeper<E: Error>(self) -> Result<Skip, E> {
        self.0.checked_sub(1).map(Skip).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'a> DeserializeSeed<'a> for Skip {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Skip {
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
