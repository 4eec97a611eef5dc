//! Checkstyle's XML: files with their findings. Columns are characters, from 1.

use std::io::{self, Write};

use mesh_compiler::diagnostic::Finding;

use super::remark::{self, level};
use super::xml::escape;
use super::{Report, Setting};

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">")?;
    for findings in report.findings.chunk_by(|a, b| a.primary.file == b.primary.file) {
        let Some(first) = findings.first() else { continue };
        let path = setting.paths.below_here(&report.parsed.source(first.primary.file).path);
        writeln!(out, "  <file name=\"{}\">", escape(&path))?;
        for finding in findings {
            writeln!(out, "    {}", error(finding, report))?;
        }
        writeln!(out, "  </file>")?;
    }
    writeln!(out, "</checkstyle>")
}

/// A file as a whole has line 0, as Checkstyle itself writes it.
fn error(finding: &Finding, report: &Report<'_>) -> String {
    let file = report.parsed.source(finding.primary.file);
    let place = match finding.primary.span.map(|span| file.position(span.start)) {
        Some(start) => format!("line=\"{}\" column=\"{}\"", start.line, start.column),
        None => "line=\"0\"".to_owned(),
    };
    format!(
        "<error {place} severity=\"{}\" message=\"{}\" source=\"mesh.{}\"/>",
        level(finding.severity, "info"),
        escape(&remark::paragraph(finding)),
        finding.check.name
    )
}
