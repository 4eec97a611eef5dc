//! What a rule of an `HTTPRoute` matches.

use super::super::expression;
use super::super::header::is_token;
use super::http_route::fault;
use crate::api::gateway_api::{HttpPathMatch, HttpRouteMatch, MatchType, PathMatchType};
use crate::diagnostic::{At, Diagnostic};

const NAME_MAX: usize = 256;
const PATH_MAX: usize = 1024;

pub(super) fn check(test: &HttpRouteMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(path) = &test.path {
        check_path(path, &at.field("path"), out);
    }
    let headers: Vec<_> = test
        .headers
        .iter()
        .map(|test| (test.r#type, test.name.as_str(), test.value.as_str()))
        .collect();
    check_pairs(&headers, "header", 4096, true, &at.field("headers"), out);
    let parameters: Vec<_> = test
        .query_params
        .iter()
        .map(|test| (test.r#type, test.name.as_str(), test.value.as_str()))
        .collect();
    check_pairs(&parameters, "parameter", 1024, false, &at.field("queryParams"), out);
}

/// Headers or parameters: each name once, and values that a request can carry.
fn check_pairs(
    pairs: &[(Option<MatchType>, &str, &str)],
    what: &str,
    value_max: usize,
    is_header: bool,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for (index, (kind, name, value)) in pairs.iter().enumerate() {
        let at_pair = at.index(index);
        if !is_token(name) || name.len() > NAME_MAX {
            out.push(fault(
                at_pair.field("name").value(),
                format!("`{name}` is no name of a {what}"),
                "letters, digits and `-`",
            ));
        }
        if value.is_empty() || value.len() > value_max {
            let label = format!("1 to {value_max} characters");
            out.push(fault(
                at_pair.field("value").value(),
                format!("a {what} is tested for an unfit value"),
                &label,
            ));
        } else if *kind == Some(MatchType::RegularExpression) {
            expression::check(value, &at_pair.field("value"), out);
        } else if is_header && !is_field_value(value) {
            out.push(fault(
                at_pair.field("value").value(),
                "no header has this value".into(),
                "printable characters, single spaces",
            ));
        }
        let is_same =
            |other: &str| if is_header { other.eq_ignore_ascii_case(name) } else { other == *name };
        if let Some(first) = pairs.iter().take(index).position(|(_, other, _)| is_same(other)) {
            let place = |index: usize| at.index(index).field("name").value();
            let found = fault(
                place(index),
                format!("the {what} `{name}` is tested twice"),
                "never looked at",
            );
            out.push(found.also(place(first), "first here"));
        }
    }
}

/// `^[!-~]+([\t ]?[!-~]+)*$`
pub(crate) fn is_field_value(value: &str) -> bool {
    let is_printable = |byte: u8| (b'!'..=b'~').contains(&byte);
    let mut after_space = true;
    for byte in value.bytes() {
        let is_space = byte == b' ' || byte == b'\t';
        if !is_printable(byte) && (!is_space || after_space) {
            return false;
        }
        after_space = is_space;
    }
    !after_space
}

/// Plain paths are absolute and in normal form. Source: the CEL rules of `HTTPPathMatch`.
fn check_path(path: &HttpPathMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let value = path.value.as_deref().unwrap_or("/");
    let at = at.field("value");
    if path.r#type == Some(PathMatchType::RegularExpression) {
        return expression::check(value, &at, out);
    }
    if let Some(reason) = refused_path(value) {
        let kind = match path.r#type {
            Some(PathMatchType::Exact) => "Exact",
            _ => "PathPrefix",
        };
        out.push(fault(at.value(), format!("no path of type {kind} is `{value}`"), reason));
    }
}

/// Why a path that is no expression is refused.
pub(crate) fn refused_path(value: &str) -> Option<&'static str> {
    let is_odd = |c: char| !(c.is_ascii_alphanumeric() || "-/._~!$&'()*+,;=:@%".contains(c));
    if !value.starts_with('/') {
        Some("must begin with `/`")
    } else if ["//", "/./", "/../"].iter().any(|part| value.contains(part))
        || value.ends_with("/.")
        || value.ends_with("/..")
    {
        Some("not in normal form: no request has such a path")
    } else if value.to_ascii_lowercase().contains("%2f") {
        Some("an escaped `/` is not told from a plain one")
    } else if value.contains('#') {
        Some("a `#` is never sent")
    } else if value.contains(is_odd) || !has_whole_escapes(value) {
        Some(
            "its characters are letters, digits, `-/._~!$&'()*+,;=:@` and `%` with two hexadecimal digits",
        )
    } else if value.len() > PATH_MAX {
        Some("more than 1024 characters")
    } else {
        None
    }
}

/// Every `%` is followed by two hexadecimal digits.
fn has_whole_escapes(value: &str) -> bool {
    value.split('%').skip(1).all(|rest| {
        rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_headers_are_printable() {
        assert!(is_field_value("a b\tc") && is_field_value("a"));
        assert!(
            !is_field_value("")
                && !is_field_value("a  b")
                && !is_field_value(" a")
                && !is_field_value("ä")
        );
        assert!(
            has_whole_escapes("/%20a%C3") && !has_whole_escapes("/%2") && !has_whole_escapes("%")
        );
    }
}
