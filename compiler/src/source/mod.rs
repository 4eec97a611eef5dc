//! Where policy comes from: files, directories and standard input, read into memory with their lines counted.
//!
//! ```text
//! [Input] ─walk▶ [Entry] ─load▶ Sources
//! ```
//! - A directory is walked in the order of its names; hidden entries are left out, and of the rest `.yaml`,
//!   `.yml` and `.json` are read. `.gitignore` is not asked: a file that is silently not read is a hole in a
//!   policy. Symbolic links are followed, no directory is read twice, and a loop is reported.
//! - `mesh.yaml` at the root of the first path, if that is a directory, is the project's configuration.
//! - Text is UTF-8, with or without a byte order mark, with any kind of line break. Whatever else a file
//!   is costs that file alone: one diagnostic, and the others are read.
//!
//! Equal trees give equal [`Sources`]: files are in the order of their paths.

mod checks;
mod entry;
mod file;
mod lines;
mod load;
mod span;
mod walk;

pub use checks::CHECKS;
pub use entry::{Entry, Input, Origin};
pub use file::{Role, SourceFile, is_deceptive};
pub use lines::LineIndex;
pub use load::{FILE_BYTES_MAX, load};
pub use span::{FileId, Position, Span};
pub use walk::{EXTENSIONS, NAMES, is_hidden, is_read, show, walk};
pub(crate) use walk::{relative, root_of};

use std::sync::Arc;

/// Every file that was reached, in the order of the paths.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Arc<SourceFile>>,
}

impl Sources {
    /// The files whose place in `files` is their [`FileId`].
    #[must_use]
    pub fn new(files: Vec<Arc<SourceFile>>) -> Self {
        Self { files }
    }

    /// A file that these sources gave the id of.
    ///
    /// # Panics
    /// With an id of other sources.
    #[must_use]
    pub fn file(&self, id: FileId) -> &SourceFile {
        #[expect(clippy::indexing_slicing, reason = "only `Sources` hands out ids")]
        &self.files[id.0 as usize]
    }

    pub(crate) fn set_role(&mut self, id: FileId, role: Role) {
        if let Some(file) = self.files.get_mut(id.0 as usize) {
            Arc::make_mut(file).role = role;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0..).map(FileId).zip(self.files.iter().map(|file| &**file))
    }
}
