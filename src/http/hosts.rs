//! The names under which the front may be called.
//!
//! A page may let the name of its own server lead to this one (DNS rebinding). Its browser then takes
//! both for one origin, and lets the page read and write here; but it sends the page's name as `Host`.

use crate::http::fault::Fault;
use hyper::HeaderMap;
use hyper::Uri;
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::Authority;
use parser::beginning;
use std::net::IpAddr;

/// The names under which the front may be called. Addresses and `localhost` always may: no page has
/// these for a name that it could let lead elsewhere.
pub(super) struct Hosts {
    any: bool,
    /// Each with or without a port.
    names: Vec<String>,
}

impl Hosts {
    pub(super) fn new(names: &[String]) -> Hosts {
        Hosts { any: names.iter().any(|name| name == "*"), names: names.to_vec() }
    }

    /// Refuses a request to another host. One without a host is from no browser.
    pub(super) fn check(&self, target: &Uri, headers: &HeaderMap) -> Result<(), Fault> {
        let mut given = headers.get_all(HOST).iter();
        let host = given.next().map_or(&[][..], HeaderValue::as_bytes);
        if given.next().is_some() {
            return Err(Fault::Bad("Host is given more than once".into()));
        }
        if let Some(authority) = target.authority() {
            self.check_authority(authority)?;
        }
        if host.is_empty() {
            return Ok(());
        }
        let authority = Authority::try_from(host).map_err(|_| {
            let host = String::from_utf8_lossy(host);
            Fault::Bad(format!(
                "Host is a name or an address, and perhaps a port, not {:?}",
                beginning(&host)
            ))
        })?;
        self.check_authority(&authority)
    }

    fn check_authority(&self, authority: &Authority) -> Result<(), Fault> {
        let host = authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_address = address.unwrap_or(host).parse::<IpAddr>().is_ok();
        let name = host.strip_suffix('.').unwrap_or(host);
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        let with_port = authority.port().map(|port| format!("{name}:{port}"));
        let is_listed = |known: &String| {
            is(known) || with_port.as_ref().is_some_and(|host| known.eq_ignore_ascii_case(host))
        };
        if self.any || is_address || is("localhost") || self.names.iter().any(is_listed) {
            return Ok(());
        }
        Err(Fault::WrongHost(beginning(name).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], target: &str, host: &str) -> Result<(), String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut headers = HeaderMap::new();
        if !host.is_empty() {
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        }
        let told = Hosts::new(&names).check(&target.parse().unwrap(), &headers);
        told.map_err(|fault| fault.details())
    }

    #[test]
    fn addresses_localhost_and_listed_names_are_answered_for() {
        for host in [
            "",
            "localhost",
            "LocalHost:8080",
            "localhost.",
            "127.0.0.1:8080",
            "10.1.2.3",
            "[::1]:8080",
            "[2001:db8::1]",
            "engine",
            "ENGINE:1",
            "engine.:1",
            "shop.example:8443",
        ] {
            assert_eq!(check(&["engine", "shop.example:8443"], "/", host), Ok(()), "{host}");
        }
        for host in [
            "evil",
            "evil:8080",
            "localhost.evil",
            "127.0.0.1.evil",
            "engine.evil",
            "shop.example",
            "shop.example:1",
            "user@evil",
        ] {
            let told = check(&["engine", "shop.example:8443"], "/", host).unwrap_err();
            assert!(told.contains("add it to http.hosts"), "{host}: {told}");
            assert_eq!(check(&["*"], "/", host), Ok(()), "{host}");
        }
        assert!(check(&["*"], "/", "a b").unwrap_err().starts_with("Host is a name"));
    }

    #[test]
    fn the_target_counts_as_well() {
        assert_eq!(check(&[], "http://127.0.0.1/", "localhost"), Ok(()));
        assert!(check(&[], "http://evil/", "localhost").is_err());
        assert!(check(&[], "http://localhost/", "evil").is_err());
    }
}
