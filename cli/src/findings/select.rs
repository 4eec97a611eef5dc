//! Sets findings aside, and counts what it set aside and why.

use std::path::Path;

use mesh_compiler::diagnostic::{Check, Finding, Severity, fingerprints};
use mesh_compiler::{Compilation, UnknownCheck, checks_called};

use super::past::{self, Past, PastError};
use super::{Baseline, BaselineError, Choice};
use crate::render::counts::counted;

/// A finding, and what it is called from one run to the next.
#[derive(Debug)]
pub(crate) struct Named {
    pub finding: Finding,
    pub fingerprint: String,
    /// Below the root of the repository.
    pub file: String,
}

/// What is reported, and what is not.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    pub findings: Vec<Finding>,
    /// In the order of the findings.
    pub fingerprints: Vec<String>,
    /// Errors that are not reported: there is no snapshot because of them.
    pub hidden_errors: usize,
    /// What is to be told besides, a line each.
    pub notes: Vec<String>,
}

/// Why findings cannot be told apart.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelectError {
    #[error(transparent)]
    Name(#[from] UnknownCheck),
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    #[error(transparent)]
    Past(#[from] PastError),
}

/// Chooses among `findings` of `compiled`; `past` tells what it was compiled from.
pub(crate) fn select(
    findings: Vec<Finding>,
    compiled: &Compilation,
    choice: &Choice,
    past: &Past<'_>,
) -> Result<Selected, SelectError> {
    let names = Names::read(choice)?;
    let mut selected = Selected::default();
    let mut found = named(findings, compiled);
    selected.keep(&mut found, "`--only` and `--skip`", |named| names.ask(named.finding.check));
    if let Some(path) = &choice.write_baseline {
        selected.write_baseline(&mut found, path)?;
        if let Some(name) = &past.place.env {
            let path = path.display();
            selected.notes.push(format!("{path}: it holds what is found in {name} alone"));
        }
    }
    if let Some(path) = &choice.baseline {
        // What is not found in one environment may be found in another.
        let is_all = past.place.env.is_none();
        selected.read_baseline(&mut found, path, &names, is_all)?;
    }
    if let Some(revision) = &choice.new_since {
        let called = |path: &str| compiled.below_root(path).to_owned();
        let old = past::fingerprints_at(revision, past, &called)?;
        let by = format!("`{revision}`");
        selected.keep(&mut found, &by, |named| !old.contains(&named.fingerprint));
    }
    let found = found.into_iter().map(|named| (named.finding, named.fingerprint));
    (selected.findings, selected.fingerprints) = found.unzip();
    Ok(selected)
}

fn named(findings: Vec<Finding>, compiled: &Compilation) -> Vec<Named> {
    let parsed = &compiled.parsed;
    let below = |path: &str| compiled.below_root(path).to_owned();
    let prints = fingerprints(&findings, parsed, &below);
    let pairs = findings.into_iter().zip(prints);
    let named = pairs.map(|(finding, fingerprint)| {
        let file = below(&parsed.source(finding.primary.file).path);
        Named { finding, fingerprint, file }
    });
    named.collect()
}

impl Selected {
    /// Notes everything that can be known; what nobody could read cannot.
    fn write_baseline(&mut self, found: &mut Vec<Named>, path: &Path) -> Result<(), BaselineError> {
        let known = found.iter().filter(|named| !named.finding.is_unreadable());
        let baseline = Baseline::of(known);
        baseline.write(path)?;
        let known = counted(baseline.len(), "finding");
        self.notes.push(format!("{}: {known} from now on known", path.display()));
        self.keep(found, "the new baseline", |_| false);
        Ok(())
    }

    /// Where all is looked at, it tells what of the baseline is gone, too.
    fn read_baseline(
        &mut self,
        found: &mut Vec<Named>,
        path: &Path,
        names: &Names,
        is_all: bool,
    ) -> Result<(), BaselineError> {
        let baseline = Baseline::read(path)?;
        let is_asked = |check: &str| is_all && names.ask_by_name(check);
        for known in baseline.stale(found, &is_asked) {
            let message = format!("{}: {}: {}", known.file, known.check, known.message);
            self.notes.push(format!("{}: no longer found: {message}", path.display()));
        }
        let known = baseline.fingerprints();
        self.keep(found, "the baseline", |it| !known.contains(it.fingerprint.as_str()));
        Ok(())
    }

    /// Keeps what `is_kept` says and what cannot be read.
    fn keep(&mut self, found: &mut Vec<Named>, by: &str, is_kept: impl Fn(&Named) -> bool) {
        let before = found.len();
        found.retain(|named| {
            let keeps = named.finding.is_unreadable() || is_kept(named);
            if !keeps && named.finding.severity == Severity::Error {
                self.hidden_errors += 1;
            }
            keeps
        });
        let gone = before - found.len();
        if gone > 0 {
            self.notes.push(format!("{} not reported because of {by}", counted(gone, "finding")));
        }
    }
}

/// The checks that are asked for.
struct Names {
    /// Absent: all.
    only: Option<Vec<&'static Check>>,
    skip: Vec<&'static Check>,
}

impl Names {
    fn read(choice: &Choice) -> Result<Self, UnknownCheck> {
        let all = |names: &[String]| -> Result<Vec<_>, UnknownCheck> {
            let called: Result<Vec<_>, _> = names.iter().map(|name| checks_called(name)).collect();
            Ok(called?.concat())
        };
        let only = if choice.only.is_empty() { None } else { Some(all(&choice.only)?) };
        Ok(Self { only, skip: all(&choice.skip)? })
    }

    fn ask(&self, check: &Check) -> bool {
        self.ask_by_name(check.name)
    }

    fn ask_by_name(&self, name: &str) -> bool {
        let holds = |checks: &[&Check]| checks.iter().any(|check| check.name == name);
        self.only.as_deref().is_none_or(holds) && !holds(&self.skip)
    }
}
