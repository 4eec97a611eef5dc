//! Checkstyle's XML: files with their findings. Columns are characters, from 1.

use std::collections::BTreeMap;
use std::io::{self, Write};

use mesh_compiler::diagnostic::Finding;

use super::remark::{self, Spot, level};
use super::xml::escape;
use super::{Report, Setting};

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">")?;
    let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for finding in report.findings {
        let spot = Spot::of(&finding.primary, report.parsed);
        files.entry((spot.file, spot.path)).or_default().push(finding);
    }
    for ((_, path), findings) in files {
        let path = setting.paths.below_here(path);
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
    let place = match Spot::of(&finding.primary, report.parsed)
        .span
        .map(|span| file.position(span.start))
    {
        Some(start) => format!("line=\"{}\" column=\"{}\"", start.line, start.column),
        None => "line=\"0\"".to_owned(),
    };
    format!(
        "<error {place} severity=\"{}\" message=\"{}\" source=\"mesh.{}\"/>",
        level(finding.severity, "info"),
        escape(&remark::paragraph(finding, report.parsed)),
        finding.check.name
    )
}
