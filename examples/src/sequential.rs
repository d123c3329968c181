//! The same count, straightforward: one whole file after the other, with nothing of the way in which the cluster does it.
use crate::count::{Counts, HEAD_BYTES, is_text};
use crate::files::Listing;
use crate::words::is_word;
use std::collections::BTreeMap;

/// Compares with what a sequential count of the same files gives.
///
/// # Errors
/// The first difference, in words.
pub fn compare(counts: &Counts, listing: &Listing) -> Result<(), String> {
    if counts.missed_max > 0 {
        return Err("some terms were left out, so the counts cannot be equal".to_owned());
    }
    let expected = count(listing);
    for (term, n) in &expected {
        let found = counts.terms.get(term).copied().unwrap_or(0);
        if found != *n {
            return Err(format!("{term:?} was counted {found} times, but occurs {n} times"));
        }
    }
    let (words, terms) = (expected.values().sum::<u64>(), expected.len());
    if (counts.words, counts.terms.len()) != (words, terms) {
        return Err(format!(
            "there are {words} words and {terms} terms, not {} and {}",
            counts.words,
            counts.terms.len()
        ));
    }
    Ok(())
}

/// How often each word occurs. Files that cannot be read are left out.
fn count(listing: &Listing) -> BTreeMap<String, u64> {
    let mut terms = BTreeMap::new();
    for (path, _) in &listing.files {
        let Ok(bytes) = std::fs::read(path) else { continue };
        if !is_text(path, &bytes[..bytes.len().min(HEAD_BYTES as usize)]) {
            continue;
        }
        for word in String::from_utf8_lossy(&bytes).split(|c: char| !c.is_alphanumeric() && c != '_') {
            let word: String = word.chars().flat_map(char::to_lowercase).collect();
            if is_word(&word) {
                *terms.entry(word).or_default() += 1;
            }
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io};

    #[test]
    fn a_difference_is_found_and_named() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("a.txt"), "one two two \u{c9}t\u{e9}")?;
        let listing = Listing::below(folder.path(), u64::MAX)?;
        let right = Counts::of_files(&listing.batches(u64::MAX)[0]);
        assert_eq!(compare(&right, &listing), Ok(()));
        let change = |change: fn(&mut Counts)| {
            let mut wrong = right.clone();
            change(&mut wrong);
            compare(&wrong, &listing).expect_err("it is wrong")
        };
        assert!(change(|wrong| wrong.terms.extend([("two".to_owned(), 3)])).contains("two"));
        let forget = |wrong: &mut Counts| {
            wrong.terms.remove("\u{e9}t\u{e9}");
        };
        assert!(change(forget).contains("\u{e9}t\u{e9}"));
        assert!(
            change(|wrong| wrong.terms.extend([("three".to_owned(), 1)])).contains("3 terms, not 4 and 4")
        );
        assert!(change(|wrong| wrong.words += 1).contains("4 words"));
        assert!(change(|wrong| wrong.missed_max = 1).contains("left out"));
        Ok(())
    }
}
