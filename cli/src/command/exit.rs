//! How a command ended. The codes are the same for every format of output.

/// An exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    Ok = 0,
    /// A negative answer: findings at or above `--fail-on`.
    Negative = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Input that cannot be read, or is not YAML.
    Input = 3,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
