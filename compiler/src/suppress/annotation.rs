//! Istio's own way: the annotation `galley.istio.io/analyze-suppress` on the resource concerned.
//!
//! Its value is a list of codes, or `*`. `CODE=RESOURCE`, which `istioctl analyze --suppress` takes, is understood here
//! too: `IST0103=Pod default/foo*`. As in istioctl, a finding is the resource's at which it is made.

use rayon::prelude::*;

use crate::diagnostic::{Class, Finding};
use crate::parse::{Content, Document, Parsed};
use crate::source::FileId;

const KEY: &str = "galley.istio.io/analyze-suppress";

/// What one entry of an annotation allows.
#[derive(Debug)]
pub(super) struct Annotation {
    pub(super) file: FileId,
    /// `VirtualService shop/reviews`.
    pub(super) resource: String,
    /// `VirtualService reviews.shop`, as older versions of Istio write it.
    dotted: String,
    /// A check's name or alias, or `*`.
    code: String,
    /// A pattern that the resource must match.
    pattern: Option<String>,
}

/// Of all resources.
pub(super) fn all(parsed: &Parsed) -> Vec<Annotation> {
    let files: Vec<_> = parsed.sources().iter().map(|(_, file)| file.text()).collect();
    let named: Vec<bool> = files.into_par_iter().map(may_name).collect();
    let is_named = |file: FileId| named.get(file.0 as usize).copied().unwrap_or_default();
    let documents = parsed.documents().filter(|(_, document)| is_named(document.file));
    documents.flat_map(|(_, document)| of(document, parsed)).collect()
}

/// Whether the annotation may stand in a text: few have it, and to ask each of their resources takes much longer.
fn may_name(text: &str) -> bool {
    // A key may be written with escapes.
    text.contains(KEY) || text.contains('\\')
}

fn of(document: &Document, parsed: &Parsed) -> Vec<Annotation> {
    let (tree, source) = (parsed.tree(document.tree), parsed.source(document.file).text());
    let entry = |node, key| Some(tree.entry(node, key, source)?.value);
    let value = entry(document.root, "metadata")
        .and_then(|metadata| entry(metadata, "annotations"))
        .and_then(|annotations| entry(annotations, KEY));
    let Some(Content::Text(text)) = value.map(|value| tree.content(value)) else {
        return Vec::new();
    };
    let identity = &document.identity;
    let name = identity.name.as_deref().unwrap_or_default();
    let dotted = identity.namespace.as_deref().map(|namespace| format!("{name}.{namespace}"));
    let annotation = |entry: &str| {
        let (code, pattern) = match entry.split_once('=') {
            Some((code, pattern)) => (code, Some(pattern.trim().to_owned())),
            None => (entry, None),
        };
        Annotation {
            file: document.file,
            resource: document.to_string(),
            dotted: format!("{} {}", identity.kind, dotted.as_deref().unwrap_or(name)),
            code: code.trim().to_owned(),
            pattern,
        }
    };
    tree.text(text, source).split(',').map(annotation).collect()
}

impl Annotation {
    /// Whether it allows a finding at its resource.
    pub(super) fn allows(&self, finding: &Finding) -> bool {
        let is_named = self.code == "*" || finding.check.is_called(&self.code);
        let fits = |pattern: &String| {
            [&self.resource, &self.dotted].into_iter().any(|name| matches(pattern, name))
        };
        is_named && finding.check.class == Class::Lint && self.pattern.as_ref().is_none_or(fits)
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part) {
            Some(at) => text = text.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{all, matches};
    use crate::testing::Compiled;

    #[test]
    fn however_the_key_is_written_it_is_found() {
        for key in [
            "galley.istio.io/analyze-suppress",
            "\"galley.istio.io\\/analyze-suppress\"",
            "\"galley.istio.io/analyze\\x2dsuppress\"",
        ] {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations: {{{key}: IST0103}}\n"
            );
            assert_eq!(all(&Compiled::text(&text).parsed).len(), 1, "{key}");
        }
        let other = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {a: IST0103}}\n";
        assert!(all(&Compiled::text(other).parsed).is_empty());
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("Pod default/foo*", "Pod default/foo-1", true),
            ("Pod default/foo*", "Pod other/foo", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b", "ab-", false),
            ("a", "ab", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
