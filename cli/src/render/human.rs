//! Findings for people: what, where, what becomes of requests, and what to do.
//!
//! ```text
//! error[unknown-field]: `hots` is no field of `spec`
//!    ╭─[shop/reviews.yaml:7:3 · VirtualService shop/reviews]
//!  7 │   hots: [reviews]
//!    ·   ──┬─
//!    ·     ╰── did you mean `hosts`?
//!    ╰────
//!   effect  a cluster drops it without a word
//!   fix     write `hosts`
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use mesh_compiler::api::KINDS;
use mesh_compiler::diagnostic::{Applicability, Finding, Severity, Site, TextFix};
use rayon::prelude::*;

use super::counts::{counted, is_counted_alone, shown, verdict};
use super::plain::{plain, shown_path};
use super::{Report, Terminal, patch, snippet};

/// Writes all findings, each followed by an empty line.
pub(crate) fn write(
    report: &Report<'_>,
    terminal: &Terminal,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let shown: Vec<_> = shown(report.findings).collect();
    for batch in shown.chunks(BATCH) {
        let written = batch.par_iter().map(|finding| {
            let mut text = Vec::new();
            write_finding(finding, report, terminal, &mut text)?;
            writeln!(text)?;
            Ok(text)
        });
        for text in written.collect::<io::Result<Vec<_>>>()? {
            out.write_all(&text)?;
        }
    }
    out.flush()
}

/// As many findings are drawn at once: all of a large repository would take much memory.
const BATCH: usize = 1024;

fn write_finding(
    finding: &Finding,
    report: &Report<'_>,
    terminal: &Terminal,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    heading(finding, report, terminal, out)?;
    for sites in by_resource(finding) {
        let file = sites.first().map_or(finding.primary.file, |site| site.file);
        let spans: Vec<_> = sites.iter().filter_map(|site| Some((*site, site.span?))).collect();
        let primary = finding.primary.span.filter(|_| finding.primary.file == file);
        if !spans.is_empty() {
            let source = report.parsed.source(file);
            writeln!(
                out,
                "{}",
                snippet::draw(source, &spans, primary, finding.severity, terminal)
            )?;
        }
    }
    if let Some(consequence) = &finding.consequence {
        field("effect", consequence, terminal, out)?;
    }
    if let Some(help) = &finding.help {
        field("help", help, terminal, out)?;
    }
    for fix in &finding.fixes {
        write_fix(fix, finding, report, terminal, out)?;
    }
    let aliases = finding.check.aliases.join(", ");
    let aliases = if aliases.is_empty() { aliases } else { format!("  ({aliases})") };
    let see = format!("mesh explain {}{aliases}", finding.check.name);
    writeln!(out, "  {}  {}", terminal.paint.dim("see   "), terminal.paint.dim(&see))
}

/// `error[name]: message`. A file of which no line is shown is named here.
fn heading(
    finding: &Finding,
    report: &Report<'_>,
    terminal: &Terminal,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let paint = terminal.paint;
    let severity = finding.severity.name();
    let tag = format!("{severity}[{}]", finding.check.name);
    let message = match finding.primary.span {
        Some(_) => plain(&finding.message),
        None => Cow::Owned(format!(
            "{}: {}",
            shown_path(report.parsed.source(finding.primary.file)),
            plain(&finding.message)
        )),
    };
    let wrapped = wrap(&message, terminal.width.saturating_sub(tag.len() + 2));
    for (position, line) in wrapped.iter().enumerate() {
        let lead = if position == 0 {
            format!("{}: ", paint.severity(finding.severity, &tag))
        } else {
            "    ".into()
        };
        writeln!(out, "{lead}{}", paint.bold(line))?;
    }
    Ok(())
}

/// The places of a finding by the resource that they are in, the primary one's first.
fn by_resource(finding: &Finding) -> Vec<Vec<&Site>> {
    let mut resources: Vec<Vec<&Site>> = Vec::new();
    for site in std::iter::once(&finding.primary).chain(&finding.others) {
        let is_same = |other: &&Site| (other.file, &other.resource) == (site.file, &site.resource);
        match resources.iter_mut().find(|sites| sites.first().is_some_and(is_same)) {
            Some(sites) => sites.push(site),
            None => resources.push(vec![site]),
        }
    }
    resources
}

/// `  name    text`, with further lines under the first: those of the text, and those that it is wrapped into.
fn field(
    name: &str,
    text: &str,
    terminal: &Terminal,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let mut name = name;
    for text in text.lines() {
        for line in wrap(&plain(text), terminal.width.saturating_sub(10)) {
            writeln!(out, "  {}  {line}", terminal.paint.bold(&format!("{name:<6}")))?;
            name = "";
        }
    }
    Ok(())
}

