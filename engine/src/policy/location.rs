//! Where tokens are looked for. Source: Envoy, `ExtractorImpl`.

use std::borrow::Cow;

use http::header::{self, HeaderName};
use mesh_snapshot::object::JwtRule;

use super::claims::TokenPlace;
use crate::cluster::hash::cookie;
use crate::program::Fault;
use crate::request::Request;

#[derive(Clone, Debug)]
pub(super) enum Location {
    /// What stands before the token may be empty.
    Header {
        name: HeaderName,
        prefix: Box<str>,
    },
    Parameter(Box<str>),
    Cookie(Box<str>),
}

/// The places that `rule` names; the usual two where it names none.
pub(super) fn of(rule: &JwtRule) -> Result<Vec<Location>, Fault> {
    let mut locations = Vec::new();
    for header in &rule.from_headers {
        let name = header.name.parse().map_err(|_| Fault::HeaderName(header.name.clone()))?;
        locations.push(Location::Header { name, prefix: header.prefix.as_str().into() });
    }
    locations
        .extend(rule.from_parameters.iter().map(|name| Location::Parameter(name.as_str().into())));
    locations.extend(rule.from_cookies.iter().map(|name| Location::Cookie(name.as_str().into())));
    if locations.is_empty() {
        locations.push(Location::Header { name: header::AUTHORIZATION, prefix: "Bearer ".into() });
        locations.push(Location::Parameter("access_token".into()));
    }
    Ok(locations)
}

impl Location {
    /// The token that stands there.
    pub(super) fn token<'a>(&self, request: &Request<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Header { name, prefix } => header_token(request, name, prefix),
            Self::Parameter(name) => request.parameter(name).map(unescape),
            Self::Cookie(name) => cookie(request, name).map(String::from_utf8_lossy),
        }
    }

    /// Where to strip it from; a cookie stays, as in Envoy.
    pub(super) fn place(&self) -> Option<TokenPlace> {
        match self {
            Self::Header { name, .. } => Some(TokenPlace::Header(name.clone())),
            Self::Parameter(name) => Some(TokenPlace::Parameter(name.clone())),
            Self::Cookie(_) => None,
        }
    }
}

/// The token in a header: what follows the prefix, wherever that stands, as far as it has a token's characters. The
/// values of a repeated header are one list.
fn header_token<'a>(
    request: &Request<'a>,
    name: &HeaderName,
    prefix: &str,
) -> Option<Cow<'a, str>> {
    let mut values = request.headers.get_all(name).into_iter();
    let first = String::from_utf8_lossy(values.next()?.as_bytes());
    let joined = values.fold(first, |mut joined, value| {
        joined.to_mut().push(',');
        joined.to_mut().push_str(&String::from_utf8_lossy(value.as_bytes()));
        joined
    });
    if prefix.is_empty() {
        return Some(joined);
    }
    let after = joined.find(prefix)? + prefix.len();
    let rest = joined.get(after..).unwrap_or_default();
    let is_token =
        |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '-' | '_' | '.');
    let start = rest.trim_start_matches(|symbol| !is_token(symbol));
    let token = start.split(|symbol| !is_token(symbol)).next().unwrap_or_default();
    Some(Cow::Owned(if token.is_empty() { joined.into_owned() } else { token.to_owned() }))
}

/// Undoes percent escapes.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.split_at_checked(2);
        let escaped = digits.filter(|_| byte == b'%').and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok().map(|value| (value, after))
        });
        let (value, after) = escaped.unwrap_or((byte, tail));
        bytes.push(value);
        rest = after;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::Location;
    use crate::request::tests::{get, headers};

    fn header(prefix: &str) -> Location {
        Location::Header { name: http::header::AUTHORIZATION, prefix: prefix.into() }
    }

    fn token(location: &Location, target: &str, headers: &HeaderMap) -> Option<String> {
        location.token(&get(target, headers)).map(std::borrow::Cow::into_owned)
    }

    #[test]
    fn a_header_may_have_a_prefix() {
        let bearer = headers(&[("authorization", "Bearer a.b.c")]);
        assert_eq!(token(&header("Bearer "), "/", &bearer).unwrap(), "a.b.c");
        assert_eq!(token(&header(""), "/", &bearer).unwrap(), "Bearer a.b.c");
        let lower = headers(&[("authorization", "bearer a.b.c")]);
        assert_eq!(token(&header("Bearer "), "/", &lower), None);
        let messy = headers(&[("authorization", "x Bearer \"a.b.c\", y")]);
        assert_eq!(token(&header("Bearer "), "/", &messy).unwrap(), "a.b.c");
        assert_eq!(token(&header("Bearer "), "/", &HeaderMap::new()), None);
        let empty = headers(&[("authorization", "Bearer ")]);
        assert_eq!(token(&header("Bearer "), "/", &empty).unwrap(), "Bearer ");
    }

    #[test]
    fn a_repeated_header_is_one_list() {
        let mut twice = headers(&[("authorization", "Basic x")]);
        twice.append("authorization", "Bearer a.b.c".parse().unwrap());
        assert_eq!(token(&header("Bearer "), "/", &twice).unwrap(), "a.b.c");
    }

    #[test]
    fn parameters_and_cookies_hold_tokens_too() {
        let none = HeaderMap::new();
        let parameter = Location::Parameter("token".into());
        assert_eq!(token(&parameter, "/?token=a%2Eb.c&token=x", &none).unwrap(), "a.b.c");
        assert_eq!(token(&parameter, "/?tokens=a", &none), None);
        let cookies = headers(&[("cookie", "a=1; session=a.b.c")]);
        let cookie = Location::Cookie("session".into());
        assert_eq!(token(&cookie, "/", &cookies).unwrap(), "a.b.c");
        assert_eq!(cookie.place(), None);
    }
}
