//! Where a rendered resource was written: what Helm and Kustomize note beside it.
//!
//! Helm writes `# Source: chart/templates/x.yaml` above each resource. Kustomize writes the annotation
//! `config.kubernetes.io/origin` if the kustomization asks for it (`buildMetadata: [originAnnotations]`).

use super::{Content, Document, Parsed, text_at};

/// Kustomize's annotation: YAML with `path`, `repo` and `ref`, or `configuredIn` for what a generator made.
const ANNOTATION: &str = "config.kubernetes.io/origin";
/// Helm's comment.
const COMMENT: &str = "# Source: ";

/// The file that a resource was rendered from, as the program that rendered it names it; absent where it was written as
/// it stands.
#[must_use]
pub fn origin(parsed: &Parsed, document: &Document) -> Option<String> {
    annotated(parsed, document).or_else(|| commented(parsed, document))
}

fn annotated(parsed: &Parsed, document: &Document) -> Option<String> {
    let (tree, source) = (parsed.tree(document.tree), parsed.source(document.file).text());
    let metadata = tree.entry(document.root, "metadata", source)?.value;
    let annotations = tree.entry(metadata, "annotations", source)?.value;
    let Content::Text(text) = tree.content(tree.entry(annotations, ANNOTATION, source)?.value)
    else {
        return None;
    };
    let noted = |key| text_at(tree.text(text, source), &[key]);
    let path = noted("path").or_else(|| noted("configuredIn"))?;
    Some(match (noted("repo"), noted("ref")) {
        // As Kustomize itself names what lies elsewhere.
        (Some(repository), Some(revision)) => format!("{repository}//{path}?ref={revision}"),
        (Some(repository), None) => format!("{repository}//{path}"),
        (None, _) => path,
    })
}

/// From the comments between the resource and the `---` above it.
fn commented(parsed: &Parsed, document: &Document) -> Option<String> {
    let tree = parsed.tree(document.tree);
    let root = tree.span(tree.root()?);
    let before = parsed.source(document.file).text().get(..root.start as usize)?;
    let above = before.lines().rev().map(str::trim_end);
    let comments = above.take_while(|line| line.is_empty() || line.trim_start().starts_with('#'));
    let path = comments.filter_map(|line| line.strip_prefix(COMMENT)).last()?.trim();
    (!path.is_empty()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::origin;
    use crate::testing::Compiled;

    fn origins(text: &str) -> Vec<Option<String>> {
        let compiled = Compiled::text(text);
        compiled.parsed.documents().map(|(_, it)| origin(&compiled.parsed, it)).collect()
    }

    #[test]
    fn helm_names_the_template_above_each_resource() {
        let one =
            |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
        let text = format!(
            "---\n# Source: shop/templates/a.yaml\n# about it\n\n{}---\n{}---\n# Source: shop/charts/b/templates/b.yaml\n{}",
            one("a"),
            one("b"),
            one("c"),
        );
        let named = |path: &str| Some(path.to_owned());
        let expected =
            [named("shop/templates/a.yaml"), None, named("shop/charts/b/templates/b.yaml")];
        assert_eq!(origins(&text), expected);
    }

    #[test]
    fn kustomize_names_the_file_in_an_annotation() {
        for (noted, shown) in [
            ("path: ../base/a.yaml", "../base/a.yaml"),
            (
                "path: a.yaml\n      repo: https://example.com/b\n      ref: v1",
                "https://example.com/b//a.yaml?ref=v1",
            ),
            ("configuredIn: kustomization.yaml", "kustomization.yaml"),
        ] {
            let text = format!(
                "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/origin: |\n      {noted}\n"
            );
            assert_eq!(origins(&text), [Some(shown.to_owned())]);
        }
    }

    #[test]
    fn each_item_of_a_list_has_its_own() {
        let item = |name: &str| {
            format!(
                "- apiVersion: v1\n  kind: Namespace\n  metadata:\n    name: {name}\n    annotations: {{config.kubernetes.io/origin: \"path: {name}.yaml\"}}\n"
            )
        };
        let text = format!("apiVersion: v1\nkind: List\nitems:\n{}{}", item("a"), item("b"));
        let expected = [Some("a.yaml".to_owned()), Some("b.yaml".to_owned())];
        assert_eq!(origins(&text), expected);
    }
}
