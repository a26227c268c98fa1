//! The hash that decides which worker owns a name.

/// The worker, of `peers`, that owns a key. Stable across processes, versions and machines.
pub fn owner(key: &str, peers: usize) -> usize {
    // The remainder is below `peers`, so it fits.
    usize::try_from(stable_hash(key.as_bytes()) % peers.max(1) as u64).unwrap_or(0)
}

/// A hash that stays the same. Differential's own changes its seed between versions, so nothing
/// that is stored may depend on it.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ (bytes.len() as u64).wrapping_mul(PRIME);
    let mut mix = |word: u64| {
        hash = (hash ^ word).wrapping_mul(PRIME);
        hash ^= hash >> 29;
    };
    let (words, rest) = bytes.as_chunks();
    for &word in words {
        mix(u64::from_le_bytes(word));
    }
    if !rest.is_empty() {
        mix(rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)));
    }
    // Mixes the high bits into the low ones, which decide the remainder.
    hash = hash.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash ^ (hash >> 32)
}
