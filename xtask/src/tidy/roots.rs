//! Every crate, program and test file that cargo knows begins with its own documentation.

use std::path::Path;

use super::Finding;
use crate::cargo::Workspace;
use crate::source::{SourceFile, relative};

/// Checks the root file of each target.
pub(crate) fn check(workspace: &Workspace, root: &Path, files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in workspace.packages.iter().flat_map(|p| &p.targets) {
        let path = relative(root, &target.root);
        if let Some(file) = files.iter().find(|f| f.path == path && !begins_with_docs(&f.text)) {
            let text = format!("the root of `{}` does not begin with `//!` documentation", target.name);
            findings.push(Finding::error(file, 1, text));
        }
    }
    findings
}

fn begins_with_docs(text: &str) -> bool {
    text.lines().find(|l| !l.trim().is_empty() && !l.starts_with("#!")).is_some_and(|l| l.starts_with("//!"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_come_first() {
        assert!(begins_with_docs("//! A crate.\nfn f() {}"));
        assert!(begins_with_docs("#![no_std]\n\n//! A crate.\n"));
        assert!(!begins_with_docs("fn f() {}\n//! Late."));
        assert!(!begins_with_docs(""));
    }
}
