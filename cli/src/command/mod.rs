//! One file a subcommand, named alike.

pub(crate) mod compile;
mod exit;
pub(crate) mod explain;

pub(crate) use exit::Exit;
