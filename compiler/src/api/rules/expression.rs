//! Regular expressions, in RE2's language, and the other tests of a text.

use std::cell::RefCell;
use std::collections::HashMap;

use mesh_engine::pattern::{Pattern, PatternError};
use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange, Span};

use super::checks::{EMPTY_MATCH, INVALID_REGEX};
use crate::api::istio::StringMatch;
use crate::diagnostic::{At, Diagnostic};

/// The longest expression, in bytes. Source: Istio, which fears for the size of the program behind it.
const LENGTH_MAX: usize = 1024;
/// The largest count of a repetition. Source: RE2, `kMaxRepeat`.
const COUNT_MAX: u32 = 1000;
/// Of how many expressions it is kept whether a proxy runs them.
const KNOWN_MAX: usize = 4096;

/// Says what is wrong with an expression.
pub(super) fn check(expression: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if expression.is_empty() {
        let found = Diagnostic::new(
            &EMPTY_MATCH,
            at.value(),
            "an empty expression matches only the empty text",
        );
        return out.push(found.label("write an expression"));
    }
    if expression.len() > LENGTH_MAX {
        let message = format!("the expression has {} characters", expression.len());
        return out
            .push(Diagnostic::new(&INVALID_REGEX, at.value(), message).label("at most 1024"));
    }
    match verdict(expression) {
        Verdict::Good => {}
        Verdict::Faulty(fault) => {
            let place = if fault.bytes.is_empty() { at.value() } else { at.within(fault.bytes) };
            let message = "this is no regular expression of RE2";
            out.push(Diagnostic::new(&INVALID_REGEX, place, message).label(fault.reason));
        }
        Verdict::Refused(error) => out.push(refused(&error, at)),
    }
}

/// What is to be said of an expression.
#[derive(Clone)]
enum Verdict {
    Good,
    Faulty(Fault),
    /// RE2 has more limits than can be read off a text; a proxy's are what counts.
    Refused(PatternError),
}

impl Verdict {
    fn of(expression: &str) -> Self {
        match fault(expression) {
            Some(fault) => Self::Faulty(fault),
            None => Pattern::measure(expression).map_or_else(Self::Refused, |_| Self::Good),
        }
    }
}

/// To find out costs as much as to run the expression, and a repository says few expressions many times, so the answers are kept.
fn verdict(expression: &str) -> Verdict {
    thread_local! {
        static KNOWN: RefCell<HashMap<Box<str>, Verdict>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(answer) = known.get(expression) {
            return answer.clone();
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let answer = Verdict::of(expression);
        known.insert(expression.into(), answer.clone());
        answer
    })
}

/// An expression that no proxy would run.
pub(super) fn refused(error: &PatternError, at: &At<'_>) -> Diagnostic {
    Diagnostic::new(&INVALID_REGEX, at.value(), "no proxy can run this expression")
        .label(error.to_string())
        .consequence("every proxy that the route is for would refuse all of the configuration")
}

#[derive(Clone)]
struct Fault {
    bytes: std::ops::Range<usize>,
    reason: String,
}

/// What a parser that knows Unicode, and what RE2 lacks besides it, object to.
fn fault(expression: &str) -> Option<Fault> {
    if let Some(fault) = unknown_to_re2(expression) {
        return Some(fault);
    }
    let mut parser = regex_syntax::ast::parse::ParserBuilder::new().nest_limit(250).build();
    let (span, reason) = match parser.parse(&quoted(expression)) {
        Ok(tree) => (too_often(&tree, COUNT_MAX)?, "RE2 repeats at most 1000 times".to_owned()),
        Err(error) => (*error.span(), error.kind().to_string()),
    };
    let is_same = quoted(expression) == expression;
    let bytes = if is_same { span.start.offset..span.end.offset } else { 0..0 };
    Some(Fault { bytes, reason })
}

/// The first repetition that, with those around it, repeats more than `room` times. Source: RE2, `RepetitionWalker`.
fn too_often(tree: &Ast, room: u32) -> Option<Span> {
    match tree {
        Ast::Repetition(it) => {
            let count = match &it.op.kind {
                RepetitionKind::Range(
                    RepetitionRange::Exactly(count)
                    | RepetitionRange::AtLeast(count)
                    | RepetitionRange::Bounded(_, count),
                ) => *count,
                _ => 1,
            };
            match room.checked_div(count) {
                Some(0) => Some(it.span),
                Some(rest) => too_often(&it.ast, rest),
                None => too_often(&it.ast, COUNT_MAX),
            }
        }
        Ast::Group(it) => too_often(&it.ast, room),
        Ast::Concat(it) => it.asts.iter().find_map(|part| too_often(part, room)),
        Ast::Alternation(it) => it.asts.iter().find_map(|part| too_often(part, room)),
        _ => None,
    }
}

