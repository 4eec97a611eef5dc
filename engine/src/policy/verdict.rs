//! What was decided, and by whom.

use std::fmt;

use super::Rule;

/// The result of all policies that select the workload.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'p> {
    /// Of the policies that deny and allow.
    pub decision: Decision<'p>,
    /// A `CUSTOM` rule matched: its authorizer is asked first, and may deny what [`Verdict::decision`] allows. Whoever
    /// cannot ask it denies.
    pub ask: Option<Ask<'p>>,
    /// The `AUDIT` rule that matched; changes nothing.
    pub audit: Option<&'p Rule>,
    /// What the dry-run policies would decide, where there are any; changes nothing.
    pub dry_run: Option<Decision<'p>>,
}

#[derive(Clone, Copy, Debug)]
pub enum Decision<'p> {
    /// By this rule; `None`: there is no `ALLOW` policy.
    Allowed(Option<&'p Rule>),
    /// By this rule; `None`: no `ALLOW` policy matched, and there is one.
    Denied(Option<&'p Rule>),
}

#[derive(Clone, Copy, Debug)]
pub struct Ask<'p> {
    pub provider: &'p str,
    pub rule: &'p Rule,
}

impl Verdict<'_> {
    /// Whether the request may pass without asking anybody.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision.is_allowed() && self.ask.is_none()
    }
}

impl<'p> Decision<'p> {
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// The rule that decided.
    #[must_use]
    pub const fn rule(&self) -> Option<&'p Rule> {
        match self {
            Self::Allowed(rule) | Self::Denied(rule) => *rule,
        }
    }

    /// For a denial, the response code details that Envoy logs.
    #[must_use]
    pub const fn details(&self) -> Option<Details<'p>> {
        match self {
            Self::Allowed(_) => None,
            Self::Denied(rule) => Some(Details(*rule)),
        }
    }
}

/// Written as `rbac_access_denied_matched_policy[ns[shop]-policy[reviews]-rule[0]]`.
#[derive(Clone, Copy, Debug)]
pub struct Details<'p>(Option<&'p Rule>);

impl fmt::Display for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.0.map_or("none", Rule::id);
        write!(f, "rbac_access_denied_matched_policy[{id}]")
    }
}
