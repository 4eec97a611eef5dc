//! From a policy repository to a snapshot.
//!
//! ```text
//! [Input] ─source, parse▶ Parsed ─api▶ Mesh ─resolve▶ ─check▶ ─lower▶ Snapshot
//!              read      environment   decode
//! ```
//! Each stage is a folder and has its own types. `source` and `parse` work file by file, in parallel; `api` resource
//! by resource. No stage fails: it returns what it understood, and reports the rest as [`diagnostic::Diagnostic`]s,
//! which name places and are looked up at the end by [`diagnostic::finish`].
//!
//! ```no_run
//! let options = mesh_compiler::Options::default();
//! let compiled = mesh_compiler::compile(&["policies".into()], &options);
//! assert_eq!(compiled.bundle.is_none(), compiled.has_errors() || compiled.fault.is_some());
//! ```

#![forbid(unsafe_code)]

pub mod api;
pub mod check;
pub mod diagnostic;
pub mod format;
pub mod parse;
pub mod resolve;
pub mod source;
pub mod status;

mod lower;

mod beside;
mod compile;
mod environment;
mod memory;
mod ownership;
pub mod parts;
mod programs;
mod registry;
mod suppress;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod testing;

pub use beside::{Beside, Export, Named};
pub use compile::{Compilation, Early, Options, compile, compile_again};
pub use environment::environments;
pub use memory::Memory;
pub use programs::{Unservable, check_programs};
pub use registry::{UnknownCheck, checks, checks_called, levels};
pub use suppress::UNUSED_SUPPRESSION;

use rayon::prelude::*;

use diagnostic::Diagnostic;
use parse::Parsed;
use source::{FileId, Input};

/// Reads and parses everything that `inputs` and `context` lead to.
#[must_use]
pub fn read(inputs: &[Input], context: &[Input], out: &mut Vec<Diagnostic>) -> Parsed {
    let files: Vec<_> = source::walk(inputs, context)
        .into_par_iter()
        .enumerate()
        .map(|(index, entry)| {
            let id = FileId(u32::try_from(index).unwrap_or(u32::MAX));
            let mut found = Vec::new();
            let file = source::load(entry, id, &mut found);
            let parsed = parse::parse(&file, id, &mut found);
            (file, parsed, found)
        })
        .collect();
    let mut parsed = Vec::with_capacity(files.len());
    for (file, document, found) in files {
        out.extend(found);
        parsed.push((file, document));
    }
    let mut parsed = Parsed::new(parsed);
    parse::read_charts(&mut parsed, out);
    parse::read_kustomizations(&mut parsed, &source::root_of(inputs), out);
    parsed
}
