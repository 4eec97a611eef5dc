//! What the generators of kustomizations make, of which no more is known than what it is called.

use crate::api::ANY;
use crate::parse::document::Identity;
use crate::parse::{Content, NodeId, Tree};

/// What Kustomize puts behind the name of what it generates, and into the fields that it knows to name such: no Gateway's
/// `credentialName` is among those. Source: Kustomize, `generatorOptions.disableNameSuffixHash`, `nameReference`.
const HASH: &[&str] = &["-", ANY];

/// What the generators of a kustomization make. Where it does not say a namespace, others may that name it.
pub(super) fn made(tree: &Tree, root: NodeId, source: &str) -> Vec<Identity> {
    let of_root = |field| tree.text_at(root, field, source);
    let (prefix, suffix) = (of_root("namePrefix"), of_root("nameSuffix"));
    let keeps_name = |node, field| {
        let options = tree.entry(node, field, source).map(|it| it.value);
        let said = options.and_then(|it| tree.entry(it, "disableNameSuffixHash", source));
        said.is_some_and(|it| matches!(tree.content(it.value), Content::Bool(true)))
    };
    let knows_more_names =
        ["configurations", "transformers"].iter().any(|it| tree.entry(root, it, source).is_some());
    let mut made = Vec::new();
    for (field, kind) in [("secretGenerator", "Secret"), ("configMapGenerator", "ConfigMap")] {
        let generators = tree.entry(root, field, source).map(|it| tree.elements(it.value));
        for generator in generators.into_iter().flatten() {
            let of_own = |field| tree.text_at(*generator, field, source);
            let Some(name) = of_own("name") else { continue };
            let is_kept = knows_more_names
                || keeps_name(root, "generatorOptions")
                || keeps_name(*generator, "options");
            let (prefix, suffix) = (prefix.unwrap_or_default(), suffix.unwrap_or_default());
            let hash: &[&str] = if is_kept { &[] } else { HASH };
            let name = [&[prefix, name, suffix], hash].concat().concat();
            let namespace = of_own("namespace").or_else(|| of_root("namespace")).unwrap_or(ANY);
            made.push(Identity {
                api_version: "v1".into(),
                kind: kind.into(),
                namespace: Some(namespace.into()),
                name: Some(name.into()),
                ..Identity::default()
            });
        }
    }
    made
}
