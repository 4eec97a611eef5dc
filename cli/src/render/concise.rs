//! A line a finding, as compilers write them: `file:line:column: severity[check]: message`.
//!
//! Editors and `grep` read it. Columns are characters, from 1; a file as a whole has neither line nor column.

use std::io::{self, Write};

use super::plain::plain;
use super::{Report, Setting};

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for finding in report.findings {
        let file = report.parsed.source(finding.primary.file);
        write!(out, "{}", plain(&setting.paths.below_here(&file.path)))?;
        if let Some(span) = finding.primary.span {
            let start = file.position(span.start);
            write!(out, ":{}:{}", start.line, start.column)?;
        }
        let (severity, message) = (finding.severity, plain(&finding.message));
        let tag = format!("{}[{}]", severity.name(), finding.check.name);
        let origin = finding.primary.origin.as_deref();
        let origin = origin.map_or(String::new(), |path| format!(" (from {})", plain(path)));
        writeln!(out, ": {}: {message}{origin}", setting.terminal.paint.severity(severity, &tag))?;
    }
    Ok(())
}
