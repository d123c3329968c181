//! The shorter way to a TCP listener of this machine: a Unix socket, which costs less for each message and moves large values
//! faster.
//!
//! Whoever listens on a TCP port of loopback, or of every address, listens on the abstract name that follows from it too, and
//! whoever dials loopback tries that name first. Other addresses may move to another machine, and loopback cannot. Names and
//! loopback ports live in the same network namespace, so the name leads where the port leads; where there is no such name
//! (another machine, another container, a forwarded port, another user, a system without such sockets), the port is dialled
//! as if nothing had been tried. So it is, with a warning, when whoever has the name hangs up or speaks another protocol; who
//! is silent is taken for busy. Nothing is announced, and what is said on the connection is the same.
use crate::address::Address;
use longshore_rt::Endpoint;
use std::net::{IpAddr, Ipv4Addr};

/// Where callers of this machine may come in beside this address, on which somebody listens.
pub(super) fn beside(listening: &Address) -> Option<Endpoint> {
    let Address::Tcp { host, port } = listening else { return None };
    let ip: IpAddr = host.parse().ok()?;
    // Who listens everywhere listens on loopback.
    let ip = if ip.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { ip };
    ip.is_loopback().then(|| named(ip, *port))
}

/// What to try before this address is dialled.
pub(super) fn to(address: &Address) -> Option<Endpoint> {
    let Address::Tcp { host, port } = address else { return None };
    let ip = if host == "localhost" { Ipv4Addr::LOCALHOST.into() } else { host.parse::<IpAddr>().ok()? };
    ip.is_loopback().then(|| named(ip, *port))
}

fn named(ip: IpAddr, port: u16) -> Endpoint {
    Endpoint::abstract_name(format!("longshore/{ip}/{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_the_same_name() {
        for (listening, dialled) in [
            ("127.0.0.1:5", "127.0.0.1:5"),
            ("0.0.0.0:5", "127.0.0.1:5"),
            ("[::]:5", "localhost:5"),
            ("127.0.0.1:5", "localhost:5"),
            ("[::1]:5", "[0:0::1]:5"),
        ] {
            let name = beside(&listening.parse().unwrap());
            assert!(name.is_some() && name == to(&dialled.parse().unwrap()), "{listening} {dialled}");
        }
    }

    #[test]
    fn other_addresses_have_other_names_or_none() {
        let name = |address: &str| to(&address.parse().unwrap());
        for other in ["127.0.0.1:6", "127.0.0.2:5", "[::1]:5", "node-7:5", "unix:///run/s", "inproc://a"] {
            assert_ne!(name(other), name("127.0.0.1:5"));
        }
        assert_eq!((name("node-7:5"), name("10.0.0.1:5")), (None, None));
        assert_eq!(beside(&"10.0.0.1:5".parse().unwrap()), None);
        assert_eq!(beside(&"node-7:5".parse().unwrap()), None);
    }
}
