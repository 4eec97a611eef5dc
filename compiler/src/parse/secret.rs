//! What must never be shown: the data of Secrets.

use super::stream::YamlDocument;
use super::{Document, NodeId, Tree};
use crate::source::{SourceFile, Span};

/// Everything of a Secret but what it is and how it is called: a misspelt `stringdata` is data too, and `kubectl`
/// keeps a copy of all in the annotations. A kind that only sounds like a Secret may be a misspelt one.
pub(super) fn spans(tree: &Tree, document: &Document, source: &str) -> Vec<Span> {
    if !may_be_secret(&document.identity.kind) {
        return Vec::new();
    }
    let mut spans = Vec::new();
    for entry in tree.entries(document.root) {
        match tree.text(entry.key, source) {
            "apiVersion" | "kind" | "type" | "immutable" => {}
            "metadata" => {
                let is_shown = |key| matches!(key, "name" | "namespace" | "labels");
                let own = tree.entries(entry.value).iter();
                let own = own.filter(|entry| !is_shown(tree.text(entry.key, source)));
                own.for_each(|entry| hide(tree, entry.value, source, &mut spans));
            }
            _ => hide(tree, entry.value, source, &mut spans),
        }
    }
    spans
}

/// Whether something that calls itself so holds what must not be shown.
#[must_use]
pub(crate) fn may_be_secret(kind: &str) -> bool {
    kind.to_ascii_lowercase().contains("secret")
}

/// A value as it stands there; of a mapping, its keys may be seen. What an alias stands for, or a mapping that is merged into
/// this one, lies elsewhere.
fn hide(tree: &Tree, value: NodeId, source: &str, spans: &mut Vec<Span>) {
    let whole = tree.span(value);
    let entries = tree.entries(value);
    let mut known: Vec<_> =
        entries.iter().flat_map(|entry| [entry.key_span, tree.span(entry.value)]).collect();
    known.retain(|span| whole.start <= span.start && span.end <= whole.end);
    known.sort_unstable();
    spans.extend(entries.iter().map(|entry| tree.span(entry.value)));
    // What of a mapping is in no tree, as a text that is merged into it, is hidden with what is beside it.
    let mut start = whole.start;
    for next in known.into_iter().chain([Span::new(whole.end, whole.end)]) {
        let between = source.get(start as usize..next.start as usize).unwrap_or_default();
        if between.contains(|it: char| !it.is_whitespace() && !"{}[],:?\"'".contains(it)) {
            spans.push(Span::new(start, next.start));
        }
        start = start.max(next.end);
    }
}

/// What a kustomization makes Secrets of: texts in itself.
pub(super) fn of_generators(tree: &Tree, root: NodeId, source: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let Some(generators) = tree.entry(root, "secretGenerator", source) else { return spans };
    for generator in tree.elements(generators.value) {
        if let Some(literals) = tree.entry(*generator, "literals", source) {
            hide(tree, literals.value, source, &mut spans);
        }
    }
    spans
}

/// The same of a whole file; of one that does not parse, all that follows the word.
pub(super) fn in_kustomization(source: &str, stream: &[YamlDocument]) -> Vec<Span> {
    const WORD: &str = "secretGenerator";
    let of = |yaml: &YamlDocument| {
        if yaml.is_whole {
            let root = yaml.tree.root();
            return root.map(|root| of_generators(&yaml.tree, root, source)).unwrap_or_default();
        }
        let text = source.get(yaml.span.range()).unwrap_or_default();
        let rest = |at: usize| {
            Span::of(yaml.span.start as usize + at + WORD.len()..yaml.span.end as usize)
        };
        text.find(WORD).map(rest).into_iter().collect()
    };
    stream.iter().flat_map(of).collect()
}

/// In a file that is not read as resources, whatever the reason. Of one that is not text there is only the beginning, and what
/// its last document is may stand in the rest.
pub(super) fn in_unread(file: &SourceFile) -> Vec<Span> {
    let text = file.text();
    let whole = Span::of(0..text.len());
    let last = text.rfind("\n---\n").map_or(0, |at| at + 1);
    let is_told = text.get(last..).is_some_and(|last| last.contains("kind"));
    let cut = (!file.is_readable() && !is_told)
        .then(|| after_data(text, Span::of(last..text.len())))
        .flatten();
    in_broken(text, whole).into_iter().chain(cut).collect()
}

/// In a document that does not parse, everything after a word that says Secret, since nobody knows where
/// its data begins and ends.
pub(super) fn in_broken(source: &str, span: Span) -> Option<Span> {
    let text = source.get(span.range())?;
    let is_secret = text.lines().any(|line| {
        let line: String =
            line.chars().filter(|c| !c.is_whitespace() && !"'\",{".contains(*c)).collect();
        line.split_once("kind:").is_some_and(|(_, kind)| may_be_secret(kind))
    });
    is_secret.then(|| after_data(source, span)).flatten()
}

/// Everything after the first word that may stand for data, `metadata` too.
fn after_data(source: &str, span: Span) -> Option<Span> {
    let text = source.get(span.range())?;
    let data = text.find("ata:").or_else(|| text.find("ata\""))?;
    let rest = Span::of(span.start as usize + data + 4..span.end as usize);
    (!rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, Role};

    #[test]
    fn a_broken_secret_hides_all_that_may_be_data() {
        let text = "kind: Secret\ndata:\n  a: c2VjcmV0\n b: [\n";
        let hidden = in_broken(text, Span::new(0, u32::try_from(text.len()).unwrap())).unwrap();
        assert_eq!(&text[hidden.range()], "\n  a: c2VjcmV0\n b: [\n");
        assert!(in_broken("kind: secret\ndata: x\n", Span::new(0, 21)).is_some());
        assert_eq!(in_broken("kind: Service\ndata: x\n", Span::new(0, 22)), None);
    }

    /// What is shown of a file.
    fn shown(name: &str, text: &str) -> String {
        let mut file = SourceFile::new(name.to_owned(), Role::Policy, text.to_owned());
        let parsed = crate::parse::parse(&file, FileId(0), &mut Vec::new());
        file.hide(parsed.hidden);
        file.shown_text().to_owned()
    }

    #[test]
    fn of_a_secret_only_the_keys_are_shown() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {<<: hunter2, a: hunter3}\n";
        let shown = shown("a.yaml", text);
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("name: a") && shown.contains(" a: *"), "{shown}");
    }

    #[test]
    fn what_a_kustomization_makes_secrets_of_is_not_shown() {
        let text = "resources: [a.yaml]\nsecretGenerator:\n- name: db\n  literals:\n  - password=hunter2\n";
        for end in ["", " bad: [\n"] {
            let shown = shown("kustomization.yaml", &format!("{text}{end}"));
            assert!(shown.contains("a.yaml") && !shown.contains("hunter"), "{shown}");
        }
    }
}
