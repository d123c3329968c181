//! Links between our own documents lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::Finding;
use crate::source::{SourceFile, line_of};

/// Checks the links of one Markdown file. `exists` tells whether a path from the root is there.
pub(crate) fn check(file: &SourceFile, exists: impl Fn(&Path) -> bool, findings: &mut Vec<Finding>) {
    if !file.path.ends_with(".md") {
        return;
    }
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    for (at, _) in file.text.match_indices("](") {
        let rest = &file.text[at + 2..];
        let target = rest.split([')', '#', '\n']).next().unwrap_or_default();
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        if !exists(&plain(&folder.join(target))) {
            let text = format!("the link to `{target}` leads nowhere");
            findings.push(Finding::error(file, line_of(&file.text, at), text));
        }
    }
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        let there = ["README.md", "docs/protocol.md", "examples"];
        let exists = |path: &Path| there.iter().any(|t| Path::new(t) == path);
        check(&SourceFile::new(path, text.to_owned()), exists, &mut findings);
        findings.into_iter().map(|f| f.line).collect()
    }

    #[test]
    fn links_are_followed_from_the_folder_of_the_file() {
        assert!(lines("README.md", "[a](docs/protocol.md#frames) [b](examples) [c](#here)").is_empty());
        assert!(lines("docs/protocol.md", "[a](../README.md) [b](https://example.org/x)").is_empty());
        assert_eq!(lines("docs/protocol.md", "\n[a](README.md)"), [2]);
        assert!(lines("src/lib.rs", "[a](nowhere.md)").is_empty());
    }
}
