//! Resources that stand in a repository twice.

use std::collections::BTreeMap;

use super::checks::DUPLICATE_RESOURCE;
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::parse::{Document, DocumentId, Parsed};
use crate::source::FileId;

/// A resource, and the first one of the same kind, namespace and name.
pub(super) type Duplicate = (DocumentId, DocumentId);

/// How many more resources a finding points at.
const SHOWN_MAX: usize = 3;

/// Resources that are twice in the same two files have one cause.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Cause<'p> {
    /// Two overlays that nobody told apart.
    Kustomizations,
    /// One of them is a copy of the other: the same files lie in both, with the same texts.
    Folders { first: &'p str, second: &'p str },
    Files {
        first: FileId,
        second: FileId,
        /// Whether their texts are the same, so that it does not matter which one counts.
        are_equal: bool,
    },
}

/// One finding for all that have the same cause.
pub(super) fn report(parsed: &Parsed, all: &[Duplicate]) -> Vec<Diagnostic> {
    let mut by_cause: BTreeMap<Cause, Vec<Duplicate>> = BTreeMap::new();
    for duplicate in all {
        by_cause.entry(cause(parsed, *duplicate)).or_default().push(*duplicate);
    }
    by_cause.iter().filter_map(|(cause, all)| describe(parsed, *cause, all)).collect()
}

fn cause(parsed: &Parsed, (second, first): Duplicate) -> Cause<'_> {
    let (first, second) = (parsed.document(first), parsed.document(second));
    let kustomizations = parsed.kustomizations();
    if kustomizations.change(first.file) || kustomizations.change(second.file) {
        return Cause::Kustomizations;
    }
    let are_equal = text(parsed, first) == text(parsed, second);
    let path = |document: &Document| parsed.source(document.file).path.as_str();
    if are_equal && let Some((first, second)) = copied(path(first), path(second)) {
        return Cause::Folders { first, second };
    }
    Cause::Files { first: first.file, second: second.file, are_equal }
}

/// The folders in which two files have the same path, the outermost first.
fn copied<'p>(first: &'p str, second: &'p str) -> Option<(&'p str, &'p str)> {
    let same = std::iter::zip(first.rsplit('/'), second.rsplit('/')).take_while(|(a, b)| a == b);
    let below: usize = same.map(|(part, _)| part.len() + 1).sum();
    let above = |path: &'p str| path.get(..path.len().saturating_sub(below)).unwrap_or_default();
    (below > 0).then(|| (above(first), above(second))).filter(|(first, second)| first != second)
}

fn text<'p>(parsed: &'p Parsed, document: &Document) -> &'p str {
    let span = parsed.tree(document.tree).span(document.root);
    parsed.source(document.file).text().get(span.range()).unwrap_or_default().trim_end()
}

fn describe(parsed: &Parsed, cause: Cause<'_>, all: &[Duplicate]) -> Option<Diagnostic> {
    let ((id, first), more) = all.split_first()?;
    let (what, stand) = match more.len() {
        0 => (parsed.document(*id).to_string(), "stands"),
        more => (format!("{} resources", more + 1), "stand"),
    };
    let found = |message: String| {
        let found = Diagnostic::new(&DUPLICATE_RESOURCE, Place::resource(*id), message);
        let found = found.label("again").also(Place::resource(*first), "first here");
        let shown = more.iter().take(SHOWN_MAX);
        shown.fold(found, |found, (id, _)| found.also(Place::resource(*id), "this one, too"))
    };
    let described = match cause {
        Cause::Kustomizations => {
            found(format!("{what} {stand} in several kustomizations, which are not applied"))
                .consequence("which of them is meant is not known, and nothing is compiled")
                .help("compile what is built of one of them, as `unrendered-source` shows")
        }
        Cause::Folders { .. } => {
            let file = |id: &DocumentId| parsed.document(*id).file;
            let is_of_one = more.iter().all(|(other, _)| file(other) == file(id));
            let places = if is_of_one { "files" } else { "folders" };
            warning(found(format!("{what} {stand} in two {places}, with the same text")))
        }
        Cause::Files { first, second, are_equal: true } => {
            let places = if first == second { "the file twice" } else { "two files" };
            warning(found(format!("{what} {stand} in {places}, with the same text")))
        }
        Cause::Files { .. } => found(format!("{what} {stand} in the repository twice"))
            .consequence("a cluster keeps whichever is applied last; here the first is looked at, and nothing is compiled")
            .help(HELP),
    };
    Some(described)
}

fn warning(found: Diagnostic) -> Diagnostic {
    let mut found = found
        .consequence(
            "each is looked at once; a change to one of the two leaves the other as it was",
        )
        .help("remove one");
    found.severity = Severity::Warning;
    found
}

const HELP: &str = "remove one, or rename it; what differs between clusters belongs to folders that mesh.yaml tells apart:
environments:
  test: {paths: [base, overlays/test]}
  prod: {paths: [base, overlays/prod]}";

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    fn service(name: &str, port: u16) -> String {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{ports: [{{name: http, port: {port}}}]}}\n"
        )
    }

    fn said(a: &str, b: &str) -> Vec<String> {
        Compiled::files(&[("a.yaml", a), ("b.yaml", b)]).said()
    }

    #[test]
    fn a_folder_that_is_copied_is_one_finding() {
        let (a, b) = (service("a", 80), service("b", 80));
        let files = |paths: [&str; 4]| {
            let files: Vec<_> = std::iter::zip(paths, [&a, &b, &a, &b]).collect();
            let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
            Compiled::files(&files).said()
        };
        let said = files(["1/x/a.yaml", "1/b.yaml", "2/x/a.yaml", "2/b.yaml"]);
        let [only] = said.as_slice() else { panic!("{said:?}") };
        assert!(only.ends_with("2 resources stand in two folders, with the same text"), "{only}");
        // Elsewhere, or under other names, they are no copy of the folder.
        let said = files(["1/x/a.yaml", "1/b.yaml", "2/x/a.yaml", "3/b.yaml"]);
        assert_eq!(said.len(), 2, "{said:?}");
        let said = files(["1/a.yaml", "1/b.yaml", "1/c.yaml", "1/d.yaml"]);
        assert_eq!(said.len(), 2, "{said:?}");
    }

    #[test]
    fn two_files_of_the_same_resources_are_one_finding() {
        let all = format!("{}---\n{}", service("a", 80), service("b", 80));
        let said = said(&all, &all.replace("80", "81"));
        let [only] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!(
            only,
            "error[duplicate-resource] b.yaml:3:18 a: 2 resources stand in the repository twice"
        );
    }

    #[test]
    fn the_same_text_is_a_warning() {
        let all = format!("{}---\n{}", service("a", 80), service("b", 80));
        let said = said(&all, &service("b", 80));
        let [only] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!(
            only,
            "warning[duplicate-resource] b.yaml:3:18 b: Service shop/b stands in two files, with the same text"
        );
    }
}
