//! Starting cargo, and asking it what the workspace holds.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    here.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The cargo that runs us, at the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs `command` with our own standard streams.
///
/// # Errors
/// When it does not start or does not succeed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    eprintln!("+ {}", shown(command));
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut text = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}

/// Whether `cargo NAME` is installed.
pub(crate) fn has_subcommand(name: &str) -> bool {
    cargo().args([name, "--version"]).output().is_ok_and(|out| out.status.success())
}

/// One dependency of a package on another package.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
}

/// Something a package builds.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) root: PathBuf,
}

/// A member of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// What cargo knows about the workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_dir: PathBuf,
}

impl Workspace {
    /// Asks `cargo metadata`.
    ///
    /// # Errors
    /// When cargo cannot read the workspace.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let out = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output()?;
        if !out.status.success() {
            bail!("cargo metadata failed: {}", String::from_utf8_lossy(&out.stderr));
        }
        let json: Value = serde_json::from_slice(&out.stdout)?;
        Ok(Self {
            packages: items(&json["packages"]).map(package).collect(),
            target_dir: PathBuf::from(text(&json["target_directory"])),
        })
    }

    /// The member called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn package(&self, name: &str) -> anyhow::Result<&Package> {
        let found = self.packages.iter().find(|p| p.name == name);
        found.with_context(|| format!("the workspace has no package {name}"))
    }

    /// Where a debug build puts the program of `target`.
    pub(crate) fn debug_program(&self, target: &Target) -> PathBuf {
        let folder = self.target_dir.join("debug");
        if target.kind == "example" {
            folder.join("examples").join(&target.name)
        } else {
            folder.join(&target.name)
        }
    }
}

impl Package {
    /// The programs (binaries and cargo examples) of this package, by name.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|t| t.kind == "bin" || t.kind == "example")
    }
}

fn package(json: &Value) -> Package {
    let manifest = PathBuf::from(text(&json["manifest_path"]));
    Package {
        name: text(&json["name"]),
        folder: manifest.parent().map(Path::to_path_buf).unwrap_or_default(),
        dependencies: items(&json["dependencies"]).map(dependency).collect(),
        targets: items(&json["targets"]).map(target).collect(),
    }
}

fn dependency(json: &Value) -> Dependency {
    Dependency { name: text(&json["name"]), dev: json["kind"] == "dev" }
}

fn target(json: &Value) -> Target {
    Target {
        name: text(&json["name"]),
        kind: text(&json["kind"][0]),
        root: PathBuf::from(text(&json["src_path"])),
    }
}

fn items(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().into_iter().flatten()
}

fn text(json: &Value) -> String {
    json.as_str().unwrap_or_default().to_owned()
}
