//! What was found, in words.

use std::collections::BTreeMap;

use crate::api::checks::{
    AMBIGUOUS_SCALAR, EMPTY_FIELD, INVALID_VALUE, MISSING_FIELD, TOO_MANY_FAULTS, UNKNOWN_FIELD,
    UNKNOWN_VALUE, UNRESOLVED_PLACEHOLDER, WRONG_TYPE,
};
use crate::api::removed;
use crate::diagnostic::{Applicability, Diagnostic, Fix, Place, within_brackets};
use crate::parse::{
    Content, Document, DocumentId, Entry, NodeId, is_securing, judged, may_be_secret, scalar,
};
use crate::source::Span;

use super::log::{FAULTS_MAX, Log, Note};
use super::meant::{is_decimal, unquoted};
use super::stop::{Expected, Fault, Stop};
use super::suggest::{is_same_word, nearest};
use super::value::Reader;

/// Longer values are not quoted in messages.
const QUOTED_MAX: usize = 40;

/// Everything that the log holds, in the order of its discovery.
pub(super) fn diagnose(
    reader: &Reader<'_>,
    id: DocumentId,
    document: &Document,
    log: &Log,
) -> Vec<Diagnostic> {
    let words = Words { reader, id, document };
    let stops = log.stops();
    let notes = log.notes();
    // What slipped out of a field tells why this is empty, and the first of it says it all.
    let mut slipped = BTreeMap::new();
    for note in notes.iter() {
        if let Some(from) = words.slipped(note) {
            slipped.entry(from).or_insert(note);
        }
    }
    let is_slipped = |note: &Note| {
        let from = words.slipped(note);
        from.is_some_and(|from| slipped.get(&from).is_none_or(|first| !std::ptr::eq(*first, note)))
    };
    let is_emptied = |stop: &&Stop| match (stop.node, &stop.fault) {
        (Some(node), Fault::Missing(field)) => reader
            .tree
            .entry(node, field, reader.source)
            .is_some_and(|entry| slipped.contains_key(&entry.key_span)),
        _ => false,
    };
    let stopping = stops.iter().take(FAULTS_MAX).filter(|stop| !is_emptied(stop));
    let faults = stopping.filter_map(|stop| words.stop(stop));
    let notes = notes.iter().take(FAULTS_MAX).filter(|note| !is_said(note, reader, &stops));
    // There `null` is what programs write for nothing, and an API server takes it. Source: Kubernetes, `ObjectMeta`.
    let metadata = reader.tree.entry(document.root, "metadata", reader.source);
    let metadata = metadata.map(|it| reader.tree.span(it.value).range());
    let is_of_metadata = |entry: &Entry| {
        metadata.as_ref().is_some_and(|it| it.contains(&entry.key_span.range().start))
    };
    let notes = notes.filter(|note| match note {
        Note::Absent(entry) => !slipped.contains_key(&entry.key_span) && !is_of_metadata(entry),
        note => !is_slipped(note),
    });
    let notes = notes.map(|note| words.note(note));
    let more = log.is_full().then(|| words.more());
    faults.chain(notes).chain(words.placeholders(&log.placeholders())).chain(more).collect()
}

/// A field that must be there and has no value is missing, and that says it all.
fn is_said(note: &Note, reader: &Reader<'_>, stops: &[Stop]) -> bool {
    let Note::Absent(entry) = note else { return false };
    let key = reader.tree.text(entry.key, reader.source);
    stops.iter().any(|stop| {
        let is_same = |node| reader.tree.entry(node, key, reader.source) == Some(entry);
        matches!(stop.fault, Fault::Missing(field) if field == key)
            && stop.node.is_some_and(is_same)
    })
}

/// What an unknown field may be.
enum Meant<'f> {
    /// It was one; what to write instead.
    Removed(&'static str),
    Near(&'f str),
    FurtherOut,
    /// The value, or a part of it, of the key there.
    Slipped(Span),
    Nothing,
}

struct Words<'a> {
    reader: &'a Reader<'a>,
    id: DocumentId,
    document: &'a Document,
}

