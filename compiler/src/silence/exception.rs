//! Fields of which the snapshot alone does not tell that they do something.

use super::site::Field;
use crate::api::field::expand;

/// A line of `exceptions.txt`: `KIND PATH check NAME reason`, or `KIND PATH nothing reason`. A path is written as in a table of
/// fields, and stands for what lies below it, too; `*` is any kind.
#[derive(Debug)]
pub(super) struct Exception {
    kinds: Vec<String>,
    paths: Vec<String>,
    pub tell: Tell,
}

/// What tells that a field does something.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Tell {
    /// What is compiled.
    Compiled,
    /// What the check of this name says.
    Check(String),
    /// There is nothing that would.
    Nothing,
}

pub(super) fn all() -> Vec<Exception> {
    let text = super::read(&super::data("exceptions.txt"));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| read(line).unwrap_or_else(|| panic!("`{line}`"))).collect()
}

fn read(line: &str) -> Option<Exception> {
    let mut words = line.split_whitespace();
    let (kind, path, tell) = (words.next()?, words.next()?, words.next()?);
    let tell = match tell {
        "check" => Tell::Check(words.next()?.to_owned()),
        "nothing" => Tell::Nothing,
        _ => return None,
    };
    // A reason is not left out.
    words.next()?;
    Some(Exception { kinds: expand(kind), paths: expand(path), tell })
}

impl Exception {
    pub(super) fn is_for(&self, field: &Field) -> bool {
        let is_below = |path: &String| {
            field
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.kinds.iter().any(|kind| kind == "*" || *kind == field.kind)
            && self.paths.iter().any(is_below)
    }
}
