//! What can be wrong with a comment that allows something.

use crate::diagnostic::{Check, Severity};

pub(super) static INVALID_SUPPRESSION: Check = Check::lint(
    "invalid-suppression",
    Severity::Warning,
    include_str!("checks/invalid_suppression.md"),
);

pub(super) static EXPIRED_SUPPRESSION: Check = Check::lint(
    "expired-suppression",
    Severity::Warning,
    include_str!("checks/expired_suppression.md"),
);

/// What a comment allows is not found.
pub static UNUSED_SUPPRESSION: Check = Check::lint(
    "unused-suppression",
    Severity::Warning,
    include_str!("checks/unused_suppression.md"),
);

pub(crate) static CHECKS: &[&Check] =
    &[&INVALID_SUPPRESSION, &EXPIRED_SUPPRESSION, &UNUSED_SUPPRESSION];
