//! `JUnit`'s XML: each file is a suite, each finding a case of it.
//!
//! A finding that makes the command fail is a failure; a lighter one is a case that passes and has something to say. A file
//! without findings is one case that passes, so that a report of a good repository is not taken for an empty one. There is
//! no time in it, so equal repositories give equal bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use mesh_compiler::diagnostic::Finding;

use super::remark::{self, Spot};
use super::xml::escape;
use super::{Report, Setting};

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let failures = report.findings.iter().filter(|it| it.severity >= setting.fail_on).count();
    let faulty: BTreeSet<_> = report.findings.iter().map(|it| it.primary.file).collect();
    let fine = report.parsed.sources().iter().filter(|(file, _)| !faulty.contains(file));
    let mut suites: BTreeMap<_, Vec<&Finding>> =
        fine.map(|(file, source)| ((file, source.path.as_str()), Vec::new())).collect();
    for finding in report.findings {
        let spot = Spot::of(&finding.primary, report.parsed);
        suites.entry((spot.file, spot.path)).or_default().push(finding);
    }
    let cases: usize = suites.values().map(|findings| findings.len().max(1)).sum();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"mesh\" tests=\"{cases}\" failures=\"{failures}\" errors=\"0\">"
    )?;
    for ((_, path), findings) in suites {
        suite(path, &findings, report, setting, out)?;
    }
    writeln!(out, "</testsuites>")
}

fn suite(
    path: &str,
    findings: &[&Finding],
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let path = escape(&setting.paths.below_here(path));
    let failures = findings.iter().filter(|it| it.severity >= setting.fail_on).count();
    writeln!(
        out,
        "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">",
        findings.len().max(1)
    )?;
    if findings.is_empty() {
        writeln!(
            out,
            "    <testcase name=\"mesh compile\" classname=\"{path}\" file=\"{path}\"/>"
        )?;
    }
    for finding in findings {
        case(finding, &path, report, setting, out)?;
    }
    writeln!(out, "  </testsuite>")
}

/// `path` is escaped.
fn case(
    finding: &Finding,
    path: &str,
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let source = report.parsed.source(finding.primary.file);
    let start =
        Spot::of(&finding.primary, report.parsed).span.map(|span| source.position(span.start));
    let (place, line) = match start {
        Some(at) => (format!("{}:{}: ", at.line, at.column), format!(" line=\"{}\"", at.line)),
        None => (String::new(), String::new()),
    };
    let name = escape(&format!("{}: {}", finding.check.name, finding.message));
    writeln!(out, "    <testcase name=\"{name}\" classname=\"{path}\" file=\"{path}\"{line}>")?;
    let text = escape(&format!("{place}{}", remark::paragraph(finding, report.parsed)));
    if finding.severity >= setting.fail_on {
        let (message, kind) = (escape(&finding.message), finding.check.name);
        writeln!(out, "      <failure message=\"{message}\" type=\"{kind}\">{text}</failure>")?;
    } else {
        writeln!(out, "      <system-out>{}: {text}</system-out>", finding.severity.name())?;
    }
    writeln!(out, "    </testcase>")
}
