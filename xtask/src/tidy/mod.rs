//! `cargo xtask tidy`: the rules of the house that no compiler checks, each in its own file.
//!
//! A rule that must be broken in one place is allowed there by a comment on the line or just above it,
//! `tidy: allow(RULE): why`, for the rules that say so.

mod imports;
mod links;
mod purity;
mod roots;
mod size;
mod words;

use std::fmt;

use anyhow::bail;

use crate::cargo::{Workspace, root};
use crate::source::{self, SourceFile};

/// Something a rule has to say about a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) fails: bool,
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Finding {
    /// A finding that fails the check.
    pub(crate) fn error(file: &SourceFile, line: usize, text: impl Into<String>) -> Self {
        Self { fails: true, path: file.path.clone(), line, text: text.into() }
    }

    /// A finding worth a look.
    pub(crate) fn warning(file: &SourceFile, line: usize, text: impl Into<String>) -> Self {
        Self { fails: false, ..Self::error(file, line, text) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.fails { "error" } else { "warning" };
        write!(f, "{level}: {}:{}: {}", self.path, self.line, self.text)
    }
}

/// Whether line `line` of `file`, or one of the three above it, allows `rule` and says why.
pub(crate) fn is_allowed(file: &SourceFile, line: usize, rule: &str) -> bool {
    let mark = format!("tidy: allow({rule}): ");
    let first = line.saturating_sub(4);
    file.text.lines().skip(first).take(line - first).any(|l| l.contains(&mark))
}

/// Checks every rule and prints what it finds.
///
/// # Errors
/// When a finding fails the check.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = root();
    let workspace = Workspace::read()?;
    let files = source::read_all(&root)?;
    let mut findings = Vec::new();
    findings.extend(imports::check_manifests(&workspace, &root));
    findings.extend(roots::check(&workspace, &root, &files));
    for file in &files {
        imports::check_source(file, &mut findings);
        links::check(file, |path| root.join(path).exists(), &mut findings);
        purity::check(file, &mut findings);
        size::check(file, &mut findings);
        words::check(file, &mut findings);
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    let errors = findings.iter().filter(|f| f.fails).count();
    eprintln!("tidy: {} files, {errors} errors, {} warnings", files.len(), findings.len() - errors);
    if errors > 0 {
        bail!("tidy found {errors} errors");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_allowed_only_nearby_and_with_a_reason() {
        let text = "// tidy: allow(thread): the pool owns its threads\nspawn();\n\n\n\nspawn();\n";
        let file = SourceFile::new("a.rs", text.to_owned());
        assert!(is_allowed(&file, 2, "thread"));
        assert!(!is_allowed(&file, 6, "thread"));
        assert!(!is_allowed(&file, 2, "clock"));
        let bare = SourceFile::new("a.rs", "// tidy: allow(thread)\nspawn();\n".to_owned());
        assert!(!is_allowed(&bare, 2, "thread"));
    }
}
