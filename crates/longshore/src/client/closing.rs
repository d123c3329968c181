//! The end of a client: when the last handle goes, and when somebody waits for it.
use super::session::{Phase, Session};
use crate::error::Error;
use longshore_rt::{BoxFuture, RuntimeExt};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Ends an embedded cluster.
pub(crate) type EndCluster = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// What all handles of one client share. Dropping it closes the session without waiting.
pub(super) struct Closing {
    session: Arc<Session>,
    /// The cluster that was started for this client.
    cluster: Mutex<Option<EndCluster>>,
}

impl Closing {
    pub(super) fn new(session: Arc<Session>, cluster: Option<EndCluster>) -> Self {
        Closing { session, cluster: Mutex::new(cluster) }
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Ends the whole cluster. When it returns, the scheduler has said goodbye or is gone.
    ///
    /// # Errors
    /// There is no scheduler to be told.
    pub(super) async fn shutdown(&self) -> Result<(), Error> {
        let session = &self.session;
        session.up().await?;
        session.end_cluster();
        self.close().await;
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.session.close();
        let cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner).take();
        finish(&self.session, cluster).await;
    }
}

/// Waits until the last words are said, then ends the cluster: the other way round it would look like a loss.
async fn finish(session: &Session, cluster: Option<EndCluster>) {
    session.phase(|phase| matches!(phase, Phase::Finished(_)).then_some(())).await;
    if let Some(end) = cluster {
        end().await;
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.session.close();
        let cluster = self.cluster.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if cluster.is_some() {
            let session = self.session.clone();
            // Nobody waits for it. A runtime that is going away drops it, and the cluster with it.
            let rt = session.rt().clone();
            rt.spawn("client-close", async move { finish(&session, cluster).await }).detach();
        }
    }
}

impl fmt::Debug for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)
    }
}
