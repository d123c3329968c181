//! What tells one build of a program from another.
//!
//! Needed where nothing better is at hand: lambdas are known by their source place, and some types do not let their shape
//! be traced. The linker's build id is read from the executable; where there is none the executable's bytes are hashed.
use super::hash::StableHash;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::OnceLock;

/// Equal in processes that run the same executable, different otherwise.
pub(crate) fn build_id() -> u64 {
    static BUILD_ID: OnceLock<u64> = OnceLock::new();
    *BUILD_ID.get_or_init(|| of_this_program().unwrap_or_else(|_| of_this_process()))
}

fn of_this_program() -> io::Result<u64> {
    let mut program = File::open(std::env::current_exe()?)?;
    let mut hash = StableHash::new();
    match elf_note(&mut program) {
        Ok(note) => hash.bytes(&note),
        Err(_) => hash_contents(&mut program, &mut hash)?,
    }
    Ok(hash.finish())
}

/// Where the executable cannot be read no other process may claim to be the same build.
fn of_this_process() -> u64 {
    let mut hash = StableHash::new();
    hash.text("unknown build");
    hash.number(u64::from(std::process::id()));
    hash.finish()
}

fn hash_contents(program: &mut File, hash: &mut StableHash) -> io::Result<()> {
    program.seek(SeekFrom::Start(0))?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        match program.read(&mut chunk)? {
            0 => return Ok(()),
            n => hash.raw(&chunk[..n]),
        }
    }
}

/// The GNU build id of a 64-bit little-endian ELF file.
fn elf_note(program: &mut File) -> io::Result<Vec<u8>> {
    const MAGIC: &[u8] = b"\x7fELF\x02\x01";
    const NOTE_SEGMENT: u64 = 4;
    let header = read_at(program, 0, 64)?;
    if !header.starts_with(MAGIC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (table, entry_len, entries) =
        (number(&header, 32, 8)?, number(&header, 54, 2)?, number(&header, 56, 2)?);
    for i in 0..entries {
        let entry = read_at(program, table + i * entry_len, 56)?;
        if number(&entry, 0, 4)? == NOTE_SEGMENT {
            let notes = read_at(program, number(&entry, 8, 8)?, number(&entry, 32, 8)?)?;
            if let Ok(id) = gnu_build_id(&notes) {
                return Ok(id);
            }
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

pub(super) fn gnu_build_id(mut notes: &[u8]) -> io::Result<Vec<u8>> {
    const BUILD_ID_NOTE: u64 = 3;
    loop {
        let (name_len, len, kind) = (number(notes, 0, 4)?, number(notes, 4, 4)?, number(notes, 8, 4)?);
        let body = 12 + name_len.next_multiple_of(4);
        let end = body + len;
        if kind == BUILD_ID_NOTE && slice(notes, 12, name_len)? == b"GNU\0" {
            return Ok(slice(notes, body, len)?.to_vec());
        }
        let next = usize::try_from(end.next_multiple_of(4)).map_err(io::Error::other)?;
        notes = notes.get(next..).ok_or(io::ErrorKind::NotFound)?;
    }
}

fn read_at(file: &mut File, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    const NOTES_BYTES_MAX: u64 = 1 << 16;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(len.min(NOTES_BYTES_MAX)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn slice(bytes: &[u8], offset: u64, len: u64) -> io::Result<&[u8]> {
    let range = usize::try_from(offset).ok().zip(usize::try_from(offset + len).ok());
    range.and_then(|(start, end)| bytes.get(start..end)).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn number(bytes: &[u8], offset: u64, len: u64) -> io::Result<u64> {
    Ok(slice(bytes, offset, len)?.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}
