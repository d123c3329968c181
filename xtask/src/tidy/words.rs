//! Words and names that do not belong in the project.

use super::Finding;
use crate::source::{SourceFile, find_word, line_of};

/// Marks of unfinished work, looked for in the whole text; written in halves so that this file passes itself.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
/// Code that should not stay.
const LEFTOVERS: &[&str] = &["todo!", "unimplemented!", "dbg!"];
/// Attributes that should not stay.
const ATTRIBUTES: &[&str] = &["#[ignore"];
/// Names that say nothing about what a file holds.
const EMPTY_NAMES: &[&str] =
    &["utils", "util", "common", "helpers", "helper", "misc", "internal", "manager", "handler"];
/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("C:\\", "Users"),
];

/// Checks one file.
pub(crate) fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    check_name(file, findings);
    for path in MACHINE_PATHS {
        for (at, _) in file.text.match_indices(path) {
            let text = format!("`{path}…` is a path of one machine");
            findings.push(Finding::error(file, line_of(&file.text, at), text));
        }
    }
    if !file.is_rust() {
        return;
    }
    for word in UNFINISHED {
        for at in find_word(&file.text, word) {
            findings.push(Finding::error(
                file,
                line_of(&file.text, at),
                format!("`{word}` marks unfinished work"),
            ));
        }
    }
    for word in LEFTOVERS.iter().chain(ATTRIBUTES) {
        for (at, _) in file.code.match_indices(word) {
            let at_word = at == 0 || !crate::source::is_word(file.code.as_bytes()[at - 1]);
            if at_word {
                findings.push(Finding::error(
                    file,
                    line_of(&file.code, at),
                    format!("`{word}` must not stay"),
                ));
            }
        }
    }
}

fn check_name(file: &SourceFile, findings: &mut Vec<Finding>) {
    for part in file.path.split('/') {
        let stem = part.split('.').next().unwrap_or(part);
        if EMPTY_NAMES.contains(&stem) {
            findings.push(Finding::error(file, 1, format!("`{stem}` does not say what is inside")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        check(&SourceFile::new(path, text.to_owned()), &mut findings);
        findings.into_iter().map(|f| f.line).collect()
    }

    #[test]
    fn unfinished_work_is_found() {
        assert_eq!(findings("a.rs", &format!("fn f() {{\n    // {}: later\n}}", UNFINISHED[0])), [2]);
        assert_eq!(findings("a.rs", "fn f() { todo!() }"), [1]);
        assert_eq!(findings("a.rs", "#[ignore = \"slow\"]\nfn f() {}"), [1]);
        assert!(findings("a.rs", "fn f() { \"todo!\"; my_dbg!() }").is_empty());
    }

    #[test]
    fn empty_names_are_found_in_any_part() {
        assert_eq!(findings("crates/a/src/utils.rs", ""), [1]);
        assert_eq!(findings("crates/a/src/common/mod.rs", ""), [1]);
        assert!(findings("crates/a/src/commonality.rs", "").is_empty());
    }

    #[test]
    fn paths_of_one_machine_are_found_in_any_file() {
        assert_eq!(findings("README.md", &format!("see\n{}me/x", MACHINE_PATHS[0])), [2]);
        assert!(findings("README.md", "see ./home and https://example.org/a/home").is_empty());
    }
}
