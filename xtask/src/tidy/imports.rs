//! Imports between our crates go downward only: in `Cargo.toml` and in the code.

use std::path::Path;

use super::Finding;
use crate::cargo::Workspace;
use crate::source::{SourceFile, find_word, is_word, line_of, relative};

/// Who may import whom. `None` stands for anybody.
const LAYERS: &[(&str, Option<&[&str]>)] = &[
    ("longshore-proto", Some(&[])),
    ("longshore-rt", Some(&[])),
    ("longshore-macros", Some(&[])),
    ("longshore-core", Some(&["longshore-proto"])),
    ("longshore-sim", Some(&["longshore-rt"])),
    (
        "longshore",
        Some(&["longshore-core", "longshore-proto", "longshore-rt", "longshore-macros", "longshore-sim"]),
    ),
    ("longshore-dashboard", Some(&["longshore"])),
    ("longshore-cli", Some(&["longshore", "longshore-dashboard"])),
    ("longshore-examples", Some(&["longshore"])),
    ("longshore-tests", None),
    ("longshore-bench", None),
    ("xtask", Some(&[])),
];

/// What `package` may import: `Err` when the package is not in the table at all.
fn allowed(package: &str) -> Result<Option<&'static [&'static str]>, ()> {
    LAYERS.iter().find(|(name, _)| *name == package).map(|(_, may)| *may).ok_or(())
}

fn is_ours(name: &str) -> bool {
    LAYERS.iter().any(|(ours, _)| *ours == name) || name.starts_with("longshore")
}

/// The dependencies that cargo knows.
pub(crate) fn check_manifests(workspace: &Workspace, root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        let mut say = |text: String| {
            let path = relative(root, &package.folder.join("Cargo.toml"));
            findings.push(Finding { fails: true, path, line: 1, text });
        };
        let Ok(may) = allowed(&package.name) else {
            say(format!("{} is not in the table of layers (xtask/src/tidy/imports.rs)", package.name));
            continue;
        };
        let Some(may) = may else { continue };
        for dependency in package.dependencies.iter().filter(|d| is_ours(&d.name)) {
            // a crate may test itself through a dev-dependency on itself with another set of features
            let is_itself = dependency.dev && dependency.name == package.name;
            if !is_itself && !may.contains(&&*dependency.name) {
                say(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    findings
}

/// The package whose file this is, by its folder.
fn package_of(path: &str) -> Option<&str> {
    let mut parts = path.split('/');
    match (parts.next()?, parts.next()?) {
        ("crates", name) => Some(name),
        ("examples", _) => Some("longshore-examples"),
        ("xtask", _) => Some("xtask"),
        _ => None,
    }
}

/// The names of our crates in the code.
pub(crate) fn check_source(file: &SourceFile, findings: &mut Vec<Finding>) {
    let Some(package) = package_of(&file.path) else { return };
    let Ok(Some(may)) = allowed(package) else { return };
    for (at, name) in names(&file.code) {
        // macros write paths of the crate that uses them, they do not import it
        let is_expansion = package == "longshore-macros" && name == "longshore";
        if name != package && !may.contains(&&*name) && !is_expansion {
            let line = line_of(&file.code, at);
            findings.push(Finding::error(file, line, format!("{package} must not use {name}")));
        }
    }
}

/// The crate names in `code` and where they stand.
fn names(code: &str) -> Vec<(usize, String)> {
    let mut found: Vec<_> = find_word(code, "longshore")
        .filter(|&at| code[at + 9..].starts_with("::"))
        .map(|at| (at, "longshore".to_owned()))
        .collect();
    for (at, _) in code.match_indices("longshore_") {
        let length = code.as_bytes()[at..].iter().take_while(|&&c| is_word(c)).count();
        let name = code[at..at + length].replace('_', "-");
        if (at == 0 || !is_word(code.as_bytes()[at - 1])) && LAYERS.iter().any(|(ours, _)| *ours == name) {
            found.push((at, name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check_source(&SourceFile::new(path, text.to_owned()), &mut findings);
        findings.into_iter().map(|f| f.text).collect()
    }

    #[test]
    fn upward_imports_fail() {
        let found = findings(
            "crates/longshore-core/src/lib.rs",
            "use longshore_rt::Runtime;\nuse longshore_proto::Id;",
        );
        assert_eq!(found, ["longshore-core must not use longshore-rt"]);
        assert_eq!(findings("crates/longshore-proto/src/lib.rs", "fn f() { longshore::x() }").len(), 1);
        assert_eq!(findings("examples/src/bin/a.rs", "use longshore_core::Machine;").len(), 1);
    }

    #[test]
    fn downward_imports_comments_and_expansions_pass() {
        assert!(findings("crates/longshore/src/lib.rs", "use longshore_core::Machine;").is_empty());
        assert!(
            findings("crates/longshore-rt/src/lib.rs", "// see longshore_core::Machine\nfn f() {}")
                .is_empty()
        );
        assert!(findings("crates/longshore-macros/src/lib.rs", "quote! { ::longshore::Call }").is_empty());
        assert!(findings("tests/it/a.rs", "use longshore_core::Machine;").is_empty());
    }

    #[test]
    fn no_two_crates_import_each_other() {
        for (name, may) in LAYERS {
            for lower in may.unwrap_or_default() {
                let back = allowed(lower).unwrap().unwrap_or_default();
                assert!(!back.contains(name), "{name} and {lower} may import each other");
            }
        }
    }
}
