//! A repository whose files have been parsed.

use std::sync::Arc;

use super::file::ParsedFile;
use super::{Broken, Document, DocumentId, Pragma, Tree};
use crate::source::{FileId, SourceFile, Sources};

/// A YAML document, by its place in [`Parsed`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TreeId(pub(super) u32);

/// Sources, trees and resources; the resources in the order of the files, and in them of the text.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    sources: Sources,
    trees: Vec<Arc<Tree>>,
    documents: Vec<Document>,
    broken: Vec<Broken>,
    pragmas: Vec<Pragma>,
    project: Option<DocumentId>,
}

impl Parsed {
    /// Puts files together, each with what was parsed of it.
    #[must_use]
    pub(crate) fn new(files: Vec<(SourceFile, ParsedFile)>) -> Self {
        let mut parsed = Self::default();
        let mut sources = Vec::with_capacity(files.len());
        for (mut source, file) in files {
            source.hide(file.hidden);
            sources.push(source);
            let offset = number(parsed.trees.len());
            parsed.trees.extend(file.trees);
            parsed.broken.extend(file.broken);
            parsed.pragmas.extend(file.pragmas);
            let before = parsed.documents.len();
            if let Some(project) = file.project {
                parsed.project = Some(DocumentId(number(before + project)));
            }
            for mut document in file.documents {
                document.tree.0 += offset;
                parsed.documents.push(document);
            }
        }
        parsed.sources = Sources::new(sources);
        parsed
    }

    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    #[must_use]
    pub fn source(&self, file: FileId) -> &SourceFile {
        self.sources.file(file)
    }

    /// The tree of one of this repository's documents.
    ///
    /// # Panics
    /// With an id of another repository.
    #[must_use]
    pub fn tree(&self, id: TreeId) -> &Tree {
        #[expect(
            clippy::indexing_slicing,
            reason = "only this repository's documents hold its ids"
        )]
        &self.trees[id.0 as usize]
    }

    /// A resource of this repository.
    ///
    /// # Panics
    /// With an id of another repository.
    #[must_use]
    pub fn document(&self, id: DocumentId) -> &Document {
        #[expect(clippy::indexing_slicing, reason = "only this repository hands out its ids")]
        &self.documents[id.0 as usize]
    }

    #[must_use]
    pub fn documents(&self) -> impl ExactSizeIterator<Item = (DocumentId, &Document)> {
        self.documents
            .iter()
            .enumerate()
            .map(|(index, document)| (DocumentId(number(index)), document))
    }

    /// Resources that exist, and whose YAML does not parse.
    #[must_use]
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// Comments that speak to the compiler, in the order of the files and of their texts.
    #[must_use]
    pub fn pragmas(&self) -> &[Pragma] {
        &self.pragmas
    }

    /// `mesh.yaml`, which is no resource but is read like one.
    #[must_use]
    pub fn project(&self) -> Option<DocumentId> {
        self.project
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
