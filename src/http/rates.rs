//! How often a client may ask.

use crate::access::{Identity, Scope};
use crate::config::RatesConfig;
use crate::http::caller::Caller;
use crate::http::fault::Fault;
use crate::http::reply::Reply;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use hyper::header::{HeaderName, HeaderValue};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Tells the client its limits, and what is left (draft-ietf-httpapi-ratelimit-headers).
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// After how many questions those are dropped from memory that have not asked for a while.
const SWEEP: usize = 10_000;

/// The limits of all clients.
pub(super) struct Rates {
    per_address: Option<Limit>,
    per_token: Option<Limit>,
    public: Option<Limit>,
}

/// How a client stands to its limit.
#[derive(Debug)]
pub(super) struct Standing {
    policy: HeaderValue,
    standing: HeaderValue,
    /// How long it has to wait, if it has asked too often.
    wait: Option<Duration>,
}

impl Rates {
    pub(super) fn new(rates: &RatesConfig) -> Rates {
        let limit = |name, rate: Option<NonZeroU32>| rate.map(|rate| Limit::new(name, rate));
        Rates {
            per_address: limit("address", rates.per_address),
            per_token: limit("token", rates.per_token),
            public: limit("public", rates.public),
        }
    }

    /// Counts a question. `client` is the address that it comes from.
    pub(super) fn count(&self, caller: &Caller, client: impl Hash) -> Option<Standing> {
        Some(match caller {
            Caller::Unnamed(_) => self.per_address.as_ref()?.count(client),
            Caller::Known(Identity::Token { name, scope: Scope::Public }) => {
                self.public.as_ref()?.count((name, client))
            }
            Caller::Known(Identity::Token { name, .. }) => self.per_token.as_ref()?.count(name),
            Caller::Known(Identity::Visitor { signed_by, claims }) => {
                self.public.as_ref()?.count((signed_by, &claims.sub))
            }
        })
    }
}

/// One limit, of each of many.
struct Limit {
    name: &'static str,
    policy: HeaderValue,
    limiter: RateLimiter<u64, DashMapStateStore<u64>, DefaultClock, StateInformationMiddleware>,
    /// Clients are known by their hashes, with which none can take another's place.
    hash: RandomState,
    counted: AtomicUsize,
}

impl Limit {
    fn new(name: &'static str, rate: NonZeroU32) -> Limit {
        let quota = Quota::per_second(rate).allow_burst(rate.saturating_add(rate.get()));
        let policy = format!("\"{name}\";q={rate};w=1");
        Limit {
            name,
            policy: HeaderValue::from_str(&policy).expect("names and numbers are plain ASCII"),
            limiter: RateLimiter::dashmap(quota).with_middleware(),
            hash: RandomState::new(),
            counted: AtomicUsize::new(0),
        }
    }

    fn count(&self, client: impl Hash) -> Standing {
        if self.counted.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.limiter.retain_recent();
        }
        let (left, wait) = match self.limiter.check_key(&self.hash.hash_one(client)) {
            Ok(standing) => (standing.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(self.limiter.clock().now()))),
        };
        let seconds = wait.map_or(1, seconds);
        let standing = format!("\"{}\";r={left};t={seconds}", self.name);
        let standing = HeaderValue::from_str(&standing).expect("names and numbers are plain ASCII");
        Standing { policy: self.policy.clone(), standing, wait }
    }
}

fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}

impl Standing {
    /// Refuses what was asked too early.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.wait {
            Some(wait) => Err(Fault::TooMany { seconds: seconds(wait) }),
            None => Ok(()),
        }
    }

    /// Tells the client.
    pub(super) fn mark(self, reply: &mut Reply) {
        reply.headers_mut().insert(POLICY, self.policy);
        reply.headers_mut().insert(STANDING, self.standing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::peer::Peer;

    fn rates(per_address: u32, public: u32) -> Rates {
        let [per_address, public] = [per_address, public].map(NonZeroU32::new);
        Rates::new(&RatesConfig { per_address, per_token: None, public })
    }

    fn caller(name: &str, scope: Scope) -> Caller {
        Caller::Known(Identity::Token { name: name.into(), scope })
    }

    /// How many of some questions in a row are answered.
    fn answered(rates: &Rates, caller: &Caller, client: &str, questions: usize) -> usize {
        let standings = (0..questions).map(|_| rates.count(caller, client));
        standings.filter(|it| it.as_ref().is_none_or(|it| it.check().is_ok())).count()
    }

    #[test]
    fn a_burst_is_twice_the_rate_and_each_client_has_its_own() {
        let rates = rates(1, 2);
        let unnamed = Caller::Unnamed(Peer([10, 0, 0, 1].into()));
        assert_eq!(answered(&rates, &unnamed, "10.0.0.1", 5), 2);
        assert_eq!(answered(&rates, &unnamed, "10.0.0.2", 5), 2);
        let page = caller("page", Scope::Public);
        assert_eq!(answered(&rates, &page, "10.0.0.1", 9), 4);
        assert_eq!(answered(&rates, &page, "10.0.0.2", 9), 4);
        assert_eq!(answered(&rates, &caller("shop", Scope::Write), "10.0.0.1", 99), 99);
        let standing = rates.count(&page, "10.0.0.1").unwrap();
        assert_eq!(standing.policy, "\"public\";q=2;w=1");
        assert_eq!(standing.standing, "\"public\";r=0;t=1");
        assert_eq!(standing.check().unwrap_err().details(), "ask again in 1 s");
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let rates = rates(1_000_000, 0);
        let unnamed = Caller::Unnamed(Peer([10, 0, 0, 1].into()));
        for client in 0..2 * SWEEP {
            rates.count(&unnamed, client);
        }
        let kept = rates.per_address.unwrap().limiter.len();
        assert!(kept < 2 * SWEEP, "{kept}");
        assert!(rates.public.is_none());
    }
}
