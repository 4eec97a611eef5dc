//! The Kustomizations of Flux: resources that say what of a repository is applied, into which namespace, and under which names.
//!
//! `spec.path` is from the root of a source, which is this repository or another. Which folder is its root nobody says here, so
//! the path is followed from the folders above the resource, the outermost first; and where that leads nowhere, without its first
//! folders, since a part of the source may be all that is compiled. A path that leads nowhere is another source's. Source: Flux,
//! "Kustomization".

use std::collections::BTreeMap;

use super::{Kustomization, Places, folder, joined};
use crate::parse::{Document, Parsed};
use crate::source::FileId;

/// The fields that give what is applied another namespace or another name.
const CHANGING: &[&str] = &["targetNamespace", "namePrefix", "nameSuffix"];

/// What one of them applies.
pub(super) struct Applied {
    file: FileId,
    name: String,
    /// As it is written; empty: the whole source.
    path: String,
}

/// Those that change anything.
pub(super) fn all(parsed: &Parsed) -> impl Iterator<Item = Applied> {
    let documents = parsed.documents().map(|(_, document)| document);
    let of_flux = documents.filter(|it| {
        &*it.identity.kind == "Kustomization"
            && it.identity.group() == "kustomize.toolkit.fluxcd.io"
    });
    of_flux.filter_map(|it| applied(parsed, it))
}

fn applied(parsed: &Parsed, document: &Document) -> Option<Applied> {
    let (tree, text) = (parsed.tree(document.tree), parsed.source(document.file).text());
    let spec = tree.entry(document.root, "spec", text)?.value;
    CHANGING
        .iter()
        .find_map(|field| tree.text_at(spec, field, text).filter(|it| !it.is_empty()))?;
    let name = document.identity.name.as_deref().unwrap_or_default().to_owned();
    let path = tree.text_at(spec, "path", text).unwrap_or_default().to_owned();
    Some(Applied { file: document.file, name, path })
}

/// What they name, and how the first of each file is built.
pub(super) fn read(
    parsed: &Parsed,
    places: &Places<'_>,
    all: Vec<Applied>,
) -> (Vec<Kustomization>, BTreeMap<FileId, String>) {
    let (mut read, mut builds) = (Vec::new(), BTreeMap::new());
    if all.is_empty() {
        return (read, builds);
    }
    let folders = Folders::of(parsed, places);
    for it in all {
        let resources = folders.applied(parsed, places, &it);
        if resources.is_empty() {
            continue;
        }
        let path = if it.path.is_empty() { "." } else { &it.path };
        let build = format!("flux build kustomization {} --path {path}", it.name);
        builds.entry(it.file).or_insert(build);
        let others = Vec::new();
        read.push(Kustomization {
            file: it.file,
            resources,
            others,
            changes: true,
            is_of_flux: true,
        });
    }
    (read, builds)
}

/// The files of a repository, by the folders that they lie in.
struct Folders<'p> {
    /// Paths, sorted, so that those of a folder are neighbours.
    files: Vec<(&'p str, FileId)>,
}

impl<'p> Folders<'p> {
    fn of(parsed: &'p Parsed, places: &Places<'_>) -> Self {
        let mut files: Vec<_> =
            parsed.sources().iter().map(|(id, file)| (places.inside(file), id)).collect();
        files.sort_unstable();
        Self { files }
    }

    /// The kustomization of the folder, which says what of it is applied, or all that lies there.
    fn applied(&self, parsed: &Parsed, places: &Places<'_>, it: &Applied) -> Vec<FileId> {
        let parts: Vec<_> = it.path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        // The whole of a source, or what is known once it is filled in, may be anything.
        if parts.is_empty() || it.path.contains('$') {
            return self.files.iter().map(|(_, id)| *id).collect();
        }
        let own = folder(places.inside(parsed.source(it.file)));
        let above = std::iter::once("")
            .chain(own.match_indices('/').map(|(at, _)| own.get(..at.max(1)).unwrap_or_default()));
        let above: Vec<_> = above.chain([own]).collect();
        let paths = (0..parts.len()).filter_map(|from| parts.get(from..)).map(|it| it.join("/"));
        for path in paths {
            for from in &above {
                let Some(folder) = joined(from, &path) else { continue };
                if let Some(kustomization) = places.folders.get(folder.as_str()) {
                    return vec![*kustomization];
                }
                let found = self.below(&folder);
                if !found.is_empty() {
                    return found;
                }
            }
        }
        Vec::new()
    }

    fn below(&self, folder: &str) -> Vec<FileId> {
        let folder = format!("{folder}/");
        let start = self.files.partition_point(|(path, _)| *path < folder.as_str());
        let rest = self.files.iter().skip(start);
        rest.take_while(|(path, _)| path.starts_with(&folder)).map(|(_, id)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    const APP: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: public, namespace: network}]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]}]
";

    fn flux(spec: &str) -> String {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: network, namespace: flux-system}}\nspec: {{{spec}}}\n"
        )
    }

    /// The names of the checks that find anything where Flux applies the folder `apps/net/app`.
    fn said(spec: &str, kustomization: &str) -> Vec<(&'static str, String)> {
        let folder = Folder::new();
        folder.write("apps/net/app/a.yaml", APP);
        folder.write("apps/net/ks.yaml", flux(spec));
        if !kustomization.is_empty() {
            folder.write("apps/net/app/kustomization.yaml", kustomization);
        }
        let found = findings(folder.path()).into_iter();
        let found = found.filter(|it| it.check.name != "undeployed-gateway");
        found.map(|it| (it.check.name, it.help.unwrap_or_default())).collect()
    }

    #[test]
    fn a_namespace_that_flux_gives_is_that_of_a_kustomization() {
        for path in
            ["./apps/net/app", "apps/net/app/", "repo/apps/net/app", "./app", "''", "'./${DIR}'"]
        {
            for kustomization in ["", "resources: [a.yaml]\n"] {
                let found = said(&format!("path: {path}, targetNamespace: network"), kustomization);
                let [(check, help)] = found.as_slice() else { panic!("{path}: {found:?}") };
                assert_eq!(*check, "unrendered-source");
                assert!(help.contains("flux build kustomization network --path"), "{help}");
            }
        }
    }

    #[test]
    fn what_flux_applies_as_it_stands_is_what_it_is() {
        for spec in [
            "path: ./apps/net/app",
            "path: ./other, targetNamespace: network",
            "path: ./apps/net/app, targetNamespace: ''",
        ] {
            let found = said(spec, "resources: [a.yaml]\n");
            assert!(found.iter().any(|it| it.0 == "unknown-gateway"), "{spec}: {found:?}");
        }
    }

    /// Who gives Flux's resource another namespace leaves what it applies where it is.
    #[test]
    fn a_kustomization_of_flux_itself_changes_nothing_of_what_it_applies() {
        let folder = Folder::new();
        folder.write("apps/net/app/a.yaml", APP);
        folder.write("apps/net/ks.yaml", flux("path: ./apps/net/app"));
        folder
            .write("apps/kustomization.yaml", "namespace: flux-system\nresources: [net/ks.yaml]\n");
        let found = findings(folder.path());
        assert!(found.iter().any(|it| it.check.name == "unknown-gateway"), "{found:?}");
    }
}
