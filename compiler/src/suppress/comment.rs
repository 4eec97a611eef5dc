//! `mesh:allow CHECK… [until=DATE] reason="…"`.

use crate::diagnostic::{Check, Class, Date, Diagnostic, Place};
use crate::parse::{Parsed, Pragma};
use crate::registry::{UnknownCheck, checks_called};
use crate::source::Span;

use super::checks::{EXPIRED_SUPPRESSION, INVALID_SUPPRESSION};

/// A comment that allows something.
#[derive(Debug)]
pub(super) struct Allowance {
    pub pragma: Pragma,
    pub names: Vec<Name>,
}

/// A name in it, and the checks that are called so.
#[derive(Debug)]
pub(super) struct Name {
    pub text: String,
    pub span: Span,
    pub checks: Vec<&'static Check>,
}

/// A word of the comment, a field's with its value.
struct Word<'a> {
    text: &'a str,
    /// Without quotes.
    value: Option<&'a str>,
    span: Span,
}

/// What is wrong with a comment, and where.
struct Fault {
    span: Span,
    message: String,
    near: Option<&'static str>,
}

impl Allowance {
    /// What the comment allows today.
    pub(super) fn read(
        pragma: Pragma,
        parsed: &Parsed,
        today: Option<Date>,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let text = parsed.source(pragma.file).slice(pragma.span);
        match interpret(text, pragma.span) {
            Ok((names, until)) => {
                if let Some((day, span)) = until.filter(|(day, _)| today > Some(*day)) {
                    out.push(expired(day, Place::text(pragma.file, span)));
                    return None;
                }
                Some(Self { pragma, names })
            }
            Err(fault) => {
                out.push(invalid(&fault, pragma));
                None
            }
        }
    }
}

type Meaning = (Vec<Name>, Option<(Date, Span)>);

/// `comment` begins with `#`, at `span`.
fn interpret(comment: &str, span: Span) -> Result<Meaning, Fault> {
    let whole = |message: &str| Fault { span, message: message.to_owned(), near: None };
    let words = words(comment, span)?;
    let (first, rest) = words.split_first().ok_or_else(|| whole("it says nothing"))?;
    if first.text != "mesh:allow" || first.value.is_some() {
        let message = format!("`{}` says nothing to the compiler; `mesh:allow` does", first.text);
        // What follows in brackets would be lost.
        let near = (!first.text.contains('(')).then_some("mesh:allow");
        return Err(Fault { span: first.span, message, near });
    }
    let (mut names, mut until, mut has_reason) = (Vec::new(), None, false);
    for word in rest {
        let fault = |message| Fault { span: word.span, message, near: None };
        match (word.text, word.value) {
            (text, None) => names.push(name(text, word.span)?),
            ("until", Some(day)) => {
                let day = day.parse::<Date>().map_err(|error| fault(error.to_string()))?;
                until = Some((day, word.span));
            }
            ("reason", Some(reason)) => has_reason |= !reason.trim().is_empty(),
            (field, Some(_)) => {
                return Err(fault(format!("it has no field `{field}`, only `until` and `reason`")));
            }
        }
    }
    match (names.is_empty(), has_reason) {
        (true, _) => Err(whole("it names no check")),
        (false, false) => Err(whole("it gives no reason")),
        (false, true) => Ok((names, until)),
    }
}

fn name(text: &str, span: Span) -> Result<Name, Fault> {
    let called = checks_called(text).map_err(|UnknownCheck { name, nearest }| Fault {
        span,
        message: format!("there is no check `{name}`"),
        near: nearest,
    })?;
    let checks: Vec<_> = called.into_iter().filter(|it| it.class == Class::Lint).collect();
    if checks.is_empty() {
        let message = format!("`{text}` cannot be allowed: such a resource has no meaning");
        return Err(Fault { span, message, near: None });
    }
    Ok(Name { text: text.to_owned(), span, checks })
}

/// The words after `#`, separated by spaces and commas.
fn words(comment: &str, span: Span) -> Result<Vec<Word<'_>>, Fault> {
    let mut words = Vec::new();
    let mut at = 1;
    let is_gap = |c: char| c.is_whitespace() || c == ',';
    while let Some(rest) = comment.get(at..) {
        let Some(gap) = rest.find(|c| !is_gap(c)) else { break };
        let start = at + gap;
        let word = comment.get(start..).unwrap_or_default();
        let end = word.find(|c| is_gap(c) || c == '=').unwrap_or(word.len());
        let (text, after) = word.split_at(end);
        let (value, length) = match after.strip_prefix('=') {
            None => (None, end),
            Some(value) => {
                let (value, length) = self::value(value).ok_or_else(|| Fault {
                    span: place(span, start, comment.len()),
                    message: "the quote does not end".to_owned(),
                    near: None,
                })?;
                (Some(value), end + 1 + length)
            }
        };
        at = start + length;
        words.push(Word { text, value, span: place(span, start, at) });
    }
    Ok(words)
}

/// A value and its length in the text, quotes included. Absent: its quote does not end.
fn value(text: &str) -> Option<(&str, usize)> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let Some(quote) = quote else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return Some((text.get(..end)?, end));
    };
    let inner = text.get(1..)?;
    let end = inner.find(quote)?;
    Some((inner.get(..end)?, end + 2))
}

/// Some bytes of the comment at `span`.
fn place(span: Span, start: usize, end: usize) -> Span {
    let before = span.start as usize;
    Span::of(before + start..before + end)
}

fn invalid(fault: &Fault, pragma: Pragma) -> Diagnostic {
    let place = Place::text(pragma.file, fault.span);
    Diagnostic::new(&INVALID_SUPPRESSION, place, fault.message.as_str())
        .consequence("the comment allows nothing")
        .help("write `mesh:allow CHECK reason=\"…\"`, with `until=2027-01-31` if it is to end")
        .meant(fault.near, "")
}

fn expired(day: Date, place: Place) -> Diagnostic {
    Diagnostic::new(&EXPIRED_SUPPRESSION, place, format!("this was allowed until {day}"))
        .label("the day is over")
        .consequence("the comment allows nothing any more")
        .help("mend what it allowed, or give it another day and a reason for that")
}