impl Words<'_> {
    fn place(&self, span: Span) -> Place {
        Place::Text { file: self.document.file, span, document: Some(self.id) }
    }

    fn source(&self, span: Span) -> &str {
        self.reader.source.get(span.range()).unwrap_or_default()
    }

    /// The value's own bytes; those of its key where it has none.
    fn value(&self, node: NodeId) -> Place {
        let span = self.reader.tree.span(node);
        if !span.is_empty() {
            return self.place(span);
        }
        let key = self.reader.tree.key_of(node).map(|entry| entry.key_span);
        self.place(key.unwrap_or(span))
    }

    fn more(&self) -> Diagnostic {
        let message =
            format!("more is wrong with this resource than the {FAULTS_MAX} faults that are shown");
        let span = self.reader.tree.entries(self.document.root).first().map(|entry| entry.key_span);
        Diagnostic::new(&TOO_MANY_FAULTS, self.place(span.unwrap_or_default()), message)
            .consequence("nothing of it is compiled")
    }

    fn stop(&self, stop: &Stop) -> Option<Diagnostic> {
        let node = stop.node?;
        let name = stop.name.as_deref().filter(|name| !name.is_empty());
        let subject = name.map_or_else(|| "the document".to_owned(), |name| format!("`{name}`"));
        Some(match &stop.fault {
            Fault::WrongType(expected) => self.wrong_type(node, &subject, *expected),
            Fault::OutOfRange { min, max } => Diagnostic::new(
                &WRONG_TYPE,
                self.value(node),
                format!("`{}` is out of range for {subject}", self.shown(node)),
            )
            .label(format!("takes {min} to {max}")),
            Fault::UnknownValue(known) => self.unknown_value(node, &subject, known),
            Fault::Missing(field) => self.missing(node, field),
            Fault::Invalid(reason) => self.invalid(node, &subject, reason),
        })
    }

    /// Of a text that can be shown it is the text that is wrong.
    fn invalid(&self, node: NodeId, field: &str, reason: &str) -> Diagnostic {
        let shown = self.shown(node);
        let is_text = matches!(self.reader.tree.content(node), Content::Text(_));
        let is_short = !shown.is_empty() && shown.len() <= QUOTED_MAX && !shown.contains('\n');
        let subject = if is_text && is_short && !self.is_secret() {
            format!("`{}`", shown.trim_matches(['"', '\'']))
        } else {
            field.to_owned()
        };
        let (what, label) = reason.split_once("; ").unwrap_or((reason, ""));
        Diagnostic::new(&INVALID_VALUE, self.value(node), format!("{subject} {what}")).label(label)
    }

    fn wrong_type(&self, node: NodeId, subject: &str, expected: Expected) -> Diagnostic {
        let found = self.found(node);
        let message = format!("{subject} takes {}, and this is {found}", expected.words());
        let mut diagnostic = Diagnostic::new(&WRONG_TYPE, self.value(node), message)
            .label(format!("should be {}", expected.words()));
        if self.is_secret() {
            return diagnostic;
        }
        let span = self.reader.tree.span(node);
        let text = self.source(span);
        if expected == Expected::Text && self.is_plain_scalar(node) {
            let why = match self.reader.tree.content(node) {
                Content::Bool(_) => {
                    "Kubernetes and Istio read this word as a truth value unless it is quoted"
                }
                _ => "without quotes it is a number",
            };
            diagnostic = diagnostic.help(why);
            if !PORTS.contains(&subject) || is_port(text) {
                let fix = Fix::new(Applicability::Safe, "put it in quotes");
                diagnostic = diagnostic.fix(fix.replace(self.place(span), format!("\"{text}\"")));
            } else if let Some(port) = port(self.reader.tree.content(node), text) {
                let fix = Fix::new(Applicability::Safe, format!("write `\"{port}\"`"));
                diagnostic = diagnostic.fix(fix.replace(self.place(span), format!("\"{port}\"")));
            }
        }
        if let Expected::Fields(fields) = expected {
            diagnostic = diagnostic.help(of_fields(fields));
            // A scalar in place of a mapping of one can be meant for nothing else.
            if let ([field], false) = (fields, text.contains('\n')) {
                let quote = if text.starts_with('"') { "\"" } else { "" };
                let text = format!("{{{quote}{field}{quote}: {}}}", within_brackets(text));
                let fix = Fix::new(Applicability::Unsafe, format!("write `{text}`"))
                    .replace(self.place(span), text);
                diagnostic = diagnostic.fix(fix);
            }
        }
        if expected == Expected::Duration
            && let Some(text) = with_unit(self.reader.tree.content(node))
        {
            let fix = Fix::write(Applicability::Unsafe, self.place(span), &*text);
            diagnostic = diagnostic.help(format!("a span of time has a unit: `{text}`")).fix(fix);
        }
        if let Some((bare, value)) = unquoted(expected, text) {
            diagnostic = match value {
                scalar::Scalar::Bool(value) if value.to_string() != bare => {
                    let fix = Fix::new(Applicability::Safe, format!("write `{value}`"));
                    diagnostic.fix(fix.replace(self.place(span), value.to_string()))
                }
                _ => diagnostic.fix(self.bare(span, bare)),
            };
        }
        if expected == Expected::List
            && !matches!(self.reader.tree.content(node), Content::Mapping(_))
            && !text.contains('\n')
        {
            // What has a comma may be meant for several.
            let applicability =
                if text.contains(',') { Applicability::Unsafe } else { Applicability::Safe };
            let fix = Fix::new(applicability, "make it a list of one")
                .replace(self.place(span), format!("[{}]", within_brackets(text)));
            diagnostic = diagnostic.fix(fix);
        }
        diagnostic
    }

    fn bare(&self, span: Span, bare: &str) -> Fix {
        Fix::new(Applicability::Safe, "remove the quotes").replace(self.place(span), bare)
    }

    fn is_plain_scalar(&self, node: NodeId) -> bool {
        let is_scalar = matches!(
            self.reader.tree.content(node),
            Content::Bool(_) | Content::Integer(_) | Content::Float(_)
        );
        is_scalar && !self.reader.tree.span(node).is_empty()
    }

    /// `a list`, `the number 80`, `nothing`.
    fn found(&self, node: NodeId) -> String {
        let shown = self.shown(node);
        // Nothing but an alias begins so.
        if shown.starts_with('*') {
            let what = match self.reader.tree.content(node) {
                Content::Null => "nothing",
                Content::Bool(_) => "a truth value",
                Content::Integer(_) | Content::Float(_) => "a number",
                Content::Text(_) => "a text",
                Content::Sequence(_) => "a list",
                Content::Mapping(_) => "a mapping",
                Content::Faulty => "something faulty",
            };
            return format!("`{shown}`, which stands for {what}");
        }
        match self.reader.tree.content(node) {
            Content::Null => "nothing".into(),
            Content::Bool(value) if shown == value.to_string() => {
                format!("the truth value `{shown}`")
            }
            Content::Bool(value) => format!("`{shown}`, which means `{value}`"),
            Content::Integer(_) | Content::Float(_) => format!("the number `{shown}`"),
            Content::Text(_)
                if self.is_secret() || shown.len() > QUOTED_MAX || shown.contains('\n') =>
            {
                "a text".into()
            }
            Content::Text(_) => format!("the text `{shown}`"),
            Content::Sequence(_) => "a list".into(),
            Content::Mapping(_) => "a mapping".into(),
            Content::Faulty => "faulty".into(),
        }
    }

    /// As it stands in the file. Of a Secret nothing is ever said.
    fn shown(&self, node: NodeId) -> &str {
        if self.is_secret() { "…" } else { self.source(self.reader.tree.span(node)) }
    }

    fn is_secret(&self) -> bool {
        may_be_secret(&self.document.identity.kind)
    }

    fn unknown_value(&self, node: NodeId, subject: &str, known: &[&str]) -> Diagnostic {
        let word = match self.reader.tree.content(node) {
            Content::Text(text) => self.reader.tree.text(text, self.reader.source),
            _ => self.shown(node),
        };
        let list: Vec<_> =
            known.iter().filter(|word| !word.is_empty()).map(|word| format!("`{word}`")).collect();
        let mut diagnostic = Diagnostic::new(
            &UNKNOWN_VALUE,
            self.value(node),
            format!("`{word}` is no value of {subject}"),
        )
        .help(format!("the values are {}", list.join(", ")));
        diagnostic.label = "not one of its values".into();
        if let Some(near) = nearest(word, known.iter().copied()) {
            diagnostic.label = format!("did you mean `{near}`?");
            diagnostic = diagnostic.fix(self.spelling(self.reader.tree.span(node), word, near));
        }
        diagnostic
    }

    /// Another way to write a word is safe; another word is a guess.
    fn spelling(&self, span: Span, from: &str, to: &str) -> Fix {
        let applicability =
            if is_same_word(from, to) { Applicability::Safe } else { Applicability::Unsafe };
        Fix::write(applicability, self.place(span), to)
    }

    fn missing(&self, node: NodeId, field: &str) -> Diagnostic {
        let tree = self.reader.tree;
        let span = match tree.entry(node, field, self.reader.source) {
            Some(entry) => {
                let message = format!("`{field}` is missing: `null` is no value");
                return Diagnostic::new(&MISSING_FIELD, self.place(entry.key_span), message)
                    .label(format!("needs `{field}`"));
            }
            None => match (tree.key_of(node), tree.entries(node).first()) {
                (Some(key), _) => key.key_span,
                (None, Some(first)) => first.key_span,
                (None, None) => tree.span(node),
            },
        };
        // One that names the namespace of its resources puts it wherever one is asked for.
        if self.reader.is_built && field == "namespace" {
            let message = "`namespace` is missing, which a kustomization fills in".to_owned();
            return of_kustomizations(&self.document.identity.kind, self.place(span), &[], message);
        }
        Diagnostic::new(&MISSING_FIELD, self.place(span), format!("`{field}` is missing"))
            .label(format!("needs `{field}`"))
    }

    fn note(&self, note: &Note) -> Diagnostic {
        match note {
            Note::UnknownField { of, entry, fields, outer } => {
                self.unknown_field(*of, entry, fields, outer)
            }
            Note::Absent(entry) => {
                let name = self.source(entry.key_span);
                Diagnostic::new(
                    &EMPTY_FIELD,
                    self.place(entry.key_span),
                    format!("`{name}` has no value"),
                )
                .label("read as if it were not there")
                .consequence(
                    "an API server refuses the resource, and Istio's own tools ignore the field",
                )
                .help("remove the line, or give it a value; `{}` and `[]` are empty values")
            }
            Note::Ambiguous(value) => {
                let (shown, content) = (self.shown(*value), self.reader.tree.content(*value));
                let meaning = match content {
                    Content::Bool(value) => value.to_string(),
                    Content::Integer(value) => value.to_string(),
                    Content::Float(value) => value.to_string(),
                    _ => String::new(),
                };
                let fix = Fix::new(Applicability::Safe, format!("write `{meaning}`"))
                    .replace(self.value(*value), meaning.clone());
                Diagnostic::new(
                    &AMBIGUOUS_SCALAR,
                    self.value(*value),
                    format!(
                        "`{shown}` means `{meaning}` to Kubernetes, and not to every reader of YAML"
                    ),
                )
                .label(format!("read as `{meaning}`"))
                .consequence(format!("it is `{meaning}` here; another program may write it back as the text `{shown}`"))
                .fix(fix)
            }
        }
    }

    fn unknown_field(
        &self,
        of: NodeId,
        entry: &Entry,
        fields: &[&str],
        outer: &[&str],
    ) -> Diagnostic {
        let key = self.reader.tree.text(entry.key, self.reader.source);
        let kind = &*self.document.identity.kind;
        let message = match self.reader.tree.key_of(of).map(|parent| self.source(parent.key_span)) {
            Some(parent) => format!("`{key}` is no field of `{parent}`"),
            None => format!("`{key}` is no field of {kind}"),
        };
        let diagnostic = Diagnostic::new(&UNKNOWN_FIELD, self.place(entry.key_span), message)
            .label("unknown field")
            .consequence("a cluster drops it without a word, or refuses the resource; it never has an effect");
        match self.meant(of, entry, fields, outer) {
            Meant::Removed(instead) => diagnostic.label("was removed from the API").help(instead),
            Meant::Near(near) => {
                let fix = self.spelling(entry.key_span, key, near);
                diagnostic.label(format!("did you mean `{near}`?")).fix(fix)
            }
            Meant::FurtherOut => diagnostic
                .help("such a field exists one level further out: is the line indented too far?"),
            Meant::Slipped(parent) => diagnostic
                .also(self.place(parent), "this has no value")
                .help("is the line indented too little?"),
            Meant::Nothing => diagnostic.help(of_fields(fields)),
        }
    }

    fn meant<'f>(
        &self,
        of: NodeId,
        entry: &Entry,
        fields: &[&'f str],
        outer: &[&str],
    ) -> Meant<'f> {
        let key = self.reader.tree.text(entry.key, self.reader.source);
        if let Some(instead) = removed::instead(&self.document.identity.kind, key) {
            return Meant::Removed(instead);
        }
        let absent = fields.iter().copied().filter(|field| !self.has(of, field));
        if let Some(near) = nearest(key, absent) {
            return Meant::Near(near);
        }
        if outer.contains(&key) {
            return Meant::FurtherOut;
        }
        self.empty_before(of, entry).map_or(Meant::Nothing, |it| Meant::Slipped(it.key_span))
    }

    /// The key, left without a value, under which the unknown field perhaps belongs.
    fn slipped(&self, note: &Note) -> Option<Span> {
        let Note::UnknownField { of, entry, fields, outer } = note else { return None };
        match self.meant(*of, entry, fields, outer) {
            Meant::Slipped(parent) => Some(parent),
            _ => None,
        }
    }

    fn has(&self, mapping: NodeId, field: &str) -> bool {
        self.reader.tree.entry(mapping, field, self.reader.source).is_some()
    }

    /// The entry before `entry`, if it has no value: perhaps `entry` is it.
    fn empty_before(&self, of: NodeId, entry: &Entry) -> Option<Entry> {
        let entries = self.reader.tree.entries(of);
        let position = entries.iter().position(|other| other == entry)?;
        let mut before = entries.iter().take(position).rev();
        before.find(|other| self.reader.tree.content(other.value) == Content::Null).copied()
    }

    /// One notice for all the holes of a resource, at the first.
    fn placeholders(&self, nodes: &[NodeId]) -> Option<Diagnostic> {
        let (first, rest) = nodes.split_first()?;
        let message = match rest.len() {
            0 => "a value is a placeholder that is not filled in".to_owned(),
            more => format!("{} values are placeholders that are not filled in", more + 1),
        };
        let diagnostic = Diagnostic::new(&UNRESOLVED_PLACEHOLDER, self.value(*first), message)
            .label("filled in by whom?")
            .consequence(LEFT_OUT)
            .help("compile what the substitution yields, as in `envsubst < FILE | mesh compile -`");
        let kind = &*self.document.identity.kind;
        let diagnostic = judged(diagnostic, Some(kind).filter(|kind| is_securing(kind)));
        Some(
            rest.iter()
                .take(SHOWN_MAX)
                .fold(diagnostic, |diagnostic, node| diagnostic.also(self.value(*node), "another")),
        )
    }
}

