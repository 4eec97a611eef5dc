//! Reads a format. Source: Envoy, `SubstitutionFormatParser::parse`.

use super::Segment;
use super::operator::{Argument, HeaderSource, Operator, TABLE, UNSERVED};

/// Where a format is wrong, and how.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{fault}, at byte {at}")]
pub struct FormatError {
    /// Bytes before the operator, its `%` not counted among them.
    pub at: usize,
    pub fault: FormatFault,
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormatFault {
    #[error("unknown operator `%{0}%`")]
    Unknown(String),
    /// Envoy would write it. We have nothing to write.
    #[error("Envoy knows the operator `%{0}%`, here it is not served")]
    Unserved(&'static str),
    #[error("a `%` that begins no operator is written `%%`")]
    NotClosed,
    #[error("`%{operator}%` takes {takes}")]
    Argument { operator: &'static str, takes: &'static str },
    #[error("`{0}` is no length")]
    Length(String),
}

pub(super) fn segments(text: &str) -> Result<Vec<Segment>, FormatError> {
    let mut segments = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        literal.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            literal.push('%');
            rest = after;
            continue;
        }
        let at = text.len() - after.len() - 1;
        let (inside, after) =
            operator_text(after).ok_or(FormatError { at, fault: FormatFault::NotClosed })?;
        if !literal.is_empty() {
            segments.push(Segment::Text(std::mem::take(&mut literal).into()));
        }
        segments.push(value(inside).map_err(|fault| FormatError { at, fault })?);
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        segments.push(Segment::Text(literal.into()));
    }
    Ok(segments)
}

/// What stands between the percent signs, and what follows them. An argument in parentheses may hold `%`.
fn operator_text(text: &str) -> Option<(&str, &str)> {
    let name_end = text.find(|symbol: char| !is_name(symbol))?;
    let after_name = text.get(name_end..)?;
    let argument_end = match after_name.strip_prefix('(') {
        Some(_) => name_end + after_name.find(')')?,
        None => name_end,
    };
    let end = argument_end + text.get(argument_end..)?.find('%')?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

fn is_name(symbol: char) -> bool {
    symbol.is_ascii_uppercase() || symbol.is_ascii_digit() || symbol == '_'
}

/// `NAME`, `NAME(argument)`, either with `:length`.
fn value(inside: &str) -> Result<Segment, FormatFault> {
    let name_end = inside.find(|symbol| !is_name(symbol)).unwrap_or(inside.len());
    let (name, rest) = inside.split_at(name_end);
    let Some(&(name, make)) = TABLE.iter().find(|(known, _)| *known == name) else {
        let unserved = UNSERVED.iter().find(|known| **known == name);
        let unknown = || FormatFault::Unknown(inside.to_owned());
        return Err(unserved.map_or_else(unknown, |name| FormatFault::Unserved(name)));
    };
    let (argument, rest) = match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((argument, rest)) => (Some(argument), rest),
        None => (None, rest),
    };
    let length_max = match rest.strip_prefix(':') {
        Some(length) => Some(length.parse().map_err(|_| FormatFault::Length(length.to_owned()))?),
        None if rest.is_empty() => None,
        None => return Err(FormatFault::Unknown(inside.to_owned())),
    };
    Ok(Segment::Value { operator: operator(name, make, argument)?, length_max })
}

fn operator(
    name: &'static str,
    make: Argument,
    argument: Option<&str>,
) -> Result<Operator, FormatFault> {
    let wrong = |takes| FormatFault::Argument { operator: name, takes };
    match (make, argument) {
        (Argument::None(make), None) => Ok(make()),
        (Argument::None(_), Some(_)) => Err(wrong("no argument")),
        (Argument::Optional(make), argument) => Ok(make(argument.unwrap_or_default().into())),
        (Argument::Required(make), Some(argument)) if !argument.is_empty() => {
            Ok(make(argument.into()))
        }
        (Argument::Required(_), _) => Err(wrong("an argument in parentheses")),
        (Argument::Header(make), Some(argument)) => {
            header_source(argument).map(make).ok_or_else(|| wrong("the name of a header, or two"))
        }
        (Argument::Header(_), None) => Err(wrong("the name of a header in parentheses")),
    }
}

