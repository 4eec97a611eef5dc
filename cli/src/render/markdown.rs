//! A comment on a pull request: the verdict in the first line, then the findings, the heaviest first.
//!
//! GitHub takes comments of 65,536 characters, so what would not fit is counted.

use std::fmt::Write as _;
use std::io::{self, Write};

use mesh_compiler::diagnostic::{Applicability, Finding, Severity};

use super::counts::{counted, verdict};
use super::plain::plain;
use super::remark::{self, Spot};
use super::{Report, Setting, patch};

/// In bytes, of which there are at least as many as characters.
pub(super) const LENGTH_MAX: usize = 60_000;
/// By which those who post the comment find the one they posted before.
const MARK: &str = "<!-- mesh compile -->";

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (mark, found) = verdict(report.findings);
    let resources = counted(report.mesh.count, "resource");
    let mut text = format!("### {mark} mesh: {found} in {resources}\n");
    let findings = remark::by_weight(report.findings);
    for (shown, (_, finding)) in findings.iter().enumerate() {
        let entry = entry(finding, report, setting);
        if text.len() + entry.len() > LENGTH_MAX {
            let rest = counted(findings.len() - shown, "finding");
            let _ = write!(text, "\n… and {rest} more: `mesh compile` lists them.\n");
            break;
        }
        text.push_str(&entry);
    }
    if let Some(digest) = report.snapshot {
        let _ = write!(text, "\nSnapshot `{digest}`\n");
    }
    writeln!(out, "{text}\n{MARK}")
}

fn entry(finding: &Finding, report: &Report<'_>, setting: &Setting<'_>) -> String {
    let file = report.parsed.source(finding.primary.file);
    let spot = Spot::of(&finding.primary, report.parsed);
    let mut place = setting.paths.below_root(spot.path);
    if let Some(start) = spot.span.map(|span| file.position(span.start)) {
        let _ = write!(place, ":{}:{}", start.line, start.column);
    }
    let icon = match finding.severity {
        Severity::Error => "🔴",
        Severity::Warning => "🟡",
        Severity::Info => "🔵",
    };
    let (name, severity) = (remark::title(finding), finding.severity.name());
    let mut text = format!("\n- {icon} **{severity}** {} `{name}`\n", code(&place));
    for line in remark::lines(finding, report.parsed) {
        let _ = writeln!(text, "  <br>{}", inline(&line));
    }
    for fix in &finding.fixes {
        if remark::is_shown(fix, report.parsed) && fix.applicability != Applicability::Display {
            text.push_str(&change(&fix.title, &patch::hunks(fix, report.parsed)));
        }
    }
    text
}

/// The lines that a fix changes, folded away.
fn change(title: &str, hunks: &[patch::Hunk]) -> String {
    let before = hunks.iter().flat_map(|hunk| &hunk.before).map(|line| format!("-{line}"));
    let after = hunks.iter().flat_map(|hunk| &hunk.after).map(|line| format!("+{line}"));
    let lines: Vec<_> = before.chain(after).collect();
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let lines = lines.join("\n  ");
    let title = inline(title);
    format!(
        "\n  <details><summary>fix: {title}</summary>\n\n  {fence}diff\n  {lines}\n  {fence}\n\n  </details>\n"
    )
}

fn longest_run(line: &str) -> usize {
    line.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// Text between backticks, whatever backticks it has itself (`CommonMark` §6.1).
pub(super) fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let text = one_line(text);
    if fence.len() == 1 { format!("`{text}`") } else { format!("{fence} {text} {fence}") }
}

/// A sentence of ours: names in backticks stay code, and nothing else of it is markup or a mention.
pub(super) fn inline(text: &str) -> String {
    let text = one_line(text);
    let parts: Vec<_> = text.split('`').collect();
    // With a backtick too many, nobody knows what is a name.
    let has_names = parts.len() % 2 == 1;
    let mut written = String::new();
    for (position, part) in parts.iter().enumerate() {
        let separator = if has_names { "`" } else { "\\`" };
        if position > 0 {
            written.push_str(separator);
        }
        if has_names && position % 2 == 1 {
            written.push_str(part);
        } else {
            written.extend(part.chars().map(escaped));
        }
    }
    written
}

fn escaped(character: char) -> String {
    match character {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        // A mention calls somebody.
        '@' => "&#64;".to_owned(),
        '\\' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => format!("\\{character}"),
        _ => character.to_string(),
    }
}

fn one_line(text: &str) -> String {
    plain(&text.replace(['\r', '\n'], " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{code, inline};

    #[test]
    fn names_are_code_and_nothing_else_is_markup() {
        assert_eq!(
            inline("`a*b` is *no* host of <x> @team"),
            "`a*b` is \\*no\\* host of &lt;x&gt; &#64;team"
        );
        assert_eq!(inline("one ` alone *"), "one \\` alone \\*");
        assert_eq!(inline("two\nlines"), "two lines");
    }

    #[test]
    fn code_may_hold_backticks() {
        assert_eq!(code("a.yaml:1"), "`a.yaml:1`");
        assert_eq!(code("a`b"), "`` a`b ``");
    }
}
