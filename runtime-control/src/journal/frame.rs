//! Batches of records as bytes: each tells its length, twice, and its checksum.
//!
//! ```text
//! length u32 LE | length XOR mask u32 LE | first 8 bytes of the SHA-256 of the payload | payload
//! ```
//! Each batch is on disk before the next one is written, so only the last can be torn: of it any part may be there, for a disk writes pages in
//! the order that it likes. Whatever else does not fit is damage, and damage is not guessed away: records that were acknowledged may stand behind it.

use mesh_snapshot::Digest;

const MASK: u32 = 0x6d65_7368;
const HEADER: usize = 16;

/// No batch comes near.
pub(super) const PAYLOAD_MAX_BYTES: usize = 64 << 20;

/// The frame of a payload.
pub(super) fn encode(payload: &[u8]) -> Option<Vec<u8>> {
    let length =
        u32::try_from(payload.len()).ok().filter(|_| payload.len() <= PAYLOAD_MAX_BYTES)?;
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&(length ^ MASK).to_le_bytes());
    frame.extend_from_slice(&checksum(payload));
    frame.extend_from_slice(payload);
    Some(frame)
}

fn checksum(payload: &[u8]) -> [u8; 8] {
    Digest::of(payload).as_bytes().first_chunk().copied().unwrap_or_default()
}

/// What stands at the beginning of some bytes.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Frame<'a> {
    /// A batch, and what comes after it.
    Whole(&'a [u8], &'a [u8]),
    /// A batch that was never finished: nothing stands behind it.
    Torn,
    Damaged,
    End,
}

pub(super) fn decode(bytes: &[u8]) -> Frame<'_> {
    if bytes.is_empty() {
        return Frame::End;
    }
    // A file system may give a file its new length before its new content.
    if bytes.len() < HEADER || bytes.iter().all(|byte| *byte == 0) {
        return Frame::Torn;
    }
    let Some((length, rest)) = length(bytes) else {
        let behind = |at: usize| bytes.get(at..).is_some_and(is_whole);
        return if (1..bytes.len()).any(behind) { Frame::Damaged } else { Frame::Torn };
    };
    let Some((sum, rest)) = rest.split_first_chunk::<8>() else { return Frame::Torn };
    let Some((payload, rest)) = rest.split_at_checked(length) else { return Frame::Torn };
    match (checksum(payload) == *sum, rest.is_empty()) {
        (true, _) => Frame::Whole(payload, rest),
        (false, true) => Frame::Torn,
        (false, false) => Frame::Damaged,
    }
}

/// Whether a finished batch begins here.
fn is_whole(bytes: &[u8]) -> bool {
    length(bytes).is_some() && matches!(decode(bytes), Frame::Whole(..))
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (masked, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    let whole = length ^ MASK == u32::from_le_bytes(*masked);
    let length = usize::try_from(length).ok().filter(|length| *length <= PAYLOAD_MAX_BYTES)?;
    whole.then_some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(payloads: &[&[u8]]) -> Vec<u8> {
        payloads.iter().flat_map(|payload| encode(payload).unwrap()).collect()
    }

    /// How many whole frames there are, and what ends them.
    fn read(mut bytes: &[u8]) -> (usize, Frame<'_>) {
        let mut count = 0;
        loop {
            match decode(bytes) {
                Frame::Whole(_, rest) => (bytes, count) = (rest, count + 1),
                end => return (count, end),
            }
        }
    }

    #[test]
    fn every_cut_leaves_the_records_before_it() {
        let bytes = frames(&[b"one", b"two", b"three"]);
        let ends: Vec<usize> = [0, 3, 3, 5]
            .iter()
            .scan(0, |at, length| {
                *at += if *length > 0 { HEADER + length } else { 0 };
                Some(*at)
            })
            .collect();
        for cut in 0..=bytes.len() {
            let (count, end) = read(&bytes[..cut]);
            assert_eq!(count, ends.iter().filter(|end| **end <= cut).count() - 1);
            assert_eq!(end, if ends.contains(&cut) { Frame::End } else { Frame::Torn });
        }
    }

    #[test]
    fn a_flipped_bit_before_the_last_record_is_damage() {
        let bytes = frames(&[b"one", b"two", b"three"]);
        let last = bytes.len() - HEADER - 5;
        for bit in 0..last * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&flipped).1, Frame::Damaged, "bit {bit}");
        }
    }

    /// After a power cut, a page that was not written yet reads as zeros, whatever became of those after it.
    #[test]
    fn any_part_of_the_last_batch_may_be_missing() {
        let last = encode(&[b'x'; 3 * 4096]).unwrap();
        for missing in [0..4096, 4..4096, 4096..8192, 0..8192] {
            let mut bytes = frames(&[b"one"]);
            let mut torn = last.clone();
            torn[missing.clone()].fill(0);
            bytes.extend(&torn);
            assert_eq!(read(&bytes), (1, Frame::Torn), "{missing:?}");
            bytes.extend(frames(&[b"acknowledged"]));
            assert_eq!(read(&bytes), (1, Frame::Damaged), "{missing:?}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_a_write_that_did_not_happen() {
        let mut bytes = frames(&[b"one"]);
        bytes.extend([0; 4096]);
        assert_eq!(read(&bytes), (1, Frame::Torn));
    }
}
