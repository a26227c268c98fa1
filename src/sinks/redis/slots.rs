//! The slots of a Redis Cluster, which has each key on the node of its slot: CRC16 of the name, modulo 16,384. Of a
//! name with something in braces that alone counts.

use std::sync::LazyLock;

/// The number of slots.
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a key.
pub(super) fn slot(key: &[u8]) -> u16 {
    crc16(hashed(key)) % SLOTS
}

/// What stands in braces in the name of a key of this slot: the least number of it.
pub(super) fn tag(of: u16) -> u32 {
    static TAGS: LazyLock<Vec<u32>> = LazyLock::new(|| {
        let (mut tags, mut left) = (vec![None; usize::from(SLOTS)], SLOTS);
        for number in 0_u32.. {
            let tag = &mut tags[usize::from(slot(number.to_string().as_bytes()))];
            if tag.is_none() {
                *tag = Some(number);
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        tags.into_iter().flatten().collect()
    });
    TAGS[usize::from(of % SLOTS)]
}

/// The part of a name that counts: between its first `{` and the first `}` behind it, unless nothing is between.
fn hashed(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    let behind = &key[open + 1..];
    match behind.iter().position(|byte| *byte == b'}') {
        None | Some(0) => key,
        Some(length) => &behind[..length],
    }
}

/// CRC16 as XMODEM has it: the polynomial 0x1021, nothing reflected, from 0.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) ^ u16::from(*byte))])
}

/// What each byte makes of it.
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        // It fits: there are 256.
        #[allow(clippy::cast_possible_truncation, reason = "a byte")]
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the specification, and what `CLUSTER KEYSLOT` answers.
    #[test]
    fn a_key_has_its_slot() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        for (key, expected) in
            [("", 0), ("foo", 12_182), ("bar", 5_061), ("hello", 866), ("123456789", 12_739)]
        {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
    }

    /// The examples of the specification.
    #[test]
    fn what_is_in_braces_counts_alone() {
        let check = |key: &str, counts: &str| {
            assert_eq!(hashed(key.as_bytes()), counts.as_bytes(), "{key}");
        };
        check("{user1000}.following", "user1000");
        check("{user1000}.followers", "user1000");
        check("foo{}{bar}", "foo{}{bar}");
        check("foo{{bar}}zap", "{bar");
        check("foo{bar}{zap}", "bar");
        check("foo{bar", "foo{bar");
        check("foo}bar{", "foo}bar{");
        check("user:profile:{", "user:profile:{");
        check("user:profile:a{b}c", "b");
        assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
    }

    #[test]
    fn each_slot_has_a_tag() {
        for of in 0..SLOTS {
            assert_eq!(slot(format!("recsys:marker:3:{{{}}}", tag(of)).as_bytes()), of);
        }
    }
}
