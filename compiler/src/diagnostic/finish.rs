//! From named places to bytes, in an order that does not depend on chance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::parse::{DocumentId, Faults, Parsed};
use crate::source::{FileId, Role, Span};

use super::fix::Notation;
use super::{
    Cause, Check, Class, Diagnostic, FieldPath, Fix, Form, Label, Level, Part, Place, Severity,
    TextEdit, TextFix,
};

/// What the project says about checks, by their names.
pub type Levels = BTreeMap<&'static str, Level>;

/// A finding as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub check: &'static Check,
    pub severity: Severity,
    pub message: String,
    pub primary: Site,
    pub others: Vec<Site>,
    pub consequence: Option<String>,
    pub help: Option<String>,
    pub fixes: Vec<TextFix>,
    /// What it may have in common with others.
    pub cause: Option<Cause>,
}

/// A place in a file, and what is said there.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Site {
    pub file: FileId,
    /// Absent for the file as a whole.
    pub span: Option<Span>,
    pub text: String,
    /// The resource that stands there, `VirtualService shop/reviews`.
    pub resource: Option<Arc<str>>,
    /// What the resource was rendered from, `shop/templates/reviews.yaml`: there it is to be mended.
    pub origin: Option<Arc<str>>,
}

/// Looks all places up, applies the project's levels, drops what follows from `faults`, from a misspelt field or from a
/// text that a rule refuses, what supposes to be right where there is an error, and what is said twice, and sorts by
/// file, place and check.
#[must_use]
pub fn finish<'d>(
    diagnostics: impl IntoIterator<Item = &'d Diagnostic>,
    parsed: &Parsed,
    faults: &BTreeMap<DocumentId, Faults>,
    levels: &Levels,
) -> Vec<Finding> {
    let diagnostics: Vec<_> = diagnostics.into_iter().collect();
    let wrong = Wrong::of(&diagnostics, levels);
    let mut findings: Vec<Finding> = diagnostics
        .into_par_iter()
        .filter(|found| !is_of_context(found, parsed))
        .filter(|found| !found.supposed.iter().any(|place| wrong.is_within(place, found, parsed)))
        .filter(|found| {
            let mut places = std::iter::once(&found.place).chain(&found.supposed);
            !places.any(|place| wrong.explains_absence(place, parsed))
        })
        .filter(|found| !wrong.is_no_name(found))
        .filter(|found| {
            let shown = found.others.iter().map(|label| &label.place);
            let mut places = std::iter::once(&found.place).chain(&found.supposed).chain(shown);
            !places.any(|place| follows_from(faults, place, parsed))
        })
        .filter_map(|found| Some((level(found, levels)?, found)))
        .map(|(severity, found)| resolve(found, severity, parsed))
        .collect();
    findings.par_sort_by(|a, b| order(a).cmp(&order(b)));
    findings.dedup();
    findings
}

/// Whether any of them may become an error: [`finish`] makes none more severe than the project says.
pub(crate) fn may_fail<'d>(
    diagnostics: impl IntoIterator<Item = &'d Diagnostic>,
    levels: &Levels,
) -> bool {
    diagnostics.into_iter().any(|found| level(found, levels) == Some(Severity::Error))
}

