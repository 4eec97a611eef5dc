//! A repository whose files have been parsed.

use std::borrow::Borrow;
use std::sync::Arc;

use super::file::ParsedFile;
use super::{Broken, Charts, Document, DocumentId, Identity, Kustomizations, Pragma, Tree};
use crate::source::{FileId, SourceFile, Sources, Span};

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
    encrypted: Vec<(FileId, Span)>,
    pragmas: Vec<Pragma>,
    project: Option<DocumentId>,
    environment: Option<Box<str>>,
    kustomizations: Kustomizations,
    charts: Charts,
}

impl Parsed {
    /// Puts files together, each with what was parsed of it.
    #[must_use]
    pub(crate) fn new(files: Vec<(SourceFile, ParsedFile)>) -> Self {
        let shared = files.into_iter().map(|(mut source, file)| {
            source.hide(file.hidden.iter().copied());
            (Arc::new(source), file)
        });
        Self::of(shared)
    }

    /// The same, of files that somebody else keeps; what must not be shown of them is hidden already.
    #[must_use]
    pub(crate) fn of<F: Borrow<ParsedFile>>(
        files: impl Iterator<Item = (Arc<SourceFile>, F)>,
    ) -> Self {
        let mut parsed = Self::default();
        let mut sources = Vec::new();
        for (index, (source, file)) in files.enumerate() {
            let file = file.borrow();
            if file.is_kustomization {
                parsed.kustomizations.all.push(FileId(number(index)));
            }
            if file.is_chart {
                parsed.charts.all.push(FileId(number(index)));
            }
            sources.push(source);
            let offset = number(parsed.trees.len());
            parsed.trees.extend(file.trees.iter().cloned());
            parsed.broken.extend(file.broken.iter().cloned());
            let encrypted = file.encrypted.iter().map(|span| (FileId(number(index)), *span));
            parsed.encrypted.extend(encrypted);
            parsed.pragmas.extend(&file.pragmas);
            let before = parsed.documents.len();
            if let Some(project) = file.project {
                parsed.project = Some(DocumentId(number(before + project)));
            }
            parsed.documents.extend(file.documents.iter().cloned().map(|mut document| {
                document.tree.0 += offset;
                document
            }));
        }
        parsed.sources = Sources::new(sources);
        parsed
    }

    /// Leaves out the resources that `keep` does not hold for. Numbers of resources change.
    pub(crate) fn retain(&mut self, keep: impl Fn(DocumentId, &Document) -> bool) {
        let project = self.project;
        let all = std::mem::take(&mut self.documents);
        for (index, document) in all.into_iter().enumerate() {
            let id = DocumentId(number(index));
            if project == Some(id) {
                self.project = Some(DocumentId(number(self.documents.len())));
            }
            if project == Some(id) || keep(id, &document) {
                self.documents.push(document);
            }
        }
    }

    /// Leaves out all of some files: they are there, and nothing in them is.
    pub(crate) fn retain_files(&mut self, keep: impl Fn(FileId) -> bool) {
        self.retain(|_, document| keep(document.file));
        self.broken.retain(|broken| keep(broken.file));
        self.encrypted.retain(|(file, _)| keep(*file));
        self.pragmas.retain(|pragma| keep(pragma.file));
        self.kustomizations.retain(&keep);
        self.charts.retain(keep);
    }

    /// Resources of which no more is known than that they exist.
    pub(crate) fn take_for_broken(&mut self, is_meant: impl Fn(&Document) -> bool) {
        let known = self.documents.iter().filter(|it| is_meant(it));
        let broken = known.map(|it| Broken {
            file: it.file,
            identity: Identity::clone(&it.identity),
            is_patch: true,
        });
        self.broken.extend(broken.collect::<Vec<_>>());
        self.retain(|_, document| !is_meant(document));
    }

    pub(crate) fn sources_mut(&mut self) -> &mut Sources {
        &mut self.sources
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

    /// The resources of one file, in the order of its text.
    #[must_use]
    pub fn documents_of(&self, file: FileId) -> &[Document] {
        let place = |end: FileId| self.documents.partition_point(|document| document.file < end);
        let (start, end) = (place(file), place(FileId(file.0.saturating_add(1))));
        self.documents.get(start..end).unwrap_or_default()
    }

    /// Resources that exist, and whose YAML does not parse.
    #[must_use]
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// Where documents stand that are encrypted.
    #[must_use]
    pub(crate) fn encrypted(&self) -> &[(FileId, Span)] {
        &self.encrypted
    }

    /// Comments that speak to the compiler, in the order of the files and of their texts.
    #[must_use]
    pub fn pragmas(&self) -> &[Pragma] {
        &self.pragmas
    }

    /// The environment that these resources are of, if one was chosen.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    pub(crate) fn set_environment(&mut self, name: &str) {
        self.environment = Some(name.into());
    }

    /// What is built of other files, and is not built here.
    #[must_use]
    pub fn kustomizations(&self) -> &Kustomizations {
        &self.kustomizations
    }

    pub(crate) fn kustomizations_mut(&mut self) -> &mut Kustomizations {
        &mut self.kustomizations
    }

    /// What is rendered, and is not rendered here.
    #[must_use]
    pub fn charts(&self) -> &Charts {
        &self.charts
    }

    pub(crate) fn charts_mut(&mut self) -> &mut Charts {
        &mut self.charts
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
