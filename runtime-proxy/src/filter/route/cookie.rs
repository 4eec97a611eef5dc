//! The cookie by which a client stays with an endpoint. Source: Envoy, `CookieHashMethod`; RFC 6265 §4.1.

use http::HeaderValue;

pub(super) fn set(name: &str, value: &str, path: &str, seconds: u64) -> Option<HeaderValue> {
    let path = if path.is_empty() { String::new() } else { format!("; Path={path}") };
    // Zero seconds: as long as the browser runs.
    let age = if seconds == 0 { String::new() } else { format!("; Max-Age={seconds}") };
    HeaderValue::try_from(format!("{name}=\"{value}\"{age}{path}; HttpOnly")).ok()
}

#[cfg(test)]
mod tests {
    use super::set;

    #[test]
    fn a_cookie_lasts_as_long_as_the_policy_says() {
        assert_eq!(set("s", "a", "/x", 5).unwrap(), "s=\"a\"; Max-Age=5; Path=/x; HttpOnly");
        assert_eq!(set("s", "a", "", 0).unwrap(), "s=\"a\"; HttpOnly");
        assert_eq!(set("s", "a", "\n", 0), None);
    }
}