fn write_fix(
    fix: &TextFix,
    finding: &Finding,
    report: &Report<'_>,
    terminal: &Terminal,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let caution = match fix.applicability {
        Applicability::Safe => "",
        Applicability::Unsafe => " (a guess: look before you apply it)",
        Applicability::Display => " (fill in what is yours)",
    };
    field("fix", &format!("{}{caution}", fix.title), terminal, out)?;
    for hunk in patch::hunks(fix, report.parsed) {
        if hunk.file != finding.primary.file {
            writeln!(
                out,
                "          {}",
                terminal.paint.dim(&shown_path(report.parsed.source(hunk.file)))
            )?;
        }
        let lines = hunk.before.len().max(hunk.after.len());
        let width = (hunk.line + lines).to_string().len();
        let from = first_difference(&hunk.before, &hunk.after);
        for (offset, line) in hunk.before.iter().enumerate() {
            let text = format!("{:>width$} - {}", hunk.line + offset, cut(line, from, terminal));
            writeln!(out, "          {}", terminal.paint.removed(&text))?;
        }
        for (offset, line) in hunk.after.iter().enumerate() {
            let text = format!("{:>width$} + {}", hunk.line + offset, cut(line, from, terminal));
            writeln!(out, "          {}", terminal.paint.added(&text))?;
        }
    }
    Ok(())
}

/// How much is shown before what changes in a line that is too long.
const BEFORE_CHANGE: usize = 24;

/// How many characters the lines of both versions have in common from the left.
fn first_difference(before: &[String], after: &[String]) -> usize {
    let common = |(old, new): (&String, &String)| {
        old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count()
    };
    before.iter().zip(after).map(common).min().unwrap_or(0)
}

/// Lines end at spaces alone: a path that is torn apart can be neither clicked nor copied.
fn wrap(text: &str, width: usize) -> Vec<Cow<'_, str>> {
    let width = width.max(24);
    // No character takes more columns than bytes.
    if text.len() <= width && !text.ends_with(' ') {
        return vec![Cow::Borrowed(text)];
    }
    let options = textwrap::Options::new(width)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::wrap(text, options)
}

/// What there is room for of a line, with what stands at `change` in it.
fn cut(line: &str, change: usize, terminal: &Terminal) -> String {
    let room = terminal.width.saturating_sub(18).max(BEFORE_CHANGE * 2);
    let width = |text: &str| textwrap::core::display_width(text);
    if width(line) <= room {
        return line.to_owned();
    }
    let is_far =
        line.chars().take(change).map(|it| width(it.encode_utf8(&mut [0; 4]))).sum::<usize>()
            + BEFORE_CHANGE
            > room;
    let skipped = if is_far { change.saturating_sub(BEFORE_CHANGE) } else { 0 };
    let mut shown = if skipped > 0 { "…".to_owned() } else { String::new() };
    let mut used = width(&shown);
    for character in line.chars().skip(skipped) {
        used += width(character.encode_utf8(&mut [0; 4]));
        if used >= room {
            shown.push('…');
            break;
        }
        shown.push(character);
    }
    shown
}

/// The last line, for standard error: the verdict in numbers.
pub(crate) fn closing(report: &Report<'_>, terminal: &Terminal, seconds: f64) -> String {
    let paint = terminal.paint;
    let (mark, found) = verdict(shown(report.findings));
    let worst = report.findings.iter().map(|finding| finding.severity).max();
    let severity = worst.unwrap_or(Severity::Info);
    let what = format!(
        "{} in {}",
        counted(report.mesh.count, "resource"),
        counted(report.files(), "file")
    );
    let mut line = format!("{} {found}: {what} ({seconds:.2} s)", paint.severity(severity, mark));
    if let Some(digest) = report.snapshot {
        line.push_str("\n  ");
        line.push_str(&digest.to_string());
    }
    for passed_over in [skipped(report), no_resources(report)].into_iter().flatten() {
        line.push('\n');
        line.push_str(&paint.dim(&passed_over));
    }
    line
}

/// How many files or parts of files are none of Kubernetes' business.
fn no_resources(report: &Report<'_>) -> Option<String> {
    let count = report.findings.iter().filter(|finding| is_counted_alone(finding)).count();
    let what = match count {
        0 => return None,
        1 => "1 file or part of one holds no resource",
        more => &format!("{more} files or parts of files hold no resources"),
    };
    Some(format!("  {what}: `--format concise` names them"))
}

/// What is counted by kind; with its group where the name alone says something else or too little.
fn skipped(report: &Report<'_>) -> Option<String> {
    let mut by_kind: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for ((version, kind), count) in &report.mesh.skipped {
        let group = version.split_once('/').map_or("", |(group, _)| group);
        *by_kind.entry((kind, group)).or_default() += count;
    }
    let is_ambiguous = |name: &str| {
        by_kind.keys().filter(|(kind, _)| *kind == name).count() > 1
            || KINDS.iter().any(|kind| kind.name == name)
    };
    let named = by_kind.iter().map(|((kind, group), count)| match *group {
        "" => format!("{kind} {count}"),
        group if is_ambiguous(kind) => format!("{kind} of {group} {count}"),
        _ => format!("{kind} {count}"),
    });
    let kinds: Vec<_> = named.collect();
    let total: usize = report.mesh.skipped.values().sum();
    let shown = kinds.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
    let more = if kinds.len() > 8 { ", …" } else { "" };
    (total > 0).then(|| {
        format!(
            "  {} that the mesh does not read: {}{more}",
            counted(total, "resource"),
            plain(&shown)
        )
    })
}
