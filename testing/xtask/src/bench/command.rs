//! Programs that others wrote.

use std::io;
use std::process::{Command, ExitStatus, Stdio};

/// Why a program was of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("`{program}` cannot be started: {error}")]
    Start { program: String, error: io::Error },
    #[error("`{program}` failed ({status}){said}")]
    Failed { program: String, status: ExitStatus, said: String },
}

/// Runs a program whose output people may see, on standard error.
pub(super) fn show(command: &mut Command) -> Result<(), CommandError> {
    command.stdout(io::stderr());
    let status = command.status().map_err(|error| start(command, error))?;
    if status.success() { Ok(()) } else { Err(failed(command, status, String::new())) }
}

/// Runs a program whose output is of interest only when it fails.
pub(super) fn quiet(command: &mut Command) -> Result<(), CommandError> {
    output(command).map(drop)
}

/// Runs a program for what it prints.
pub(super) fn output(command: &mut Command) -> Result<Vec<u8>, CommandError> {
    command.stdin(Stdio::null());
    let output = command.output().map_err(|error| start(command, error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let mut said = String::from(":\n");
    said += &String::from_utf8_lossy(&output.stdout);
    said += &String::from_utf8_lossy(&output.stderr);
    Err(failed(command, output.status, said))
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn start(command: &Command, error: io::Error) -> CommandError {
    CommandError::Start { program: program(command), error }
}

fn failed(command: &Command, status: ExitStatus, said: String) -> CommandError {
    CommandError::Failed { program: program(command), status, said }
}
