//! What can be wrong with a file before its resources are looked into.

use crate::diagnostic::{Check, Severity};

pub(super) static YAML_SYNTAX: Check =
    Check::input("yaml-syntax", Severity::Error, include_str!("checks/yaml_syntax.md"));

pub(super) static TOO_DEEP: Check =
    Check::input("too-deep", Severity::Error, include_str!("checks/too_deep.md"));

pub(super) static ALIAS_BOMB: Check =
    Check::input("alias-bomb", Severity::Error, include_str!("checks/alias_bomb.md"));

pub(super) static INVALID_ALIAS: Check =
    Check::input("invalid-alias", Severity::Error, include_str!("checks/invalid_alias.md"));

pub(super) static INVALID_MERGE: Check =
    Check::rule("invalid-merge-key", include_str!("checks/invalid_merge_key.md"));

pub(super) static COMPLEX_KEY: Check =
    Check::rule("complex-key", include_str!("checks/complex_key.md"));

pub(super) static NOT_FINITE: Check =
    Check::rule("not-finite", include_str!("checks/not_finite.md"));

pub(super) static DUPLICATE_KEY: Check =
    Check::rule("duplicate-key", include_str!("checks/duplicate_key.md"));

pub(super) static MISSING_KIND: Check =
    Check::rule("missing-kind", include_str!("checks/missing_kind.md"));

pub(super) static INVALID_LIST: Check =
    Check::rule("invalid-list", include_str!("checks/invalid_list.md"));

/// A file, or a part of one, is for another program.
pub static NOT_A_RESOURCE: Check =
    Check::lint("not-a-resource", Severity::Info, include_str!("checks/not_a_resource.md"));

pub(super) static PLAIN_TEXT: Check =
    Check::lint("plain-text", Severity::Warning, include_str!("checks/plain_text.md"));

pub(super) static MISPLACED_PROJECT: Check =
    Check::rule("misplaced-project", include_str!("checks/misplaced_project.md"));

pub(crate) static UNRENDERED_SOURCE: Check = Check::lint(
    "unrendered-source",
    Severity::Warning,
    include_str!("checks/unrendered_source.md"),
);

/// The checks of this stage.
pub static CHECKS: &[&Check] = &[
    &YAML_SYNTAX,
    &TOO_DEEP,
    &ALIAS_BOMB,
    &INVALID_ALIAS,
    &INVALID_MERGE,
    &COMPLEX_KEY,
    &NOT_FINITE,
    &DUPLICATE_KEY,
    &MISSING_KIND,
    &INVALID_LIST,
    &NOT_A_RESOURCE,
    &PLAIN_TEXT,
    &MISPLACED_PROJECT,
    &UNRENDERED_SOURCE,
];
