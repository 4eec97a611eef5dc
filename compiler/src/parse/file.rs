//! One file: its YAML documents, and the resources in them.

use std::sync::Arc;

use granit_parser::{Event, Parser, options};

use super::build::{Builder, Built};
use super::classify::{self, Shape};
use super::document::Identity;
use super::{
    Broken, Content, Document, NodeId, Pragma, Tree, TreeId, embedded, everyday, placeholder,
    pragmas, secret, syntax, template,
};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::source::{FileId, Role, SourceFile, Span};

/// How deep lists and mappings may lie in each other. The deepest field of any kind lies at 20.
pub(crate) const DEPTH_MAX: usize = 100;

/// What was understood of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParsedFile {
    pub trees: Vec<Arc<Tree>>,
    /// Their trees are places in `trees`.
    pub documents: Vec<Document>,
    pub broken: Vec<Broken>,
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
    let unread = || ParsedFile { hidden: secret::in_unread(file), ..ParsedFile::default() };
    if !file.is_readable() {
        return unread();
    }
    let stream = read(file.text(), id);
    match classify::whole_file(file, id, &stream) {
        Some(Shape::Kustomization) => {
            let hidden = secret::in_kustomization(file.text(), &stream);
            out.extend(stream.documents.into_iter().flat_map(|yaml| yaml.diagnostics));
            return ParsedFile { is_kustomization: true, hidden, ..ParsedFile::default() };
        }
        Some(Shape::Chart) => return ParsedFile { is_chart: true, ..unread() },
        Some(Shape::Other(notice)) => {
            out.push(*notice);
            return unread();
        }
        _ => {}
    }
    let pragmas = pragmas::pragmas(file.text(), id, file.lines());
    let mut parsed = ParsedFile { pragmas, ..ParsedFile::default() };
    let mut notices = Vec::new();
    for yaml in stream.documents {
        let notice = template::of_document(file.text(), &yaml, id)
            .or_else(|| placeholder::unfilled(file.text(), &yaml));
        let is_read = yaml.is_whole && notice.is_none();
        match notice {
            Some(notice) => notices.push(notice),
            None => out.extend(yaml.diagnostics),
        }
        if !is_read {
            parsed.hidden.extend(secret::in_broken(file.text(), yaml.span));
            let identity =
                yaml.tree.root().map(|root| Identity::read(&yaml.tree, root, file.text()));
            if let Some(identity) = identity.filter(|identity| !identity.kind.is_empty()) {
                parsed.broken.push(Broken { file: id, identity });
            }
            continue;
        }
        parsed.add(yaml.tree, yaml.span, file, id, &mut notices, out);
    }
    notices.dedup_by(|a, b| a.message == b.message && a.severity < Severity::Error);
    out.append(&mut notices);
    parsed
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

    /// Adds the resources of one YAML document.
    fn add(
        &mut self,
        tree: Tree,
        span: Span,
        file: &SourceFile,
        id: FileId,
        notices: &mut Vec<Diagnostic>,
        out: &mut Vec<Diagnostic>,
    ) {
        let Some(root) = tree.root() else { return };
        let tree_id = TreeId(u32::try_from(self.trees.len()).unwrap_or(u32::MAX));
        let before = self.documents.len();
        let shape = if file.role == Role::Project {
            Shape::Project
        } else {
            classify::shape(&tree, root, file, id)
        };
        match shape {
            Shape::Empty | Shape::Chart => return,
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
            Shape::Other(notice) => {
                self.hidden.extend(secret::in_broken(file.text(), span));
                notices.push(*notice);
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
    }

    /// The items of a list, and of lists among them; those of a `ServiceList` need not say that they are Services. Returns what is
    /// wrong with the list.
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
            let mut identity = Identity::read(tree, *root, file.text());
            if identity.kind.is_empty() && of.kind.as_ref() != "List" {
                identity.kind = of.kind.strip_suffix("List").unwrap_or_default().into();
                identity.api_version.clone_from(&of.api_version);
            }
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

/// The YAML documents of a text.
pub(super) struct Stream {
    pub documents: Vec<YamlDocument>,
}

pub(super) struct YamlDocument {
    pub tree: Tree,
    /// From its first token to the beginning of the next document.
    pub span: Span,
    /// Whether its syntax is right.
    pub is_whole: bool,
    pub has_complex_key: bool,
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads all documents of `text`; a broken one has what stood before the fault.
pub(super) fn read(text: &str, file: FileId) -> Stream {
    everyday::read(text, file).unwrap_or_else(|| general(text, file))
}

/// The same, of any text.
pub(super) fn general(text: &str, file: FileId) -> Stream {
    let options = options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut documents = Vec::new();
    let mut builder = Builder::new(text, file);
    let mut start = 0;
    loop {
        match parser.next() {
            None => break,
            Some(Ok((Event::DocumentStart(..), span))) => start = byte_span(span).start,
            Some(Ok((Event::DocumentEnd, span))) => {
                let span = Span::new(start, byte_span(span).end);
                documents.push(document(builder.finish(), span, true));
            }
            Some(Ok((event, span))) => builder.event(event, byte_span(span)),
            Some(Err(error)) => {
                let fault = syntax::diagnose(&error, text, file);
                let at = fault_offset(&fault);
                builder.diagnostics.push(fault);
                builder.abandon();
                let more = matches!(parser.proceed_next_document(), Ok(true));
                let span = Span::new(start, next_document(text, at));
                documents.push(document(builder.finish(), span, false));
                if !more {
                    break;
                }
            }
        }
    }
    Stream { documents }
}

pub(super) fn document(built: Built, span: Span, is_whole: bool) -> YamlDocument {
    let Built { tree, mut diagnostics, has_complex_key } = built;
    if !is_whole {
        // What is said of a text that does not parse is said of a guess, but for why it does not.
        diagnostics.retain(|found| found.check.class == crate::diagnostic::Class::Input);
    }
    YamlDocument { tree, span, is_whole, has_complex_key, diagnostics }
}

fn fault_offset(fault: &Diagnostic) -> usize {
    match fault.place {
        Place::Text { span, .. } => span.start as usize,
        Place::File(_) | Place::Field { .. } => 0,
    }
}

/// Where the document after `offset` begins, or the text ends.
fn next_document(text: &str, offset: usize) -> u32 {
    let rest = text.get(offset..).unwrap_or_default();
    // A line that only begins with dashes is none, such as the first one of a private key.
    let is_end = |at: &usize| {
        let after = rest.get(at + "\n---".len()..).unwrap_or_default();
        after.is_empty() || after.starts_with(char::is_whitespace)
    };
    let end = rest.match_indices("\n---").map(|(at, _)| at).find(is_end);
    let end = end.map_or(text.len(), |at| offset + at + 1);
    u32::try_from(end).unwrap_or(u32::MAX)
}

/// Positions of a text have bytes.
pub(super) fn byte_span(span: granit_parser::Span) -> Span {
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    span.byte_range()
        .map_or(Span::default(), |range| Span::new(number(range.start), number(range.end)))
}
