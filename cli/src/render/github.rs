//! Workflow commands, which GitHub Actions shows beside the lines of a pull request.
//!
//! Source: GitHub, "Workflow commands for GitHub Actions", and the escapes of its toolkit. A step shows few annotations of
//! each level, so the heaviest come first.

use std::fmt::Write as _;
use std::io::{self, Write};

use mesh_compiler::diagnostic::Finding;
use mesh_compiler::parse::Parsed;

use super::plain::plain;
use super::remark::{self, Region, Spot, level};
use super::{Report, Setting};

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (_, finding) in remark::by_weight(report.findings) {
        let level = level(finding.severity, "notice");
        let properties = properties(finding, report.parsed, setting);
        writeln!(
            out,
            "::{level} {properties}::{}",
            data(&remark::paragraph(finding, report.parsed))
        )?;
    }
    Ok(())
}

/// Columns are said only of a place within one line: GitHub refuses others.
fn properties(finding: &Finding, parsed: &Parsed, setting: &Setting<'_>) -> String {
    let file = parsed.source(finding.primary.file);
    let spot = Spot::of(&finding.primary, parsed);
    let mut text = format!("file={}", property(&setting.paths.below_root(spot.path)));
    if let Some(span) = spot.span {
        let Region { start, end } = Region::in_characters(file, span);
        // Writing into a text does not fail.
        let _ = write!(text, ",line={},endLine={}", start.0, end.0);
        if start.0 == end.0 {
            let _ = write!(text, ",col={},endColumn={}", start.1, end.1);
        }
    }
    let _ = write!(text, ",title={}", property(&remark::title(finding)));
    text
}

/// A log is shown by a terminal's rules, too.
fn data(text: &str) -> String {
    let lines = text.split('\n').map(|line| plain(line).replace('%', "%25"));
    lines.collect::<Vec<_>>().join("%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};

    #[test]
    fn what_ends_a_command_or_a_property_is_escaped() {
        assert_eq!(data("100%\na: b, c"), "100%25%0Aa: b, c");
        assert_eq!(data("a\r\u{1b}[2Jb"), "a\u{fffd}\u{fffd}[2Jb");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }
}
