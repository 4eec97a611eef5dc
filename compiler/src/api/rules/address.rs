//! IP addresses, CIDR blocks, and the spelling of URLs.

use std::net::IpAddr;

use super::checks::INVALID_ADDRESS;
use crate::diagnostic::{At, Diagnostic};

pub(super) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// `10.0.0.0/8`. Bits behind the prefix may be set, as Istio takes them.
pub(super) fn is_block(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let max = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    let is_plain = length == "0" || !length.starts_with(['0', '+']);
    is_plain && length.parse::<u8>().is_ok_and(|length| length <= max)
}

/// Says so unless the text is an address or a block.
pub(super) fn check(text: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if !is_address(text) && !is_block(text) {
        let what = if text.contains('/') { "CIDR block" } else { "IP address" };
        let found = Diagnostic::new(&INVALID_ADDRESS, at.value(), format!("`{text}` is no {what}"));
        out.push(found.label("such as `10.0.0.1`, `10.0.0.0/8` or `2001:db8::/32`"));
    }
}

/// The same for each of a list.
pub(super) fn check_all(texts: &[String], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, text) in texts.iter().enumerate() {
        check(text, &at.index(index), out);
    }
}

/// Why a text is no path of a Unix domain socket: absolute and not a folder, or abstract (`@name`).
pub(super) fn socket_path_fault(path: &str) -> Option<&'static str> {
    match path.as_bytes() {
        [] => Some("the path is empty"),
        [b'/', .., b'/'] | [b'/'] => Some("this is a folder"),
        [b'@' | b'/', ..] => None,
        _ => Some("the path is not absolute"),
    }
}

/// What stands before the path of a socket.
pub(super) const UNIX: &str = "unix://";

/// What the address is, where it is not the same for all.
pub(crate) fn inward(address: &str) -> Option<&'static str> {
    if address.eq_ignore_ascii_case("localhost") {
        return Some("the client's own machine");
    }
    match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) if v4.is_loopback() || v4.is_unspecified() => {
            Some("the client's own machine")
        }
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() => {
            Some("the client's own machine")
        }
        IpAddr::V4(v4) if v4.is_link_local() => Some("link-local"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("link-local"),
        _ => None,
    }
}

/// Whether a part of a URL is spelt as one: no spaces or controls, and a `%` is followed by two digits (RFC 3986 §2.1).
pub(super) fn is_escaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(index, byte)| match byte {
        b'%' => bytes
            .get(index + 1..index + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
        byte => !byte.is_ascii_whitespace() && !byte.is_ascii_control(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_a_length_that_fits() {
        for text in ["10.0.0.0/8", "10.1.2.3/8", "0.0.0.0/0", "2001:db8::/32", "::1/128"] {
            assert!(is_block(text), "{text}");
        }
        for text in [
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "::1/129",
            "a/8",
            "1.2.3.4/5/6",
        ] {
            assert!(!is_block(text), "{text}");
        }
        assert!(
            is_address("::1")
                && is_address("1.2.3.4")
                && !is_address("1.2.3")
                && !is_address("01.2.3.4")
        );
    }

    #[test]
    fn an_address_may_mean_another_machine_for_each() {
        for address in ["127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", "localhost"] {
            assert_eq!(super::inward(address), Some("the client's own machine"), "{address}");
        }
        for address in ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"] {
            assert_eq!(super::inward(address), Some("link-local"), "{address}");
        }
        for address in ["192.0.2.1", "2001:db8::1", "example.com"] {
            assert_eq!(super::inward(address), None, "{address}");
        }
    }
}
