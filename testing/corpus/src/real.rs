//! Group C: files as people write them.
//!
//! A template is told to be one, and of what is read of it no rule is broken; every other file breaks none by itself but for
//! what the corpus says. A bundle is a set of files that Istio analyses together without an error.

use std::collections::BTreeSet;
use std::path::Path;

use mesh_compiler::diagnostic::Finding;
use serde::Deserialize;

use crate::case::{Case, Mismatch, Verdict};
use crate::corpus::{self, CorpusError};
use crate::differences;
use crate::subject::{Files, Findings, is_known_to_istio};

/// A line of `manifest.jsonl`
#[derive(Deserialize)]
struct Row {
    path: String,
    /// Whether it becomes YAML only when it is rendered.
    template: bool,
    /// What is wrong with it.
    #[serde(default)]
    schema_issues: Vec<String>,
}

/// An element of `bundles.json`
#[derive(Deserialize)]
struct Bundle {
    name: String,
    files: Vec<String>,
}

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for row in corpus::json_lines::<Row>(&folder.join("manifest.jsonl"))? {
        let Row { path, template, schema_issues } = row;
        let files = files(folder, std::slice::from_ref(&path));
        cases.push(Case::new(path, move || {
            let found = files.as_ref().map_err(Mismatch::clone)?.validate();
            if template {
                self::template(&found, &schema_issues)
            } else {
                by_itself(&found, &schema_issues)
            }
        }));
    }
    for Bundle { name, files: names } in corpus::json::<Vec<Bundle>>(&folder.join("bundles.json"))?
    {
        let files = files(folder, &names);
        let run = move || together(files.as_ref().map_err(Mismatch::clone)?);
        cases.push(Case::new(format!("bundle {name}"), run));
    }
    Ok(cases)
}

/// A corpus may be without a file that it lists: that costs the cases that need it.
fn files(folder: &Path, names: &[String]) -> Result<Files, Mismatch> {
    let mut files = Files::default();
    for name in names {
        files
            .read(folder, name)
            .map_err(|error| Mismatch::new("a file of the corpus", error.to_string()))
            .map_err(|mismatch| {
                mismatch.because("the corpus lists a file that it does not have")
            })?;
    }
    Ok(files)
}

/// What says that something becomes YAML, or gets its values, only when it is rendered. Of policy of security it is an error.
const UNRENDERED: [&str; 2] = ["unrendered-source", "unresolved-placeholder"];

/// What is skipped of a template is told, and all else is held to the same as in other files.
fn template(found: &Findings, issues: &[String]) -> Verdict {
    let is_told = |finding: &&Finding| UNRENDERED.contains(&finding.check.name);
    if !found.all.iter().any(|finding| is_told(&finding)) {
        // Braces within a text are no template's.
        return by_itself(found, issues);
    }
    let errors: Vec<_> = found.errors().filter(|finding| !is_told(finding)).collect();
    if errors.is_empty() { Ok(()) } else { Err(refused(found, &errors)) }
}

fn by_itself(found: &Findings, issues: &[String]) -> Verdict {
    let errors: Vec<_> = found.errors().collect();
    match (errors.is_empty(), issues) {
        (true, []) => Ok(()),
        (false, []) => Err(refused(found, &errors)),
        (_, issues) => {
            let is_said = |issue: &String| {
                let field = issue.split(": ").nth(1).unwrap_or(issue).trim_start_matches('.');
                errors.iter().any(|finding| found.line(finding).contains(field))
            };
            let missing: Vec<_> = issues.iter().filter(|issue| !is_said(issue)).cloned().collect();
            if missing.is_empty() {
                Ok(())
            } else {
                Err(Mismatch::new(missing.join("\n"), found.lines(errors)))
            }
        }
    }
}

fn together(files: &Files) -> Verdict {
    let compiled = files.compile();
    let fault = compiled.fault.as_ref().map(ToString::to_string);
    let found = Findings::of(compiled);
    let errors: Vec<_> = found.errors().collect();
    match (errors.is_empty(), fault) {
        (true, None) => Ok(()),
        (true, Some(fault)) => Err(Mismatch::new("a snapshot", fault)),
        (false, _) => Err(refused(&found, &errors)),
    }
}

/// What is refused. What Istio has a code of its own for it refuses too, wherever it looks: the corpus's files are used
/// where it does not.
fn refused(found: &Findings, errors: &[&Finding]) -> Mismatch {
    let mismatch = Mismatch::new("no error", found.lines(errors.iter().copied()));
    let (known, own): (Vec<&Finding>, Vec<_>) =
        errors.iter().partition(|finding| is_known_to_istio(finding));
    let reasons: Option<BTreeSet<_>> =
        own.iter().map(|finding| differences::stricter(finding.check.name)).collect();
    let Some(mut reasons) = reasons else { return mismatch };
    let codes: BTreeSet<_> =
        known.iter().flat_map(|finding| finding.check.aliases).copied().collect();
    if codes.is_empty() {
        return mismatch.because(reasons.pop_first().unwrap_or_default());
    }
    let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
    mismatch.because(format!("Istio's own tools say the same ({codes}) where they look at it"))
}
