//! Host names: of a request, and in tables.

mod table;

pub(crate) use table::{Folded, HostTable};

/// The host of an authority, without a port. Whatever follows the last colon is taken for one, digits or not,
/// as Envoy does (`host:` is `host`); brackets hold an IPv6 address.
#[must_use]
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

/// A host without the brackets that an IPv6 address stands in where a port may follow, and only there.
#[must_use]
pub fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The port of an authority, if it has one.
#[must_use]
pub fn port_of(authority: &str) -> Option<u16> {
    let (_, port) = authority.rsplit_once(':').filter(|(_, port)| !port.contains(']'))?;
    port.parse().ok()
}

/// Whether `pattern`, a host or a wildcard, stands for `host`. Case does not count; a wildcard stands for at
/// least one character.
#[must_use]
pub fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => host.len() > suffix.len() && ends_with(host, suffix),
        None => host.eq_ignore_ascii_case(pattern),
    }
}

/// Case does not count.
pub(crate) fn ends_with(text: &str, suffix: &str) -> bool {
    let start = text.len().checked_sub(suffix.len());
    start
        .and_then(|start| text.as_bytes().get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
}

/// Case does not count.
pub(crate) fn starts_with(text: &str, prefix: &str) -> bool {
    text.as_bytes()
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{covers, port_of, without_port};

    #[test]
    fn a_port_is_whatever_follows_the_last_colon() {
        for (authority, host, port) in [
            ("shop.test", "shop.test", None),
            ("shop.test:80", "shop.test", Some(80)),
            ("shop.test:", "shop.test", None),
            ("shop.test:abc", "shop.test", None),
            ("shop.test:65536", "shop.test", None),
            ("[2001:db8::1]:80", "[2001:db8::1]", Some(80)),
            ("[2001:db8::1]", "[2001:db8::1]", None),
            ("", "", None),
        ] {
            assert_eq!((without_port(authority), port_of(authority)), (host, port), "{authority}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_something() {
        assert!(covers("*.wild.test", "a.b.WILD.test"));
        assert!(!covers("*.wild.test", ".wild.test"));
        assert!(!covers("*.wild.test", "wild.test"));
        assert!(covers("*", ""));
        assert!(covers("Shop.test", "sHop.test"));
        assert!(!covers("shop.test", "shop.test."));
        assert!(!covers("*.test", "é"));
    }
}
