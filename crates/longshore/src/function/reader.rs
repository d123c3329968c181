//! Takes a run's arguments one by one, each as the function wants it.
use super::assemble::{Assemble, Shape};
use super::failure::RunFailure;
use crate::call::{Args, ArgsForm, LocalArg, tag};
use crate::value::{DecodeError, Decoder, StoredValue, Value, decode};
use std::slice;
use std::sync::Arc;

/// Reads the arguments of one run, in order.
#[doc(hidden)]
#[derive(Debug)]
pub struct ArgReader<'a> {
    source: Source<'a>,
    inputs: &'a [StoredValue],
}

#[derive(Debug)]
enum Source<'a> {
    Encoded(Decoder<'a>),
    Local(slice::Iter<'a, LocalArg>),
}

/// One argument: the run's own, or shared with the store.
#[doc(hidden)]
#[derive(Debug)]
pub enum Resolved<T> {
    /// Nobody else has it.
    Owned(T),
    /// The worker keeps it too.
    Shared(Arc<T>),
}

impl<T> Resolved<T> {
    /// For a parameter `T`.
    pub fn into_value(self) -> T
    where
        T: Clone,
    {
        match self {
            Resolved::Owned(value) => value,
            Resolved::Shared(value) => Arc::unwrap_or_clone(value),
        }
    }

    /// For a parameter `Arc<T>`.
    pub fn into_shared(self) -> Arc<T> {
        match self {
            Resolved::Owned(value) => Arc::new(value),
            Resolved::Shared(value) => value,
        }
    }

    /// For a parameter `&T`.
    pub fn borrowed(&self) -> &T {
        match self {
            Resolved::Owned(value) => value,
            Resolved::Shared(value) => value,
        }
    }
}

impl<'a> ArgReader<'a> {
    /// Begins with the first argument.
    #[must_use]
    pub fn new(args: &'a Args, inputs: &'a [StoredValue]) -> Self {
        let source = match args.form() {
            ArgsForm::Encoded(bytes) => Source::Encoded(Decoder::new(bytes)),
            ArgsForm::Local(local) => Source::Local(local.parameters().iter()),
        };
        ArgReader { source, inputs }
    }

    /// The next argument.
    ///
    /// # Errors
    /// When it is missing or no `T`.
    pub fn next<T: Value>(
        &mut self,
        name: &str,
        assemble: Assemble<T>,
    ) -> Result<Resolved<T>, Box<RunFailure>> {
        let value = match &mut self.source {
            Source::Encoded(decoder) => next_encoded(decoder, self.inputs, &assemble),
            Source::Local(args) => match args.next() {
                Some(arg) => next_local(arg, self.inputs, &assemble),
                None => Err(DecodeError::Truncated),
            },
        };
        value.map_err(|error| RunFailure::undecodable::<T>(name, &error))
    }

    /// Makes sure that nothing is left.
    ///
    /// # Errors
    /// When there are more arguments than the function has parameters.
    pub fn finish(self) -> Result<(), Box<RunFailure>> {
        let end = match &self.source {
            Source::Encoded(decoder) => decoder.finish(),
            Source::Local(args) if args.len() == 0 => Ok(()),
            Source::Local(args) => Err(DecodeError::TrailingBytes(args.len())),
        };
        end.map_err(|error| RunFailure::malformed(&error))
    }
}

/// A value as the function takes it: a mere number by itself, anything else shared with whoever else has it.
fn resolve<T: Value>(value: &StoredValue) -> Result<Resolved<T>, DecodeError> {
    match value.scalar() {
        Some(scalar) => scalar.map(Resolved::Owned),
        None => value.typed().map(Resolved::Shared),
    }
}

fn input(inputs: &[StoredValue], index: usize) -> Result<&StoredValue, DecodeError> {
    inputs.get(index).ok_or(DecodeError::Truncated)
}

fn next_encoded<T: Value>(
    decoder: &mut Decoder<'_>,
    inputs: &[StoredValue],
    assemble: &Assemble<T>,
) -> Result<Resolved<T>, DecodeError> {
    let shape = match decoder.byte()? {
        tag::VALUE => {
            let len = decoder.len()?;
            return decode(decoder.take(len)?, None).map(Resolved::Owned);
        }
        tag::INPUT => {
            let index = decoder.len()?;
            return resolve(input(inputs, index)?);
        }
        tag::NONE => return assemble.call(Shape::Option, &[]).map(Resolved::Owned),
        tag::SOME => {
            let part = encoded_part(decoder, inputs)?;
            return assemble.call(Shape::Option, &[part]).map(Resolved::Owned);
        }
        tag::SEQ => Shape::Seq,
        tag::TUPLE => Shape::Tuple,
        tag => return Err(DecodeError::BadTag(tag)),
    };
    let len = decoder.len()?;
    // Every part takes a byte at least, so a made-up length ends here soon.
    let parts: Vec<_> = (0..len).map(|_| encoded_part(decoder, inputs)).collect::<Result<_, _>>()?;
    assemble.call(shape, &parts).map(Resolved::Owned)
}

fn encoded_part(decoder: &mut Decoder<'_>, inputs: &[StoredValue]) -> Result<StoredValue, DecodeError> {
    match decoder.byte()? {
        tag::VALUE => {
            let len = decoder.len()?;
            Ok(StoredValue::from_encoded(bytes::Bytes::copy_from_slice(decoder.take(len)?)))
        }
        tag::INPUT => {
            let index = decoder.len()?;
            input(inputs, index).cloned()
        }
        tag => Err(DecodeError::BadTag(tag)),
    }
}

fn next_local<T: Value>(
    arg: &LocalArg,
    inputs: &[StoredValue],
    assemble: &Assemble<T>,
) -> Result<Resolved<T>, DecodeError> {
    let parts =
        |parts: &[LocalArg]| parts.iter().map(|part| local_part(part, inputs)).collect::<Result<Vec<_>, _>>();
    let value = match arg {
        LocalArg::Value(_) | LocalArg::Input(_) => {
            return resolve(&local_part(arg, inputs)?);
        }
        LocalArg::None => assemble.call(Shape::Option, &[]),
        LocalArg::Some(part) => assemble.call(Shape::Option, &[local_part(part, inputs)?]),
        LocalArg::Seq(args) => assemble.call(Shape::Seq, &parts(args)?),
        LocalArg::Tuple(args) => assemble.call(Shape::Tuple, &parts(args)?),
    };
    value.map(Resolved::Owned)
}

fn local_part(arg: &LocalArg, inputs: &[StoredValue]) -> Result<StoredValue, DecodeError> {
    match arg {
        LocalArg::Value(value) => Ok(value.clone()),
        LocalArg::Input(index) => input(inputs, *index as usize).cloned(),
        LocalArg::Seq(_) | LocalArg::Tuple(_) | LocalArg::None | LocalArg::Some(_) => {
            Err(DecodeError::Refused("containers of futures do not nest".to_owned()))
        }
    }
}
