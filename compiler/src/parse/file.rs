//! One file: its YAML documents, and the resources in them.

use std::sync::Arc;

use super::checks::MISSING_KIND;
use super::classify::{self, Shape};
use super::document::Identity;
use super::unrendered::{outline, placeholder, template};
use super::{
    Broken, Content, Document, NodeId, Pragma, Tree, TreeId, embedded, pragmas, secret, stream,
};
use crate::diagnostic::{Class, Diagnostic, Place, Severity};
use crate::source::{FileId, Role, SourceFile, Span};

/// What was understood of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParsedFile {
    pub trees: Vec<Arc<Tree>>,
    /// Their trees are places in `trees`.
    pub documents: Vec<Document>,
    pub broken: Vec<Broken>,
    /// Where documents stand that are encrypted.
    pub encrypted: Vec<Span>,
    /// What must not be shown of the file.
    pub hidden: Vec<Span>,
    pub pragmas: Vec<Pragma>,
    /// Which of the documents is the project's own configuration.
    pub project: Option<usize>,
    /// Whether it says what is built of other files.
    pub is_kustomization: bool,
    /// Whether its folder is a Helm chart.
    pub is_chart: bool,
}

/// Parses a file. It never fails: what is wrong goes to `out`, and the rest is there.
#[must_use]
pub(crate) fn parse(file: &SourceFile, id: FileId, out: &mut Vec<Diagnostic>) -> ParsedFile {
    // What is not read as resources may be Secrets none the less.
    let nothing = || ParsedFile { hidden: secret::in_unread(file), ..ParsedFile::default() };
    if !file.is_readable() {
        return nothing();
    }
    let stream = stream::read(file.text(), id);
    match classify::whole_file(file, id, &stream) {
        Some(Shape::Kustomization) => {
            let hidden = secret::in_kustomization(file.text(), &stream);
            out.extend(stream.into_iter().flat_map(|yaml| yaml.diagnostics));
            return ParsedFile { is_kustomization: true, hidden, ..ParsedFile::default() };
        }
        Some(Shape::Chart) => return ParsedFile { is_chart: true, ..nothing() },
        Some(Shape::Template(notice)) => {
            out.push(*notice);
            let broken = outline::identities(file.text(), id).into_iter();
            let broken = broken.map(|identity| Broken { file: id, identity, is_patch: false });
            return ParsedFile { broken: broken.collect(), ..nothing() };
        }
        Some(Shape::Other(notice)) => {
            out.push(*notice);
            return nothing();
        }
        _ => {}
    }
    let pragmas = pragmas::pragmas(file.text(), id, file.lines());
    let mut parsed = ParsedFile { pragmas, ..ParsedFile::default() };
    let mut notices = Vec::new();
    for yaml in stream {
        let notice = template::of_document(file.text(), &yaml, id)
            .or_else(|| placeholder::unfilled(file.text(), &yaml));
        let is_read = yaml.is_whole && notice.is_none();
        let is_waiting = notice.is_some();
        let found = if is_waiting { Vec::new() } else { yaml.diagnostics };
        notices.extend(notice);
        if !is_read {
            out.extend(found);
            parsed.hidden.extend(secret::in_broken(file.text(), yaml.span));
            let identities = if is_waiting {
                outline::identities(file.text().get(yaml.span.range()).unwrap_or_default(), id)
            } else {
                let root = yaml.tree.root().into_iter();
                let read = root.map(|root| Identity::read(&yaml.tree, root, file.text()));
                read.filter(|identity| !identity.kind.is_empty()).collect()
            };
            parsed.broken.extend(identities.into_iter().map(|identity| Broken {
                file: id,
                identity,
                is_patch: false,
            }));
            continue;
        }
        match parsed.add(yaml.tree, yaml.span, file, id, &mut notices, out) {
            Owner::Known => out.extend(found),
            // What another program makes of the rest is its own affair.
            Owner::Other => {
                out.extend(found.into_iter().filter(|it| it.check.class == Class::Input));
            }
        }
    }
    notices.dedup_by(|a, b| a.message == b.message && a.severity < Severity::Error);
    out.append(&mut notices);
    parsed
}

/// Whose a YAML document is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owner {
    Known,
    /// It is no resource, and encrypted ones are not as a cluster will see them.
    Other,
}

