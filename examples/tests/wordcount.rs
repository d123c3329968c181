//! `wordcount` on folders whose content is known.
#[path = "../../tests/src/deadline.rs"]
#[allow(dead_code, unreachable_pub)] // written for another package, which needs the rest of it
mod deadline;

use deadline::output_of;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn wordcount(folder: &Path, more: &[&str]) -> Output {
    output_of(Command::new(env!("CARGO_BIN_EXE_wordcount")).arg(folder).args(more))
}

/// What the program says, if it went well.
fn said(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Name and number of each line of the chart.
fn chart<'a>(text: &'a str) -> Vec<(&'a str, u64)> {
    let row = |line: &'a str| {
        let (name, rest) = line.trim_start().split_once(" █")?;
        Some((name, rest.split(' ').next_back()?.parse().ok()?))
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn known_words_are_counted_over_many_batches() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    // 64 files of 40 kB make several batches, even of the smallest size.
    for n in 0..64 {
        let inner = folder.path().join(format!("{}/{}", n % 3, n % 5));
        fs::create_dir_all(&inner)?;
        fs::write(inner.join(format!("{n}.txt")), "the cat, the Grüße\n".repeat(2000))?;
    }
    fs::write(folder.path().join("picture"), [0; 100])?;
    let text = said(wordcount(folder.path(), &["--workers", "2", "--top", "2", "--check"]));
    assert_eq!(chart(&text), [("the", 256_000), ("cat", 128_000)], "{text}");
    assert!(text.contains("files 64   bytes 2688000   words 512000   terms 3\n"), "{text}");
    assert!(text.contains("left out: 1 files that are no text, 0 that cannot be read"), "{text}");
    assert!(text.contains("equal to a sequential count"), "{text}");
    Ok(())
}

#[test]
fn nothing_to_count_is_no_failure() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let text = said(wordcount(folder.path(), &["--workers", "1"]));
    assert!(text.contains("files 0   bytes 0   words 0   terms 0\n"), "{text}");
    Ok(())
}

#[test]
fn what_cannot_be_read_is_reported_and_stops_nobody() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("a.txt"), "one two two")?;
    let locked = folder.path().join("locked.txt");
    fs::write(&locked, "secret")?;
    fs::set_permissions(&locked, Permissions::from_mode(0o0))?;
    // A superuser may read everything.
    let readable = fs::read(&locked).is_ok();
    let text = said(wordcount(folder.path(), &["--workers", "1"]));
    let expected = if readable { "files 2" } else { "0 files that are no text, 1 that cannot be read" };
    assert!(text.contains(expected), "{text}");
    assert_eq!(chart(&text)[0], ("two", 2), "{text}");
    Ok(())
}

#[test]
fn a_folder_that_is_none_is_an_error_that_names_it() {
    let output = wordcount(Path::new("nowhere/at/all"), &[]);
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("nowhere/at/all"), "{errors}");
}
