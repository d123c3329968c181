//! What was counted in some files, and how two such counts make one.
use crate::chart::bar_chart;
use crate::words::for_each_word;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most different words that one count keeps. Beyond it the rarest go, and [`Counts::missed_max`] says how rare they were.
pub const DIFFERENT_MAX: usize = 1 << 20;
/// How many complaints about files are kept in words.
const COMPLAINTS_MAX: usize = 5;
/// How much of a file is looked at to tell whether it is a text.
pub const HEAD_BYTES: u64 = 4096;
/// Names of texts end like this, whatever is in them.
const TEXT_EXTENSIONS: &[&str] = &[
    "c", "cfg", "cpp", "css", "csv", "h", "html", "java", "js", "json", "md", "py", "rs", "rst", "sh", "sql",
    "toml", "ts", "txt", "xml", "yaml", "yml",
];

/// What was counted in some files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Text files that were read.
    pub files: u64,
    /// Their length.
    pub bytes: u64,
    /// Their words.
    pub words: u64,
    /// Files that are not texts.
    pub others: u64,
    /// Files that could not be read.
    pub unreadable: u64,
    /// The first of these, with the reason.
    pub complaints: Vec<String>,
    /// How often a word may occur that is missing from `terms`: 0 means that none is missing.
    pub missed_max: u64,
    /// How often each word occurs.
    pub terms: HashMap<String, u64, FixedState>,
}

impl Counts {
    /// Counts the words of some files. What cannot be read is counted too, and stops nobody.
    pub fn of_files<P: AsRef<Path>>(paths: &[P]) -> Self {
        let mut counts = Counts::default();
        for path in paths {
            if let Err(e) = counts.read(path.as_ref()) {
                counts.complain(format!("{}: {e}", path.as_ref().display()));
            }
        }
        counts
    }

    /// The two together. What the larger has is copied as a whole, so it is best to put together equals.
    #[must_use]
    pub fn merged(&self, other: &Counts) -> Self {
        let (large, small) = if self.terms.len() < other.terms.len() { (other, self) } else { (self, other) };
        let mut sum = large.clone();
        sum.files += small.files;
        sum.bytes += small.bytes;
        sum.words += small.words;
        sum.others += small.others;
        sum.unreadable += small.unreadable;
        sum.complaints.extend(small.complaints.iter().cloned());
        sum.complaints.truncate(COMPLAINTS_MAX);
        sum.missed_max += small.missed_max;
        for (term, n) in &small.terms {
            sum.add(term, *n);
        }
        sum
    }

    /// The commonest words, each with its number; equals in the order of the alphabet.
    pub fn commonest(&self, len: usize) -> Vec<(String, u64)> {
        let mut terms: Vec<_> = self.terms.iter().collect();
        terms.sort_unstable_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        terms.into_iter().take(len).map(|(term, n)| (term.clone(), *n)).collect()
    }

    /// Notes a file that cannot be read.
    pub fn complain(&mut self, complaint: String) {
        self.unreadable += 1;
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(complaint);
        }
    }

    fn read(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        (&mut file).take(HEAD_BYTES).read_to_end(&mut head)?;
        if !is_text(path, &head) {
            self.others += 1;
            return Ok(());
        }
        let mut words = 0;
        let bytes = for_each_word(head.chain(file), |word| {
            words += 1;
            self.add(word, 1);
        })?;
        self.files += 1;
        self.bytes += bytes;
        self.words += words;
        Ok(())
    }

    fn add(&mut self, term: &str, n: u64) {
        // Looked up first: most words are there already, and need no String.
        if let Some(count) = self.terms.get_mut(term) {
            *count += n;
            return;
        }
        self.terms.insert(term.to_owned(), n);
        if self.terms.len() > DIFFERENT_MAX {
            self.forget_rarest();
        }
    }

    /// Halves the number of terms at least.
    fn forget_rarest(&mut self) {
        let mut counts: Vec<u64> = self.terms.values().copied().collect();
        let middle = counts.len() / 2;
        let limit = *counts.select_nth_unstable(middle).1;
        self.terms.retain(|_, n| *n > limit);
        self.missed_max += limit;
    }
}