impl ParsedFile {
    /// The same of a file with another number.
    pub(crate) fn of_file(&self, id: FileId) -> Self {
        let mut moved = self.clone();
        moved.documents.iter_mut().for_each(|it| it.file = id);
        moved.broken.iter_mut().for_each(|it| it.file = id);
        moved.pragmas.iter_mut().for_each(|it| it.file = id);
        moved
    }

    /// Adds the resources of one YAML document; says whose it is.
    fn add(
        &mut self,
        tree: Tree,
        span: Span,
        file: &SourceFile,
        id: FileId,
        notices: &mut Vec<Diagnostic>,
        out: &mut Vec<Diagnostic>,
    ) -> Owner {
        let Some(root) = tree.root() else { return Owner::Known };
        let tree_id = TreeId(u32::try_from(self.trees.len()).unwrap_or(u32::MAX));
        let before = self.documents.len();
        let mut owner = Owner::Known;
        let shape = if file.role == Role::Project {
            Shape::Project
        } else {
            classify::shape(&tree, root, file, id)
        };
        match shape {
            Shape::Empty | Shape::Chart => return Owner::Known,
            Shape::Encrypted(encrypted) => {
                self.hidden.extend(secret::in_broken(file.text(), span));
                notices.extend(encrypted.policies(&tree, file, id));
                // Of what may be a policy that alone is said.
                if encrypted.unknown.is_empty() {
                    self.encrypted.push(classify::first_token(&tree, root, file.text()));
                }
                let resources = encrypted.resources.into_iter();
                self.broken.extend(resources.map(|(_, identity)| Broken {
                    file: id,
                    identity,
                    is_patch: false,
                }));
                return Owner::Other;
            }
            Shape::Project => {
                let identity =
                    Arc::new(Identity { kind: "mesh.yaml".into(), ..Identity::default() });
                self.project = Some(self.documents.len());
                self.documents.push(Document { file: id, tree: tree_id, root, identity });
                self.documents.extend(embedded::inline_mesh_config(&tree, root, file, id, tree_id));
            }
            Shape::Resource(identity) => {
                let identity = Arc::new(identity);
                self.documents.push(Document { file: id, tree: tree_id, root, identity });
            }
            Shape::List(identity) => {
                out.extend(self.unfold(&tree, root, &identity, file, id, tree_id));
            }
            Shape::Kustomization => {
                self.is_kustomization = true;
                self.hidden.extend(secret::of_generators(&tree, root, file.text()));
            }
            Shape::Template(notice) | Shape::Other(notice) => {
                self.hidden.extend(secret::in_broken(file.text(), span));
                let is_half = *notice.check == MISSING_KIND;
                notices.push(*notice);
                owner = if is_half { Owner::Known } else { Owner::Other };
            }
        }
        let own = self.documents.get(before..).unwrap_or_default();
        let operators: Vec<_> =
            own.iter().filter_map(|it| embedded::of_operator(&tree, it, file)).collect();
        self.documents.extend(operators);
        let mut embedded = Vec::new();
        for document in self.documents.get(before..).unwrap_or_default() {
            self.hidden.extend(secret::spans(&tree, document, file.text()));
            embedded.extend(embedded::documents(&tree, document, file, out));
        }
        self.trees.push(Arc::new(tree));
        for (mut document, tree) in embedded {
            document.tree = TreeId(u32::try_from(self.trees.len()).unwrap_or(u32::MAX));
            self.documents.push(document);
            self.trees.push(Arc::new(tree));
        }
        owner
    }

    /// The items of a list, and of lists among them. Returns what is wrong with the list.
    fn unfold(
        &mut self,
        tree: &Tree,
        list: NodeId,
        of: &Identity,
        file: &SourceFile,
        id: FileId,
        tree_id: TreeId,
    ) -> Vec<Diagnostic> {
        let mut out = Vec::new();
        let Some(items) = tree.entry(list, "items", file.text()) else { return out };
        if !matches!(tree.content(items.value), Content::Sequence(_) | Content::Null) {
            let place = Place::text(id, tree.span(items.value));
            out.push(classify::no_items(place));
        }
        for root in tree.elements(items.value) {
            let identity = classify::item(tree, *root, of, file.text());
            if classify::is_list(tree, *root, &identity, file.text()) {
                out.extend(self.unfold(tree, *root, &identity, file, id, tree_id));
            } else if identity.kind.is_empty() || identity.api_version.is_empty() {
                out.push(classify::no_item(tree, *root, file, id));
            } else {
                let identity = Arc::new(identity);
                self.documents.push(Document { file: id, tree: tree_id, root: *root, identity });
            }
        }
        out
    }
}
