//! What is expected of a resource's validation.

use std::fmt;

use mesh_compiler::diagnostic::Finding;
use serde::Deserialize;

use crate::case::{Mismatch, Verdict};
use crate::place;
use crate::subject::{Findings, is_known_to_istio, is_unsupported};
use crate::words;

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Expectation {
    pub valid: bool,
    /// Of the message of some error.
    pub error_contains: Option<String>,
    pub error_regex: Option<String>,
    /// Of the messages of some errors, all together.
    #[serde(default)]
    pub errors_contain: Vec<String>,
    /// Absent: not asserted.
    pub warning: Option<bool>,
    pub warning_contains: Option<String>,
}

impl Expectation {
    pub(super) fn valid() -> Self {
        Self { valid: true, ..Self::default() }
    }

    /// What the errors are about.
    fn messages(&self) -> impl Iterator<Item = &String> {
        let one = [&self.error_contains, &self.error_regex].into_iter().flatten();
        one.chain(&self.errors_contain)
    }

    /// Errors decide. Istio's warnings are those that it has a code for; ours beyond them are no answer to its question.
    pub(super) fn judge(&self, found: &Findings) -> Verdict {
        let fails = |got: String| Err(Mismatch::new(self.to_string(), got));
        let unsupported = found.all.iter().filter(|finding| is_unsupported(finding));
        let errors: Vec<_> = found.errors().filter(|finding| !is_unsupported(finding)).collect();
        let warnings: Vec<_> =
            found.warnings().filter(|finding| is_known_to_istio(finding)).collect();
        let unsupported = found.lines(unsupported);
        if self.valid && !errors.is_empty() {
            return fails(format!("refused: {}", found.lines(errors)));
        }
        if !unsupported.is_empty() && (self.valid || errors.is_empty()) {
            return fails(format!("not supported: {unsupported}"));
        }
        if !self.valid && errors.is_empty() {
            return fails(format!("accepted\n{}", found.lines(&found.all)));
        }
        for wanted in self.messages() {
            if !errors.iter().any(|finding| is_about(found, finding, wanted)) {
                return fails(format!("refused for another reason: {}", found.lines(errors)));
            }
        }
        match self.warning {
            Some(true) if warnings.is_empty() => {
                return fails(format!("no warning that Istio knows\n{}", found.lines(&found.all)));
            }
            Some(false) if !warnings.is_empty() => {
                return fails(format!("warned: {}", found.lines(warnings)));
            }
            _ => {}
        }
        if let Some(wanted) = &self.warning_contains
            && !warnings.iter().any(|finding| is_about(found, finding, wanted))
        {
            return fails(format!("warned of something else: {}", found.lines(warnings)));
        }
        Ok(())
    }
}

fn is_about(found: &Findings, finding: &Finding, wanted: &str) -> bool {
    let site = &finding.primary;
    let token = site.span.map(|span| found.parsed.source(site.file).slice(span));
    let text = [
        finding.check.name,
        &finding.message,
        &site.text,
        &place::path(&found.parsed, site),
        token.unwrap_or_default(),
        finding.help.as_deref().unwrap_or_default(),
        site.resource.as_deref().unwrap_or_default(),
    ]
    .join(" ");
    words::is_about(&text, wanted) || words::sums_up(finding.check.name, wanted)
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.valid { "accepted" } else { "refused" })?;
        for text in self.messages() {
            write!(f, " ({text})")?;
        }
        match (self.warning, &self.warning_contains) {
            (Some(true), Some(text)) => write!(f, ", with a warning ({text})"),
            (Some(true), None) => f.write_str(", with a warning"),
            (Some(false), _) => f.write_str(", without a warning"),
            (None, _) => Ok(()),
        }
    }
}