/// One notice for what kustomizations fill in, in the places of a resource of this kind.
pub(in crate::api) fn of_kustomizations(
    kind: &str,
    first: Place,
    others: &[Place],
    message: String,
) -> Diagnostic {
    let found = Diagnostic::new(&UNRESOLVED_PLACEHOLDER, first, message)
        .label("filled in by a kustomization")
        .consequence(LEFT_OUT)
        .help("compile what is built, as in `kustomize build | mesh compile -`");
    let found = judged(found, Some(kind).filter(|kind| is_securing(kind)));
    others.iter().take(SHOWN_MAX).fold(found, |found, place| found.also(place.clone(), "another"))
}

/// What becomes of a resource that waits for its placeholders.
const LEFT_OUT: &str =
    "the resource is checked as far as it can be, and left out of what is compiled";

/// How many more places a notice points at.
const SHOWN_MAX: usize = 4;

/// A number as a span of time: of seconds, which is what most readers mean. Zero is the same in every unit, and not what every
/// field takes.
fn with_unit(content: Content) -> Option<String> {
    match content {
        Content::Integer(seconds @ 0..) => Some(format!("{seconds}s")),
        Content::Float(seconds) if seconds > 0.0 && (seconds * 1000.0).fract() == 0.0 => {
            Some(format!("{}ms", seconds * 1000.0))
        }
        _ => None,
    }
}

