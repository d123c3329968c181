//! The floor of moving data: one connection to a process of this machine that reads into fresh memory and sends it back.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::process::{Role, announce};
use crate::subject::{Form, Processes, Subject, expect};

/// The role of the far end.
pub(crate) const FAR_END: &str = "raw-far-end";
/// As much as goes into one write.
const CHUNK_BYTES: usize = 1 << 20;

/// What the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Tcp,
    Unix,
}

/// Either kind of connection.
trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// A connection and the process at its far end.
pub(crate) struct RawLink {
    far_end: Role,
    stream: Box<dyn Stream>,
}

impl RawLink {
    /// Starts the far end and connects.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn start(over: Over) -> anyhow::Result<Self> {
        let kind = if over == Over::Tcp { "tcp" } else { "unix" };
        let far_end = Role::start(FAR_END, &[kind])?;
        let stream: Box<dyn Stream> = match over {
            Over::Tcp => {
                let stream = TcpStream::connect(&far_end.address)?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Over::Unix => {
                Box::new(UnixStream::connect_addr(&SocketAddr::from_abstract_name(&far_end.address)?)?)
            }
        };
        Ok(Self { far_end, stream })
    }

    /// Asks for what the far end has; how long it took to come.
    fn exchange_once(&mut self, bytes: usize) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        self.stream.write_all(&0_u64.to_le_bytes())?;
        let object = read_fresh(&mut self.stream, bytes)?;
        let took = begin.elapsed();
        expect("the object's last byte", object.last().map_or(0, |byte| u64::from(*byte)), 7)?;
        Ok(took)
    }
}

/// The far end: takes a length and that many bytes and acknowledges them with one byte; a length of 0 asks for them.
///
/// # Errors
/// When the connection fails midway.
pub(crate) fn serve(over: &str) -> anyhow::Result<()> {
    let mut stream = accept(over)?;
    let mut length = [0; 8];
    let mut object = Vec::new();
    while stream.read_exact(&mut length).is_ok() {
        match u64::from_le_bytes(length) as usize {
            0 => write_all(&mut stream, &object)?,
            count => {
                object = read_fresh(&mut stream, count)?;
                stream.write_all(&[1])?;
            }
        }
    }
    Ok(())
}

fn accept(over: &str) -> anyhow::Result<Box<dyn Stream>> {
    if over == "unix" {
        let name = format!("longshore-bench/raw-link/{}", std::process::id());
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        announce(name)?;
        return Ok(Box::new(listener.accept()?.0));
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

fn write_all(stream: &mut impl Write, bytes: &[u8]) -> anyhow::Result<()> {
    for chunk in bytes.chunks(CHUNK_BYTES) {
        stream.write_all(chunk)?;
    }
    Ok(())
}

/// Reads into memory that nobody has touched yet, as a data plane must for a new object.
fn read_fresh(stream: &mut impl Read, count: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count);
    let found = stream.take(count as u64).read_to_end(&mut bytes)?;
    if found != count {
        bail!("the raw link closed after {found} of {count} bytes");
    }
    Ok(bytes)
}

impl Subject for RawLink {
    fn noops(&mut self, _n: usize) -> anyhow::Result<()> {
        Ok(())
    }

    fn one(&mut self, _x: u64) -> anyhow::Result<u64> {
        bail!("a raw link runs nothing")
    }

    fn chain(&mut self, _n: usize) -> anyhow::Result<u64> {
        bail!("a raw link runs nothing")
    }

    fn tree(&mut self, _leaves: usize) -> anyhow::Result<u64> {
        bail!("a raw link runs nothing")
    }

    fn fan_in(&mut self, _n: usize) -> anyhow::Result<u64> {
        bail!("a raw link runs nothing")
    }

    fn fan_out(&mut self, _n: usize) -> anyhow::Result<u64> {
        bail!("a raw link runs nothing")
    }

    fn echo(&mut self, _n: usize, _bytes: usize) -> anyhow::Result<u64> {
        bail!("a raw link runs nothing")
    }

    fn hold(&mut self, _n: usize) -> anyhow::Result<()> {
        bail!("a raw link holds nothing")
    }

    fn client_growth(&mut self, _n: usize) -> anyhow::Result<u64> {
        bail!("a raw link holds nothing")
    }

    fn scatter(&mut self, bytes: usize, _form: Form) -> anyhow::Result<Duration> {
        let object = vec![7; bytes];
        let begin = Instant::now();
        self.stream.write_all(&(bytes as u64).to_le_bytes())?;
        write_all(&mut self.stream, &object)?;
        self.stream.read_exact(&mut [0])?;
        Ok(begin.elapsed())
    }

    fn gather(&mut self, bytes: usize, form: Form) -> anyhow::Result<Duration> {
        self.scatter(bytes, form)?;
        self.exchange_once(bytes)
    }

    fn exchange(&mut self, objects: usize, bytes: usize, form: Form) -> anyhow::Result<Duration> {
        self.scatter(bytes, form)?;
        (0..objects).map(|_| self.exchange_once(bytes)).sum()
    }

    fn processes(&self) -> Processes {
        Processes { scheduler: self.far_end.pid(), workers: Vec::new() }
    }
}
