//! Documents that are no YAML until a template is rendered, as `port: {{ .Values.port }}` is none.
//!
//! A notice is no error, so a policy with a fault must not pass for a template: each document is judged by itself, and its
//! braces have to be what is wrong with it. Below a chart's `templates` nobody expects anything to be read; elsewhere a policy
//! of security that is a template is an error.

use crate::diagnostic::{Diagnostic, Place};
use crate::parse::checks::{UNRENDERED_SOURCE, YAML_SYNTAX};
use crate::parse::securing;
use crate::parse::stream::{YamlDocument, read};
use crate::source::{FileId, SourceFile, Span};

/// Where a file is a template as a whole: all that is strange in it is a template's, and it is in a chart's folder of
/// templates, or has lines that no YAML has. Those may decide about the documents beside them, whatever these look like.
pub(in crate::parse) fn of_file(
    file: &SourceFile,
    id: FileId,
    stream: &[YamlDocument],
) -> Option<Diagnostic> {
    let text = file.text();
    let strange = || stream.iter().filter(|yaml| is_strange(yaml));
    let first = braces(text, strange().next()?)?;
    if strange().any(|yaml| braces(text, yaml).is_none()) {
        return None;
    }
    let is_in_templates = file.path.split('/').rev().skip(1).any(|folder| folder == "templates");
    let has_lines = || strange().any(|yaml| has_action_line(slice(text, yaml.span)));
    (is_in_templates || has_lines()).then(|| {
        let notice = notice(Place::text(id, first))
            .consequence("the resources that it makes are neither checked nor compiled")
            .help("compile what it renders to, as in `helm template . | mesh compile -`");
        let mut kinds = stream.iter().filter_map(|yaml| securing::kind(text, yaml));
        securing::judged(notice, kinds.next().filter(|_| !is_in_templates))
    })
}

/// In place of the faults of a document: a notice, if braces of a template are what is wrong with it.
pub(in crate::parse) fn of_document(
    text: &str,
    yaml: &YamlDocument,
    id: FileId,
) -> Option<Diagnostic> {
    let braces = is_strange(yaml).then(|| braces(text, yaml))??;
    let notice = notice(Place::text(id, braces))
        .consequence("nothing of this document is checked or compiled; the others of the file are")
        .help("compile what it renders to, as in `helm template . | mesh compile -`");
    Some(securing::judged(notice, securing::kind(text, yaml)))
}

/// A `{{ … }}` that YAML reads is a mapping that is a key.
fn is_strange(yaml: &YamlDocument) -> bool {
    !yaml.is_whole || yaml.has_complex_key
}

fn notice(place: Place) -> Diagnostic {
    let message = "skipped: this is a template, and not YAML until it is rendered";
    Diagnostic::new(&UNRENDERED_SOURCE, place, message).label("a template's braces")
}

/// The braces that are what is wrong with a strange document; none where something else is, or may be.
fn braces(text: &str, yaml: &YamlDocument) -> Option<Span> {
    let first = first_braces(text, yaml.span)?;
    if yaml.is_whole {
        return Some(first);
    }
    let fault = yaml.diagnostics.iter().find(|found| *found.check == YAML_SYNTAX)?;
    let Place::Text { file, span, .. } = fault.place else { return None };
    let rendered = || rendered(slice(text, yaml.span), 'x');
    first_braces(text, line(text, span.start as usize))
        .or_else(|| read(&rendered(), file).iter().all(|it| it.is_whole).then_some(first))
}

fn slice(text: &str, span: Span) -> &str {
    text.get(span.range()).unwrap_or_default()
}

/// The line that holds the byte at `at`.
fn line(text: &str, at: usize) -> Span {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |found| found + 1);
    let rest = text.get(start..).unwrap_or_default();
    let end = start + rest.find('\n').unwrap_or(rest.len());
    Span::of(start..end)
}

/// The first `{{` that begins a line or a value. In the middle of a text they are no fault of YAML's.
fn first_braces(text: &str, within: Span) -> Option<Span> {
    let mut start = within.start as usize;
    for line in slice(text, within).split_inclusive('\n') {
        let is_first = |before: &str| {
            let before = before.trim_end();
            before.is_empty() || before.ends_with([':', '-', '[', ','])
        };
        let comment = line.find(" #").unwrap_or(line.len());
        if let Some((before, _)) = line.split_once("{{")
            && is_first(before)
            && before.len() < comment
            && !before.trim_start().starts_with('#')
        {
            let at = start + before.len();
            return Some(Span::of(at..at + 2));
        }
        start += line.len();
    }
    None
}

/// Whether a line begins with an action, as `{{- if .Values.x }}` does.
fn has_action_line(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("{{"))
}

/// In place of what an action makes: a character that nobody writes.
pub(super) const UNKNOWN: char = '\u{e000}';

/// The same with a `word` in place of each action, and with nothing in place of those that have their lines to themselves.
pub(super) fn rendered(text: &str, word: char) -> String {
    let mut rendered = String::with_capacity(text.len());
    let mut rest = text;
    // Whether the line has nothing but space so far.
    let mut begins = true;
    while let Some((before, action)) = rest.split_once("{{")
        && let Some((_, after)) = action.split_once("}}")
    {
        rendered.push_str(before);
        let line = before.rsplit('\n').next().unwrap_or_default();
        begins = (begins || line.len() < before.len()) && line.trim().is_empty();
        let left = after.trim_start_matches([' ', '\t', '\r']);
        if !(begins && (left.is_empty() || left.starts_with('\n'))) {
            rendered.push(word);
            begins = false;
        }
        rest = after;
    }
    rendered + rest
}