/// What takes numbers as texts, as messages name it: elsewhere a text is meant as it stands.
const PORTS: &[&str] = &["`ports`", "`notPorts`"];

/// Whether a number is written as a port is.
fn is_port(number: &str) -> bool {
    is_decimal(number) && number.parse::<u16>().is_ok()
}

/// The port that a number is to everybody. `0120` is eighty to one version of YAML, and `8_0` to one alone.
fn port(number: Content, text: &str) -> Option<u16> {
    let digits = text.trim_start_matches('+');
    let is_common = digits.starts_with("0x") || is_decimal(digits);
    match number {
        _ if digits.contains('_') || !is_common => None,
        Content::Integer(number) => u16::try_from(number).ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is whole, and in range"
        )]
        Content::Float(number) => {
            (number.fract() == 0.0 && (0.0..=65535.0).contains(&number)).then_some(number as u16)
        }
        _ => None,
    }
}

fn list(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}
/// How many fields are named.
const FIELDS_MAX: usize = 16;

fn of_fields(fields: &[&str]) -> String {
    match fields.split_at_checked(FIELDS_MAX) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("its fields are {}, and {} more", list(first), rest.len())
        }
        _ if fields.is_empty() => "it has no fields".to_owned(),
        _ if fields.len() == 1 => format!("its only field is {}: put this under it", list(fields)),
        _ => format!("its fields are {}", list(fields)),
    }
}
