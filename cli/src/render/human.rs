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

use super::counts::{counted, is_counted_alone, shown};
use super::fit::{Cut, width, wrap, wrap_after};
use super::plain::{plain, shown_path};
use super::{Report, Terminal, patch, snippet};

/// Writes all findings, each followed by an empty line.
pub(crate) fn write(
    report: &Report<'_>,
    terminal: &Terminal,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let shown = shown(report.findings);
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
    for (index, line) in wrap(&see, terminal.width.saturating_sub(INDENT)).iter().enumerate() {
        let name = terminal.paint.dim(if index == 0 { "see   " } else { "      " });
        writeln!(out, "  {name}  {}", terminal.paint.dim(line))?;
    }
    Ok(())
}

/// Beside the name of a check a message has at least as many columns, or begins under it.
const HEADING_MIN: usize = 24;
/// What stands before its following lines.
const MARGIN: &str = "    ";

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
    let lead = format!("{}: ", paint.severity(finding.severity, &tag));
    let mut lead = lead.as_str();
    let mut taken = tag.len() + 2;
    let room = terminal.width.saturating_sub(taken);
    if room < HEADING_MIN && width(&message) > room {
        writeln!(out, "{}", lead.trim_end())?;
        (lead, taken) = (MARGIN, MARGIN.len());
    }
    for line in wrap_after(taken, &message, MARGIN.len(), terminal.width) {
        writeln!(out, "{}", format!("{lead}{}", paint.bold(&line)).trim_end())?;
        lead = MARGIN;
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

/// How far the texts of all fields are from the left.
const INDENT: usize = 10;

/// `  name    text`, with further lines under the first: those of the text, and those that it is wrapped into.
fn field(
    name: &str,
    text: &str,
    terminal: &Terminal,
    out: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    let mut name = name;
    for text in text.lines() {
        for line in wrap(&plain(text), terminal.width.saturating_sub(INDENT)) {
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
            let path = shown_path(report.parsed.source(hunk.file));
            for line in wrap(&path, terminal.width.saturating_sub(INDENT)) {
                writeln!(out, "{:INDENT$}{}", "", terminal.paint.dim(&line))?;
            }
        }
        let lines = hunk.before.len().max(hunk.after.len());
        let width = (hunk.line + lines).to_string().len();
        let room = terminal.width.saturating_sub(INDENT + width + 3).max(BEFORE_CHANGE);
        let from = first_difference(&hunk.before, &hunk.after);
        for (offset, line) in hunk.before.iter().enumerate() {
            let text = format!("{:>width$} - {}", hunk.line + offset, cut(line, from, room));
            writeln!(out, "{:INDENT$}{}", "", terminal.paint.removed(&text))?;
        }
        for (offset, line) in hunk.after.iter().enumerate() {
            let text = format!("{:>width$} + {}", hunk.line + offset, cut(line, from, room));
            writeln!(out, "{:INDENT$}{}", "", terminal.paint.added(&text))?;
        }
    }
    Ok(())
}

/// The most that is shown before what changes in a line that is too long.
const BEFORE_CHANGE: usize = 24;

/// How many bytes the lines of both versions have in common from the left, in whole characters.
fn first_difference(before: &[String], after: &[String]) -> usize {
    let common = |(old, new): (&String, &String)| {
        let same = old.chars().zip(new.chars()).take_while(|(old, new)| old == new);
        same.map(|(character, _)| character.len_utf8()).sum()
    };
    before.iter().zip(after).map(common).min().unwrap_or(0)
}

/// What there is room for of a line, with what stands at `change` in it.
fn cut(line: &str, change: usize, room: usize) -> String {
    let change = line.floor_char_boundary(change);
    let cut = Cut::whole(line, room)
        .unwrap_or_else(|| Cut::around(line, change, BEFORE_CHANGE.min(room / 2), room));
    let mut shown = String::new();
    cut.write(&mut shown);
    shown
}

/// The last line, for standard error, with the verdict in numbers.
pub(crate) fn closing(
    (mark, found): (&str, &str),
    report: &Report<'_>,
    terminal: &Terminal,
    seconds: f64,
) -> String {
    let paint = terminal.paint;
    let worst = report.findings.iter().map(|finding| finding.severity).max();
    let severity = worst.unwrap_or(Severity::Info);
    let what = format!(
        "{} in {}",
        counted(report.mesh.count, "resource"),
        counted(report.files(), "file")
    );
    // Under the mark, which takes two columns.
    let wrapped = |text: &str| wrap(text, terminal.width.saturating_sub(2)).join("\n  ");
    let told = wrapped(&format!("{found}: {what} ({seconds:.2} s)"));
    let mut line = format!("{} {told}", paint.severity(severity, mark));
    if let Some(digest) = report.snapshot {
        line.push_str("\n  ");
        line.push_str(&digest.to_string());
    }
    for passed_over in [skipped(report), no_resources(report)].into_iter().flatten() {
        line.push_str("\n  ");
        line.push_str(&paint.dim(&wrapped(&passed_over)));
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
    Some(format!("{what}: `--format concise` names them"))
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
            "{} that the mesh does not read: {}{more}",
            counted(total, "resource"),
            plain(&shown)
        )
    })
}

#[cfg(test)]
mod tests {
    use mesh_compiler::source::Input;
    use mesh_compiler::{Options, compile};

    use super::super::counts::verdict;
    use super::super::terminal::Paint;
    use super::*;

    /// All in one line, in letters of one column and of two; what is hidden has as many as it has letters.
    #[test]
    fn what_is_said_fits_into_the_terminal() {
        let secret = "QUJD".repeat(400);
        let text = format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: s, namespace: shop, labels: {{标签: 很长的标签的值}}}}, type: kubernetes.io/tls, data: {{tls.crt: {secret}, tls.key: {secret}}}}}\n---\n\
             {{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: v, namespace: shop, annotations: {{说明: {}}}}}, spec: {{hosts: [reviews, ratings], http: [{{rout: [], retries: {{attempts: 3, perTryTimeuot: 2s}}, route: [{{destination: {{host: nobody}}}}, {{destination: {{host: no.body.example.com, prot: 8}}}}]}}]}}}}\n---\n\
             {{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {{name: p, namespace: shop}}, spec: {{rules: [{{to: [{{operation: {{paths: [\"/日本語 {}\", \"{}\"]}}}}]}}]}}}}\n",
            "这一行很长很长".repeat(60),
            "日本語".repeat(50),
            "path/".repeat(40),
        );
        let name = format!("{}/一个很长的文件夹/a.yaml", "folder".repeat(20));
        let compiled = compile(&[Input::Text { name, text }], &Options::default());
        let (parsed, mesh, findings) = (&compiled.parsed, &compiled.mesh, &*compiled.findings);
        let report = Report { parsed, mesh, findings, snapshot: None };
        assert!(findings.len() > 6 && findings.iter().any(|it| !it.fixes.is_empty()));
        for columns in [40, 60, 80, 100] {
            let terminal = Terminal { width: columns, paint: Paint(false) };
            let mut out = Vec::new();
            write(&report, &terminal, &mut out).unwrap();
            let (mark, found) = verdict(&shown(findings));
            let closing = closing((mark, &found), &report, &terminal, 0.25);
            let text = String::from_utf8(out).unwrap() + &closing;
            let wide = text.lines().find(|line| width(line) > columns);
            assert_eq!(wide, None, "{columns}:\n{text}");
        }
    }
}
