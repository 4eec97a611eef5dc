//! Which fixes are applied, to which files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use mesh_compiler::diagnostic::{Applicability, Finding, TextEdit, TextFix};
use mesh_compiler::parse::Parsed;
use mesh_compiler::source::{FileId, SourceFile};

use super::edits::{Edits, Fits};
use super::generated;
use super::unified::{self, Patch};
use crate::findings::replace;
use crate::render::Paths;
use crate::render::counts::counted;
use crate::render::plain::{plain, shown_path};

/// What is to be changed.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    files: BTreeMap<FileId, Edits>,
    /// How many fixes are in it.
    fixes: usize,
    /// How many are not, since they change what another one changes.
    later: usize,
    /// Files that are left alone, and why.
    refused: BTreeSet<(String, String)>,
}

/// A file that could not be written; those before it are.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}")]
pub(crate) struct WriteError {
    path: String,
    error: io::Error,
}

/// Takes the first safe fix of each finding, as far as they fit together.
pub(crate) fn plan(findings: &[Finding], parsed: &Parsed) -> Plan {
    let mut plan = Plan::default();
    let mut reasons = BTreeMap::new();
    for finding in findings {
        let is_safe = |fix: &&TextFix| fix.applicability == Applicability::Safe;
        if let Some(fix) = finding.fixes.iter().find(is_safe) {
            match &finding.primary.origin {
                Some(origin) => plan.leave(finding, origin, parsed),
                None => plan.take(fix, parsed, &mut reasons),
            }
        }
    }
    plan
}

impl Plan {
    /// What is rendered is mended where it is written.
    fn leave(&mut self, finding: &Finding, origin: &str, parsed: &Parsed) {
        let path = shown_path(parsed.source(finding.primary.file)).into_owned();
        let why = format!("it is rendered from {}: mend it there", plain(origin));
        self.refused.insert((path, why));
    }

    fn take(
        &mut self,
        fix: &TextFix,
        parsed: &Parsed,
        reasons: &mut BTreeMap<FileId, Option<&'static str>>,
    ) {
        let mut is_open = true;
        for edit in &fix.edits {
            let file = parsed.source(edit.file);
            if let Some(why) = *reasons.entry(edit.file).or_insert_with(|| refusal(file)) {
                self.refused.insert((shown_path(file).into_owned(), why.to_owned()));
                is_open = false;
            }
        }
        if !is_open {
            return;
        }
        let none = Edits::default();
        let fits = |edit: &TextEdit| {
            let edits = self.files.get(&edit.file).unwrap_or(&none);
            edits.fits(edit, parsed.source(edit.file).text())
        };
        let all: Vec<_> = fix.edits.iter().map(fits).collect();
        if all.iter().all(|fits| *fits == Fits::Already) {
            return;
        }
        if all.contains(&Fits::No) {
            self.later += 1;
            return;
        }
        for (edit, _) in fix.edits.iter().zip(all).filter(|(_, fits)| *fits == Fits::Yes) {
            let text = parsed.source(edit.file).text();
            self.files.entry(edit.file).or_default().add(edit, text);
        }
        self.fixes += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Changes the files, each at once.
    pub(crate) fn write(&self, parsed: &Parsed) -> Result<(), WriteError> {
        for (id, edits) in &self.files {
            let file = parsed.source(*id);
            let after = edits.apply(file.text());
            replace(Path::new(&file.path), after.as_bytes())
                .map_err(|error| WriteError { path: shown_path(file).into_owned(), error })?;
        }
        Ok(())
    }

    /// What `write` would change, as `git apply` reads it.
    pub(crate) fn patch(&self, parsed: &Parsed, paths: &Paths) -> Patch {
        let mut patch = Patch::default();
        for (id, edits) in &self.files {
            let file = parsed.source(*id);
            let real = fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone().into());
            let name = paths.in_patch(&real.to_string_lossy());
            let Patch { text, notes } = unified::diff(&name, file, edits);
            patch.text += &text;
            patch.notes.extend(notes);
        }
        patch
    }

    /// What it does and what it leaves, a line each.
    pub(crate) fn notes(&self, done: &str) -> Vec<String> {
        let files = counted(self.files.len(), "file");
        let mut notes = vec![format!("{} {done} in {files}", counted(self.fixes, "fix"))];
        if self.later > 0 {
            let later = counted(self.later, "fix");
            notes.push(format!("{later} left, as others change the same place: run it again"));
        }
        let refused = self.refused.iter();
        notes.extend(refused.map(|(path, why)| format!("{path}: not changed, since {why}")));
        notes
    }
}

/// Why a file is left alone, if so.
fn refusal(file: &SourceFile) -> Option<&'static str> {
    let is_as_read = fs::read(&file.path).is_ok_and(|bytes| bytes == file.text().as_bytes());
    if !is_as_read {
        return Some("it is no file, or has changed meanwhile");
    }
    generated::why_untouched(file.text())
}
