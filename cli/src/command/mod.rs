//! One file or folder a subcommand, named alike.

pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod control;
pub(crate) mod demo;
pub(crate) mod diff;
mod exit;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod man;
pub(crate) mod proxies;
pub(crate) mod proxy;
mod reach;
pub(crate) mod request;
mod revision;
pub(crate) mod rollout;
mod statuses;
pub(crate) mod up;

use std::fmt::Display;
use std::io::{self, Write as _};

pub(crate) use exit::Exit;

/// What cannot be done where several of what is `named` are standard input.
fn refuse_several_stdins<'p>(named: impl Iterator<Item = &'p String>) -> Option<Exit> {
    let is_several = named.filter(|path| *path == "-").count() > 1;
    is_several.then(|| Exit::Usage.because(&"standard input can be read once"))
}

/// What to say where there was nothing to compile.
const NOTHING: &str = "there is no resource that the mesh reads, so this is no policy";

/// Tells on standard error what is no part of the result.
fn note(note: &dyn Display) {
    tell(&format_args!("note: {note}"));
}

/// Writes a line to standard error. Whoever closed it does not want to know.
fn tell(line: &dyn Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes a result to standard output. Whoever stopped reading has seen enough.
fn write(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
