//! Where to connect to, and the byte streams that come of it.
//!
//! The IO traits are futures-io's, as re-exported by futures-lite. Deliberately absent: framing
//! (the protocol crate has it), TLS (it wraps any stream) and socket options.
use futures_lite::{AsyncRead, AsyncWrite};
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::str::FromStr;

/// An address to listen on or to connect to: `tcp://host:port`, `unix://path` or `abstract://name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// A TCP port. The host is a name, an IPv4 or a bare IPv6 address; port 0 lets `listen` choose.
    Tcp {
        /// Host name or address, IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// A Unix domain socket.
    Unix(PathBuf),
    /// A name without a file, in the same network namespace. Whoever listens or connects there deals with processes of its
    /// own user only; a connection to anybody else fails with `PermissionDenied`. A runtime, or a system other than Linux,
    /// may say `Unsupported`.
    Abstract(String),
}

impl Endpoint {
    /// A TCP endpoint.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Endpoint::Tcp { host: host.into(), port }
    }

    /// A Unix domain socket endpoint.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Endpoint::Unix(path.into())
    }

    /// An abstract endpoint.
    pub fn abstract_name(name: impl Into<String>) -> Self {
        Endpoint::Abstract(name.into())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Endpoint::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
            Endpoint::Abstract(name) => write!(f, "abstract://{name}"),
        }
    }
}

/// Why a text is not an [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseEndpointError {
    /// None of `tcp://`, `unix://` and `abstract://`.
    #[error("`{0}` names no known transport; write tcp://host:port, unix://path or abstract://name")]
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
    Name(String),
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        if let Some(path) = text.strip_prefix("unix://") {
            return match path {
                "" => Err(ParseEndpointError::Path(text.into())),
                path => Ok(Endpoint::unix(path)),
            };
        }
        if let Some(name) = text.strip_prefix("abstract://") {
            return match name {
                "" => Err(ParseEndpointError::Name(text.into())),
                name => Ok(Endpoint::abstract_name(name)),
            };
        }
        let rest = text.strip_prefix("tcp://").ok_or_else(|| ParseEndpointError::Scheme(text.into()))?;
        // After a closing bracket there is no port, whatever colons the brackets hold.
        let (host, port) = rest
            .rsplit_once(':')
            .filter(|_| !rest.ends_with(']'))
            .ok_or_else(|| ParseEndpointError::Port(text.into()))?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        // A bare IPv6 address is ambiguous: its last group could be the port.
        let host = bracketed.unwrap_or(host);
        let bad = |c: char| c == '/' || c == '[' || c == ']' || c.is_whitespace();
        if host.is_empty() || (bracketed.is_none() && host.contains(':')) || host.contains(bad) {
            return Err(ParseEndpointError::Host(text.into()));
        }
        // u16's own parser accepts a leading plus sign.
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|_| digits);
        let port = port.ok_or_else(|| ParseEndpointError::Port(text.into()))?;
        Ok(Endpoint::tcp(host, port))
    }
}

/// A connected byte stream.
pub trait Conn: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The owned read half.
    type Reader: AsyncRead + Unpin + Send + 'static;
    /// The owned write half. Dropping it sends FIN even while the reader lives, on every runtime.
    type Writer: AsyncWrite + Unpin + Send + 'static;

    /// Splits into owned halves, which share no lock where the platform allows it.
    fn split(self) -> (Self::Reader, Self::Writer);

    /// The other side's address, for logs.
    fn peer(&self) -> String;

    /// The socket, not blocking, for a thread that waits for it and reads it without the runtime's help; `None` if it is
    /// none of the operating system's. To be asked before the connection is split. It stays open at least until what this
    /// returns is dropped.
    fn socket(&self) -> Option<Box<dyn SharedSocket>>;
}

/// A connection's socket, in the hands of a thread that may read it beside the runtime.
pub trait SharedSocket: AsFd + fmt::Debug + Send + Sync + 'static {
    /// From now on a thread waits for the socket by itself. A runtime that can stops watching for what comes in, and is not
    /// woken by it; it watches again as soon as somebody waits in the connection's `poll_read`. Whoever waits there already
    /// may not be woken any more. Does nothing unless a runtime says otherwise.
    fn unwatch(&self) {}
}

impl SharedSocket for OwnedFd {}

/// A listening socket.
pub trait Listener: Send + 'static {
    /// The byte stream.
    type Conn: Conn;

    /// Waits for the next connection. TCP connections have `TCP_NODELAY` set.
    ///
    /// # Errors
    /// The operating system's. The listener stays usable: an error may concern one connection only,
    /// or pass once file descriptors are free again.
    ///
    /// # Cancel safety
    /// Dropping the future loses no connection that was not yet returned.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Conn>> + Send;

    /// The endpoint that was bound, with an ephemeral port filled in.
    fn local(&self) -> Endpoint;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_parse_as_they_print() {
        let cases = [
            ("tcp://10.0.0.1:8786", Endpoint::tcp("10.0.0.1", 8786)),
            ("tcp://node-7.lab:0", Endpoint::tcp("node-7.lab", 0)),
            ("tcp://[::1]:65535", Endpoint::tcp("::1", 65535)),
            ("unix:///run/longshore.sock", Endpoint::unix("/run/longshore.sock")),
            ("unix://relative:path", Endpoint::unix("relative:path")),
            ("abstract://a name/1", Endpoint::abstract_name("a name/1")),
        ];
        for (text, endpoint) in cases {
            assert_eq!(text.parse(), Ok(endpoint.clone()));
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn malformed_endpoints_say_what_is_wrong() {
        use ParseEndpointError::{Host, Name, Path, Port, Scheme};
        let parse = |t: &str| t.parse::<Endpoint>().unwrap_err();
        for text in ["", "localhost:1", "udp://h:1", "TCP://h:1", "tcp:/h:1"] {
            assert_eq!(parse(text), Scheme(text.into()));
        }
        for text in ["tcp://:1", "tcp://::1:8786", "tcp://[]:1", "tcp://[::1:1", "tcp://a b:1", "tcp://h/x:1"]
        {
            assert_eq!(parse(text), Host(text.into()));
        }
        for text in
            ["tcp://", "tcp://h", "tcp://h:", "tcp://h:+1", "tcp://h:65536", "tcp://h:1/", "tcp://[::1]"]
        {
            assert_eq!(parse(text), Port(text.into()));
        }
        assert_eq!(parse("unix://"), Path("unix://".into()));
        assert_eq!(parse("abstract://"), Name("abstract://".into()));
        assert!(parse("tcp://h").to_string().contains("tcp://host:port"));
    }
}
