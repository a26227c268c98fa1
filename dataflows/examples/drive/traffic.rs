//! Random traffic for benchmarks: skewed users, skewed products, two tags for each product.
//!
//! Users and products are log-uniform: the first of n is as likely as the second and third
//! together, and as all from n/2 to n together. The same seed gives the same events on every
//! machine.

use dataflows::record::event::Kind;

/// The number of tags.
pub(crate) const TAGS: u32 = 200;

/// One event. Its texts are `user`, `product` and `tag`, each with a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrafficEvent {
    /// The kind: 90 % views, 7 % carts, 3 % purchases.
    pub(crate) kind: Kind,
    /// The user's number.
    pub(crate) user: u32,
    /// The product's number.
    pub(crate) product: u32,
    /// The numbers of the product's two tags.
    pub(crate) tags: [u32; 2],
}

/// An endless stream of events.
pub(crate) struct Traffic {
    random: Random,
    users: u32,
    /// True if all users are equally likely.
    even: bool,
    products: Vec<[u32; 2]>,
}

impl Traffic {
    /// Traffic of so many users, with so many products.
    pub(crate) fn new(seed: u64, users: u32, products: u32) -> Traffic {
        let mut shop = Random::new(0x5407);
        let tags = |_| {
            let first = shop.log_uniform(TAGS);
            let second = shop.log_uniform(TAGS);
            [first, if second == first { (first + 1) % TAGS } else { second }]
        };
        let products = (0..products).map(tags).collect();
        Traffic { random: Random::new(seed), users, even: false, products }
    }

    /// Sets whether all users are equally likely. Then, even at many events per second, no user
    /// makes more events than a person could.
    pub(crate) fn even(self, even: bool) -> Traffic {
        Traffic { even, ..self }
    }
}

impl Iterator for Traffic {
    type Item = TrafficEvent;

    fn next(&mut self) -> Option<TrafficEvent> {
        let kind = match self.random.below(100) {
            0..90 => Kind::View,
            90..97 => Kind::AddToCart,
            _ => Kind::Purchase,
        };
        let user = if self.even {
            u32::try_from(self.random.below(self.users.into())).expect("below a u32")
        } else {
            self.random.log_uniform(self.users)
        };
        let count = u32::try_from(self.products.len()).expect("it was made from a u32");
        let product = self.random.log_uniform(count);
        Some(TrafficEvent { kind, user, product, tags: self.products[product as usize] })
    }
}

/// xorshift64*: a small generator, whose numbers are the same on every machine.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 32) % bound
    }

    /// A number below a bound: n has a probability proportional to about 1 / (n + 1).
    fn log_uniform(&mut self, bound: u32) -> u32 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits are left")]
        let uniform = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the power is from 1 to bound + 1"
        )]
        let rank = (f64::from(bound) + 1.0).powf(uniform) as u32;
        rank.clamp(1, bound) - 1
    }
}
