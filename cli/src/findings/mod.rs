//! Which findings are reported: all but those that somebody has set aside.
//!
//! ```text
//! findings ─names▶ (--only, --skip) ─baseline▶ (--baseline) ─past▶ (--new-since) ▶ reported
//! ```
//! Input that nobody can read is always reported: what else is found may follow from it. Setting aside changes what is
//! said and how the command ends, but never makes a snapshot of a repository that has errors.

mod baseline;
mod choice;
mod past;
mod replace;
mod select;

pub(crate) use baseline::{Baseline, BaselineError};
pub(crate) use choice::Choice;
pub(crate) use past::Past;
pub(crate) use replace::replace;
pub(crate) use select::{Named, SelectError, Selected, select};
