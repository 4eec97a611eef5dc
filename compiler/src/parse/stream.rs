//! A text's YAML documents, whether or not it is a file, or has resources in it.

use granit_parser::{Event, Parser, options};

use super::build::{Builder, Built};
use super::{Tree, everyday, syntax};
use crate::diagnostic::{Class, Diagnostic, Place};
use crate::source::{FileId, Span};

/// How deep lists and mappings may lie in each other. The deepest field of any kind lies at 20.
pub(crate) const DEPTH_MAX: usize = 100;

pub(super) struct YamlDocument {
    pub tree: Tree,
    /// From its first token to the beginning of the next document.
    pub span: Span,
    /// Whether its syntax is right.
    pub is_whole: bool,
    pub has_complex_key: bool,
    pub diagnostics: Vec<Diagnostic>,
}

impl YamlDocument {
    /// Whether it is a line that divides documents and nothing more: a file may have millions.
    pub(super) fn is_nothing(&self, text: &str) -> bool {
        let own = text.get(self.span.range()).unwrap_or_default().trim();
        self.is_whole && self.diagnostics.is_empty() && matches!(own, "" | "---")
    }
}

/// Reads all documents of `text`; a broken one has what stood before the fault.
pub(super) fn read(text: &str, file: FileId) -> Vec<YamlDocument> {
    everyday::read(text, file).unwrap_or_else(|| general(text, file))
}

/// The same, of any text.
pub(super) fn general(text: &str, file: FileId) -> Vec<YamlDocument> {
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
                let document = document(builder.finish(), span, true);
                if !document.is_nothing(text) {
                    documents.push(document);
                }
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
    documents
}

pub(super) fn document(built: Built, span: Span, is_whole: bool) -> YamlDocument {
    let Built { tree, mut diagnostics, has_complex_key } = built;
    if !is_whole {
        // What is said of a text that does not parse is said of a guess, but for why it does not.
        diagnostics.retain(|found| found.check.class == Class::Input);
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
