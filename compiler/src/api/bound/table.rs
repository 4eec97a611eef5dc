//! The lines of `bounds.txt`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::form::Form;
use crate::api::field::{expand, steps};

/// What must hold of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    Items(Range),
    Entries(Range),
    Chars(Range),
    Number { range: Range, is_whole: bool },
    Like(Form),
    Needs(&'static str),
}

/// From one number to another, both included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Range {
    pub least: i64,
    pub most: i64,
}

impl Range {
    /// `1..16`, `1..` and `..16`
    fn parse(text: &str) -> Option<Self> {
        let (least, most) = text.split_once("..")?;
        let or = |text: &str, otherwise: i64| {
            if text.is_empty() { Some(otherwise) } else { text.parse().ok() }
        };
        Some(Self { least: or(least, 0)?, most: or(most, i64::MAX)? })
    }

    /// `1 to 16`
    pub(super) fn in_words(self) -> String {
        match (self.least, self.most) {
            (least, i64::MAX) => format!("at least {least}"),
            (0, most) => format!("at most {most}"),
            (least, most) => format!("{least} to {most}"),
        }
    }
}

/// A line, for one kind and one path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Empty: of every version.
    pub versions: Vec<&'static str>,
    pub path: String,
    /// Those of the path.
    pub steps: Vec<Box<str>>,
    pub bound: Bound,
}

/// By kind.
pub(super) static LINES: LazyLock<BTreeMap<String, Vec<Line>>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the table is a part of the program, and tested")]
    parse(include_str!("bounds.txt")).expect("the table of bounds is well-formed")
});

/// # Errors
/// The first line that is none.
fn parse(text: &'static str) -> Result<BTreeMap<String, Vec<Line>>, &'static str> {
    let mut lines: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (kinds, path, bound) = words(line).ok_or(line)?;
        let (kinds, versions) = kinds.split_once('@').unwrap_or((kinds, ""));
        let versions: Vec<_> = versions.split(',').filter(|it| !it.is_empty()).collect();
        for kind in expand(kinds) {
            let of_kind = lines.entry(kind).or_default();
            let paths = expand(path).into_iter();
            of_kind.extend(paths.map(|path| Line {
                versions: versions.clone(),
                steps: steps(&path).map(Box::from).collect(),
                path,
                bound,
            }));
        }
    }
    Ok(lines)
}

fn words(line: &'static str) -> Option<(&'static str, &'static str, Bound)> {
    let mut words = line.split_whitespace();
    let (kinds, path, name, value) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let range = || Range::parse(value);
    let bound = match name {
        "items" => Bound::Items(range()?),
        "entries" => Bound::Entries(range()?),
        "chars" => Bound::Chars(range()?),
        "number" => Bound::Number { range: range()?, is_whole: false },
        "whole" => Bound::Number { range: range()?, is_whole: true },
        "like" => Bound::Like(Form::parse(value)?),
        "needs" => Bound::Needs(value),
        _ => return None,
    };
    words.next().is_none().then_some((kinds, path, bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let lines = parse("# none\n{A,B}@v1  a.{b,c}[]  items 1..2\n").unwrap();
        assert_eq!(lines["B"].len(), 2);
        assert_eq!(
            lines["A"][1],
            Line {
                versions: vec!["v1"],
                path: "a.c[]".into(),
                steps: vec!["a".into(), "c".into(), "[]".into()],
                bound: Bound::Items(Range { least: 1, most: 2 }),
            }
        );
        assert_eq!(parse("A a items x\n"), Err("A a items x"));
    }

    /// A bound of a field that does not exist would bind nothing.
    #[test]
    fn every_bound_is_of_a_field_that_exists() {
        for (kind, lines) in LINES.iter() {
            let kinds = crate::api::KINDS.iter().chain(crate::api::kind::EMBEDDED);
            let known: Vec<_> = kinds.filter(|it| it.name == kind).collect();
            let is_covered = |line: &Line| {
                known.iter().filter_map(|it| it.fields()).any(|table| table.covers(&line.path))
            };
            let unknown: Vec<_> = lines.iter().filter(|line| !is_covered(line)).collect();
            assert!(unknown.is_empty(), "{kind}: {unknown:#?}");
        }
    }
}
