//! The checks of this stage.

use crate::diagnostic::{Check, Diagnostic, Level, Levels, Place, Severity};

pub(crate) static CHECKS: &[&Check] = &[&UNSERVED_SETTING, &UNSERVED_FEATURE, &AMBIGUOUS_WORKLOAD];

/// A setting that is right in itself, and that no proxy can be told where it stands.
static UNSERVED_SETTING: Check =
    Check::lint("unserved-setting", Severity::Warning, include_str!("checks/unserved_setting.md"));

/// What a snapshot can hold, and no proxy of this release can serve. One of a later release may: so the level can be set.
static UNSERVED_FEATURE: Check =
    Check::lint("unserved-feature", Severity::Error, include_str!("checks/unserved_feature.md"));

/// Two workloads of one namespace that go by one name.
pub(super) static AMBIGUOUS_WORKLOAD: Check = Check::lint(
    "ambiguous-workload",
    Severity::Warning,
    include_str!("checks/ambiguous_workload.md"),
);

pub(super) fn unserved(place: Place, message: String, consequence: &str) -> Diagnostic {
    Diagnostic::new(&UNSERVED_SETTING, place, message).label("not served").consequence(consequence)
}

/// Makes no error of what no proxy of this release can serve.
pub(crate) fn admit_unserved(levels: &mut Levels) {
    let level = levels.entry(UNSERVED_FEATURE.name).or_insert(Level::At(Severity::Warning));
    if *level == Level::At(Severity::Error) {
        *level = Level::At(Severity::Warning);
    }
}

/// `feature` is one that [`mesh_snapshot::feature::SERVED`] lacks.
pub(super) fn unserved_feature(feature: &str, place: Place) -> Diagnostic {
    let message = format!("no proxy of this release serves this (feature `{feature}`)");
    let found = Diagnostic::new(&UNSERVED_FEATURE, place, message)
        .label("cannot be served")
        .consequence(
            "the proxies that this is for would refuse the snapshot, and this and every later change would not roll out",
        );
    match feature {
        "external-authorization" => found.help(
            "decide with `ALLOW` and `DENY`, which can test identities and tokens, or let the application ask",
        ),
        _ => found,
    }
}
