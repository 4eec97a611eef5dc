//! Names and values of HTTP headers.

use mesh_engine::byte;
use mesh_engine::format::{Format, FormatError, FormatFault};

use super::checks::{INVALID_HEADER, UNSERVED_OPERATOR};
use crate::api::istio::Headers;
use crate::diagnostic::{At, Check, Diagnostic, Place};

/// A token of RFC 9110 §5.6.2.
pub(crate) fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(byte::is_token)
}

/// What is said of a cookie that may not.
pub(super) const NO_COOKIE_NAME: &str = "no white space, and none of `;=,\"`";

/// Whether a cookie may be called so.
pub(super) fn is_cookie_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(byte::is_cookie_name)
}

/// Whether it may be the authority of a request: a host, perhaps with a port.
pub(super) fn is_authority_of_request(text: &str) -> bool {
    text.bytes().all(byte::is_authority)
}

/// `@request.auth.claims.name` and `@request.auth.claims[name]`: a claim of the request's token, matched like a
/// header.
pub(crate) fn is_claim(name: &str) -> bool {
    const PREFIX: &str = "@request.auth.claims";
    let Some((prefix, rest)) = name.split_at_checked(PREFIX.len()) else { return false };
    let is_path = rest.strip_prefix('.').is_some_and(|path| !path.is_empty());
    let is_bracketed = rest.len() > 2 && rest.starts_with('[') && rest.ends_with(']');
    prefix.eq_ignore_ascii_case(PREFIX) && (is_path || is_bracketed)
}

/// Whether a route may look at a header of this name.
pub(super) fn check_matched(name: &str, place: Place, out: &mut Vec<Diagnostic>) {
    if !is_pseudo(name) && !is_claim(name) && !is_token(name) {
        out.push(bad_name(name, place));
    } else if !is_claim(name) && !mesh_engine::request::is_field(name) {
        let found = unserved(name, place);
        out.push(found.help("match the path with `uri`; a request has no status"));
    }
}

/// Whether a policy may look at a header of this name; a claim is no header to it.
pub(super) fn check_tested(name: &str, place: Place, out: &mut Vec<Diagnostic>) {
    // Names disregard case. Source: RFC 9110 §5.1.
    let folded = name.to_ascii_lowercase();
    if mesh_engine::request::is_field(&folded) {
        return;
    }
    out.push(if is_pseudo(&folded) {
        let found = unserved(name, place);
        found.help("test the path with `paths` of an operation in `to`; a request has no status")
    } else if is_claim(name) {
        let help = "test it with `request.auth.claims[name]`";
        bad_name(name, place).help(help)
    } else {
        bad_name(name, place)
    });
}

/// Whether requests may be hashed by a header of this name.
pub(super) fn check_hashed(name: &str, place: Place, out: &mut Vec<Diagnostic>) {
    if name.starts_with(':') && is_pseudo(&name.to_ascii_lowercase()) {
        out.push(unserved(name, place).help("hash by a header that clients send"));
    } else if !is_token(name) {
        out.push(bad_name(name, place));
    }
}

fn is_pseudo(name: &str) -> bool {
    matches!(name, ":method" | ":scheme" | ":authority" | ":path" | ":status")
}

fn unserved(name: &str, place: Place) -> Diagnostic {
    Diagnostic::new(&INVALID_HEADER, place, format!("no proxy can look at `{name}`"))
        .label("not served")
}

fn bad_name(name: &str, place: Place) -> Diagnostic {
    let message = if name.is_empty() {
        "a header has no name".into()
    } else {
        format!("`{name}` is no name of a header")
    };
    Diagnostic::new(&INVALID_HEADER, place, message).label("letters, digits and `-`")
}

