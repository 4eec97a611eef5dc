//! Which bytes the parts of a request are made of: what the compiler says that no request has, no proxy lets pass.
//!
//! A part holds no other byte; not every text of such bytes is one.

/// Of a token: a method, the name of a header. Source: RFC 9110 §5.6.2.
#[must_use]
pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Of an authority: a host, perhaps with a port, and no user. Source: RFC 3986 §3.2.2, RFC 9110 §4.2.4.
#[must_use]
pub fn is_authority(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:[]!$&'()*+,;=%".contains(&byte)
}

/// Of a path, which ends before `?` and `#`. All else is escaped in it. Source: [`crate::path`], RFC 9112 §3.2.1.
#[must_use]
pub fn is_path(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#')
}

/// Of the name and the value of a parameter, which `=` parts, so that a name has none. Bytes beyond ASCII should be escaped, and
/// are let pass. Sources: WHATWG URL, "application/x-www-form-urlencoded parsing"; RFC 3986 §3.4.
#[must_use]
pub fn is_parameter(byte: u8) -> bool {
    byte > b' ' && !matches!(byte, b'&' | b'#' | 0x7f)
}

/// Of the value of a header: no control character but the tab. Source: RFC 9110 §5.5.
#[must_use]
pub fn is_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// Of the name of a cookie. Brackets and their like are no part of a token, and in use all the same. Source: RFC 6265 §4.1.1.
#[must_use]
pub fn is_cookie_name(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b';' | b'=' | b',' | b'"')
}

#[cfg(test)]
mod tests {
    use http::uri::PathAndQuery;
    use http::{HeaderValue, Method};
    use mesh_snapshot::object::PathNormalization;

    use super::*;
    use crate::path::normalize_path;

    /// The libraries that read requests, and the normal form of a path, draw the same lines. Of a query some take less.
    #[test]
    fn a_request_is_read_of_these_bytes() {
        for byte in 0..=0xff {
            assert_eq!(is_token(byte), Method::from_bytes(&[byte]).is_ok(), "{byte}");
            assert_eq!(is_value(byte), HeaderValue::from_bytes(&[byte]).is_ok(), "{byte}");
        }
        for byte in 0..0x80 {
            let text = char::from(byte);
            let is_normal = normalize_path(&format!("/{text}"), PathNormalization::None).is_ok();
            assert_eq!(is_path(byte), is_normal && !"?#".contains(text), "{byte}");
            let target = PathAndQuery::try_from(format!("/?k={text}"));
            let is_sent = target.is_ok_and(|it| it.query() != Some("k="));
            // DEL comes to no library of targets: the reader of requests refuses it.
            assert!(!is_sent || is_parameter(byte) || b"&\x7f".contains(&byte), "{byte}");
        }
        assert!(PathAndQuery::try_from("/?k=é").is_ok() && "é".bytes().all(is_parameter));
        assert!(!"é".bytes().any(is_path));
    }

    #[test]
    fn an_authority_has_no_user_and_no_path() {
        assert!("[::1]:80".bytes().all(is_authority));
        assert!(!b"@/?#\\ \"<>^`{|}\x7f\xe9".iter().any(|byte| is_authority(*byte)));
    }
}
