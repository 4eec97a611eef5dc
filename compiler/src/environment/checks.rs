//! What can be wrong with environments, and with what is in the cluster.

use crate::diagnostic::{Check, Severity};

pub(super) static UNMATCHED_PATH: Check =
    Check::lint("unmatched-path", Severity::Error, include_str!("checks/unmatched_path.md"));

pub(super) static FILE_OUTSIDE_ENVIRONMENTS: Check = Check::lint(
    "file-outside-environments",
    Severity::Warning,
    include_str!("checks/file_outside_environments.md"),
);

/// Of the input, so that it is told although it stands in a file whose faults are nobody's.
pub(super) static POLICY_IN_CONTEXT: Check =
    Check::input("policy-in-context", Severity::Info, include_str!("checks/policy_in_context.md"));

/// The checks of this stage.
pub(crate) static CHECKS: &[&Check] =
    &[&UNMATCHED_PATH, &FILE_OUTSIDE_ENVIRONMENTS, &POLICY_IN_CONTEXT];
