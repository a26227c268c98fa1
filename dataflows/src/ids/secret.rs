//! A key of the shop's, for hashes that nobody else can make.

use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// A key of 128 bits. With the same key, a text has the same hash in every process and version; without it, nobody can
/// find texts that collide, nor try out which text has a hash.
#[derive(Clone, Copy)]
pub struct Secret([u64; 2]);

/// A hash of texts, of 128 bits, so that no two are equal by chance.
pub type SecretHash = [u64; 2];

impl Secret {
    /// The secret with this key.
    pub const fn new(key: [u64; 2]) -> Secret {
        Secret(key)
    }

    /// The hash of texts in their order.
    #[inline]
    pub fn hash(self, texts: &[&str]) -> SecretHash {
        let Secret([one, other]) = self;
        let mut hasher = SipHasher24::new_with_keys(one, other);
        for text in texts {
            hasher.write(text.as_bytes());
            // No text has this byte, so that it is known where each ends.
            hasher.write_u8(0xFF);
        }
        let hash = hasher.finish128();
        [hash.h1, hash.h2]
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_hash_is_of_texts_in_their_order_and_of_the_key() {
        let hash = |key, texts: &[&str]| Secret::new([key, 0]).hash(texts);
        let all = [
            hash(1, &["ab", "c"]),
            hash(1, &["a", "bc"]),
            hash(1, &["abc"]),
            hash(2, &["ab", "c"]),
        ];
        let all: std::collections::BTreeSet<_> = all.into_iter().collect();
        assert_eq!(all.len(), 4);
        // Stored hashes name the same texts in every version.
        assert_eq!(hash(1, &["ab", "c"]), hash(1, &["ab", "c"]));
    }
}
