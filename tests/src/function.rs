//! Functions that tests run on clusters.
use longshore::task;

/// One more.
#[task]
pub fn inc(x: i64) -> i64 {
    x + 1
}

/// The sum of all.
#[task]
pub fn sum(xs: &[i64]) -> i64 {
    xs.iter().sum()
}

/// A value that follows from its salt and its inputs in a way that notices every change: `nbytes` bytes of a hash chain.
#[task]
pub fn mix(salt: u64, nbytes: usize, inputs: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    blend(salt, nbytes, inputs.iter().map(Vec::as_slice))
}

/// What [`mix`] computes, for the oracle. A salt that is a multiple of 97 is an error.
///
/// # Errors
/// On such a salt, naming it.
pub fn blend<'a>(
    salt: u64,
    nbytes: usize,
    inputs: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, String> {
    if salt.is_multiple_of(97) {
        return Err(format!("salt {salt} is refused"));
    }
    Ok(chain(salt, nbytes, inputs))
}

/// `nbytes` bytes of a hash chain over the salt and the inputs.
pub fn chain<'a>(salt: u64, nbytes: usize, inputs: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut h = salt ^ 0x9e37_79b9_7f4a_7c15;
    for input in inputs {
        h = input.iter().fold(h ^ input.len() as u64, |h, b| step(h ^ u64::from(*b)));
    }
    let mut out = Vec::with_capacity(nbytes + 8);
    while out.len() < nbytes {
        h = step(h);
        out.extend_from_slice(&h.to_le_bytes());
    }
    out.truncate(nbytes);
    out
}

/// Steele and others' SplitMix64 finalizer.
fn step(h: u64) -> u64 {
    let z = h.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
