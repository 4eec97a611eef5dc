//! What the engine says became of a request.

use super::asked::Mirror;

#[derive(Clone, Debug, Default)]
pub(super) struct Got {
    /// Absent where there was no answer: see `error`.
    pub status: Option<u16>,
    pub error: Option<&'static str>,
    pub body: Option<String>,
    /// That policy decides, lower case; absent: they are the proxy's own business.
    pub response_headers: Option<Vec<(String, String)>>,
    /// Any of these, which may be none; empty: nobody saw the request.
    pub backends: Vec<String>,
    pub attempts: u32,
    pub cluster: Option<String>,
    pub upstream: Option<Sent>,
    pub mirrors: Vec<Mirror>,
    /// Why it was denied.
    pub details: Option<String>,
}

/// The request as the backend sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub method: String,
    pub path: String,
    pub authority: String,
    /// Lower case, in any order.
    pub headers: Vec<(String, String)>,
}

impl Got {
    pub(super) fn answered(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    pub(super) fn ended(error: &'static str) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    pub(super) fn because(self, details: impl Into<String>) -> Self {
        Self { details: Some(details.into()), ..self }
    }

    pub(super) fn saying(self, body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..self }
    }

    pub(super) fn through(self, cluster: &str) -> Self {
        Self { cluster: Some(cluster.to_owned()), ..self }
    }
}
