//! Who says no, as a label names it.

use mesh_engine::policy::Rule;

use super::registry::Key;

/// A rule that has denied something.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct DenierId(pub(super) u32);

impl DenierId {
    /// There are more rules than metrics may know.
    pub(super) const OVERFLOW: Self = Self(0);
}

impl Key for DenierId {
    fn overflowing(self) -> Self {
        Self::OVERFLOW
    }
}

/// All empty: no policy allowed it, and there is one that allows something.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Denier {
    pub(super) namespace: String,
    pub(super) policy: String,
    pub(super) rule: String,
}

impl Denier {
    pub(super) fn of(rule: Option<&Rule>) -> Self {
        let Some(rule) = rule else { return Self::default() };
        Self {
            namespace: rule.namespace.to_string(),
            policy: rule.policy.to_string(),
            rule: rule.index.to_string(),
        }
    }

    pub(super) fn overflow() -> Self {
        Self { policy: "__overflow__".to_owned(), ..Self::default() }
    }
}
