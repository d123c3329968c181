//! Handshake messages on a byte stream.
//!
//! Exactly the message is read, never a byte of what follows, so that a link can begin where the handshake ended.
use futures_lite::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use longshore_proto::handshake::{self, HandshakeError, PREFIX_BYTES};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;

/// Why no handshake message came.
#[derive(Debug, thiserror::Error)]
pub(super) enum GreetingError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

/// Reads one message and the protocol version to speak. Nothing is allocated before the prefix is believable.
pub(super) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> Result<(T, u16), GreetingError> {
    let mut prefix = [0; PREFIX_BYTES];
    from.read_exact(&mut prefix).await?;
    let (len, version) = handshake::read_prefix(&prefix)?;
    let mut body = vec![0; len];
    from.read_exact(&mut body).await?;
    Ok((handshake::decode(&body)?, version))
}

/// Writes one message.
pub(super) async fn write<T: Serialize>(
    to: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> Result<(), GreetingError> {
    to.write_all(&handshake::encode(message)?).await?;
    Ok(to.flush().await?)
}
