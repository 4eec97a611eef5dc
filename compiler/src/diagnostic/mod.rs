//! What the compiler says: findings as plain data, rendered by the command line alone.
//!
//! ```text
//! a check ─▶ Diagnostic (names places) ─finish▶ Finding (knows bytes), sorted
//! ```
//! - A [`Check`] is a rule with a name; [`Diagnostic`] is one thing it found.
//! - A [`Place`] is named as a person would: a resource, a path of fields in it ([`FieldPath`]), and whether the
//!   key or the value is meant. Typed structs hold no spans; [`finish`] looks the place up in the tree that was
//!   parsed. Whoever walks a struct carries an [`At`], which costs nothing until something is found.
//! - One root cause, one finding: `finish` drops what was found inside of a value that is itself faulty.
//! - Resources of several owners that have a fault in common have a finding each, with its [`Cause`]; [`unite`] makes one of them
//!   for people, last of all.
//! - [`fingerprints`] name findings from one run to the next, whatever lines they move to.
//! - Equal repositories give equal findings in equal order, on any machine.
//!
//! Texts: a message says what is wrong, in lower case, without a full stop, names in backticks. `consequence`
//! says what becomes of requests. Only `help` says what to do.

mod check;
mod date;
mod fingerprint;
mod finish;
mod fix;
mod path;
mod place;
mod report;
mod unite;

pub use check::{Check, Class, Level, Severity};
pub use date::Date;
pub use fingerprint::fingerprints;
pub(crate) use finish::may_fail;
pub use finish::{Finding, Levels, Site, finish};
pub(crate) use fix::within_brackets;
pub use fix::{Applicability, Edit, Fix, Form, TextEdit, TextFix};
pub use path::{At, FieldPath, Segment};
pub use place::{Part, Place};
pub use report::{Cause, Diagnostic, Label};
pub use unite::unite;
