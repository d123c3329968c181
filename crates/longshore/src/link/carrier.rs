//! Messages that carry pieces of large values. The bytes of a piece follow their message as they are: they are neither
//! copied into it nor decoded out of it.
use longshore_proto::client::Chunk;
use longshore_proto::frame::Place;
use longshore_proto::{
    ClientToScheduler, PeerReply, PeerRequest, SchedulerToClient, SchedulerToWorker, WorkerToScheduler,
};

/// A message that may carry a piece of a value.
pub(crate) trait Carrier {
    /// Whether pieces are put together where such messages arrive. Those that are only passed on must not lie side by side,
    /// because the first of them would keep the memory of all.
    const GATHERED: bool = true;

    /// The piece, if this message carries one.
    fn chunk(&mut self) -> Option<&mut Chunk> {
        None
    }

    /// Where the bytes belong that come after this message.
    fn place(&mut self) -> Option<Place> {
        let chunk = self.chunk().filter(|_| Self::GATHERED)?;
        Some(Place { total: chunk.total, offset: chunk.offset })
    }
}

macro_rules! carriers {
    ($($message:ty, $gathered:literal, $pattern:pat => $chunk:ident;)*) => {$(
        impl Carrier for $message {
            const GATHERED: bool = $gathered;

            fn chunk(&mut self) -> Option<&mut Chunk> {
                match self {
                    $pattern => Some($chunk),
                    _ => None,
                }
            }
        }
    )*};
}

carriers! {
    PeerRequest, true, PeerRequest::Put(chunk) => chunk;
    PeerReply, true, PeerReply::Data(chunk) => chunk;
    SchedulerToClient, true, SchedulerToClient::Data { chunk, .. } => chunk;
    SchedulerToWorker, true, SchedulerToWorker::Store { chunk, .. } => chunk;
    ClientToScheduler, false, ClientToScheduler::Upload { chunk, .. } => chunk;
    WorkerToScheduler, false, WorkerToScheduler::Data { chunk, .. } => chunk;
}
