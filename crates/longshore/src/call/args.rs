//! A run's arguments as they travel.
use super::{LocalFunction, tag};
use crate::value::{EncodeError, StoredValue, put_varint};
use bytes::Bytes;
use longshore_proto::{LocalValue, Payload, Rope};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Arguments of one run: encoded, or typed as long as they stay in the process.
///
/// Both forms can be run any number of times.
#[derive(Clone, Debug)]
pub struct Args(Payload);

/// What is in [`Args`].
#[derive(Debug)]
pub(crate) enum ArgsForm<'a> {
    /// Bytes, as described in [`tag`].
    Encoded(&'a [u8]),
    /// The arguments themselves.
    Local(&'a LocalArgs),
}

/// Arguments that did not leave the process.
#[derive(Debug)]
pub(crate) struct LocalArgs {
    /// What to run, if it is a closure.
    pub(super) closure: Option<Arc<LocalFunction>>,
    pub(super) parameters: Vec<LocalArg>,
}

/// One argument that did not leave the process.
#[derive(Debug)]
pub(crate) enum LocalArg {
    /// A value.
    Value(StoredValue),
    /// A result of another task, by its place among the inputs.
    Input(u32),
    /// A sequence.
    Seq(Vec<LocalArg>),
    /// A tuple or an array.
    Tuple(Vec<LocalArg>),
    /// No value.
    None,
    /// Some value.
    Some(Box<LocalArg>),
}

impl Args {
    /// Arguments that came with a message.
    #[must_use]
    pub(crate) fn from_payload(payload: Payload) -> Self {
        Args(payload)
    }

    /// Arguments as a message carries them.
    #[must_use]
    pub(crate) fn into_payload(self) -> Payload {
        self.0
    }

    #[cfg(test)]
    pub(crate) fn from_encoded(bytes: Vec<u8>) -> Self {
        Args(Payload::from(bytes))
    }

    pub(crate) fn from_local(local: LocalArgs) -> Self {
        Args(Payload::Local(Arc::new(local)))
    }

    /// Whether they are mere bytes, whose end nobody notices.
    pub(crate) fn is_encoded(&self) -> bool {
        !matches!(self.0, Payload::Local(_))
    }

    pub(crate) fn form(&self) -> ArgsForm<'_> {
        match &self.0 {
            Payload::Local(local) => match local.as_any().downcast_ref() {
                Some(local) => ArgsForm::Local(local),
                // Something else of this process: as arguments it is no bytes at all, which the reader reports.
                None => ArgsForm::Encoded(&[]),
            },
            encoded => ArgsForm::Encoded(encoded.as_bytes().unwrap_or_default()),
        }
    }
}

impl LocalArgs {
    pub(crate) fn closure(&self) -> Option<&Arc<LocalFunction>> {
        self.closure.as_ref()
    }

    pub(crate) fn parameters(&self) -> &[LocalArg] {
        &self.parameters
    }

    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match &self.closure {
            Some(closure) => Err(EncodeError::Local { function: closure.name().to_owned() }),
            None => self.parameters.iter().try_for_each(|arg| arg.encode_into(out)),
        }
    }
}

impl LocalArg {
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let (tag, parts) = match self {
            LocalArg::Value(value) => {
                let bytes = value.encoded()?;
                out.push(tag::VALUE);
                put_varint(bytes.len() as u64, out);
                out.extend_from_slice(&bytes);
                return Ok(());
            }
            LocalArg::Input(index) => {
                out.push(tag::INPUT);
                put_varint(u64::from(*index), out);
                return Ok(());
            }
            LocalArg::None => {
                out.push(tag::NONE);
                return Ok(());
            }
            LocalArg::Some(part) => {
                out.push(tag::SOME);
                return part.encode_into(out);
            }
            LocalArg::Seq(parts) => (tag::SEQ, parts),
            LocalArg::Tuple(parts) => (tag::TUPLE, parts),
        };
        out.push(tag);
        put_varint(parts.len() as u64, out);
        parts.iter().try_for_each(|part| part.encode_into(out))
    }

    fn nbytes(&self) -> usize {
        match self {
            LocalArg::Value(value) => value.nbytes_hint(),
            LocalArg::Input(_) | LocalArg::None => 1,
            LocalArg::Seq(parts) | LocalArg::Tuple(parts) => parts.iter().map(LocalArg::nbytes).sum(),
            LocalArg::Some(part) => part.nbytes(),
        }
    }
}

impl LocalValue for LocalArgs {
    fn encode(&self) -> Result<Rope, String> {
        let mut out = Vec::new();
        self.encode_into(&mut out).map_err(|e| e.to_string())?;
        Ok(Bytes::from(out).into())
    }

    fn nbytes(&self) -> usize {
        self.parameters.iter().map(LocalArg::nbytes).sum()
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

impl fmt::Display for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of arguments", self.0.nbytes())
    }
}
