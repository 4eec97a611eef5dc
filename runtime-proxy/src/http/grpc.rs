//! What a proxy sees of gRPC: which messages are its, and where those in its bodies begin. Source: gRPC over HTTP/2.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

pub(crate) static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Whether a request or an answer is gRPC's, by its fields. `application/grpc-web` is another protocol.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest, [] | [b'+' | b';', ..]))
}

/// Follows one body through its `Length-Prefixed-Message`s: a byte of flags, four of length, then so many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prefixes {
    /// Bytes of the prefix that have come.
    prefix: u8,
    /// What the prefix says; then what is left of it.
    length: u32,
}

const PREFIX_BYTES: u8 = 5;

impl Prefixes {
    /// How many messages begin in `data`, the next piece of the body. Source: Envoy, `Grpc::FrameInspector`, which counts them then.
    pub(crate) fn pass(&mut self, mut data: &[u8]) -> u64 {
        let mut begun = 0;
        while let Some((first, rest)) = data.split_first() {
            if self.prefix == PREFIX_BYTES {
                let left = usize::try_from(self.length).unwrap_or(usize::MAX);
                let (passed, rest) = data.split_at(left.min(data.len()));
                self.length -= u32::try_from(passed.len()).unwrap_or(self.length);
                self.prefix = if self.length == 0 { 0 } else { PREFIX_BYTES };
                data = rest;
                continue;
            }
            match self.prefix {
                0 => (begun, self.length) = (begun + 1, 0),
                _ => self.length = self.length << 8 | u32::from(*first),
            }
            self.prefix += 1;
            data = rest;
            if self.prefix == PREFIX_BYTES && self.length == 0 {
                self.prefix = 0;
            }
        }
        begun
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{CONTENT_TYPE, Prefixes, is_grpc};

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let is =
            |kind| is_grpc(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]));
        assert!(is("application/grpc") && is("application/grpc+proto") && is("application/grpc;x"));
        assert!(!is("application/grpc-web") && !is("application/json"));
        assert!(!is_grpc(&HeaderMap::new()));
    }

    fn body() -> Vec<u8> {
        let mut body = Vec::new();
        for message in [&b"one"[..], b"", &[7; 300], b"four"] {
            body.push(0);
            body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
            body.extend(message);
        }
        body
    }

    #[test]
    fn messages_are_counted_however_the_body_is_cut() {
        let body = body();
        for size in [1, 2, 3, 5, 7, 64, body.len()] {
            let mut prefixes = Prefixes::default();
            let begun: u64 = body.chunks(size).map(|piece| prefixes.pass(piece)).sum();
            assert_eq!(begun, 4, "pieces of {size}");
        }
    }

    #[test]
    fn one_that_has_begun_counts_and_a_long_one_counts_once() {
        let mut prefixes = Prefixes::default();
        assert_eq!(prefixes.pass(&[0, 0xff, 0xff, 0xff]), 1);
        assert_eq!(prefixes.pass(&[0xff]), 0);
        assert_eq!(prefixes.pass(&[0; 10_000]), 0);
    }
}
