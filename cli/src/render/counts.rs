//! How many there are: findings, and anything else that is said in numbers.

use mesh_compiler::diagnostic::{Finding, Severity};
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

/// What people are shown, and what is counted for them.
pub(crate) fn shown(findings: &[Finding]) -> impl Iterator<Item = &Finding> + Clone {
    findings.iter().filter(|finding| !is_counted_alone(finding))
}

/// The verdict on findings in numbers: its mark, and how many there are of each severity.
pub(super) fn verdict<'f>(
    findings: impl Iterator<Item = &'f Finding> + Clone,
) -> (&'static str, String) {
    let mark = match findings.clone().map(|finding| finding.severity).max() {
        None | Some(Severity::Info) => "✔",
        Some(Severity::Warning) => "!",
        Some(Severity::Error) => "✖",
    };
    (mark, counts(findings).unwrap_or_else(|| "nothing to say".to_owned()))
}

/// How many findings there are of each severity, if there are any.
pub(crate) fn counts<'f>(findings: impl Iterator<Item = &'f Finding>) -> Option<String> {
    let (mut errors, mut warnings, mut infos) = (0, 0, 0);
    for finding in findings {
        *match finding.severity {
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
