//! The checks of this stage.

use crate::diagnostic::{Check, Diagnostic, Place, Severity};

pub(crate) static CHECKS: &[&Check] = &[&UNSERVED_SETTING, &AMBIGUOUS_WORKLOAD];

/// A setting that is right in itself, and that no proxy can be told where it stands.
static UNSERVED_SETTING: Check =
    Check::lint("unserved-setting", Severity::Warning, include_str!("checks/unserved_setting.md"));

/// Two workloads of one namespace that go by one name.
pub(super) static AMBIGUOUS_WORKLOAD: Check = Check::lint(
    "ambiguous-workload",
    Severity::Warning,
    include_str!("checks/ambiguous_workload.md"),
);

pub(super) fn unserved(place: Place, message: String, consequence: &str) -> Diagnostic {
    Diagnostic::new(&UNSERVED_SETTING, place, message).label("not served").consequence(consequence)
}
