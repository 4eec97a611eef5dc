//! What becomes of each field: nothing that an author writes is ignored without a word.
//!
//! Beside each kind lies its table (`virtual_service.fields`), one line a field:
//!
//! ```text
//! spec.hosts[]                           enforced
//! spec.http[].match[].statPrefix         unenforced  no statistics of its own are kept for the match
//! spec.http[].{mirror,route[].destination}  @destination
//! ```
//! - A path is written as in a schema: `[]` is any element of a list, `.*` any key of a map, `{a,b}` either of two.
//! - `enforced` (it is lowered into the snapshot), `reported` (it shows in statistics, logs or status alone) and
//!   `elsewhere` (Kubernetes or another program acts on it) say nothing when the field is set.
//! - `named CHECK` says nothing either: the check of that name says, of each use, what of it will not happen.
//! - `unenforced` is accepted with a warning that says what will not happen; `refused` is an error that says what
//!   to write instead; `deprecated` is accepted with a warning, and nobody acts on it. Each of these, `named` and `elsewhere` may stand for a
//!   whole subtree; the other states stand for leaves alone, so that a new field cannot hide under an old line.
//! - `path=VALUE` speaks of one value of an enforced field.
//! - `@name` puts the table `name.fields` in the place of the path, for types that several fields share.
//!
//! A test draws all paths from the schema of each kind, and fails when one has no state or a state names no field.

mod check;
mod shared;
mod table;

pub use table::{FieldState, FieldTable};

pub(crate) use check::check;
pub(crate) use shared::{METADATA, SHARED};
pub(crate) use table::{expand, steps};
