//! The Kustomizations of Flux: resources that say what of a repository is applied, into which namespace, and under which names.
//!
//! `spec.path` is from the root of a source, which is this repository or another. Which folder is its root nobody says here, so
//! the path is followed from the folders above the resource, the outermost first. A path that leads nowhere is another source's. But a
//! part of the source may be all that is compiled: of a source that is this repository the path is followed without its first folders,
//! too, and where it has none, it is everything. That is the source by whose paths anything stands here. Source: Flux, "Kustomization".

use std::collections::{BTreeMap, BTreeSet};

use super::{Kustomization, Leads, Places, folder, joined};
use crate::parse::{Content, Document, Identity, NodeId, Parsed, Tree, stream};
use crate::source::FileId;

/// The fields that give what is applied another namespace or another name.
const NAMING: &[&str] = &["targetNamespace", "namePrefix", "nameSuffix"];

/// The fields that may change anything of what is applied.
const CHANGING: &[&str] = &["components", "patchesStrategicMerge"];

/// How Flux's groups end.
const GROUPS: &str = "toolkit.fluxcd.io";

/// The source of what a cluster itself is made of. Source: Flux, `flux bootstrap`.
const BOOTSTRAP: &str = "flux-system";

/// What one of them applies.
pub(super) struct Applied {
    file: FileId,
    name: String,
    /// As it is written; empty: the whole source.
    path: String,
    source: Source,
    changes: bool,
}

/// Kind, namespace and name of what the path is a path of; absent: this repository, as far as anybody knows.
type Source = Option<(String, String, String)>;

impl Applied {
    fn of(parsed: &Parsed, document: &Document) -> Option<Self> {
        let (tree, text) = (parsed.tree(document.tree), parsed.source(document.file).text());
        let spec = tree.entry(document.root, "spec", text)?.value;
        let of_spec = |field| tree.text_at(spec, field, text).unwrap_or_default().to_owned();
        let source = || {
            let at = tree.entry(spec, "sourceRef", text)?.value;
            let of_source = |field| tree.text_at(at, field, text).map(str::to_owned);
            let own = document.identity.namespace.as_deref().unwrap_or_default();
            let namespace = of_source("namespace").unwrap_or_else(|| own.to_owned());
            let name = of_source("name").filter(|it| it != BOOTSTRAP && !it.contains('$'))?;
            Some((of_source("kind")?, namespace, name))
        };
        let is_given =
            |field: &&str| tree.text_at(spec, field, text).is_some_and(|it| !it.is_empty());
        let has_any = |field: &&str| {
            let list = tree.entry(spec, field, text);
            list.is_some_and(|it| !tree.elements(it.value).is_empty())
        };
        let patches = tree.entry(spec, "patches", text);
        let mut patches = patches.iter().flat_map(|it| tree.elements(it.value));
        Some(Self {
            file: document.file,
            name: document.identity.name.as_deref().unwrap_or_default().to_owned(),
            path: of_spec("path"),
            source: source(),
            changes: NAMING.iter().any(is_given)
                || CHANGING.iter().any(has_any)
                || patches.any(|patch| !is_for_flux(tree, *patch, text)),
        })
    }

    /// The folders of the path.
    fn folders(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !matches!(*part, "" | ".")).collect()
    }

    /// Whether the path may lead anywhere: to the whole of a source, or to what is known once it is filled in.
    fn is_anywhere(&self) -> bool {
        self.folders().is_empty() || self.path.contains('$')
    }
}

/// Whether a patch is for Flux's own resources alone, which say of nothing what it is called.
fn is_for_flux(tree: &Tree, patch: NodeId, text: &str) -> bool {
    if let Some(target) = tree.entry(patch, "target", text) {
        let of_target = |field| tree.text_at(target.value, field, text).unwrap_or_default();
        return of_target("group").ends_with(GROUPS)
            || (of_target("group").is_empty()
                && matches!(of_target("kind"), "Kustomization" | "HelmRelease"));
    }
    let Some(patch) = tree.text_at(patch, "patch", text) else { return false };
    stream::read(patch, FileId(0)).iter().all(|yaml| {
        let is_of_flux = |root: NodeId| {
            matches!(yaml.tree.content(root), Content::Mapping(_))
                && Identity::read(&yaml.tree, root, patch).group().ends_with(GROUPS)
        };
        yaml.is_whole && yaml.tree.root().is_none_or(is_of_flux)
    })
}

