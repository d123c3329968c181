//! Files and functions stay small enough to read in one go.

use super::Finding;
use crate::source::{SourceFile, find_word, line_of};

/// Lines of a file that are worth a look, and that fail.
const FILE_LINES: (usize, usize) = (800, 1200);
/// The same for a file of tests.
const TEST_FILE_LINES: (usize, usize) = (1200, 1500);
/// The same for a function.
const FUNCTION_LINES: (usize, usize) = (70, 120);

/// Checks one file and the functions in it.
pub(crate) fn check(file: &SourceFile, findings: &mut Vec<Finding>) {
    if !file.is_rust() {
        return;
    }
    let limits = if file.is_test() { TEST_FILE_LINES } else { FILE_LINES };
    judge(file, 1, "the file", file.text.lines().count(), limits, findings);
    for (name, first, last) in functions(&file.code) {
        judge(file, first, &format!("`{name}`"), last - first + 1, FUNCTION_LINES, findings);
    }
}

fn judge(
    file: &SourceFile,
    line: usize,
    what: &str,
    lines: usize,
    (look, fail): (usize, usize),
    findings: &mut Vec<Finding>,
) {
    if lines > fail {
        findings.push(Finding::error(file, line, format!("{what} has {lines} lines, at most {fail} pass")));
    } else if lines > look {
        findings.push(Finding::warning(file, line, format!("{what} has {lines} lines, more than {look}")));
    }
}

/// Name, first and last line of each function with a body.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for at in find_word(code, "fn") {
        let rest = code[at + 2..].trim_start();
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if let Some(end) = (!name.is_empty()).then(|| body_end(code, at)).flatten() {
            found.push((name, line_of(code, at), line_of(code, end)));
        }
    }
    found
}

/// Where the body of the function that starts at `start` ends; `None` when it has none.
fn body_end(code: &str, start: usize) -> Option<usize> {
    let (mut inside, mut braces) = (0_i32, 0_i32);
    for (at, c) in code[start..].bytes().enumerate() {
        match c {
            b'(' | b'[' => inside += 1,
            b')' | b']' => inside -= 1,
            b';' if inside == 0 && braces == 0 => return None,
            b'{' => braces += 1,
            b'}' => {
                braces -= 1;
                if braces <= 0 {
                    return Some(start + at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: String) -> Vec<(bool, usize)> {
        let mut findings = Vec::new();
        check(&SourceFile::new(path, text), &mut findings);
        findings.into_iter().map(|f| (f.fails, f.line)).collect()
    }

    fn function(lines: usize) -> String {
        format!("\nfn f(x: [u8; 3]) {{\n{}}}\n", "    g();\n".repeat(lines - 2))
    }

    #[test]
    fn functions_are_found_with_their_lines() {
        let code = "trait T {\n fn a(&self);\n fn b() { { }\n }\n}\nfn c(f: fn(u8)) -> [u8; 2] {\n}";
        let expected = [("b".to_owned(), 3, 4), ("c".to_owned(), 6, 7)];
        assert_eq!(functions(code), expected);
    }

    #[test]
    fn long_functions_warn_then_fail() {
        assert!(findings("a.rs", function(70)).is_empty());
        assert_eq!(findings("a.rs", function(71)), [(false, 2)]);
        assert_eq!(findings("a.rs", function(121)), [(true, 2)]);
    }

    #[test]
    fn long_files_warn_then_fail_and_tests_may_be_longer() {
        assert_eq!(findings("a.rs", "\n".repeat(801)), [(false, 1)]);
        assert_eq!(findings("a.rs", "\n".repeat(1201)), [(true, 1)]);
        assert_eq!(findings("tests/it/a.rs", "\n".repeat(1201)), [(false, 1)]);
        assert_eq!(findings("tests/it/a.rs", "\n".repeat(1501)), [(true, 1)]);
        assert!(findings("a.md", "\n".repeat(5000)).is_empty());
    }
}