/// Syntax that Rust's parser takes and RE2 refuses.
fn unknown_to_re2(expression: &str) -> Option<Fault> {
    let fault = |at: usize, length: usize, reason: &str| {
        Some(Fault { bytes: at..at + length, reason: reason.to_owned() })
    };
    let bytes = expression.as_bytes();
    let (mut at, mut is_class) = (0, false);
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        match (byte, next) {
            (b'\\', Some(b'<' | b'>')) if !is_class => {
                return fault(at, 2, "RE2 knows no ends of words but `\\b`");
            }
            (b'\\', Some(b'u' | b'U')) => return fault(at, 2, "write `\\x{…}`"),
            (b'\\', Some(_)) => at += 1,
            (b'[', _) if !is_class => is_class = true,
            (b']', _) => is_class = false,
            (b'(', Some(b'?')) if !is_class => {
                let flags = expression
                    .get(at + 2..)?
                    .split([':', ')', 'P', '<'])
                    .next()
                    .unwrap_or_default();
                if flags.chars().all(|flag| flag.is_ascii_alphabetic() || flag == '-')
                    && flags.contains(['x', 'u', 'R'])
                {
                    return fault(
                        at,
                        2 + flags.len(),
                        "RE2 knows only the flags `i`, `m`, `s` and `U`",
                    );
                }
            }
            (b'{', _) if !is_class => {
                let count = expression.get(at + 1..)?.split('}').next().unwrap_or_default();
                let is_large =
                    |number: &str| number.parse::<u32>().is_ok_and(|number| number > COUNT_MAX);
                if count.split(',').any(is_large) {
                    return fault(at, count.len() + 2, "RE2 repeats at most 1000 times");
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Rewrites what RE2 takes and Rust's parser does not: `\Q…\E`, `\C`, `{,3}` and a lone brace, which are literal.
fn quoted(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut rest = expression;
    let mut is_class = false;
    while let Some(symbol) = rest.chars().next() {
        let after = rest.get(symbol.len_utf8()..).unwrap_or_default();
        if symbol == '\\' && after.starts_with('Q') {
            let text = after.get(1..).unwrap_or_default();
            let (literal, tail) = text.split_once("\\E").unwrap_or((text, ""));
            out.push_str(&regex_syntax::escape(literal));
            rest = tail;
            continue;
        }
        let is_escape = symbol == '\\';
        match symbol {
            '[' if !is_class => is_class = true,
            // To RE2 these are members of the class like any other.
            '[' if !after.starts_with(':') => out.push('\\'),
            '&' | '~' if is_class => out.push('\\'),
            ']' => is_class = false,
            '{' if !is_class && !is_count(after) => out.push('\\'),
            _ => {}
        }
        out.push(symbol);
        rest = after;
        if is_escape && let Some(escaped) = rest.chars().next() {
            out.push(if escaped == 'C' { 'w' } else { escaped });
            rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
            // The braces of `\p{Greek}` and `\x{41}` are their own.
            if matches!(escaped, 'p' | 'P' | 'x')
                && rest.starts_with('{')
                && let Some(end) = rest.find('}')
            {
                out.push_str(rest.get(..=end).unwrap_or_default());
                rest = rest.get(end + 1..).unwrap_or_default();
            }
        }
    }
    out
}

/// Whether `{` begins a repetition: `n}`, `n,}` or `n,m}`.
fn is_count(after: &str) -> bool {
    let Some((count, _)) = after.split_once('}') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match count.split_once(',') {
        Some((from, to)) => is_number(from) && (to.is_empty() || is_number(to)),
        None => is_number(count),
    }
}

/// A test whose prefix and expression must not be empty.
pub(super) fn check_match(test: &StringMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if test.prefix.as_deref() == Some("") {
        let found = Diagnostic::new(
            &EMPTY_MATCH,
            at.field("prefix").value(),
            "an empty prefix matches every text",
        );
        out.push(found.label("write a prefix, or leave the test out"));
    }
    check_regex(test, at, out);
}

/// A test whose prefix may be empty.
pub(super) fn check_regex(test: &StringMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let kinds = [("exact", &test.exact), ("prefix", &test.prefix), ("regex", &test.regex)];
    let set: Vec<_> = kinds.iter().filter(|(_, text)| text.is_some()).collect();
    if let [(first, _), (second, _), ..] = set.as_slice() {
        let message = format!("`{first}` and `{second}` are both set");
        let found =
            Diagnostic::new(&super::checks::CONFLICTING_ACTIONS, at.field(second).key(), message);
        out.push(found.label("one of them").also(at.field(first).key(), "or this"));
    }
    if let Some(regex) = &test.regex {
        check(regex, &at.field("regex"), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_cannot_run_is_refused() {
        let said = |expression: &str| {
            let text = format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a}}\nspec:\n  hosts: [a]\n  http:\n  - match: [{{uri: {{regex: '{expression}'}}}}]\n    route: [{{destination: {{host: a}}}}]\n"
            );
            crate::testing::Compiled::text(&text).said()
        };
        for expression in ["((a{100}){100}){10}", "/(a{1000}){1000}"] {
            let said = said(expression);
            let [only] = said.as_slice() else { panic!("{said:?}") };
            assert!(only.starts_with("error[invalid-regex] 7:"), "{only}");
        }
        assert_eq!(said("/a{100}/[0-9]+"), [""; 0]);
    }

    #[test]
    fn expressions_are_re2() {
        for good in [
            r"^/api/v[0-9]+$",
            r"(?i)abc",
            r"\Qa.b\E+",
            r"x{,3}",
            r"a{2,3}",
            r"\d+\.\w*",
            r"[[:alpha:]]",
            r"[a&&b]",
            r"[a[b]",
            r"(?P<n>a)",
            r"(?<n>a)",
            r"\pN\p{Greek}",
            r"a|b|",
            r"{",
            r"a{b}",
            r"[^/]*",
            r"\x{41}",
            r"(?s).*",
            r"(a{500}){2}",
            r"((a+){10}b{100}){10}",
            r"a{600}b{600}",
            r"(a{0}){1000}",
        ] {
            assert!(fault(good).is_none(), "{good}: {}", fault(good).unwrap().reason);
        }
        for bad in [
            r"*",
            r"(",
            r"a)",
            r"[",
            r"a{1001}",
            r"(?=a)",
            r"(?!a)",
            r"(?<=a)",
            r"\1",
            r"\<a",
            r"(a{500}){3}",
            r"(?:x(a{2}){500}|b){2}",
            r"((a{0}b{20}){10}){10,}",
            r"(?x)a",
            r"+a",
            r"a{3,2}",
            r"\",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
