//! Fields that are about one connection, and end with it. Source: RFC 9110 §7.6.1.

use http::header::{
    CONNECTION, Entry, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, header};

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
static HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Drops the fields of the hop that a message came by: the known ones, and those that its `connection` field names.
/// `content-length` goes too, for it is written anew from the body. `te: trailers` stays.
pub(super) fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        strip_named(headers);
    }
    for name in [&CONNECTION, &KEEP_ALIVE, &PROXY_CONNECTION, &HTTP2_SETTINGS] {
        headers.remove(name);
    }
    for name in [TRANSFER_ENCODING, UPGRADE, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    let wants_trailers =
        headers.get_all(TE).iter().flat_map(tokens).any(|token| token == b"trailers");
    if let Entry::Occupied(mut te) = headers.entry(TE) {
        if wants_trailers {
            te.insert(HeaderValue::from_static("trailers"));
        } else {
            te.remove();
        }
    }
}

/// A `connection` field may name any field; those that everybody behind this hop relies on are not dropped for it, or a client
/// could rid its request of what the proxies before have said about it.
fn strip_named(headers: &mut HeaderMap) {
    let values: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    for token in values.iter().flat_map(tokens) {
        if let Ok(name) = HeaderName::from_bytes(token)
            && !is_protected(&name)
        {
            headers.remove(name);
        }
    }
}

fn is_protected(name: &HeaderName) -> bool {
    static PROTECTED: [HeaderName; 10] = [
        HOST,
        TE,
        header::AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
        header::CACHE_CONTROL,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::FORWARDED,
        header::VIA,
    ];
    PROTECTED.contains(name) || name.as_str().starts_with("x-")
}

/// The members of a list, without the space around them.
fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Whether a list has this token, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    headers.get_all(name).iter().flat_map(tokens).any(|found| found.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::strip;

    fn stripped(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, HeaderValue::try_from(*value).unwrap());
        }
        strip(&mut headers);
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    #[test]
    fn a_hop_s_fields_end_with_it() {
        let fields = [
            ("connection", "close, X"),
            ("connection", "token"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("http2-settings", "AAMAAABk"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("upgrade", "h2c"),
            ("x", "named"),
            ("token", "named"),
            ("accept", "*/*"),
        ];
        assert_eq!(stripped(&fields), [("accept".to_owned(), "*/*".to_owned())]);
    }

    #[test]
    fn a_client_cannot_have_others_words_dropped() {
        let fields = [
            ("connection", "x-forwarded-for, authorization, host"),
            ("x-forwarded-for", "10.0.0.1"),
            ("authorization", "Bearer a"),
            ("host", "shop"),
        ];
        assert_eq!(stripped(&fields).len(), 3);
    }

    #[test]
    fn only_trailers_are_transferred_on() {
        let te = |value| stripped(&[("te", value)]);
        assert_eq!(te("gzip, trailers"), [("te".to_owned(), "trailers".to_owned())]);
        assert_eq!(te("gzip"), []);
    }
}
