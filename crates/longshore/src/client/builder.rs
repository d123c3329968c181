//! How a client is to be, and its start.
use super::closing::{Closing, EndCluster};
use super::desk::Resident;
use super::dialer::{Dialer, dial_scheduler};
use super::driver::{Core, Driver, SchedulerLink};
use super::session::{Ended, Session};
use super::{Client, scheduler_file};
use crate::address::Address;
use crate::caller_runs::CallerRuns;
use crate::cluster::LocalCluster;
use crate::error::Error;
use crate::link::house;
use longshore_proto::handshake::ClientHello;
use longshore_proto::{Hello, Role, Welcome};
use longshore_rt::{BlockOn, DynRuntime, Runtime, RuntimeExt};
use std::fmt;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How long the scheduler may take to be reached.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// What may wait to be sent before submissions are refused.
const OUTBOX_BYTES_MAX: usize = 512 * 1024 * 1024;

/// How a client is to be. From [`Client::builder`].
///
/// ```no_run
/// # use longshore::Client;
/// # async fn example(rt: longshore_rt::OwnedExecutor) -> Result<(), longshore::Error> {
/// let client = Client::builder(rt).address("tcp://10.0.0.1:8786").name("report").connect().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is connected before connect() or start()"]
pub struct ClientBuilder<R = DynRuntime> {
    rt: R,
    erased: DynRuntime,
    place: Place,
    name: String,
    token: String,
    connect_max: Duration,
    outbox_bytes_max: usize,
}

/// Where the scheduler is.
enum Place {
    Nowhere,
    Address(String),
    File(PathBuf),
}

impl<R: Runtime> ClientBuilder<R> {
    pub(super) fn new(rt: R, erased: DynRuntime) -> Self {
        ClientBuilder {
            rt,
            erased,
            place: Place::Nowhere,
            name: String::new(),
            token: String::new(),
            connect_max: CONNECT_MAX,
            outbox_bytes_max: OUTBOX_BYTES_MAX,
        }
    }

    /// Where the scheduler is: `tcp://host:port`, `host:port`, `unix://path` or `inproc://name`.
    pub fn address(mut self, address: impl ToString) -> Self {
        self.place = Place::Address(address.to_string());
        self
    }

    /// The scheduler of this cluster, which is in this process.
    pub fn cluster<Q>(mut self, cluster: &LocalCluster<Q>) -> Self {
        self.place = Place::Address(cluster.address().to_string());
        self
    }

    /// A file in which the scheduler writes where it is. It is waited for until it is there.
    pub fn scheduler_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.place = Place::File(path.into());
        self
    }

    /// What the client is called in logs. A name with its session's number by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The cluster's shared secret.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// How long the scheduler may take to be reached. 10 s by default.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_max = limit;
        self
    }

    /// How much may wait to be sent before submissions are refused as overloaded. 512 MiB by default.
    pub fn outbox_bytes_max(mut self, bytes: usize) -> Self {
        self.outbox_bytes_max = bytes;
        self
    }

    /// Lets blocking calls on futures ask the runtime whether they would hang. The aliases do this by themselves.
    pub fn blocks_by_runtime(mut self) -> Self
    where
        R: BlockOn,
    {
        self.erased = DynRuntime::new(self.rt.clone());
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// The scheduler could not be reached or refused this client.
    ///
    /// # Cancel safety
    /// Dropping it gives up the connection.
    pub async fn connect(self) -> Result<Client<R>, Error> {
        let client = self.start().await?;
        client.session().up().await?;
        Ok(client)
    }

    /// Starts a cluster in this process, on the same runtime, for this client alone. It ends with the client.
    ///
    /// # Errors
    /// The cluster could not be started.
    ///
    /// # Cancel safety
    /// Dropping it ends what was started.
    pub async fn local(self) -> Result<Client<R>, Error> {
        let cluster = LocalCluster::builder(self.erased.clone()).start().await;
        let cluster = cluster.map_err(|e| Error::Start(Arc::new(e)))?;
        let address = cluster.address().clone();
        let end: EndCluster = Box::new(move || Box::pin(cluster.close()));
        let client = self.start_at(address, Some(end));
        client.session().up().await?;
        Ok(client)
    }

    /// Gives a client that connects while it is used already. If the connection cannot be made, its futures fail.
    ///
    /// # Errors
    /// There is no address, or it is none, or the scheduler's file never came.
    pub async fn start(self) -> Result<Client<R>, Error> {
        let address = match &self.place {
            Place::Nowhere => return Err(Error::NoAddress),
            Place::Address(text) => text.parse()?,
            Place::File(path) => scheduler_file::wait_for(&self.erased, path, self.connect_max).await?,
        };
        Ok(self.start_at(address, None))
    }

    /// A client of the scheduler at `address`, with what ends the cluster that was started for it.
    pub(super) fn start_at(self, address: Address, cluster: Option<EndCluster>) -> Client<R> {
        let house = house(&address);
        let local = address.is_inproc() && !house.values_leave;
        let session = Session::new(self.erased.clone(), local, self.outbox_bytes_max);
        let token = if self.token.is_empty() { house.token } else { self.token };
        let name =
            if self.name.is_empty() { format!("client-{:08x}", session.id().0 >> 32) } else { self.name };
        let plan = Plan { address, name, token, connect_max: self.connect_max };
        // If the runtime does not take it, it is dropped, which ends the session with that reason.
        let life = run(Core::new(session.clone()), session.clone(), plan);
        self.erased.spawn("client", CallerRuns::new(life)).detach();
        Client::new(Closing::new(session, cluster), self.rt)
    }
}

/// What the driver needs to know to connect.
struct Plan {
    address: Address,
    name: String,
    token: String,
    connect_max: Duration,
}

/// A client's life.
async fn run(mut core: Core, session: Arc<Session>, plan: Plan) {
    match dial_unless_closed(&session, &plan).await {
        None => core.end(Ended::Closed),
        Some(Err(e)) => core.end(Ended::Unconnected(Arc::new(e))),
        Some(Ok((link, welcome))) => {
            let rt = session.rt().clone();
            session.set_cluster(welcome.incarnation);
            let dialer = Dialer::new(rt, plan.token, welcome.incarnation, plan.name);
            Resident::new(session, Driver::new(core, link, dialer)).await;
        }
    }
}

type Dialled = Result<(SchedulerLink, Welcome), Error>;

async fn dial_unless_closed(session: &Arc<Session>, plan: &Plan) -> Option<Dialled> {
    let hello = ClientHello {
        session: session.id(),
        name: plan.name.clone(),
        runtime: session.rt().name().to_owned(),
        // A simulation must not depend on the process it runs in.
        pid: if session.rt().name() == "sim" { 0 } else { std::process::id() },
    };
    let hello = Hello { token: plan.token.clone(), role: Role::Client(hello) };
    let mut dialling = pin!(dial_scheduler(session.rt(), &plan.address, hello, plan.connect_max));
    poll_fn(|cx| {
        session.register_driver(cx);
        if session.lock().closing {
            return Poll::Ready(None);
        }
        dialling.as_mut().poll(cx).map(Some)
    })
    .await
}

impl<R> fmt::Debug for ClientBuilder<R> {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
