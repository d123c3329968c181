//! Functions that fail, with every kind of error.
use crate::function::{Run, RunFailureKind};
use crate::{Reschedule, TaskErrorKind, lambda, task};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::{fmt, io};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{row} is bad")]
struct BadRow {
    row: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot load")]
struct Opaque(#[source] io::Error);

#[derive(Debug)]
struct OnlyDebug;

type Fallible<T> = Result<T, BadRow>;

#[task]
fn row(row: u32) -> Result<u32, BadRow> {
    if row > 1 { Err(BadRow { row }) } else { Ok(row) }
}

#[test]
fn ok_is_the_value() {
    assert_eq!(row(1).run().unwrap(), 1);
    assert_eq!(row(row(0)).run().unwrap(), 0);
}

#[test]
fn a_serializable_error_arrives_whole() {
    let error = row(7).run().unwrap_err();
    assert_eq!(error.kind(), TaskErrorKind::Failed);
    assert_eq!(error.downcast_ref::<BadRow>(), Some(&BadRow { row: 7 }));
    assert_eq!(error.downcast_ref::<String>(), None);
    assert_eq!(error.message(), "7 is bad");
    assert!(error.function().ends_with("::row"));
    assert_eq!(error.attempts(), 1);
}

#[test]
fn the_failure_of_an_inner_call_is_the_failure() {
    let error = row(row(row(9))).run().unwrap_err();
    assert_eq!(error.downcast_ref::<BadRow>(), Some(&BadRow { row: 9 }));
}

#[test]
fn other_errors_arrive_as_words_with_their_sources() {
    #[task]
    fn load() -> Result<(), Opaque> {
        Err(Opaque(io::Error::other("no disk")))
    }
    let error = load().run().unwrap_err();
    assert_eq!(error.message(), "cannot load");
    assert_eq!(error.source().map(ToString::to_string), Some("no disk".to_owned()));
    assert!(error.source().and_then(Error::source).is_none());
}

#[test]
fn results_of_other_crates_are_recognised() {
    #[task]
    fn read() -> io::Result<u8> {
        Err(io::ErrorKind::NotFound.into())
    }
    #[task]
    fn any() -> anyhow::Result<u8> {
        Err(anyhow::Error::new(BadRow { row: 1 }).context("reading"))
    }
    assert!(read().run().unwrap_err().message().contains("not found"));
    let error = any().run().unwrap_err();
    assert_eq!(error.message(), "reading");
    assert_eq!(error.source().map(ToString::to_string), Some("1 is bad".to_owned()));
}

#[test]
fn pointers_texts_and_unspeakable_errors_fail_too() {
    #[task]
    fn boxed() -> Result<(), Box<dyn Error>> {
        Err(Box::new(Opaque(io::Error::other("inner"))))
    }
    #[task]
    fn sent() -> Result<(), Box<dyn Error + Send + Sync>> {
        Err("just words".into())
    }
    #[task]
    fn text() -> Result<(), String> {
        Err("text".to_owned())
    }
    #[task]
    fn literal() -> Result<(), &'static str> {
        Err("literal")
    }
    #[task]
    fn debug() -> Result<(), OnlyDebug> {
        Err(OnlyDebug)
    }
    let boxed = boxed().run().unwrap_err();
    assert_eq!(
        (boxed.message(), boxed.source().map(ToString::to_string)),
        ("cannot load", Some("inner".to_owned()))
    );
    assert_eq!(sent().run().unwrap_err().message(), "just words");
    assert_eq!(text().run().unwrap_err().downcast_ref::<String>().map(String::as_str), Some("text"));
    assert_eq!(literal().run().unwrap_err().message(), "literal");
    assert_eq!(debug().run().unwrap_err().message(), "OnlyDebug");
}

#[test]
fn aliases_say_that_they_are_fallible() {
    #[task(fallible)]
    fn aliased(row: u32) -> Fallible<u32> {
        Err(BadRow { row })
    }
    assert_eq!(aliased(3).run().unwrap_err().downcast_ref::<BadRow>(), Some(&BadRow { row: 3 }));
}

#[test]
fn lambdas_fail_when_they_say_so() {
    let checked = lambda!(|x: u32| -> Result<u32, BadRow> { Err(BadRow { row: x }) });
    assert_eq!(checked(3).run().unwrap_err().downcast_ref::<BadRow>(), Some(&BadRow { row: 3 }));
}

#[test]
fn async_functions_fail_alike() {
    #[task]
    async fn wait(row: u32) -> Result<u32, BadRow> {
        futures_lite::future::yield_now().await;
        Err(BadRow { row })
    }
    let error = futures_lite::future::block_on(wait(4).run_async()).unwrap_err();
    assert_eq!(error.downcast_ref::<BadRow>(), Some(&BadRow { row: 4 }));
}

#[derive(Debug, thiserror::Error)]
#[error("busy")]
struct Busy(#[from] Reschedule);

#[test]
fn reschedule_is_recognised_wherever_it_is() {
    #[task]
    fn plain() -> Result<(), Reschedule> {
        Err(Reschedule)
    }
    #[task]
    fn wrapped() -> Result<(), Busy> {
        Err(Reschedule)?
    }
    #[task]
    fn any() -> anyhow::Result<()> {
        Err(Reschedule)?
    }
    #[task]
    fn boxed() -> Result<(), Box<dyn Error + Send + Sync>> {
        Err(Reschedule)?
    }
    for call in [plain(), wrapped(), any(), boxed()] {
        let function = call.function().expect("a function");
        let Run::Sync(run) = function.run() else { unreachable!("a plain fn") };
        let failure = run(&crate::call::Args::from_encoded(Vec::new()), &[]).unwrap_err();
        assert_eq!(failure.kind, RunFailureKind::Reschedule, "{}", function.name());
    }
}

/// A display that has something to say about everything.
struct Verbose;

impl fmt::Display for Verbose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("verbose")
    }
}

#[test]
fn display_alone_is_enough() {
    #[task]
    fn fails() -> Result<(), Verbose> {
        Err(Verbose)
    }
    assert_eq!(fails().run().unwrap_err().message(), "verbose");
}
