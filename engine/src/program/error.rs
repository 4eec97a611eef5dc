//! Why there is no program: which object, and which item of it, stands in the way.

use mesh_snapshot::{Digest, Key};

use crate::format::FormatError;
use crate::pattern::{PatternError, TemplateError};
use crate::policy::KeySetError;

/// Nothing was built; what was in force stays in force.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// It must be fetched first.
    #[error("{key} ({digest}) is missing")]
    Missing { key: Key, digest: Digest },
    /// Its bytes are not what its key says. Fetch it again, from somebody else.
    #[error("{key} is not valid: {reason}")]
    Malformed { key: Key, reason: String },
    /// This version, or whoever builds, cannot serve it. Roll out newer proxies first.
    #[error("{key}{}: it needs the feature `{feature}`", place(item))]
    Unsupported { key: Key, item: String, feature: &'static str },
    /// The compiler should have refused it.
    #[error("{key}{}: {fault}", place(item))]
    Invalid { key: Key, item: String, fault: Box<Fault> },
    /// More memory is needed, or less policy.
    #[error("{key}: the program would take more than {budget} bytes")]
    Memory { key: Key, budget: usize },
}

impl BuildError {
    /// What to blame: the key, and the item as in [`mesh_snapshot::source_map`] (empty: the object as a whole).
    #[must_use]
    pub fn place(&self) -> (&Key, &str) {
        match self {
            Self::Missing { key, .. } | Self::Malformed { key, .. } | Self::Memory { key, .. } => {
                (key, "")
            }
            Self::Unsupported { key, item, .. } | Self::Invalid { key, item, .. } => (key, item),
        }
    }

    pub(crate) fn at(key: &Key, item: &str, fault: Fault) -> Self {
        match fault {
            Fault::Budget(budget) => Self::Memory { key: key.clone(), budget },
            _ => Self::Invalid { key: key.clone(), item: item.to_owned(), fault: Box::new(fault) },
        }
    }
}

fn place(item: &str) -> String {
    if item.is_empty() { String::new() } else { format!(", `{item}`") }
}

/// What is wrong with one item.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("expression `{text}`: {error}")]
    Pattern { text: String, error: PatternError },
    #[error("path template `{text}`: {error}")]
    Template { text: String, error: TemplateError },
    #[error("format `{text}`: {error}")]
    Format { text: String, error: FormatError },
    #[error("substitution `{text}`: {reason}")]
    Substitution { text: String, reason: &'static str },
    #[error("`{0}` is neither an address nor a CIDR block")]
    Address(String),
    #[error("`{0}` cannot be the name of a header here")]
    HeaderName(String),
    #[error("`{0}` cannot be the value of a header")]
    HeaderValue(String),
    #[error("{0} is no status of HTTP that can be answered")]
    Status(u16),
    #[error("`{0}` is no condition to retry on")]
    RetryCondition(String),
    #[error("a bucket of tokens that holds none, or is never filled")]
    Bucket,
    #[error("the weights of the backends sum to zero")]
    NoWeight,
    #[error("{subject} cannot be compared with {accepts}")]
    Mismatch { subject: String, accepts: &'static str },
    #[error("`{0}` is no `namespace/service-account`")]
    ServiceAccount(String),
    #[error("only `ALLOW` and `DENY` policies can be tried in a dry run")]
    DryRun,
    #[error("key set: {0}")]
    Keys(KeySetError),
    #[error("more than {0} bytes")]
    Budget(usize),
}