/// Everything that a route does to headers.
pub(super) fn check_operations(headers: Option<&Headers>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(headers) = headers else { return };
    for (side, operations) in [("request", &headers.request), ("response", &headers.response)] {
        let Some(operations) = operations else { continue };
        let at = at.field(side);
        for (verb, values) in [("add", &operations.add), ("set", &operations.set)] {
            let at = at.field(verb);
            for (name, value) in values {
                check_changed(name, side == "request", at.field(name).key(), out);
                check_value(value, &at.field(name), out);
            }
        }
        let at = at.field("remove");
        for (index, name) in operations.remove.iter().enumerate() {
            check_changed(name, false, at.index(index).value(), out);
        }
    }
}

/// Pseudo-headers cannot be changed; the authority can, where `may_be_authority`.
fn check_changed(name: &str, may_be_authority: bool, place: Place, out: &mut Vec<Diagnostic>) {
    let is_host = name.eq_ignore_ascii_case("host");
    if name.is_empty() {
        out.push(bad_name(name, place));
    } else if may_be_authority && is_authority(name) {
    } else if is_host {
        let found =
            Diagnostic::new(&INVALID_HEADER, place, "the `Host` header cannot be changed here");
        out.push(
            found.label("not here").help("use `rewrite.authority`, or `set` it for the request"),
        );
    } else if name.starts_with(':') {
        let found = Diagnostic::new(
            &INVALID_HEADER,
            place,
            format!("the pseudo-header `{name}` cannot be changed"),
        );
        out.push(found.label("not a header"));
    } else if !is_token(name) {
        out.push(bad_name(name, place));
    }
}

/// `Host`, by either of its names.
pub(super) fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority")
}

fn check_value(value: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(control) = value.find(|c: char| c.is_ascii_control() && c != '\t') {
        let found = Diagnostic::new(
            &INVALID_HEADER,
            at.within(control..control + 1),
            "a header's value holds a control character",
        );
        return out.push(found.label("here"));
    }
    let before = out.len();
    check_form(value, at, out);
    if out.len() == before {
        check_format(value, &INVALID_HEADER, at, out);
    }
}

/// Whether a proxy can write what a format asks for. For whoever has no control characters in it.
pub(super) fn check_format(
    text: &str,
    check: &'static Check,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Err(FormatError { at: byte, fault }) = Format::parse(text) else { return };
    // It ends where the next percent sign is, or the text.
    let end = text.get(byte + 1..).and_then(|rest| rest.find('%'));
    let end = end.map_or(text.len(), |end| byte + 1 + end + 1);
    let (message, help) = match &fault {
        FormatFault::Unserved(name) => (
            format!("`%{name}%` is not served"),
            "Envoy would write it, and a proxy of this mesh has nothing to write: remove it",
        ),
        FormatFault::Unknown(name) => (
            format!("nobody knows the operator `%{name}%`"),
            "a percent sign stands for itself when it is doubled: `%%`",
        ),
        _ => (
            "no proxy can write this".to_owned(),
            "a percent sign stands for itself when it is doubled: `%%`",
        ),
    };
    let label = match &fault {
        FormatFault::Unserved(_) => "Envoy knows it, here it is not served".to_owned(),
        FormatFault::Unknown(_) => "unknown operator".to_owned(),
        fault => fault.to_string(),
    };
    let check = if matches!(fault, FormatFault::Unserved(_)) { &UNSERVED_OPERATOR } else { check };
    let found = Diagnostic::new(check, at.within(byte..end), message).label(label).help(help);
    out.push(found.consequence("every proxy would refuse all of the configuration"));
}

/// What Istio would refuse.
fn check_form(value: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Err((at_byte, reason)) = format(value) {
        let end = value
            .get(at_byte..)
            .and_then(|rest| rest.chars().next())
            .map_or(at_byte, |c| at_byte + c.len_utf8());
        let place = if at_byte < end { at.within(at_byte..end) } else { at.value() };
        let found = Diagnostic::new(
            &INVALID_HEADER,
            place,
            "the value is no text of Envoy's format language",
        );
        out.push(
            found.label(reason).help("a percent sign stands for itself when it is doubled: `%%`"),
        );
    }
}

