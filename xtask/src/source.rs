//! Rust source with comments and literals blanked out, so that rules about code can be checked by looking for words.
//!
//! Not a parser: only what is needed to know which characters are code. Line numbers stay what they were.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// One file of the project.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Its path from the root, with `/` between the parts.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
    /// Only the code of a Rust file, the rest blanked; empty for other files.
    pub(crate) code: String,
}

impl SourceFile {
    /// A file with this path and text.
    pub(crate) fn new(path: &str, text: String) -> Self {
        let code = if path.ends_with(".rs") { blank(&text) } else { String::new() };
        Self { path: path.to_owned(), text, code }
    }

    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it holds only tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// Every text file of the project below `root` that a person wrote.
///
/// # Errors
/// When a folder cannot be read.
pub(crate) fn read_all(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let wanted = |name: &str| !(name.starts_with("target") || name == ".git" || name == "Cargo.lock");
    for entry in WalkDir::new(root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|e| e.depth() == 0 || wanted(&e.file_name().to_string_lossy()))
    {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let path = relative(root, entry.path());
        if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(SourceFile::new(&path, text));
        }
    }
    Ok(files)
}

/// `path` from `root`, with `/` between the parts.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(root).unwrap_or(path).to_path_buf();
    path.to_string_lossy().replace('\\', "/")
}

/// Whether `c` can be part of a name.
pub(crate) fn is_word(c: u8) -> bool {
    c == b'_' || c.is_ascii_alphanumeric()
}

/// Where `word` stands in `code` as a whole word (a path such as `a::b` is a word here).
pub(crate) fn find_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let end = at + word.len();
        (at == 0 || !is_word(bytes[at - 1])) && (end == bytes.len() || !is_word(bytes[end]))
    })
}

/// The number of the line that holds byte `at`.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|&&c| c == b'\n').count() + 1
}

/// Replaces comments and the insides of literals by spaces.
pub(crate) fn blank(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let end = at + literal_or_comment(bytes, at);
        if end == at {
            out.push(if bytes[at].is_ascii() { bytes[at] } else { b' ' });
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|&c| if c == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The length of the comment or literal that starts at `at`; 0 when there is none.
fn literal_or_comment(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let begins_word = at == 0 || !is_word(bytes[at - 1]);
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|&c| c == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => 1 + quoted(&rest[1..], b'"'),
        [b'r', ..] if begins_word => raw_string(rest, 1),
        [b'b' | b'c', b'r', ..] if begins_word => raw_string(rest, 2),
        [b'\'', b'\\', ..] => 1 + quoted(&rest[1..], b'\''),
        [b'\'', ..] => character(rest),
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length up to and with the closing quote.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|&&c| c == b'#').count();
    let body = prefix + hashes + 1;
    if rest.get(body - 1) != Some(&b'"') {
        return 0;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let end = rest[body..].windows(close.len()).position(|w| w == close);
    end.map_or(rest.len(), |end| body + end + close.len())
}

/// A character literal; a lifetime has no closing quote after its first character.
fn character(rest: &[u8]) -> usize {
    let text = String::from_utf8_lossy(&rest[1..rest.len().min(6)]);
    let Some(first) = text.chars().next() else { return 0 };
    let close = 1 + first.len_utf8();
    if first != '\'' && rest.get(close) == Some(&b'\'') { close + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let text = "a // x\n/* y /* z */ */ b \"s\\\"t\" r#\"u\"# 'v' '\\n' '\"' c";
        let code = blank(text);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(code.len(), text.len());
        assert_eq!(line_of(&code, code.find('b').unwrap()), 2);
    }

    #[test]
    fn lifetimes_and_raw_identifiers_stay() {
        assert_eq!(blank("fn f<'a>(x: &'a str, r: u8, br: u8) {}"), "fn f<'a>(x: &'a str, r: u8, br: u8) {}");
        assert_eq!(blank("r#type"), "r#type");
    }

    #[test]
    fn unfinished_literals_end_with_the_file() {
        assert_eq!(blank("\"abc").trim(), "");
        assert_eq!(blank("r#\"abc").trim(), "");
        assert_eq!(blank("/* abc").trim(), "");
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(find_word("fn fns(fn_x: fn())", "fn").collect::<Vec<_>>(), [0, 13]);
    }
}
