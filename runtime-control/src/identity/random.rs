//! Randomness that nobody can guess.

use rustls::crypto::aws_lc_rs::default_provider;

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // aws-lc aborts the process rather than return bad randomness, so there is nothing to handle.
    if default_provider().secure_random.fill(&mut bytes).is_err() {
        unreachable!("the system's randomness does not fail");
    }
    bytes
}
