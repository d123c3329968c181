//! Comparing secrets.
use std::hint::black_box;

/// Whether two secrets are equal, in a time that depends on the length of `given` only, so that answering tells
/// nothing about how much of a guess was right.
pub(crate) fn same_secret(expected: &str, given: &str) -> bool {
    let (expected, given) = (expected.as_bytes(), given.as_bytes());
    let mut differs = u8::from(expected.len() != given.len());
    for (i, byte) in given.iter().enumerate() {
        // Wraps around rather than stop early; an empty secret compares with a byte that is there anyway.
        let other = if expected.is_empty() { byte } else { &expected[i % expected.len()] };
        differs = black_box(differs | (byte ^ other));
    }
    black_box(differs) == 0
}

#[cfg(test)]
mod tests {
    use super::same_secret;

    #[test]
    fn only_equal_secrets_are_equal() {
        assert!(same_secret("", ""));
        assert!(same_secret("s3cret", "s3cret"));
        for (a, b) in [("", "a"), ("a", ""), ("ab", "abab"), ("abab", "ab"), ("abc", "abd"), ("abc", "bbc")] {
            assert!(!same_secret(a, b), "{a} {b}");
        }
    }
}
