//! The name that a Unix domain socket leaves in the file system.
use std::path::PathBuf;

/// Removes the socket's file when its listener goes, so that the path can be bound again.
#[derive(Debug)]
pub(crate) struct SocketFile(pub(crate) PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed it already.
        let _ = std::fs::remove_file(&self.0);
    }
}
