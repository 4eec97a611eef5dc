//! What is compared, and how it is read.

use std::path::Path;

use mesh_compiler::diagnostic::Date;
use mesh_compiler::{Beside, Compilation, Options, compile};
use mesh_snapshot::container::{self, Bundle, FileError, LayoutError};

use crate::environment::{EnvironmentError, Surroundings};
use crate::source::{Source, SourceError};

/// A policy by the path that somebody named.
#[expect(clippy::large_enum_variant, reason = "there are two of them")]
pub(crate) enum Policy {
    Snapshot(Bundle),
    /// A repository, compiled; perhaps with errors, and then there is no snapshot.
    Repository(Compilation),
}

/// One side of a comparison.
#[derive(Debug)]
pub(crate) struct Side {
    pub bundle: Bundle,
    /// Absent: a snapshot does not tell.
    pub beside: Option<Beside>,
}

/// Why a path is no policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("{path}: {error}")]
    File { path: String, error: FileError },
    #[error("{path}: {error}")]
    Layout { path: String, error: LayoutError },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

impl PolicyError {
    /// What it says, for those who see the path beside it.
    pub(crate) fn beside_path(&self) -> String {
        match self {
            Self::File { error: FileError::Io { error, .. }, .. } => error.to_string(),
            Self::File { error, .. } => error.to_string(),
            Self::Layout { error, .. } => error.to_string(),
            Self::Source(error) => error.to_string(),
            Self::Environment(error) => error.to_string(),
        }
    }
}

impl Policy {
    /// Whether it is compiled already, as its content says or its name; it may be damaged.
    pub(crate) fn is_snapshot(path: &Path) -> bool {
        let is_called_so = || path.extension().is_some_and(|it| it == "mesh");
        path.is_file() && (is_called_so() || container::is_file(path))
    }

    /// A snapshot in either form of container; anything else is compiled.
    pub(crate) fn read(path: &str, asked: &Surroundings) -> Result<Self, PolicyError> {
        let place = Path::new(path);
        let named = || path.to_owned();
        if place.join("oci-layout").is_file() {
            let read = container::read_layout(place);
            return read
                .map(Self::Snapshot)
                .map_err(|error| PolicyError::Layout { path: named(), error });
        }
        if Self::is_snapshot(place) {
            let read = container::read_file(place);
            return read
                .map(Self::Snapshot)
                .map_err(|error| PolicyError::File { path: named(), error });
        }
        let source = Source::open(path)?;
        let inputs = std::slice::from_ref(&source.input);
        let environment = asked.only(inputs)?;
        let on = Options::on(Date::at(mesh_control::clock::wall()));
        let options =
            Options { environment, context: asked.inputs(), beside: true, unserved: true, ..on };
        Ok(Self::Repository(compile(inputs, &options)))
    }
}
