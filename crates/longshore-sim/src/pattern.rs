//! Patterns for names of processes: `*` stands for any text.

/// Whether `name` fits `pattern`. There is no way to mean a literal `*`; no process needs one.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    while let Some((part, tail)) = rest.split_once('*') {
        // The first place is good enough: what follows has the more text to choose from.
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
        rest = tail;
    }
    name.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_text() {
        let fits = [("a", "a"), ("*", ""), ("w*", "w17"), ("*-1", "w-1"), ("a*b*c", "a-b-bc"), ("**", "x")];
        for (pattern, name) in fits {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        let misses = [("a", "ab"), ("w*", "vw"), ("*-1", "w-12"), ("a*b*c", "a-c-b"), ("ab*ba", "aba")];
        for (pattern, name) in misses {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
