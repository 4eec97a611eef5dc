//! What is to be read.

use std::path::PathBuf;

use super::Role;

/// What a user named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// A file, whatever it is called, or a directory.
    Path(PathBuf),
    /// The same, under a name that messages give it: a copy of what lies elsewhere. What lies in it is shown below that name, and
    /// directly behind a `:` at its end, as Git writes `main:shop/a.yaml`.
    Called { path: PathBuf, name: String },
    /// Standard input, `-`.
    Stdin,
    /// A file in memory, under the name that messages give it; `mesh.yaml` is the project's configuration.
    Text { name: String, text: String },
}

impl From<&str> for Input {
    fn from(named: &str) -> Self {
        if named == "-" { Self::Stdin } else { Self::Path(named.into()) }
    }
}

/// One thing to read, or the reason why it cannot be.
#[derive(Debug)]
pub struct Entry {
    /// What messages call it.
    pub shown: String,
    pub role: Role,
    pub origin: Origin,
}

#[derive(Debug)]
pub enum Origin {
    File(PathBuf),
    Stdin,
    Text(String),
    /// It was reached, but cannot be read.
    Unreadable(std::io::Error),
    /// A directory that leads back to one it lies in, reached a second time and not entered.
    Loop,
    /// A directory in which there is nothing to read.
    Empty,
}
