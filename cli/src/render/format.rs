//! The formats of findings: a table.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::ValueEnum;
use mesh_compiler::diagnostic::{Finding, Severity};

use super::counts::{shown, shown_apart};
use super::{
    Paths, Report, Terminal, checkstyle, concise, github, gitlab, human, json, jsonl, junit,
    markdown, rdjson, sarif,
};

/// How findings are written. All say the same, which `human` alone says of several in one, and a command ends the same way with each.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// For people, with the lines of the files.
    Human,
    /// A line a finding, `file:line:column: severity[check]: message`.
    Concise,
    /// One object, `mesh.diagnostics/v1`.
    Json,
    /// A line an object, `mesh.diagnostic/v1`; the last is the summary.
    Jsonl,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands, which GitHub shows beside the lines of a pull request.
    Github,
    /// A Code Quality report, which GitLab shows in a merge request.
    Gitlab,
    /// A suite of tests for each file, for systems that show test results.
    Junit,
    /// Checkstyle's XML, which many editors and build servers read.
    Checkstyle,
    /// A comment on a pull request, the verdict first.
    Markdown,
    /// Reviewdog's diagnostic format, with suggestions.
    Rdjson,
}

/// What a format has to know besides the findings.
pub(crate) struct Setting<'a> {
    pub terminal: Terminal,
    /// The lightest findings that make the command fail.
    pub fail_on: Severity,
    pub paths: &'a Paths,
    /// The names of the findings from one run to the next, in the order of the report.
    pub fingerprints: &'a [String],
}

type Writer = fn(&Report<'_>, &Setting<'_>, &mut dyn Write) -> io::Result<()>;

impl Format {
    pub(crate) fn write(
        self,
        report: &Report<'_>,
        setting: &Setting<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let writer: Writer = match self {
            Self::Human => |report, setting, out| human::write(report, &setting.terminal, out),
            Self::Concise => concise::write,
            Self::Json => json::write,
            Self::Jsonl => jsonl::write,
            Self::Sarif => sarif::write,
            Self::Github => github::write,
            Self::Gitlab => gitlab::write,
            Self::Junit => junit::write,
            Self::Checkstyle => checkstyle::write,
            Self::Markdown => markdown::write,
            Self::Rdjson => rdjson::write,
        };
        writer(report, setting, out)?;
        out.flush()
    }

    /// What it shows, and what is counted for those who read it: `human` points at all places of one cause, and each other format
    /// has a place a finding.
    pub(crate) fn shown(self, findings: &[Finding]) -> Vec<Cow<'_, Finding>> {
        match self {
            Self::Human => shown(findings),
            _ => shown_apart(findings),
        }
    }

    /// Whether people read it where it is printed.
    pub(crate) const fn is_for_people(self) -> bool {
        matches!(self, Self::Human | Self::Concise)
    }
}
