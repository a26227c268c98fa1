//! Places of a dictionary's values in as few bits as they take, in Parquet's hybrid of runs and packed bits.

use std::collections::HashMap;

/// From so many equal ones in a row on, they are written once, and their number.
const RUN: usize = 16;
/// Packed ones come in groups of eight.
const GROUP: usize = 8;

/// The bits that each place below a number takes, at least one.
pub(crate) fn width(places: usize) -> u32 {
    (usize::BITS - places.saturating_sub(1).leading_zeros()).max(1)
}

/// Writes places of a width.
pub(crate) fn put_places(places: &[u32], width: u32, out: &mut Vec<u8>) {
    let (mut at, mut packed) = (0, 0);
    while at < places.len() {
        let run = run(&places[at..]);
        if run < RUN {
            at = (at + GROUP).min(places.len());
            continue;
        }
        put_packed(&places[packed..at], width, out);
        put_number((run as u64) << 1, out);
        let bytes = places[at].to_le_bytes();
        out.extend_from_slice(&bytes[..width.div_ceil(8) as usize]);
        at += run;
        packed = at;
    }
    put_packed(&places[packed..], width, out);
}

/// How many of the first ones are equal; fewer than a run, if not even a group of them is.
fn run(places: &[u32]) -> usize {
    let first = places[0];
    let head = &places[..RUN.min(places.len())];
    if head.iter().any(|place| *place != first) {
        return 0;
    }
    places.iter().take_while(|place| **place == first).count()
}

/// Writes groups of packed places, of which the last one is filled up.
fn put_packed(places: &[u32], width: u32, out: &mut Vec<u8>) {
    if places.is_empty() {
        return;
    }
    let groups = places.len().div_ceil(GROUP);
    put_number((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * width as usize;
    let (mut bits, mut held) = (0_u64, 0);
    for place in places {
        bits |= u64::from(*place) << held;
        held += width;
        if held >= 32 {
            let [a, b, c, d, ..] = bits.to_le_bytes();
            out.extend_from_slice(&[a, b, c, d]);
            bits >>= 32;
            held -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..held.div_ceil(8) as usize]);
    out.resize(end, 0);
}

/// Writes a number, seven bits a byte.
fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Numbers of few values: each value once, and its place for each of them.
pub(crate) struct Numbers {
    pub(crate) values: Vec<u64>,
    pub(crate) places: Vec<u32>,
}

impl Numbers {
    /// The most values for which this is worth it.
    const MOST: usize = 1 << 16;
    /// Values that were met lately, by their hash.
    const RECENT: usize = 1 << 10;

    /// `None` if there are too many values.
    pub(crate) fn of(numbers: impl ExactSizeIterator<Item = u64>) -> Option<Numbers> {
        let most = (numbers.len() / 4).clamp(2, Numbers::MOST);
        let mut recent = vec![(0_u64, columns::MISSING); Numbers::RECENT];
        let mut known: HashMap<u64, u32> = HashMap::new();
        let mut found = Numbers { values: Vec::new(), places: Vec::with_capacity(numbers.len()) };
        for number in numbers {
            // The high bits of a product depend on all bits.
            let slot =
                (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize % Numbers::RECENT;
            let (held, mut place) = recent[slot];
            if held != number || place == columns::MISSING {
                let next = u32::try_from(known.len()).ok()?;
                place = *known.entry(number).or_insert(next);
                if place == next {
                    found.values.push(number);
                    if found.values.len() > most {
                        return None;
                    }
                }
                recent[slot] = (number, place);
            }
            found.places.push(place);
        }
        Some(found)
    }
}
