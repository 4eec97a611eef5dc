//! How findings look. The compiler says what it found as data; here alone it becomes text.

mod format;

// For people.
mod concise;
pub(crate) mod human;
mod markdown;
mod patch;
mod snippet;

// For programs.
mod checkstyle;
mod github;
mod gitlab;
mod json;
pub(crate) mod jsonl;
mod junit;
mod rdjson;
mod sarif;

// What several of them share.
pub(crate) mod counts;
mod fit;
mod list;
mod paths;
pub(crate) mod placed;
pub(crate) mod plain;
mod remark;
mod terminal;
mod xml;
pub(crate) mod yaml;

// What is no finding.
pub(crate) mod difference;
mod table;

use mesh_compiler::api::Mesh;
use mesh_compiler::diagnostic::{Finding, Severity};
use mesh_compiler::parse::Parsed;
use mesh_snapshot::Digest;

pub(crate) use format::{Format, Setting};
pub(crate) use paths::Paths;
pub(crate) use table::Table;
pub(crate) use terminal::{Color, Paint, Stream, Terminal};

/// What there is to show.
pub(crate) struct Report<'a> {
    pub parsed: &'a Parsed,
    pub mesh: &'a Mesh,
    pub findings: &'a [Finding],
    /// Of the snapshot that was made.
    pub snapshot: Option<Digest>,
}

impl Report<'_> {
    /// How many findings there are of one severity.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    pub(crate) fn files(&self) -> usize {
        self.parsed.sources().iter().count()
    }

    /// There was nothing to compile: a snapshot would take all routes away, which hardly anybody means who names an empty folder or
    /// the wrong one.
    pub(crate) const fn is_of_nothing(&self) -> bool {
        self.mesh.count == 0
    }
}
