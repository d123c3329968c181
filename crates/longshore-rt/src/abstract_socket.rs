//! Sockets with a name and no file: Linux's abstract Unix sockets, between processes of one user.
//!
//! The name lives in a network namespace, as a TCP port of loopback does, and goes with the socket, so nothing is ever left
//! over and nothing has to be removed. It has no owner and no permissions either. So both sides make sure that the other is a
//! process of the same user before a byte is said; whoever else takes the name first, or knocks, is turned away.
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;

/// The name in the form that the runtimes take: where a path would stand, behind a zero byte.
#[cfg(target_os = "linux")]
pub(crate) fn path(name: &str) -> io::Result<PathBuf> {
    let path = PathBuf::from(format!("\0{name}"));
    // Makes sure that it is a name, too long ones among others.
    address(name).map(|_| path)
}

/// The name as an address.
#[cfg(target_os = "linux")]
pub(crate) fn address(name: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

/// A listening socket that does not block.
#[cfg(target_os = "linux")]
pub(crate) fn listener(name: &str) -> io::Result<UnixListener> {
    let listener = UnixListener::bind_addr(&address(name)?)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Makes sure that the process at the other end is of this user.
#[cfg(target_os = "linux")]
pub(crate) fn same_user(socket: impl AsFd) -> io::Result<()> {
    let theirs = rustix::net::sockopt::socket_peercred(socket)?.uid;
    compare(theirs.as_raw(), rustix::process::geteuid().as_raw())
}

#[cfg(target_os = "linux")]
fn compare(theirs: u32, ours: u32) -> io::Result<()> {
    if theirs == ours {
        return Ok(());
    }
    let words = format!("the other end is a process of user {theirs}, this is one of user {ours}");
    Err(io::Error::new(ErrorKind::PermissionDenied, words))
}

#[cfg(not(target_os = "linux"))]
fn absent() -> io::Error {
    io::Error::new(
        ErrorKind::Unsupported,
        "only Linux has abstract sockets; use a tcp:// or unix:// endpoint",
    )
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn address(_: &str) -> io::Result<SocketAddr> {
    Err(absent())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn path(_: &str) -> io::Result<PathBuf> {
    Err(absent())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn listener(_: &str) -> io::Result<UnixListener> {
    Err(absent())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn same_user(_: impl AsFd) -> io::Result<()> {
    Err(absent())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn nobody_but_the_same_user_is_let_through() {
        let (here, _there) = UnixStream::pair().unwrap();
        same_user(&here).unwrap();
        assert_eq!(compare(1000, 1001).unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(compare(0, 1000).unwrap_err().kind(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_name_that_is_too_long_is_refused() {
        let long = "x".repeat(200);
        assert_eq!(path(&long).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(listener(&long).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