/// All of a repository.
pub(super) fn all(parsed: &Parsed) -> impl Iterator<Item = Applied> {
    let documents = parsed.documents().map(|(_, document)| document);
    let of_flux = documents.filter(|it| {
        &*it.identity.kind == "Kustomization"
            && it.identity.group() == "kustomize.toolkit.fluxcd.io"
    });
    of_flux.filter_map(|it| Applied::of(parsed, it))
}

/// What those name that change anything, and how the first of each file is built.
pub(super) fn read(
    parsed: &Parsed,
    places: &Places<'_>,
    all: &[Applied],
) -> (Vec<Kustomization>, BTreeMap<FileId, String>) {
    let (mut read, mut builds) = (Vec::new(), BTreeMap::new());
    if !all.iter().any(|it| it.changes) {
        return (read, builds);
    }
    let folders = Folders::of(parsed, places);
    let known = all.iter().filter(|it| it.source.is_some());
    let own = known.filter(|it| folders.shows_source(parsed, places, it)).map(|it| &it.source);
    let own: BTreeSet<&Source> = own.collect();
    for it in all.iter().filter(|it| it.changes) {
        let is_own = it.source.is_none() || own.contains(&it.source);
        let resources = if !it.is_anywhere() {
            Leads::To(folders.applied(parsed, places, it, is_own))
        } else if is_own {
            Leads::Everywhere
        } else {
            continue;
        };
        if resources.is_nowhere() {
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
            made: Vec::new(),
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

    /// Whether the path shows that its source is here: the whole of it leads to a folder, or the rest of it to one below that of the resource.
    fn shows_source(&self, parsed: &Parsed, places: &Places<'_>, it: &Applied) -> bool {
        let own = folder(places.inside(parsed.source(it.file)));
        let is_below = |from: &str, folder: &str| {
            let rest = folder.strip_prefix(own).filter(|_| from.len() < own.len());
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        !it.is_anywhere()
            && self
                .found(own, &it.folders())
                .any(|found| found.is_whole || is_below(found.from, &found.folder))
    }

    /// What a path leads to, whole, or if the source `is_own` without its first folders.
    fn applied(
        &self,
        parsed: &Parsed,
        places: &Places<'_>,
        it: &Applied,
        is_own: bool,
    ) -> Vec<FileId> {
        let own = folder(places.inside(parsed.source(it.file)));
        let parts = it.folders();
        let mut found = self.found(own, &parts).filter(|it| it.is_whole || is_own);
        found.next().map(|it| self.resources(places, &it.folder)).unwrap_or_default()
    }

    /// The folders to which a path leads, the whole path first.
    fn found<'f>(&'f self, own: &'f str, parts: &'f [&str]) -> impl Iterator<Item = Found<'f>> {
        let above = std::iter::once("")
            .chain(own.match_indices('/').map(|(at, _)| own.get(..at.max(1)).unwrap_or_default()));
        let above = above.chain([own]);
        (0..parts.len()).flat_map(move |first| {
            let path = parts.get(first..).unwrap_or_default().join("/");
            let found = above.clone().filter_map(move |from| {
                Some(Found { from, folder: joined(from, &path)?, is_whole: first == 0 })
            });
            found.filter(|it| self.below(&it.folder).next().is_some())
        })
    }

    /// The kustomization of a folder, which says what of it is applied, or all that lies there; of folders in it that have one, that.
    /// Source: Flux, `scanManifests`.
    fn resources(&self, places: &Places<'_>, folder: &str) -> Vec<FileId> {
        if let Some(kustomization) = places.folders.get(folder) {
            return vec![*kustomization];
        }
        let start = folder.len() + 1;
        let own = |path: &str| {
            let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| start < *at);
            let mut folders = ends.filter_map(|end| path.get(..end));
            folders.find_map(|it| places.folders.get(it)).copied()
        };
        let files = self.below(folder).map(|(path, id)| own(path).unwrap_or(id));
        files.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn below(&self, folder: &str) -> impl Iterator<Item = (&'p str, FileId)> {
        let folder = format!("{folder}/");
        let start = self.files.partition_point(|(path, _)| *path < folder.as_str());
        let rest = self.files.iter().skip(start);
        rest.take_while(move |(path, _)| path.starts_with(&folder)).copied()
    }
}

/// A folder to which a path leads `from` another, whole or without its first folders.
struct Found<'f> {
    from: &'f str,
    folder: String,
    is_whole: bool,
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
        of_source("flux-system", spec)
    }

    fn of_source(name: &str, spec: &str) -> String {
        format!(
            "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: network, namespace: flux-system}}\nspec: {{sourceRef: {{kind: GitRepository, name: {name}}}, {spec}}}\n"
        )
    }

    /// The names of the checks that find anything where Flux applies the folder `apps/net/app`.
    fn said(spec: &str, kustomization: &str) -> Vec<(&'static str, String)> {
        said_by("apps/net/ks.yaml", &flux(spec), kustomization)
    }

    /// The same of these resources of Flux's.
    fn said_by(path: &str, flux: &str, kustomization: &str) -> Vec<(&'static str, String)> {
        let folder = Folder::new();
        folder.write("apps/net/app/a.yaml", APP);
        folder.write(path, flux);
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

    #[test]
    fn what_another_source_holds_changes_nothing_here() {
        let is_told = |path: &str, flux: &str| {
            said_by(path, flux, "").iter().any(|it| it.0 == "unknown-gateway")
        };
        let into = |name: &str, path: &str| {
            of_source(name, &format!("path: {path}, targetNamespace: network"))
        };
        for (path, ks, is_other) in [
            ("./", "clusters/ks.yaml", true),
            ("./x/apps", "clusters/ks.yaml", true),
            ("./x/apps", "ks.yaml", true),
            ("'./${DIR}'", "clusters/ks.yaml", true),
            // Here are the folders that it names.
            ("./apps/net", "clusters/ks.yaml", false),
            ("./x/apps/net/app", "apps/net/ks.yaml", false),
        ] {
            assert_eq!(is_told(ks, &into("podinfo", path)), is_other, "{path}");
            let others = into("podinfo", path) + &of_source("other", "path: ./apps/net");
            assert_eq!(is_told(ks, &others), is_other, "{path}");
            // Nobody knows more of it where another path of the source leads here, or it is the cluster's own.
            let known = into("podinfo", path) + &of_source("podinfo", "path: ./apps/net");
            assert!(!is_told(ks, &known), "{path}");
            assert!(!is_told(ks, &into("flux-system", path)), "{path}");
            assert!(!is_told(ks, &into("'${SOURCE}'", path)), "{path}");
        }
    }

    #[test]
    fn a_patch_may_change_anything_but_one_for_fluxs_own() {
        let is_changed = |more: &str| {
            let found = said(&format!("path: ./apps/net/app, {more}"), "");
            !found.iter().any(|it| it.0 == "unknown-gateway")
        };
        for more in [
            "patches: [{patch: '[{op: add, path: /metadata/namespace, value: network}]', target: {kind: Gateway}}]",
            "patches: [{patch: '{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: public}}'}]",
            "patches: [{patch: '{{'}]",
            "components: [../x]",
            "patchesStrategicMerge: [{kind: Gateway}]",
        ] {
            assert!(is_changed(more), "{more}");
        }
        for more in [
            "patches: []",
            "patches: [{patch: '[{op: add}]', target: {kind: HelmRelease}}]",
            "patches: [{patch: '[{op: add}]', target: {group: source.toolkit.fluxcd.io, name: a}}]",
            "patches: [{patch: '{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {name: all}}'}]",
        ] {
            assert!(!is_changed(more), "{more}");
        }
    }

    /// A folder without a kustomization is applied whole, but for what the kustomizations in it leave out.
    #[test]
    fn a_kustomization_below_what_flux_applies_says_what_of_its_folder_is() {
        let told = |kustomization: &str| {
            let found = said("path: ./apps, targetNamespace: network", kustomization);
            found.iter().any(|it| it.0 == "unknown-gateway")
        };
        assert!(!told("") && !told("resources: [a.yaml]\n"));
        assert!(told("resources: [other.yaml]\n"));
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
