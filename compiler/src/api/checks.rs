//! What can be wrong with a resource, whatever its kind.

use crate::diagnostic::{Check, Severity};

/// Istio's name for all of its schema errors.
const SCHEMA: &[&str] = &["IST0106"];

pub(super) static UNKNOWN_FIELD: Check =
    Check::rule("unknown-field", include_str!("checks/unknown_field.md")).alias(SCHEMA);

pub(super) static WRONG_TYPE: Check =
    Check::rule("wrong-type", include_str!("checks/wrong_type.md")).alias(SCHEMA);

pub(super) static UNKNOWN_VALUE: Check =
    Check::rule("unknown-value", include_str!("checks/unknown_value.md")).alias(SCHEMA);

pub(super) static MISSING_FIELD: Check =
    Check::rule("missing-field", include_str!("checks/missing_field.md")).alias(SCHEMA);

pub(super) static INVALID_VALUE: Check =
    Check::rule("invalid-value", include_str!("checks/invalid_value.md")).alias(SCHEMA);

pub(super) static OUT_OF_BOUNDS: Check =
    Check::rule("out-of-bounds", include_str!("checks/out_of_bounds.md")).alias(SCHEMA);

pub(super) static TOO_MANY_FAULTS: Check =
    Check::rule("too-many-faults", include_str!("checks/too_many_faults.md"));

pub(super) static RESOURCE_TOO_LARGE: Check =
    Check::rule("resource-too-large", include_str!("checks/resource_too_large.md"));

pub(super) static EMPTY_FIELD: Check =
    Check::lint("empty-field", Severity::Warning, include_str!("checks/empty_field.md"));

pub(super) static AMBIGUOUS_SCALAR: Check =
    Check::lint("ambiguous-scalar", Severity::Warning, include_str!("checks/ambiguous_scalar.md"));

pub(crate) static UNRESOLVED_PLACEHOLDER: Check = Check::lint(
    "unresolved-placeholder",
    Severity::Warning,
    include_str!("checks/unresolved_placeholder.md"),
);

pub(crate) static UNENFORCED_FIELD: Check =
    Check::lint("unenforced-field", Severity::Warning, include_str!("checks/unenforced_field.md"));

pub(super) static REFUSED_FIELD: Check =
    Check::rule("refused-field", include_str!("checks/refused_field.md"));

pub(super) static UNSUPPORTED_KIND: Check =
    Check::lint("unsupported-kind", Severity::Warning, include_str!("checks/unsupported_kind.md"));

pub(super) static UNENFORCED_KIND: Check =
    Check::lint("unenforced-kind", Severity::Warning, include_str!("checks/unenforced_kind.md"));

pub(super) static REMOVED_KIND: Check =
    Check::lint("removed-kind", Severity::Warning, include_str!("checks/removed_kind.md"));

pub(super) static UNKNOWN_KIND: Check =
    Check::rule("unknown-kind", include_str!("checks/unknown_kind.md"));

pub(super) static DUPLICATE_RESOURCE: Check =
    Check::rule("duplicate-resource", include_str!("checks/duplicate_resource.md"));

pub(super) static UNUSED_MESH_CONFIG: Check = Check::lint(
    "unused-mesh-config",
    Severity::Warning,
    include_str!("checks/unused_mesh_config.md"),
);

pub(super) static INVALID_LINT: Check =
    Check::rule("invalid-lint", include_str!("checks/invalid_lint.md"));

pub(super) static INVALID_NAME: Check =
    Check::rule("invalid-name", include_str!("checks/invalid_name.md")).alias(SCHEMA);

/// The checks of this stage.
pub static CHECKS: &[&Check] = &[
    &UNKNOWN_FIELD,
    &WRONG_TYPE,
    &UNKNOWN_VALUE,
    &MISSING_FIELD,
    &INVALID_VALUE,
    &OUT_OF_BOUNDS,
    &TOO_MANY_FAULTS,
    &RESOURCE_TOO_LARGE,
    &EMPTY_FIELD,
    &AMBIGUOUS_SCALAR,
    &UNRESOLVED_PLACEHOLDER,
    &UNENFORCED_FIELD,
    &REFUSED_FIELD,
    &UNSUPPORTED_KIND,
    &UNENFORCED_KIND,
    &REMOVED_KIND,
    &UNKNOWN_KIND,
    &DUPLICATE_RESOURCE,
    &UNUSED_MESH_CONFIG,
    &INVALID_LINT,
    &INVALID_NAME,
];
