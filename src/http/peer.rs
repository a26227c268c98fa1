//! Where a request comes from.

use hyper::HeaderMap;
use hyper::header::{FORWARDED, HeaderName, VIA};
use std::net::{IpAddr, Ipv6Addr};

/// The headers by which proxies tell that they have passed a request on.
const OF_PROXIES: [HeaderName; 4] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

impl Peer {
    /// Whether a request is from a program of this machine: a proxy here may have passed it on for another.
    pub(super) fn is_here(self, headers: &HeaderMap) -> bool {
        self.0.to_canonical().is_loopback()
            && !OF_PROXIES.iter().any(|header| headers.contains_key(header))
    }

    /// Returns the address that stands for all which one client has: an IPv4 address itself, and the
    /// first half of one of IPv6, the rest of which a client chooses.
    pub(super) fn client(self) -> IpAddr {
        match self.0.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address => address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn what_a_proxy_passes_on_is_not_from_here() {
        for (address, header, expected) in [
            ("127.0.0.1", None, true),
            ("127.8.8.8", Some("x-request-id"), true),
            ("::1", None, true),
            ("::ffff:127.0.0.1", None, true),
            ("127.0.0.1", Some("x-forwarded-for"), false),
            ("127.0.0.1", Some("forwarded"), false),
            ("::1", Some("via"), false),
            ("127.0.0.1", Some("x-real-ip"), false),
            ("10.0.0.1", None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(name) = header {
                headers.insert(name, HeaderValue::from_static("a"));
            }
            let is_here = Peer(address.parse().unwrap()).is_here(&headers);
            assert_eq!(is_here, expected, "{address} {header:?}");
        }
    }
}
