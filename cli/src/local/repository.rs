//! The policy repository: compiled, with what the compiler says of it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mesh_compiler::diagnostic::Severity;
use mesh_compiler::source::Input;
use mesh_compiler::{Compilation, Options};
use mesh_snapshot::container::Bundle;

use crate::render::{self, Report, Terminal};

/// What came of compiling a repository.
#[derive(Debug)]
pub(crate) struct Compiled {
    compilation: Compilation,
    pub took: Duration,
}

impl Compiled {
    pub(crate) fn of(folder: &Path) -> Self {
        let start = Instant::now();
        let input = Input::Path(PathBuf::from(folder));
        let compilation = mesh_compiler::compile(&[input], &Options::default());
        Self { compilation, took: start.elapsed() }
    }

    /// There is one exactly when nothing is wrong.
    pub(crate) const fn bundle(&self) -> Option<&Bundle> {
        self.compilation.bundle.as_ref()
    }

    pub(crate) fn resources(&self) -> usize {
        self.compilation.mesh.count
    }

    pub(crate) fn files(&self) -> usize {
        self.compilation.parsed.sources().iter().count()
    }

    pub(crate) fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    pub(crate) fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.compilation.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The findings, for people: errors where there are some, else warnings; empty when there is nothing to say.
    pub(crate) fn text(&self, terminal: &Terminal) -> String {
        let Compilation { parsed, mesh, findings, fault, .. } = &self.compilation;
        let least = if self.errors() > 0 { Severity::Error } else { Severity::Warning };
        let mut findings = findings.clone();
        findings.retain(|finding| finding.severity >= least);
        let report = Report { parsed, mesh, findings: &findings, snapshot: None };
        let mut text = Vec::new();
        // Writing into memory does not fail.
        let _ = render::human::write(&report, terminal, &mut text);
        let mut text = String::from_utf8_lossy(&text).into_owned();
        if let Some(fault) = fault {
            let _ = writeln!(text, "the compiler contradicts itself: {fault}");
        }
        text
    }
}