/// Where errors are, by the project's levels: what it does not mind says nothing of its neighbours.
#[derive(Default)]
struct Wrong {
    fields: BTreeMap<DocumentId, Vec<(&'static str, FieldPath)>>,
    /// Errors whose place has no path, such as a key that is no field.
    texts: BTreeMap<DocumentId, Vec<(&'static str, Span)>>,
    /// Texts that rules refuse for some of their bytes.
    refused: BTreeMap<DocumentId, BTreeSet<FieldPath>>,
}

impl Wrong {
    fn of(diagnostics: &[&Diagnostic], levels: &Levels) -> Self {
        let mut wrong = Self::default();
        let is_error = |found: &&&Diagnostic| level(found, levels) == Some(Severity::Error);
        for found in diagnostics.iter().filter(is_error) {
            let name = found.check.name;
            match &found.place {
                Place::Field { document, path, part } => {
                    if matches!(part, Part::Within { .. }) && found.check.class == Class::Rule {
                        wrong.refused.entry(*document).or_default().insert(path.clone());
                    }
                    wrong.fields.entry(*document).or_default().push((name, path.clone()));
                }
                Place::Text { document: Some(document), span, .. } => {
                    wrong.texts.entry(*document).or_default().push((name, *span));
                }
                Place::Text { .. } | Place::File(_) => {}
            }
        }
        wrong
    }

    /// Whether the place is a field that is not there, beside one that is wrong: a misspelt one may be it.
    fn explains_absence(&self, place: &Place, parsed: &Parsed) -> bool {
        let Place::Field { document, path, .. } = place else { return false };
        let Some(texts) = self.texts.get(document) else { return false };
        let keys = parsed.document(*document).keys_beside_absence(parsed, path);
        keys.iter().any(|key| texts.iter().any(|(_, error)| error == key))
    }

    /// Whether it says where a value leads that a rule refuses as it stands: what is no host is not asked whose it is.
    fn is_no_name(&self, found: &Diagnostic) -> bool {
        let Place::Field { document, path, part: Part::Value } = &found.place else { return false };
        found.check.class == Class::Lint
            && self.refused.get(document).is_some_and(|refused| refused.contains(path))
    }

    /// Whether some other check's error lies within the place.
    fn is_within(&self, place: &Place, of: &Diagnostic, parsed: &Parsed) -> bool {
        let Place::Field { document, path, .. } = place else { return false };
        let mut fields = self.fields.get(document).into_iter().flatten();
        let is_other = |check: &str| check != of.check.name;
        if fields
            .any(|(check, error)| is_other(check) && error.segments().starts_with(path.segments()))
        {
            return true;
        }
        let Some(texts) = self.texts.get(document) else { return false };
        let (_, span) = place.locate(parsed);
        texts.iter().any(|(check, error)| {
            is_other(check) && span.start <= error.start && error.end <= span.end
        })
    }
}

/// Files are numbered in the order of their paths. A file as a whole comes before its lines. Of what is told of one place in the
/// same words the rest decides, and not who came first.
fn order(finding: &Finding) -> impl Ord + use<'_> {
    let Finding { check, message, primary, others, consequence, help, .. } = finding;
    let Site { file, span, text, .. } = primary;
    (*file, *span, check.name, message.as_str(), text.as_str(), others, consequence, help)
}

/// What was found in a value that could not be read says nothing that the fault has not said.
fn follows_from(faults: &BTreeMap<DocumentId, Faults>, place: &Place, parsed: &Parsed) -> bool {
    let Place::Field { document, path, .. } = place else { return false };
    let Some(faults) = faults.get(document) else { return false };
    parsed.document(*document).passes(parsed, path, faults)
}

/// What says what is in the cluster was written by the cluster: its faults, if any, are no author's.
fn is_of_context(found: &Diagnostic, parsed: &Parsed) -> bool {
    parsed.source(found.place.file(parsed)).role == Role::Context
        && found.check.class != Class::Input
}

fn level(found: &Diagnostic, levels: &Levels) -> Option<Severity> {
    match levels.get(found.check.name) {
        Some(_) if found.check.class != Class::Lint => Some(found.severity),
        Some(Level::Allow) => None,
        Some(Level::At(severity)) => Some(*severity),
        None => Some(found.severity),
    }
}

fn resolve(found: &Diagnostic, severity: Severity, parsed: &Parsed) -> Finding {
    let Diagnostic {
        check, message, place, label, others, consequence, help, fixes, cause, ..
    } = found;
    Finding {
        check,
        severity,
        message: shortened(message),
        primary: site(place, label, parsed),
        others: others.iter().map(|Label { place, text }| site(place, text, parsed)).collect(),
        consequence: consequence.as_deref().map(shortened).or_else(|| of_error(severity)),
        help: help.as_deref().map(shortened),
        fixes: fixes.iter().filter_map(|fix| resolve_fix(fix, parsed)).collect(),
        cause: cause.clone(),
    }
}

/// Characters of a value that is quoted. What is longer is no name, and its place shows it whole.
const QUOTED_MAX: usize = 300;

/// With the beginnings of values that are longer.
fn shortened(text: &str) -> String {
    if text.len() <= QUOTED_MAX {
        return text.to_owned();
    }
    let parts = text.split('`').enumerate().map(|(at, part)| {
        let length = if at % 2 == 1 { part.chars().count() } else { 0 };
        if length <= QUOTED_MAX {
            return part.to_owned();
        }
        let start: String = part.chars().take(QUOTED_MAX / 3).collect();
        format!("{start}… ({length} characters)")
    });
    parts.collect::<Vec<_>>().join("`")
}

/// What every error leads to, where nothing more can be said.
fn of_error(severity: Severity) -> Option<String> {
    let is_error = severity == Severity::Error;
    is_error.then(|| {
        "no snapshot is made as long as it is so: proxies keep the policy that they have".to_owned()
    })
}

fn site(place: &Place, text: &str, parsed: &Parsed) -> Site {
    let (file, span) = place.locate(parsed);
    let span = (!matches!(place, Place::File(_))).then_some(span);
    // `mesh.yaml` is no resource, and its path names it.
    let resource = place.document().filter(|id| parsed.project() != Some(*id));
    let title = resource.map(|id| parsed.document(id).title(parsed));
    Site {
        file,
        span,
        text: shortened(text),
        resource: title.map(|it| Arc::clone(&it.text)),
        origin: title.and_then(|it| it.origin.clone()),
    }
}

/// None where it would write over an alias, or behind an anchor: others use what stands there. Nor where a part of a value
/// is meant and the value as a whole is all that has a place, nor behind a tag, which says what the value is and stays.
fn resolve_fix(fix: &Fix, parsed: &Parsed) -> Option<TextFix> {
    let Fix { title, applicability, edits } = fix;
    let edits = edits.iter().map(|edit| {
        let (file, span) = edit.place.locate(parsed);
        let source = parsed.source(file);
        let old = source.slice(span);
        let is_there = match edit.place {
            Place::Field { part: Part::Within { start, end }, .. } => {
                old.len() == (end - start) as usize
            }
            _ => !old.starts_with('*') && !has_properties(source.text(), span),
        };
        let form = match edit.place {
            // A text may stand in a comment.
            Place::Text { .. } | Place::Field { part: Part::Within { .. }, .. } => Form::Verbatim,
            // A key stays without quotes where it has none.
            Place::Field { part: Part::Key, .. } if !old.starts_with(['"', '\'']) => Form::Verbatim,
            _ => edit.form,
        };
        let notation = Notation::of(&source.path);
        is_there.then(|| TextEdit {
            file,
            span,
            text: form.write(edit.text.clone(), old, notation),
        })
    });
    let (title, applicability) = (title.clone(), *applicability);
    Some(TextFix { title, applicability, edits: edits.collect::<Option<_>>()? })
}

/// Whether a tag or an anchor stands before a value, in its line.
fn has_properties(text: &str, value: Span) -> bool {
    let before = text.get(..value.start as usize).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let word = line.split_ascii_whitespace().next_back();
    line.ends_with([' ', '\t']) && word.is_some_and(|word| word.starts_with(['!', '&']))
}

#[cfg(test)]
mod tests {
    use super::{QUOTED_MAX, shortened};

    #[test]
    fn a_value_that_is_no_name_is_not_repeated_whole() {
        let long = "ä".repeat(QUOTED_MAX + 1);
        let start = "ä".repeat(QUOTED_MAX / 3);
        assert_eq!(
            shortened(&format!("`{long}` is no host")),
            format!("`{start}… (301 characters)` is no host")
        );
        for whole in [format!("`{}` is none", "a".repeat(QUOTED_MAX)), long] {
            assert_eq!(shortened(&whole), whole);
        }
    }
}
