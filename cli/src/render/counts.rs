//! How many there are: findings, and anything else that is said in numbers.

use std::borrow::{Borrow, Cow};

use mesh_compiler::diagnostic::{Finding, Severity, unite};
use mesh_compiler::parse::NOT_A_RESOURCE;

/// `1 error`, `2 errors`, `3 proxies`, `4 fixes`.
pub(crate) fn counted(count: usize, name: &str) -> String {
    match name.strip_suffix('y') {
        _ if count == 1 => format!("1 {name}"),
        Some(stem) => format!("{count} {stem}ies"),
        None if name.ends_with('x') => format!("{count} {name}es"),
        None => format!("{count} {name}s"),
    }
}

/// Whether the closing line counts it, and nobody wants to read it: that another program's file is no policy. A project
/// that gives it weight wants to.
pub(super) fn is_counted_alone(finding: &Finding) -> bool {
    *finding.check == NOT_A_RESOURCE && finding.severity == Severity::Info
}

/// What people are shown, and what is counted for them: findings of one cause are one.
pub(crate) fn shown(findings: &[Finding]) -> Vec<Cow<'_, Finding>> {
    unite(findings.iter().filter(|finding| !is_counted_alone(finding)))
}

/// The same where each has a line of its own.
pub(super) fn shown_apart(findings: &[Finding]) -> Vec<Cow<'_, Finding>> {
    findings.iter().filter(|finding| !is_counted_alone(finding)).map(Cow::Borrowed).collect()
}

/// The verdict on findings in numbers: its mark, and how many there are of each severity.
pub(crate) fn verdict(findings: &[impl Borrow<Finding>]) -> (&'static str, String) {
    let mark = match findings.iter().map(|finding| finding.borrow().severity).max() {
        None | Some(Severity::Info) => "✔",
        Some(Severity::Warning) => "!",
        Some(Severity::Error) => "✖",
    };
    (mark, counts(findings).unwrap_or_else(|| "nothing to say".to_owned()))
}

/// How many findings there are of each severity, if there are any.
pub(crate) fn counts(findings: &[impl Borrow<Finding>]) -> Option<String> {
    let (mut errors, mut warnings, mut infos) = (0, 0, 0);
    for finding in findings {
        *match finding.borrow().severity {
            Severity::Error => &mut errors,
            Severity::Warning => &mut warnings,
            Severity::Info => &mut infos,
        } += 1;
    }
    let counts: Vec<_> = [(errors, "error"), (warnings, "warning"), (infos, "notice")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| counted(count, name))
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}
