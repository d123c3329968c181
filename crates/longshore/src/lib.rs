//! A programming model for parallel and distributed work: submit calls, await futures.
mod address;
mod link;
pub use address::{Address, ParseAddressError};
pub use link::{ConnectError, LinkError, ListenError};
