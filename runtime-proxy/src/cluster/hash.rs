//! xxHash, 64 bits: what keys and endpoints are hashed with. It must be the same in every proxy, so that all send the
//! same key to the same endpoint. Source: the algorithm's specification, version 0.1.1; Envoy uses it too.

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

/// Of a key that requests are spread by.
#[must_use]
pub fn hash(bytes: &[u8]) -> u64 {
    seeded(bytes, 0)
}

pub(super) fn seeded(bytes: &[u8], seed: u64) -> u64 {
    let (stripes, rest) = bytes.as_chunks::<32>();
    let mut hash = if stripes.is_empty() { seed.wrapping_add(P5) } else { long(stripes, seed) };
    hash = hash.wrapping_add(bytes.len() as u64);
    let (eights, rest) = rest.as_chunks::<8>();
    for lane in eights {
        hash ^= round(0, u64::from_le_bytes(*lane));
        hash = hash.rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
    }
    let (fours, rest) = rest.as_chunks::<4>();
    for lane in fours {
        hash ^= u64::from(u32::from_le_bytes(*lane)).wrapping_mul(P1);
        hash = hash.rotate_left(23).wrapping_mul(P2).wrapping_add(P3);
    }
    for byte in rest {
        hash ^= u64::from(*byte).wrapping_mul(P5);
        hash = hash.rotate_left(11).wrapping_mul(P1);
    }
    avalanche(hash)
}

fn long(stripes: &[[u8; 32]], seed: u64) -> u64 {
    let first = [seed.wrapping_add(P1).wrapping_add(P2), seed.wrapping_add(P2), seed, seed.wrapping_sub(P1)];
    let accumulators = stripes.iter().fold(first, |accumulators, stripe| {
        let (lanes, _) = stripe.as_chunks::<8>();
        let mut lanes = lanes.iter().map(|lane| u64::from_le_bytes(*lane));
        accumulators.map(|accumulator| round(accumulator, lanes.next().unwrap_or_default()))
    });
    let mut rotations = [1, 7, 12, 18].into_iter();
    let mixed = accumulators.map(|lane| lane.rotate_left(rotations.next().unwrap_or_default()));
    let sum = mixed.into_iter().fold(0, u64::wrapping_add);
    accumulators.into_iter().fold(sum, |hash, accumulator| {
        (hash ^ round(0, accumulator)).wrapping_mul(P1).wrapping_add(P4)
    })
}

fn round(accumulator: u64, lane: u64) -> u64 {
    accumulator.wrapping_add(lane.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

fn avalanche(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(P2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(P3);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::{hash, seeded};

    /// Published test vectors.
    #[test]
    fn known_hashes() {
        assert_eq!(hash(b""), 0xEF46_DB37_51D8_E999);
        assert_eq!(hash(b"a"), 0xD24E_C4F1_A98C_6E5B);
        assert_eq!(hash(b"abc"), 0x44BC_2CF5_AD77_0999);
        assert_eq!(hash(b"Nobody inspects the spammish repetition"), 0xFBCE_A83C_8A37_8BF1);
        assert_ne!(seeded(b"abc", 1), hash(b"abc"));
    }
}
