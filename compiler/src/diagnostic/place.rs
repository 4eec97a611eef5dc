//! What a diagnostic points at.

use crate::parse::{DocumentId, Parsed};
use crate::source::{FileId, Span};

use super::FieldPath;

/// A place, before it is looked up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// A file as a whole: no line of it is shown.
    File(FileId),
    /// For what is found while there are no paths yet, in a resource or outside of any.
    Text {
        file: FileId,
        span: Span,
        document: Option<DocumentId>,
    },
    Field {
        document: DocumentId,
        path: FieldPath,
        part: Part,
    },
}

/// Which part of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    Key,
    Value,
    /// Some bytes of the value, counted from its first character. Where the text stands escaped or folded in the
    /// file, it is the value as a whole.
    Within {
        start: u32,
        end: u32,
    },
}

impl Place {
    /// A resource as a whole, shown at its name.
    #[must_use]
    pub fn resource(document: DocumentId) -> Self {
        Self::Field { document, path: FieldPath::of_name(), part: Part::Value }
    }

    /// The value at a path; where it is absent, what ought to hold it.
    #[must_use]
    pub const fn value(document: DocumentId, path: FieldPath) -> Self {
        Self::Field { document, path, part: Part::Value }
    }

    /// The key at a path.
    #[must_use]
    pub const fn key(document: DocumentId, path: FieldPath) -> Self {
        Self::Field { document, path, part: Part::Key }
    }

    /// Where a resource begins.
    #[must_use]
    pub fn first_key(document: DocumentId) -> Self {
        // A path that leads nowhere is shown at the first key.
        Self::Field { document, path: FieldPath::default().field(""), part: Part::Key }
    }

    /// Some bytes of a file, outside of any resource.
    #[must_use]
    pub fn text(file: FileId, span: Span) -> Self {
        Self::Text { file, span, document: None }
    }

    /// The file and its bytes. A field that is absent is shown at the nearest one that should hold it:
    /// its key, or the first key of the resource.
    #[must_use]
    pub fn locate(&self, parsed: &Parsed) -> (FileId, Span) {
        match self {
            Self::File(file) => (*file, Span::default()),
            Self::Text { file, span, .. } => (*file, *span),
            Self::Field { document, path, part } => {
                let document = parsed.document(*document);
                (document.file, document.locate(parsed, path, *part))
            }
        }
    }

    /// Its file alone, which takes no look at the text.
    #[must_use]
    pub(crate) fn file(&self, parsed: &Parsed) -> FileId {
        match self {
            Self::File(file) | Self::Text { file, .. } => *file,
            Self::Field { document, .. } => parsed.document(*document).file,
        }
    }

    /// Says of a place in the file `before` that this is called `now`.
    pub(crate) fn rename_file(&mut self, before: FileId, now: FileId) {
        match self {
            Self::File(file) | Self::Text { file, .. } if *file == before => *file = now,
            Self::File(_) | Self::Text { .. } | Self::Field { .. } => {}
        }
    }

    /// The resource that the place is in.
    #[must_use]
    pub fn document(&self) -> Option<DocumentId> {
        match self {
            Self::Field { document, .. } => Some(*document),
            Self::Text { document, .. } => *document,
            Self::File(_) => None,
        }
    }
}