/// Whether a value is in Envoy's format language: text with `%%`, `%NAME%` and `%NAME(arguments)%`; arguments are a
/// text, or texts in quotes in brackets. The fault comes with its byte. Source: Envoy, "Custom request/response headers".
fn format(value: &str) -> Result<(), (usize, &'static str)> {
    let mut rest = value.char_indices().peekable();
    while let Some((start, symbol)) = rest.next() {
        if symbol != '%' {
            continue;
        }
        match rest.peek() {
            None => return Err((start, "a lone percent sign")),
            Some((_, '%')) => drop(rest.next()),
            Some(_) => variable(start, &mut rest)?,
        }
    }
    Ok(())
}

type Symbols<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

/// What follows a `%`, to the `%` that ends it.
fn variable(start: usize, rest: &mut Symbols<'_>) -> Result<(), (usize, &'static str)> {
    const OPEN: &str = "this variable does not end";
    loop {
        match rest.next() {
            None => return Err((start, OPEN)),
            Some((_, '%')) => return Ok(()),
            Some((_, '(')) => break,
            Some(_) => {}
        }
    }
    arguments(start, rest)?;
    match rest.by_ref().find(|(_, symbol)| *symbol != ' ') {
        Some((_, '%')) => Ok(()),
        Some((at, _)) => Err((at, "only a `%` can stand here")),
        None => Err((start, OPEN)),
    }
}

/// What stands between `(` and `)`.
fn arguments(start: usize, rest: &mut Symbols<'_>) -> Result<(), (usize, &'static str)> {
    const OPEN: &str = "its arguments do not end";
    let Some((_, first)) = rest.by_ref().find(|(_, symbol)| *symbol != ' ') else {
        return Err((start, OPEN));
    };
    if first != '[' {
        return match rest.by_ref().find(|(_, symbol)| *symbol == ')') {
            Some(_) => Ok(()),
            None => Err((start, OPEN)),
        };
    }
    loop {
        quoted(start, rest)?;
        match rest.by_ref().find(|(_, symbol)| *symbol != ' ') {
            Some((_, ',')) => {}
            Some((_, ']')) => break,
            Some((at, _)) => return Err((at, "a `,` or `]` must stand here")),
            None => return Err((start, OPEN)),
        }
    }
    match rest.by_ref().find(|(_, symbol)| *symbol != ' ') {
        Some((_, ')')) => Ok(()),
        Some((at, _)) => Err((at, "a `)` must stand here")),
        None => Err((start, OPEN)),
    }
}

/// A text in double quotes.
fn quoted(start: usize, rest: &mut Symbols<'_>) -> Result<(), (usize, &'static str)> {
    const OPEN: &str = "a text in its arguments does not end";
    match rest.by_ref().find(|(_, symbol)| *symbol != ' ') {
        Some((_, '"')) => {}
        Some((at, _)) => return Err((at, "a text in double quotes must stand here")),
        None => return Err((start, OPEN)),
    }
    while let Some((_, symbol)) = rest.next() {
        match symbol {
            '\\' => drop(rest.next()),
            '"' => return Ok(()),
            _ => {}
        }
    }
    Err((start, OPEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_envoys_language() {
        for good in [
            "",
            "a",
            "100%%",
            "%HOSTNAME%",
            "a %REQ(x-id)% b",
            r#"%DYNAMIC_METADATA(["a", "b\""])%"#,
            "%START_TIME(%s)%",
        ] {
            assert_eq!(format(good), Ok(()), "{good}");
        }
        for bad in [
            "%",
            "a%b",
            "%%%",
            "%A(",
            "%A(b",
            r#"%A(["b")%"#,
            r#"%A(["b"x])%"#,
            "%A(b)x%",
            "%START%%",
        ] {
            assert!(format(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn claims_look_like_headers() {
        assert!(is_claim("@request.auth.claims.sub") && is_claim("@Request.Auth.Claims[a][b]"));
        assert!(
            !is_claim("@request.auth.claims")
                && !is_claim("@request.auth.claims.")
                && !is_claim("x")
        );
    }
}
