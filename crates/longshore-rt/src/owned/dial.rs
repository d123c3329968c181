//! Finding, connecting and listening.
use super::OwnedExecutor;
use super::net::{Bound, OwnedConn, OwnedListener, Socket};
use super::source::{Kind, Registered, Way};
use crate::socket_file::SocketFile;
use crate::{Endpoint, RuntimeExt, abstract_socket};
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

pub(super) async fn connect(rt: OwnedExecutor, to: Endpoint) -> io::Result<OwnedConn> {
    let (host, port) = match to {
        Endpoint::Tcp { host, port } => (host, port),
        Endpoint::Unix(path) => {
            let stream = rt.reactor.register(UnixStream::connect(path)?, Kind::Unix)?;
            return Ok(OwnedConn::new(Socket::unix(stream)));
        }
        Endpoint::Abstract(name) => {
            let stream = UnixStream::connect_addr(&abstract_socket::address(&name)?)?;
            abstract_socket::same_user(&stream)?;
            let stream = rt.reactor.register(stream, Kind::Unix)?;
            return Ok(OwnedConn::new(Socket::unix(stream)));
        }
    };
    let mut last = no_address(&host);
    for address in resolve(&rt, host, port).await? {
        match connect_to(&rt, address).await {
            Ok(stream) => return Ok(OwnedConn::new(Socket::tcp(stream))),
            Err(e) => last = e,
        }
    }
    Err(last)
}

async fn connect_to(rt: &OwnedExecutor, address: SocketAddr) -> io::Result<Registered<TcpStream>> {
    let stream = rt.reactor.register(TcpStream::connect(address)?, Kind::Connecting)?;
    poll_fn(|cx| stream.poll_with(Way::Out, cx, is_connected, |()| false)).await?;
    stream.socket().set_nodelay(true)?;
    Ok(stream)
}

/// How the attempt ended. It can be asked too early.
fn is_connected(stream: &TcpStream) -> io::Result<()> {
    if let Some(e) = stream.take_error()? {
        return Err(e);
    }
    match stream.peer_addr() {
        Err(e) if e.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        other => other.map(drop),
    }
}

pub(super) async fn listen(rt: OwnedExecutor, on: Endpoint) -> io::Result<OwnedListener> {
    let (host, port) = match on {
        Endpoint::Tcp { host, port } => (host, port),
        Endpoint::Unix(path) => {
            let listener = UnixListener::bind(&path)?;
            let file = SocketFile(path.clone());
            let listener = rt.reactor.register(listener, Kind::Listener)?;
            return Ok(OwnedListener::new(Bound::Unix(listener, file), Endpoint::Unix(path), rt.reactor));
        }
        Endpoint::Abstract(name) => {
            let listener = UnixListener::from_std(abstract_socket::listener(&name)?);
            let listener = rt.reactor.register(listener, Kind::Listener)?;
            return Ok(OwnedListener::new(Bound::Abstract(listener), Endpoint::Abstract(name), rt.reactor));
        }
    };
    let mut last = no_address(&host);
    for address in resolve(&rt, host, port).await? {
        match TcpListener::bind(address) {
            Ok(listener) => {
                let bound = listener.local_addr()?;
                let local = Endpoint::tcp(bound.ip().to_string(), bound.port());
                let listener = rt.reactor.register(listener, Kind::Listener)?;
                return Ok(OwnedListener::new(Bound::Tcp(listener), local, rt.reactor));
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// The addresses of a host. A name is looked up on a thread that may block.
async fn resolve(rt: &OwnedExecutor, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let look_up = move || (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
    rt.spawn_blocking("resolve", look_up).await.map_err(io::Error::other)?
}

fn no_address(host: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("the name {host:?} has no address"))
}
