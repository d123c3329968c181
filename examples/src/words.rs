//! Words of a text that is read piece by piece.
//!
//! A word is a run of letters, digits and underscores, in lower case, that has a letter and begins with no digit. Runs longer than
//! [`WORD_BYTES_MAX`] are keys and checksums rather than words, and are left out.
use std::io::{self, Read};
use std::str;

/// Longest word that is counted.
pub const WORD_BYTES_MAX: usize = 48;
/// How much of a text is in memory at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Whether a run of letters, digits and underscores is a word.
#[must_use]
pub fn is_word(run: &str) -> bool {
    run.len() <= WORD_BYTES_MAX && !run.starts_with(char::is_numeric) && run.contains(char::is_alphabetic)
}

/// Calls `each` with every word of a text, and tells the text's length in bytes.
///
/// Bytes that are not UTF-8 separate words. However long a text and its lines, no more than a piece of it is in memory.
///
/// # Errors
/// Those of reading.
pub fn for_each_word(mut source: impl Read, mut each: impl FnMut(&str)) -> io::Result<u64> {
    let mut piece = vec![0; PIECE_BYTES];
    let (mut bytes, mut kept) = (0, 0);
    let mut word = Word::default();
    loop {
        let len = match source.read(&mut piece[kept..]) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if len == 0 {
            word.end(&mut each);
            return Ok(bytes);
        }
        bytes += len as u64;
        let filled = kept + len;
        kept = 0;
        let mut seen = 0;
        for chunk in piece[..filled].utf8_chunks() {
            word.go_on(chunk.valid(), &mut each);
            seen += chunk.valid().len() + chunk.invalid().len();
            if seen == filled && is_cut_short(chunk.invalid()) {
                kept = chunk.invalid().len();
            } else if !chunk.invalid().is_empty() {
                word.end(&mut each);
            }
        }
        piece.copy_within(filled - kept..filled, 0);
    }
}

/// Whether these bytes may be the beginning of a character whose rest comes with the next piece.
fn is_cut_short(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|e| e.error_len().is_none())
}

/// The word that is being read, which may have begun in an earlier piece.
#[derive(Default)]
struct Word {
    text: String,
}

impl Word {
    fn go_on(&mut self, text: &str, each: &mut impl FnMut(&str)) {
        for c in text.chars() {
            if !c.is_alphanumeric() && c != '_' {
                self.end(each);
            } else if self.text.len() > WORD_BYTES_MAX {
                // Too long already: nothing more of it is needed than that.
            } else if c.is_ascii() {
                self.text.push(c.to_ascii_lowercase());
            } else {
                self.text.extend(c.to_lowercase());
            }
        }
    }

    fn end(&mut self, each: &mut impl FnMut(&str)) {
        if is_word(&self.text) {
            each(&self.text);
        }
        self.text.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Gives a text out in pieces of the given lengths, again and again.
    struct Dribble<'a>(&'a [u8], VecDeque<usize>);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1.rotate_left(1);
            self.0.read(&mut buffer[..self.1[0]])
        }
    }

    fn words(source: impl Read) -> Vec<String> {
        let mut words = Vec::new();
        for_each_word(source, |word| words.push(word.to_owned())).expect("memory can be read");
        words
    }

    #[test]
    fn words_are_runs_in_lower_case_that_begin_with_no_digit() {
        let text = "The quick_fox, 2nd of 0xFF: it's ÄRGER _ __\n\nx";
        assert_eq!(words(text.as_bytes()), ["the", "quick_fox", "of", "it", "s", "ärger", "x"]);
        assert!(words(&b""[..]).is_empty());
        assert!(words(&b" 12 \n"[..]).is_empty());
    }

    #[test]
    fn runs_too_long_to_be_words_are_left_out_whole() {
        let longest = "a".repeat(WORD_BYTES_MAX);
        assert_eq!(words(format!("{longest} b").as_bytes()), [&*longest, "b"]);
        assert_eq!(words(format!("{longest}a b").as_bytes()), ["b"]);
        assert_eq!(words(format!("{} b", "ab".repeat(PIECE_BYTES)).as_bytes()), ["b"]);
    }

    #[test]
    fn it_does_not_matter_where_pieces_end() {
        let text = "Grüße, 你好 wörld — naïve\u{1F600}end \u{130}stanbul";
        let whole = words(text.as_bytes());
        assert_eq!(whole, ["grüße", "你好", "wörld", "naïve", "end", "i\u{307}stanbul"]);
        for lens in [vec![1], vec![2], vec![3], vec![4], vec![1, 3], vec![5, 1, 2]] {
            assert_eq!(words(Dribble(text.as_bytes(), lens.into())), whole);
        }
    }

    #[test]
    fn bytes_that_are_no_text_separate_words() {
        let text = b"ab\xFFcd\xE4\xB8ef \xC3";
        for lens in [vec![99], vec![1], vec![2], vec![3]] {
            assert_eq!(words(Dribble(text, lens.into())), ["ab", "cd", "ef"]);
        }
    }

    #[test]
    fn the_length_is_that_of_all_pieces() {
        let text = "word ".repeat(PIECE_BYTES);
        let mut n = 0;
        assert_eq!(
            for_each_word(text.as_bytes(), |_| n += 1).expect("memory can be read"),
            text.len() as u64
        );
        assert_eq!(n, PIECE_BYTES);
    }
}
