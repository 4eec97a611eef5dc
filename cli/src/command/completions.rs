//! `mesh completions`: what completes `mesh` in a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Exit;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let mut script = Vec::new();
    let mut command = crate::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "mesh", &mut script);
    super::write(&String::from_utf8_lossy(&script));
    Exit::Ok
}
