//! A call without its type: what clients walk.
use super::{CallOptions, LocalFunction};
use crate::function::Function;
use crate::future::FutureRef;
use crate::value::{EncodeError, StoredValue, encode_into, is_scalar};
use serde::Serialize;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

/// One call: a function, its arguments and what was said about it.
#[derive(Clone, Debug)]
pub(crate) struct CallNode {
    function: FunctionHandle,
    args: SmallVec<[ErasedArg; 2]>,
    /// Apart from the options, which cost an allocation.
    priority: Option<i32>,
    /// `None` until something else is said, which most calls never are.
    options: Option<Box<CallOptions>>,
}

/// What a call runs.
#[derive(Clone, Debug)]
pub(crate) enum FunctionHandle {
    /// A function that other processes may have too.
    Registered(&'static Function),
    /// A closure of this process.
    Local(Arc<LocalFunction>),
}

/// One argument without its type.
#[derive(Clone, Debug)]
pub(crate) enum ErasedArg {
    /// A value.
    Value(Arc<dyn ErasedValue>),
    /// The result of a submitted task.
    Future(FutureRef),
    /// The result of a call that is submitted along with this one.
    Call(Arc<CallNode>),
    /// A sequence of values, futures and calls.
    Seq(Vec<ErasedArg>),
    /// A tuple or an array of them.
    Tuple(Vec<ErasedArg>),
    /// No value.
    None,
    /// Some value, future or call.
    Some(Box<ErasedArg>),
}

/// A value whose type has been forgotten, but not what can be done with it.
pub(crate) trait ErasedValue: Send + Sync {
    /// Appends the encoded form.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;
    /// The same value as workers keep it; nothing is copied.
    fn store(self: Arc<Self>) -> StoredValue;
    /// Whether it is a mere number, which is cheaper to encode than to share.
    fn is_scalar(&self) -> bool;
}

impl<T: Serialize + Send + Sync + 'static> ErasedValue for T {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encode_into(self, out)
    }

    fn store(self: Arc<Self>) -> StoredValue {
        StoredValue::from_shared(self)
    }

    fn is_scalar(&self) -> bool {
        is_scalar::<T>()
    }
}

impl ErasedArg {
    fn is_cheap_to_encode(&self) -> bool {
        match self {
            ErasedArg::Value(value) => value.is_scalar(),
            ErasedArg::Future(_) | ErasedArg::Call(_) | ErasedArg::None => true,
            ErasedArg::Some(part) => part.is_cheap_to_encode(),
            ErasedArg::Seq(parts) | ErasedArg::Tuple(parts) => {
                parts.iter().all(ErasedArg::is_cheap_to_encode)
            }
        }
    }
}

impl fmt::Debug for dyn ErasedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("value")
    }
}

impl CallNode {
    pub(crate) fn new(function: FunctionHandle, args: SmallVec<[ErasedArg; 2]>) -> Self {
        CallNode { function, args, priority: None, options: None }
    }

    pub(crate) fn function(&self) -> &FunctionHandle {
        &self.function
    }

    pub(crate) fn args(&self) -> &[ErasedArg] {
        &self.args
    }

    /// Whether it is cheaper to encode than to hand over as it is, even within the process.
    pub(crate) fn is_cheap_to_encode(&self) -> bool {
        matches!(self.function, FunctionHandle::Registered(_))
            && self.args.iter().all(ErasedArg::is_cheap_to_encode)
    }

    pub(crate) fn options_mut(&mut self) -> &mut CallOptions {
        self.options.get_or_insert_default()
    }

    pub(crate) fn options(&self) -> Option<&CallOptions> {
        self.options.as_deref()
    }

    pub(crate) fn is_pure(&self) -> bool {
        self.options().and_then(|o| o.pure).unwrap_or(self.function.declared().options().pure)
    }

    pub(crate) fn priority(&self) -> i32 {
        self.priority.unwrap_or(self.function.declared().options().priority)
    }

    pub(crate) fn set_priority(&mut self, priority: i32) {
        self.priority = Some(priority);
    }

    pub(crate) fn retries(&self) -> u32 {
        self.options().and_then(|o| o.retries).unwrap_or(self.function.declared().options().retries)
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.options().and_then(|o| o.timeout).or(self.function.declared().options().timeout)
    }

    /// What a run occupies: the attribute's resources, with the call's own amounts in their place.
    pub(crate) fn resources(&self) -> Vec<(String, f64)> {
        let said = self.options().map_or(&[][..], |o| &o.resources);
        let declared = self.function.declared().options().resources.iter();
        let declared = declared.filter(|(name, _)| !said.iter().any(|(other, _)| other == name));
        declared.map(|(name, amount)| ((*name).to_owned(), *amount)).chain(said.iter().cloned()).collect()
    }

    /// Whether neither the call nor the function's attribute says anything beyond the arguments and the priority.
    pub(crate) fn is_plain(&self) -> bool {
        self.options.is_none() && self.function.declared().options().is_priority_at_most()
    }

    /// The calls among the arguments, in order, each as often as it is used.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Arc<CallNode>> {
        self.args.iter().flat_map(ErasedArg::parts).filter_map(|part| match part {
            ErasedArg::Call(call) => Some(call),
            _ => None,
        })
    }

    pub(crate) fn has_children(&self) -> bool {
        self.children().next().is_some()
    }
}

impl ErasedArg {
    /// The argument itself, or what is in it; containers do not nest.
    fn parts(&self) -> &[ErasedArg] {
        match self {
            ErasedArg::Seq(parts) | ErasedArg::Tuple(parts) => parts,
            ErasedArg::Some(part) => std::slice::from_ref(part),
            part => std::slice::from_ref(part),
        }
    }

    fn into_calls(self, calls: &mut Vec<Arc<CallNode>>) {
        match self {
            ErasedArg::Call(call) => calls.push(call),
            ErasedArg::Seq(parts) | ErasedArg::Tuple(parts) => {
                parts.into_iter().for_each(|part| part.into_calls(calls));
            }
            ErasedArg::Some(part) => part.into_calls(calls),
            ErasedArg::Value(_) | ErasedArg::Future(_) | ErasedArg::None => {}
        }
    }
}

/// A long chain of calls is dropped link by link, not by recursion.
impl Drop for CallNode {
    fn drop(&mut self) {
        if !self.has_children() {
            return;
        }
        let mut calls = Vec::new();
        mem::take(&mut self.args).into_iter().for_each(|arg| arg.into_calls(&mut calls));
        while let Some(call) = calls.pop() {
            if let Some(mut call) = Arc::into_inner(call) {
                mem::take(&mut call.args).into_iter().for_each(|arg| arg.into_calls(&mut calls));
            }
        }
    }
}

impl FunctionHandle {
    /// The function as workers know it.
    pub(crate) fn declared(&self) -> &'static Function {
        match self {
            FunctionHandle::Registered(function) => function,
            FunctionHandle::Local(_) => super::local::declared(),
        }
    }

    /// What people call it.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        match self {
            FunctionHandle::Registered(function) => Cow::Borrowed(function.name()),
            FunctionHandle::Local(local) => Cow::Borrowed(local.name()),
        }
    }
}
