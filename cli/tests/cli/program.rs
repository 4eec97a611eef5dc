//! The executable.

use std::process::{Command, Output};

/// The repository that the demo serves, relative to the workspace.
pub(crate) const BOOKINFO: &str = "policies/bookinfo";

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesh"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.env_remove("MESH_CONTROL").env_remove("MESH_CONTROL_TOKEN");
    command.env("NO_COLOR", "1").env_remove("COLUMNS");
    // What runs on this machine is no matter of a test, nor the other way round.
    command.env_remove("XDG_RUNTIME_DIR").env_remove("XDG_STATE_HOME").env_remove("HOME");
    command
}

pub(crate) fn mesh(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

/// The exit code, then what it wrote to standard output.
pub(crate) fn text(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    format!("exit {}\n{text}", output.status.code().unwrap())
}

pub(crate) fn errors(output: &Output) -> (i32, String) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    (output.status.code().unwrap(), text)
}
