//! Where a scheduler or a worker is reached.
//!
//! One text form for everything: `tcp://host:port` (or just `host:port`), `unix://path`, `abstract://name`, and
//! `inproc://name` for what lives in this process. Deliberately absent: name lookup, which the runtime does when it connects.
use longshore_proto::limit::NAME_BYTES_MAX;
use longshore_rt::{Endpoint, ParseEndpointError};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// An address to listen on or to connect to.
///
/// ```
/// use longshore::Address;
/// let address: Address = "node-7:8786".parse()?;
/// assert_eq!(address.to_string(), "tcp://node-7:8786");
/// # Ok::<(), longshore::ParseAddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Address {
    /// A name in this process. Values are handed over, nothing is encoded.
    InProc(String),
    /// A TCP port. The host is a name, an IPv4 or a bare IPv6 address; port 0 lets a listener choose.
    Tcp {
        /// Host name or address, IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// A Unix domain socket.
    Unix(PathBuf),
    /// A Unix domain socket with a name in place of a file, for processes of one user on this machine. Linux only.
    Abstract(String),
}

impl Address {
    /// A TCP address.
    #[must_use]
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Address::Tcp { host: host.into(), port }
    }

    /// A Unix domain socket address.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Address::Unix(path.into())
    }

    /// A name in this process that no earlier call returned: `inproc://prefix-number`.
    #[must_use]
    pub fn unique_inproc(prefix: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Address::InProc(format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Whether it leads to this process without any socket.
    #[must_use]
    pub fn is_inproc(&self) -> bool {
        matches!(self, Address::InProc(_))
    }

    /// Whether nobody outside this machine can reach it: not a socket, a Unix domain socket, or a loopback address.
    #[must_use]
    pub fn is_local_to_this_machine(&self) -> bool {
        match self {
            Address::InProc(_) | Address::Unix(_) | Address::Abstract(_) => true,
            Address::Tcp { host, .. } => {
                host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }

    /// The socket it leads to; `None` for a name in this process.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Address::InProc(_) => None,
            Address::Tcp { host, port } => Some(Endpoint::tcp(host.clone(), *port)),
            Address::Unix(path) => Some(Endpoint::unix(path.clone())),
            Address::Abstract(name) => Some(Endpoint::abstract_name(name.clone())),
        }
    }
}

impl From<Endpoint> for Address {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Tcp { host, port } => Address::Tcp { host, port },
            Endpoint::Unix(path) => Address::Unix(path),
            Endpoint::Abstract(name) => Address::Abstract(name),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::InProc(name) => write!(f, "inproc://{name}"),
            Address::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Abstract(name) => write!(f, "abstract://{name}"),
        }
    }
}

/// Why a text is not an [`Address`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseAddressError {
    /// A transport that does not exist.
    #[error(
        "`{0}` names no known transport; write tcp://host:port, unix://path, abstract://name or inproc://name"
    )]
    Scheme(String),
    /// No host before the port.
    #[error("`{0}` names no host; write tcp://host:port, with an IPv6 address in brackets")]
    Host(String),
    /// No port, or not a number up to 65535.
    #[error("`{0}` has no valid port; write tcp://host:port with a port from 0 to 65535")]
    Port(String),
    /// No path after `unix://`.
    #[error("`{0}` names no path; write unix:///path/to/socket")]
    Path(String),
    /// No name after `abstract://`.
    #[error("`{0}` has no name; write abstract://name")]
    Abstract(String),
    /// No usable name after `inproc://`.
    #[error(
        "`{0}` names nothing in this process; write inproc://name, without spaces or slashes in the name"
    )]
    Name(String),
    /// Longer than any address.
    #[error("an address of {bytes} bytes was given; at most {NAME_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        if text.len() > NAME_BYTES_MAX {
            return Err(ParseAddressError::TooLong { bytes: text.len() });
        }
        match text.split_once("://") {
            Some(("inproc", name)) => {
                let bad = |c: char| c == '/' || c.is_whitespace() || c.is_control();
                if name.is_empty() || name.contains(bad) {
                    return Err(ParseAddressError::Name(text.into()));
                }
                Ok(Address::InProc(name.into()))
            }
            Some(("tcp" | "unix" | "abstract", _)) => parse_endpoint(text, text),
            Some(_) => Err(ParseAddressError::Scheme(text.into())),
            None => parse_endpoint(&format!("tcp://{text}"), text),
        }
    }
}

/// Parses `full`; errors quote `text`, which is what was given.
fn parse_endpoint(full: &str, text: &str) -> Result<Address, ParseAddressError> {
    let endpoint: Result<Endpoint, _> = full.parse();
    endpoint.map(Address::from).map_err(|e| match e {
        ParseEndpointError::Host(_) => ParseAddressError::Host(text.into()),
        ParseEndpointError::Port(_) => ParseAddressError::Port(text.into()),
        ParseEndpointError::Path(_) => ParseAddressError::Path(text.into()),
        ParseEndpointError::Name(_) => ParseAddressError::Abstract(text.into()),
        _ => ParseAddressError::Scheme(text.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_parse_as_they_print() {
        let cases = [
            ("tcp://10.0.0.1:8786", Address::tcp("10.0.0.1", 8786)),
            ("tcp://[::1]:0", Address::tcp("::1", 0)),
            ("unix:///run/longshore.sock", Address::unix("/run/longshore.sock")),
            ("abstract://a/b", Address::Abstract("a/b".into())),
            ("inproc://scheduler-7", Address::InProc("scheduler-7".into())),
        ];
        for (text, address) in cases {
            assert_eq!(text.parse(), Ok(address.clone()));
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn without_a_scheme_it_is_tcp() {
        assert_eq!("node-7.lab:8786".parse(), Ok(Address::tcp("node-7.lab", 8786)));
        assert_eq!("[::1]:1".parse(), Ok(Address::tcp("::1", 1)));
    }

    #[test]
    fn malformed_addresses_say_what_is_wrong_with_what_was_given() {
        use ParseAddressError::{Host, Name, Path, Port, Scheme};
        let parse = |t: &str| t.parse::<Address>().unwrap_err();
        for text in ["udp://h:1", "TCP://h:1", "://h:1", "inprocs://a"] {
            assert_eq!(parse(text), Scheme(text.into()));
        }
        for text in [":1", "tcp://:1", "::1:8786", "a b:1", "tcp:/h:1"] {
            assert_eq!(parse(text), Host(text.into()));
        }
        for text in ["", "localhost", "h:", "h:70000", "tcp://[::1]"] {
            assert_eq!(parse(text), Port(text.into()));
        }
        for text in ["inproc://", "inproc://a b", "inproc://a/b"] {
            assert_eq!(parse(text), Name(text.into()));
        }
        assert_eq!(parse("unix://"), Path("unix://".into()));
        assert_eq!(parse("abstract://"), ParseAddressError::Abstract("abstract://".into()));
        assert!(matches!(parse(&"x".repeat(NAME_BYTES_MAX + 1)), ParseAddressError::TooLong { .. }));
    }

    #[test]
    fn unique_names_differ_and_are_addresses() {
        let (a, b) = (Address::unique_inproc("cluster"), Address::unique_inproc("cluster"));
        assert_ne!(a, b);
        assert_eq!(a.to_string().parse(), Ok(a));
    }

    proptest! {
        #[test]
        fn whatever_parses_prints_and_parses_again(text in "([a-z]{0,6}://)?\\PC{0,20}(:[0-9]{0,6})?") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
