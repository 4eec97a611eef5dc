//! `mesh man`: the manual pages, one a command.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::Exit;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The folder that the pages are written to.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let folder = &arguments.folder;
    let written = fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(crate::Arguments::command(), folder));
    match written {
        Ok(()) => Exit::Ok,
        Err(error) => Exit::Unreachable.because(&format_args!("{}: {error}", folder.display())),
    }
}
