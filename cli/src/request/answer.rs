//! What became of a request, and why.

use mesh_snapshot::{Key, SourceMap};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub outcome: Outcome,
    /// That the client sees, where a proxy answers by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What decided, in one line.
    pub summary: String,
    pub steps: Vec<Step>,
}

/// From the best to the worst.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Outcome {
    /// It reaches an application.
    Delivered,
    /// It leaves the mesh, or what is known of it.
    Forwarded,
    /// A proxy answers as policy says: a redirect, a fixed answer.
    Answered,
    /// Nobody takes it: no host, no route, no such backend.
    Unrouted,
    /// Nobody takes it: it comes back to gateways that it has passed.
    #[serde(rename = "unrouted")]
    Endless,
    /// Client and server do not speak to each other.
    Refused,
    /// Policy forbids it.
    Denied,
}

/// One part of the decision.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    /// `client`, `route`, `server`, `policy`.
    pub title: String,
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub mark: Mark,
    pub text: String,
    /// `file:line` of the policy that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Mark {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It tells.
    Note,
}

impl Outcome {
    pub(crate) const fn is_good(self) -> bool {
        matches!(self, Self::Delivered | Self::Forwarded | Self::Answered)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "DELIVERED",
            Self::Forwarded => "FORWARDED",
            Self::Answered => "ANSWERED",
            Self::Unrouted | Self::Endless => "UNROUTED",
            Self::Refused => "REFUSED",
            Self::Denied => "DENIED",
        }
    }
}

impl Step {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new() }
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.push(Mark::Note, text, None);
    }

    pub(crate) fn push(&mut self, mark: Mark, text: impl Into<String>, source: Option<String>) {
        self.lines.push(Line { mark, text: text.into(), source });
    }
}

/// An answer by the first proxy itself; without a status, it closes the connection.
pub(super) fn nobody(mut steps: Vec<Step>, status: Option<u16>, reason: &str) -> Answer {
    let mut step = Step::new("route");
    step.push(Mark::No, reason, None);
    steps.push(step);
    Answer { outcome: Outcome::Unrouted, status, summary: reason.to_owned(), steps }
}

/// `shop/reviews.yaml:137`.
pub(crate) fn place(sources: &SourceMap, key: &Key, item: &str) -> Option<String> {
    sources.get(key, item).map(ToString::to_string)
}
