//! Every check there is: a list of lists.

use crate::api::{self, Mesh};
use crate::check;
use crate::diagnostic::{At, Check, Class, Diagnostic, Levels};
use crate::environment;
use crate::lower;
use crate::ownership;
use crate::parse::{self, Parsed};
use crate::source;
use crate::suppress;

/// One list a stage that takes resources one by one.
static STAGES: &[&[&Check]] = &[
    source::CHECKS,
    parse::CHECKS,
    environment::CHECKS,
    api::CHECKS,
    api::RULES,
    ownership::CHECKS,
];

/// All checks, in the order of the stages.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    STAGES
        .iter()
        .flat_map(|stage| stage.iter().copied())
        .chain(check::checks())
        .chain(lower::CHECKS.iter().copied())
        .chain(suppress::CHECKS.iter().copied())
}

/// A name that no check has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownCheck {
    pub name: String,
    /// The check that is likely meant, by its name or an alias.
    pub nearest: Option<&'static str>,
}

impl std::fmt::Display for UnknownCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no check `{}`", self.name)?;
        self.nearest.map_or(Ok(()), |near| write!(f, "; did you mean `{near}`?"))
    }
}

impl std::error::Error for UnknownCheck {}

/// The check of this name, or those that have it as an alias; case does not count.
///
/// # Errors
/// When there is none.
pub fn checks_called(name: &str) -> Result<Vec<&'static Check>, UnknownCheck> {
    let called: Vec<_> = checks().filter(|check| check.is_called(name)).collect();
    if called.is_empty() {
        let known = checks().flat_map(|it| std::iter::once(&it.name).chain(it.aliases));
        let nearest = api::nearest(name, known.copied());
        return Err(UnknownCheck { name: name.to_owned(), nearest });
    }
    // A check's own name means it alone.
    let own = called.iter().find(|check| check.name.eq_ignore_ascii_case(name)).copied();
    Ok(own.map_or(called, |check| vec![check]))
}

/// What the project's `lints` say, by check. A name that is none, or that of a check whose severity is fixed, is reported.
#[must_use]
pub fn levels(mesh: &Mesh, parsed: &Parsed, out: &mut Vec<Diagnostic>) -> Levels {
    let mut levels = Levels::new();
    let Some(id) = parsed.project() else { return levels };
    let root = At::root(id);
    let lints = root.field("lints");
    for (name, level) in &mesh.project.lints {
        let at = lints.field(name);
        let named: Vec<_> = checks().filter(|check| check.is_called(name)).collect();
        if named.is_empty() {
            out.push(api::unknown_check(&at, name, checks().map(|check| check.name)));
        }
        for check in named {
            if check.class == Class::Lint {
                levels.insert(check.name, level.level());
            } else {
                out.push(api::fixed_check(&at, check));
            }
        }
    }
    levels
}
