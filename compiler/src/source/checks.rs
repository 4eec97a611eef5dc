//! What can be wrong with a source, before it is parsed.

use crate::diagnostic::{Check, Severity};

pub(super) static UNREADABLE_FILE: Check =
    Check::input("unreadable-file", Severity::Error, include_str!("checks/unreadable_file.md"));

pub(super) static FILE_TOO_LARGE: Check =
    Check::input("file-too-large", Severity::Error, include_str!("checks/file_too_large.md"));

pub(super) static NOT_UTF8: Check =
    Check::input("not-utf8", Severity::Error, include_str!("checks/not_utf8.md"));

pub(super) static SYMLINK_LOOP: Check =
    Check::lint("symlink-loop", Severity::Warning, include_str!("checks/symlink_loop.md"));

pub(super) static EMPTY_INPUT: Check =
    Check::lint("empty-input", Severity::Warning, include_str!("checks/empty_input.md"));

/// The checks of this stage.
pub static CHECKS: &[&Check] =
    &[&UNREADABLE_FILE, &FILE_TOO_LARGE, &NOT_UTF8, &SYMLINK_LOOP, &EMPTY_INPUT];