/// `name`, `name?alternative`; `?` alone separates, as in Envoy.
fn header_source(argument: &str) -> Option<HeaderSource> {
    let header = |name: &str| {
        let name = name.to_ascii_lowercase();
        let real = name.strip_prefix(':').unwrap_or(&name);
        real.parse::<http::HeaderName>().is_ok().then(|| name.into_boxed_str())
    };
    match argument.split_once('?') {
        None => Some(HeaderSource { name: header(argument)?, alternative: None }),
        Some((name, alternative)) => {
            Some(HeaderSource { name: header(name)?, alternative: Some(header(alternative)?) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TABLE, UNSERVED};
    use crate::format::{Format, FormatFault, HeaderSource, Operator, Segment};

    fn fault(text: &str) -> (usize, FormatFault) {
        let error = Format::parse(text).unwrap_err();
        (error.at, error.fault)
    }

    #[test]
    fn an_argument_may_hold_percent_signs() {
        let format = Format::parse("%START_TIME(%s %%)%x").unwrap();
        let operator = Operator::StartTime("%s %%".into());
        assert_eq!(
            format.segments(),
            [Segment::Value { operator, length_max: None }, Segment::Text("x".into())]
        );
    }

    #[test]
    fn headers_have_alternatives() {
        let format = Format::parse("%REQ(X-A?:PATH):5%").unwrap();
        let source = HeaderSource { name: "x-a".into(), alternative: Some(":path".into()) };
        assert_eq!(
            format.segments(),
            [Segment::Value { operator: Operator::Request(source), length_max: Some(5) }]
        );
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        assert_eq!(fault("ab%NOPE%"), (2, FormatFault::Unknown("NOPE".into())));
        assert_eq!(fault("%req(a)%"), (0, FormatFault::Unknown("req(a)".into())));
        assert_eq!(fault("%%50%"), (4, FormatFault::NotClosed));
        assert_eq!(fault("50% off"), (2, FormatFault::NotClosed));
        assert_eq!(fault("%REQ(a)"), (0, FormatFault::NotClosed));
        assert_eq!(fault("%REQ(a):x%"), (0, FormatFault::Length("x".into())));
        assert_eq!(fault("%PROTOCOL x%"), (0, FormatFault::Unknown("PROTOCOL x".into())));
        for text in
            ["%REQ%", "%REQ()%", "%REQ(a b)%", "%REQ(a?)%", "%PROTOCOL(x)%", "%ENVIRONMENT%"]
        {
            assert!(matches!(fault(text), (0, FormatFault::Argument { .. })), "{text}");
        }
    }

    #[test]
    fn what_envoy_alone_knows_is_told_from_what_nobody_knows() {
        for (text, name) in [
            ("%TRACE_ID%", "TRACE_ID"),
            ("a%DYNAMIC_METADATA(a:b):5%", "DYNAMIC_METADATA"),
            (r#"%UPSTREAM_METADATA(["a", "b"])%"#, "UPSTREAM_METADATA"),
            ("%DOWNSTREAM_PEER_CERT_V_START(%Y)%", "DOWNSTREAM_PEER_CERT_V_START"),
        ] {
            assert_eq!(fault(text).1, FormatFault::Unserved(name), "{text}");
        }
        assert!(matches!(fault("%FOO_BAR%").1, FormatFault::Unknown(_)));
        assert!(UNSERVED.iter().all(|name| TABLE.iter().all(|(served, _)| served != name)));
    }

    #[test]
    fn an_error_says_what_and_where() {
        let error = Format::parse("user %USER%").unwrap_err();
        assert_eq!(error.to_string(), "unknown operator `%USER%`, at byte 5");
    }
}
