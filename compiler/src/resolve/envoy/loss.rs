//! What will not happen.

/// What a patch asks for and nothing here does, in whole sentences without a full stop.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Loss {
    /// `the local rate limit of 100 requests per 60s is not applied`
    pub what: String,
    /// What becomes of requests.
    pub consequence: String,
    /// What to write instead, where there is something.
    pub help: Option<String>,
    /// Which token of the patch's value says so: a path below `value`. Empty: the operation.
    pub path: Vec<String>,
}

impl Loss {
    pub(super) fn new(what: impl Into<String>, consequence: impl Into<String>) -> Self {
        Self { what: what.into(), consequence: consequence.into(), help: None, path: Vec::new() }
    }

    /// Adds why.
    pub(super) fn because(self, reason: &str) -> Self {
        Self { what: format!("{}: {reason}", self.what), ..self }
    }

    pub(super) fn help(self, text: impl Into<String>) -> Self {
        Self { help: Some(text.into()), ..self }
    }

    pub(super) fn below(self, path: &[&str]) -> Self {
        Self { path: path.iter().map(|&step| step.to_owned()).collect(), ..self }
    }
}
