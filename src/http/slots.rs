//! Bounds the connections: all of them, and those of each address.

use crate::http::descriptors::SHORTAGE;
use crate::http::peer::Peer;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The slots that connections take, one each.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    most_per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why no slot is free. The text is for whoever is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("too many connections are open")]
    All,
    #[error("too many connections from this address are open")]
    Address,
    #[error("{}", SHORTAGE)]
    Descriptors,
}

/// A slot that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

impl Slots {
    pub(super) fn new(most: usize, most_per_address: usize) -> Arc<Slots> {
        Arc::new(Slots { most, most_per_address, taken: Mutex::default() })
    }

    /// Takes a slot for a connection.
    pub(super) fn take(self: &Arc<Slots>, from: Peer) -> Result<Slot, Full> {
        let address = from.client();
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err(Full::All);
        }
        let of_address = taken.by_address.entry(address).or_default();
        if *of_address >= self.most_per_address {
            return Err(Full::Address);
        }
        *of_address += 1;
        taken.all += 1;
        Ok(Slot { slots: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing panics between the two counts, so they agree even if the lock is poisoned.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        taken.all -= 1;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let slots = Slots::new(5, 2);
        let take = |address: &str| slots.take(Peer(address.parse().unwrap()));
        let first = take("10.0.0.1").unwrap();
        let mapped = take("::ffff:10.0.0.1").unwrap();
        assert_eq!(take("10.0.0.1").unwrap_err(), Full::Address);
        let other = take("10.0.0.2").unwrap();
        let half = [take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap()];
        assert_eq!(take("2001:db8::3").unwrap_err(), Full::All);
        drop(other);
        assert_eq!(take("2001:db8::3").unwrap_err(), Full::Address);
        let next = take("2001:db8:0:1::3").unwrap();
        drop(first);
        let again = take("10.0.0.1").unwrap();
        drop((mapped, half, next, again));
        assert!(slots.lock().by_address.is_empty());
        assert_eq!(slots.lock().all, 0);
    }
}
