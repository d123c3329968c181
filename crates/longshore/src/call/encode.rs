//! Turning a call's arguments into what travels.
use super::{Args, CallNode, ErasedArg, FunctionHandle, LocalArg, LocalArgs, tag};
use crate::future::FutureRef;
use crate::value::{EncodeError, StoredValue, put_varint};
use std::sync::Arc;

/// Whoever submits a call says where its inputs come from.
///
/// Each method gives an index into the inputs of the run; the same thing asked for twice may get the same index.
pub(crate) trait Dependencies {
    /// A task that was submitted before.
    fn future(&mut self, future: &FutureRef) -> u32;

    /// A call of the same graph, which the submitter has taken care of already.
    fn call(&mut self, call: &Arc<CallNode>) -> u32;

    /// The longest encoded value that stays among the arguments; longer ones become inputs of their own.
    fn inline_arg_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// A value longer than that.
    fn object(&mut self, value: StoredValue) -> u32;
}

impl CallNode {
    /// Appends the encoded arguments.
    ///
    /// # Errors
    /// When a value refuses, or when the function is a closure.
    pub(crate) fn encode_args(
        &self,
        deps: &mut impl Dependencies,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        if let FunctionHandle::Local(local) = self.function() {
            return Err(EncodeError::Local { function: local.name().to_owned() });
        }
        self.args().iter().try_for_each(|arg| encode_arg(arg, deps, out))
    }

    /// The arguments as they are, for a worker of this process.
    pub(crate) fn local_args(&self, deps: &mut impl Dependencies) -> Args {
        let closure = match self.function() {
            FunctionHandle::Registered(_) => None,
            FunctionHandle::Local(local) => Some(local.clone()),
        };
        let parameters = self.args().iter().map(|arg| local_arg(arg, deps)).collect();
        Args::from_local(LocalArgs { closure, parameters })
    }
}

fn encode_arg(arg: &ErasedArg, deps: &mut impl Dependencies, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (tag, parts) = match arg {
        ErasedArg::Seq(parts) => (tag::SEQ, parts),
        ErasedArg::Tuple(parts) => (tag::TUPLE, parts),
        ErasedArg::None => {
            out.push(tag::NONE);
            return Ok(());
        }
        ErasedArg::Some(part) => {
            out.push(tag::SOME);
            return encode_part(part, deps, out);
        }
        part => return encode_part(part, deps, out),
    };
    out.push(tag);
    put_varint(parts.len() as u64, out);
    parts.iter().try_for_each(|part| encode_part(part, deps, out))
}

fn encode_part(part: &ErasedArg, deps: &mut impl Dependencies, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let index = match part {
        ErasedArg::Value(value) => return encode_value(|out| value.encode(out), deps, out),
        ErasedArg::Future(future) => deps.future(future),
        ErasedArg::Call(call) => deps.call(call),
        // `Arg` makes no containers within containers.
        ErasedArg::Seq(_) | ErasedArg::Tuple(_) | ErasedArg::None | ErasedArg::Some(_) => return Ok(()),
    };
    put_input(index, out);
    Ok(())
}

fn put_input(index: u32, out: &mut Vec<u8>) {
    out.push(tag::INPUT);
    put_varint(u64::from(index), out);
}

/// Writes a value after its length, which is known afterwards: nearly always one byte, which is left free for it.
fn encode_value(
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    deps: &mut impl Dependencies,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    const ONE_BYTE_LEN_MAX: usize = 0x7f;
    let start = out.len();
    out.extend_from_slice(&[tag::VALUE, 0]);
    let begin = out.len();
    encode(out)?;
    let len = out.len() - begin;
    if len > deps.inline_arg_bytes_max() {
        let value = StoredValue::from_encoded(out.split_off(begin).into());
        out.truncate(start);
        put_input(deps.object(value), out);
    } else if len <= ONE_BYTE_LEN_MAX {
        out[begin - 1] = len as u8;
    } else {
        let mut prefix = Vec::with_capacity(10);
        put_varint(len as u64, &mut prefix);
        out.splice(begin - 1..begin, prefix);
    }
    Ok(())
}

fn local_arg(arg: &ErasedArg, deps: &mut impl Dependencies) -> LocalArg {
    let mut all = |parts: &[ErasedArg]| parts.iter().map(|part| local_arg(part, deps)).collect();
    match arg {
        ErasedArg::Seq(parts) => LocalArg::Seq(all(parts)),
        ErasedArg::Tuple(parts) => LocalArg::Tuple(all(parts)),
        ErasedArg::None => LocalArg::None,
        ErasedArg::Some(part) => LocalArg::Some(Box::new(local_arg(part, deps))),
        ErasedArg::Value(value) => LocalArg::Value(value.clone().store()),
        ErasedArg::Future(future) => LocalArg::Input(deps.future(future)),
        ErasedArg::Call(call) => LocalArg::Input(deps.call(call)),
    }
}
