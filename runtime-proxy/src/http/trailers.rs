//! What may stand behind a body. Source: RFC 9110 §6.5.1: no field that frames, routes, or says who somebody is.

use http::HeaderMap;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    COOKIE, EXPECT, HOST, HeaderName, MAX_FORWARDS, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE,
    SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};

static FORBIDDEN: [HeaderName; 21] = [
    AUTHORIZATION,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    COOKIE,
    EXPECT,
    HOST,
    HeaderName::from_static("keep-alive"),
    MAX_FORWARDS,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    RANGE,
    SET_COOKIE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    WWW_AUTHENTICATE,
];

/// Drops what must not be there. Pseudo-fields cannot be: a header map has no room for their names.
pub(super) fn clean(trailers: &mut HeaderMap) {
    for name in &FORBIDDEN {
        trailers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::clean;

    #[test]
    fn a_status_passes_and_framing_does_not() {
        let mut trailers = HeaderMap::new();
        for name in ["grpc-status", "content-length", "transfer-encoding", "host", "set-cookie"] {
            trailers.append(name, HeaderValue::from_static("1"));
        }
        clean(&mut trailers);
        assert_eq!(
            trailers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(),
            ["grpc-status"]
        );
    }
}
