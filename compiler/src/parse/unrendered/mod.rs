//! What another program makes resources of: charts, kustomizations, templates, and texts with placeholders.
//!
//! Nothing is rendered. It is known what such a source is and what it will make or change, as far as it says so, so that nobody calls
//! missing what is made of it.

pub(super) mod chart;
pub(super) mod kustomize;
pub(super) mod outline;
pub(super) mod placeholder;
pub(super) mod template;

use super::Parsed;

/// What another program makes resources of, the first of several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unrendered {
    /// `a Helm chart`
    pub what: &'static str,
    /// What prints the resources: `helm template web`
    pub command: String,
}

impl Unrendered {
    /// Of charts and kustomizations. Of other templates nobody knows what fills them in.
    #[must_use]
    pub fn of(parsed: &Parsed) -> Option<Self> {
        let chart = || {
            let command = parsed.charts().command(parsed)?;
            Some(Self { what: "a Helm chart", command })
        };
        let kustomization = || {
            let command = parsed.kustomizations().command(parsed)?;
            Some(Self { what: "a kustomization", command })
        };
        chart().or_else(kustomization)
    }
}

/// What a consequence ends with where findings are `held` back, and `of` what they are.
pub(crate) fn not_shown(held: usize, of: &str) -> String {
    match held {
        0 => String::new(),
        1 => format!("; 1 finding is not shown, of {of}"),
        more => format!("; {more} findings are not shown, of {of}"),
    }
}
