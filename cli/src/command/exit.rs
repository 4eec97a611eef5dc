//! How a command ended. The codes are the same for every format of output.

use std::fmt::Display;

use crate::local::LocalError;

/// An exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    Ok = 0,
    /// A negative answer: findings at or above `--fail-on`, a request that is denied, a check of the tour that fails.
    Negative = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Input that cannot be read, or is not YAML.
    Input = 3,
    /// What the command is about cannot be reached.
    Unreachable = 4,
    /// It took too long.
    TimedOut = 6,
    /// Something that should not fail did.
    Broken = 70,
    Interrupted = 130,
}

impl Exit {
    /// Ends a command that cannot go on.
    pub(crate) fn because(self, error: &dyn Display) -> Self {
        super::tell(&format_args!("error: {error}"));
        self
    }
}

/// Why a local mesh did not start.
impl From<&LocalError> for Exit {
    fn from(error: &LocalError) -> Self {
        match error {
            // The folder that was named for its state.
            LocalError::Io { .. } | LocalError::InUse(_) => Self::Unreachable,
            _ => Self::Broken,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
