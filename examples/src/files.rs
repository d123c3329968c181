//! Which files to read, and how they are shared out.
use std::env;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// Folders that hold no text worth counting.
const LEFT_OUT: &[&str] = &[".git", "target"];

/// The files below a folder.
#[derive(Debug, Default)]
pub struct Listing {
    /// Each with its length, in the order of their paths.
    pub files: Vec<(PathBuf, u64)>,
    /// Of all files.
    pub bytes: u64,
    /// Folders and files that could not be looked at.
    pub complaints: Vec<String>,
}

impl Listing {
    /// Lists the files below `folder`, until they are `bytes_max` bytes together. Links are not followed.
    ///
    /// # Errors
    /// When `folder` itself is no folder or cannot be read.
    pub fn below(folder: &Path, bytes_max: u64) -> io::Result<Listing> {
        std::fs::read_dir(folder)?;
        let mut listing = Listing::default();
        for entry in WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(is_wanted) {
            if listing.bytes >= bytes_max {
                break;
            }
            match entry.and_then(|entry| Ok((entry.metadata()?, entry))) {
                Ok((metadata, entry)) if metadata.is_file() => {
                    listing.bytes += metadata.len();
                    listing.files.push((entry.into_path(), metadata.len()));
                }
                Ok(_) => {}
                Err(e) => listing.complaints.push(e.to_string()),
            }
        }
        Ok(listing)
    }

    /// The files in batches of about `batch_bytes`. Batches have their bounds where the listing has, so neighbours stay together.
    #[must_use]
    pub fn batches(&self, batch_bytes: u64) -> Vec<Vec<PathBuf>> {
        /// What opening a file costs, in bytes that could be read instead: many small files are much work too.
        const OPENING_BYTES: u64 = 4096;
        let mut batches = Vec::new();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for (path, len) in &self.files {
            batch.push(path.clone());
            bytes += len + OPENING_BYTES;
            if bytes >= batch_bytes {
                batches.push(std::mem::take(&mut batch));
                bytes = 0;
            }
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        batches
    }
}

/// The sources in cargo's registry; where there are none, those of the examples' own repository.
#[must_use]
pub fn cargo_sources() -> PathBuf {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let registry =
        env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home).map(|cargo| cargo.join("registry/src"));
    let own =
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default();
    registry.filter(|dir| dir.is_dir()).unwrap_or_else(own)
}

fn is_wanted(entry: &DirEntry) -> bool {
    let is_left_out = |name: &OsStr| LEFT_OUT.iter().any(|other| *other == name);
    entry.depth() == 0 || !entry.file_type().is_dir() || !is_left_out(entry.file_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_listed_in_order_without_what_is_built() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        for (name, text) in [("b/z.rs", "12345"), ("b/a.rs", "1"), ("a.md", "123"), ("target/x.rs", "1")] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            fs::write(path, text)?;
        }
        let listing = Listing::below(folder.path(), u64::MAX)?;
        let names = |listing: &Listing| -> Vec<_> {
            listing
                .files
                .iter()
                .filter_map(|(path, _)| path.strip_prefix(&folder).ok().map(PathBuf::from))
                .collect()
        };
        assert_eq!(names(&listing), ["a.md", "b/a.rs", "b/z.rs"].map(PathBuf::from));
        assert_eq!(listing.bytes, 9);
        assert_eq!(names(&Listing::below(folder.path(), 4)?), ["a.md", "b/a.rs"].map(PathBuf::from));
        assert!(Listing::below(&folder.path().join("nowhere"), 1).is_err());
        Ok(())
    }

    #[test]
    fn batches_hold_every_file_once_and_are_of_a_size() {
        let files: Vec<_> = (0..100).map(|n| (PathBuf::from(format!("{n}")), n * 1000)).collect();
        let listing = Listing { files: files.clone(), ..Listing::default() };
        let batches = listing.batches(500_000);
        assert!((8..=14).contains(&batches.len()), "{}", batches.len());
        let all: Vec<_> = batches.into_iter().flatten().collect();
        assert_eq!(all, files.into_iter().map(|(path, _)| path).collect::<Vec<_>>());
        assert!(Listing::default().batches(1).is_empty());
    }
}