/// What is to be said about a count: a chart of the commonest terms, the totals, and what was left out.
#[must_use]
pub fn report(counts: &Counts, top: usize) -> String {
    let Counts { files, bytes, words, others, unreadable, missed_max, .. } = counts;
    let mut lines =
        vec![format!("files {files}   bytes {bytes}   words {words}   terms {}", counts.terms.len())];
    if others + unreadable > 0 {
        lines.push(format!("left out: {others} files that are no text, {unreadable} that cannot be read"));
    }
    lines.extend(counts.complaints.iter().map(|complaint| format!("  {complaint}")));
    if *missed_max > 0 {
        lines.push(format!(
            "too many terms to keep them all: each may occur up to {missed_max} times more often"
        ));
    }
    bar_chart(&counts.commonest(top), 50) + &lines.join("\n")
}

/// Whether a file is a text: by its name, or else by the look of its first [`HEAD_BYTES`].
pub fn is_text(path: &Path, head: &[u8]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if extension.is_some_and(|extension| TEXT_EXTENSIONS.contains(&extension)) {
        return true;
    }
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The head may end within a character.
        Err(e) => e.error_len().is_none() && head.len() as u64 == HEAD_BYTES,
    };
    is_utf8 && !head.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(words: &[(&str, u64)]) -> Counts {
        let mut counts = Counts::default();
        for (word, n) in words {
            counts.add(word, *n);
        }
        counts
    }

    #[test]
    fn counts_add_up_in_either_order() {
        let (a, b) = (counts(&[("x", 2), ("y", 1)]), counts(&[("y", 5)]));
        let expected = [("y".to_owned(), 6), ("x".to_owned(), 2)];
        assert_eq!(a.merged(&b).commonest(9), expected);
        assert_eq!(b.merged(&a), a.merged(&b));
        assert_eq!(a.merged(&b).commonest(1), expected[..1]);
    }

    #[test]
    fn the_rarest_are_forgotten_and_that_is_said() {
        let mut counts = counts(&[("often", 9), ("some", 2), ("rare", 1), ("few", 2)]);
        counts.forget_rarest();
        assert_eq!(counts.commonest(3), [("often".to_owned(), 9)]);
        assert_eq!(counts.missed_max, 2);
    }

    #[test]
    fn reports_say_what_was_left_out() {
        let mut counts = counts(&[("x", 2)]);
        assert!(report(&counts, 1).ends_with("files 0   bytes 0   words 0   terms 1"));
        counts.complain("a: broken".to_owned());
        counts.missed_max = 7;
        let report = report(&counts, 1);
        for part in ["x █", "1 that cannot be read", "  a: broken", "up to 7 times"] {
            assert!(report.contains(part), "{report}");
        }
    }

    #[test]
    fn files_are_texts_by_name_or_by_look() {
        let long = "ä".repeat(HEAD_BYTES as usize);
        assert!(is_text(Path::new("a.rs"), b"\xFF\0"));
        assert!(is_text(Path::new("LICENSE"), b"MIT"));
        assert!(is_text(Path::new("empty"), b""));
        assert!(is_text(Path::new("long"), &format!("a{long}").as_bytes()[..HEAD_BYTES as usize]));
        assert!(!is_text(Path::new("a.png"), b"\x89PNG\r\n"));
        assert!(!is_text(Path::new("a.tar"), b"name\0\0\0"));
        assert!(!is_text(Path::new("short"), b"cut \xC3"));
    }

    #[test]
    fn files_are_counted_and_those_that_cannot_be_read_are_named() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a.txt"), "one two two")?;
        std::fs::write(path("b"), [0, 1, 2])?;
        let counts = Counts::of_files(&[path("a.txt"), path("b"), path("missing")]);
        assert_eq!((counts.files, counts.others, counts.unreadable), (1, 1, 1));
        assert_eq!((counts.bytes, counts.words), (11, 3));
        assert_eq!(counts.commonest(2), [("two".to_owned(), 2), ("one".to_owned(), 1)]);
        assert!(counts.complaints[0].contains("missing"), "{:?}", counts.complaints);
        Ok(())
    }
}
