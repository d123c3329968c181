//! Writes what a report measured into `docs/performance.md` and `docs/plots`; run by `cargo xtask bench --report`.
//!
//! `longshore-report RECORDS DOCS` reads records as lines of JSON. The page is written by people but for its tables, each
//! between `<!-- measured: NAME -->` and `<!-- end -->`; those are replaced.

mod plot;
mod row;
mod table;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use row::Row;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [records, docs] = &arguments[..] else { bail!("say where the records and the documents are") };
    let text =
        fs::read_to_string(records).with_context(|| format!("there is no {records}; run a report first"))?;
    let rows = row::read(&text)?;
    let docs = Path::new(docs);
    plot::all(&rows, &docs.join("plots"))?;
    let page = docs.join("performance.md");
    let written = fs::read_to_string(&page)?;
    fs::write(&page, fill(&written, &rows)?)?;
    println!("wrote {} and the plots beside it", page.display());
    Ok(())
}

const BEGIN: &str = "<!-- measured: ";
const END: &str = "<!-- end -->";

/// The page with its tables replaced.
fn fill(page: &str, rows: &[Row]) -> anyhow::Result<String> {
    let mut out = String::new();
    let mut rest = page;
    while let Some(at) = rest.find(BEGIN) {
        let (before, from) = rest.split_at(at);
        let line_end = from.find('\n').context("the page ends in the middle of a mark")?;
        let (mark, after) = from.split_at(line_end);
        let name = mark[BEGIN.len()..].trim_end_matches("-->").trim();
        let end = after.find(END).with_context(|| format!("the table {name} has no end"))?;
        out += before;
        out += mark;
        out += "\n";
        out += &table::named(name, rows).with_context(|| format!("there is no table {name}"))?;
        rest = &after[end..];
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_marks_is_replaced() {
        let page = "Words.\n<!-- measured: machine -->\nold\n<!-- end -->\nMore.\n";
        let rows = row::read(row::tests::LINE).unwrap();
        let filled = fill(page, &rows).unwrap();
        assert!(filled.starts_with("Words.\n<!-- measured: machine -->\n"));
        assert!(filled.ends_with("<!-- end -->\nMore.\n"));
        assert!(filled.contains("hop_park") && !filled.contains("old"));
        assert_eq!(fill(&filled, &rows).unwrap(), filled, "again changes nothing");
    }

    #[test]
    fn marks_that_say_nothing_known_are_errors() {
        assert!(fill("<!-- measured: nonsense -->\n<!-- end -->\n", &[]).is_err());
        assert!(fill("<!-- measured: machine -->\n", &[]).is_err());
    }
}
