//! What kustomizations say, as far as it is looked at: nothing is built of them.
//!
//! - They name files that are no resources, although they look like some: patches above all. A strategic-merge patch has
//!   `apiVersion`, `kind` and a name, and only a part of the rest. Read as a resource it would be half of one, and stand in
//!   the repository twice.
//! - They change the resources that they name: their namespaces, their names, anything. So of those files it is known what
//!   there will be, and not under which name.
//!
//! Flux's Kustomizations, which are resources, change the namespaces and names of what they apply, too.

mod flux;
mod generators;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::diagnostic::{Diagnostic, Place};
use crate::parse::checks::{MISSING_KIND, NOT_A_RESOURCE, UNRENDERED_SOURCE};
use crate::parse::document::Identity;
use crate::parse::{Content, NodeId, Parsed, Tree, not_shown, stream};
use crate::source::{FileId, SourceFile, relative};

/// The fields of a kustomization that name files which change or make resources.
const FIELDS: &[(&str, &str)] = &[
    ("patches", "a patch"),
    ("patchesStrategicMerge", "a patch"),
    ("patchesJson6902", "a patch"),
    ("transformers", "a transformer"),
    ("generators", "a generator"),
    ("validators", "a validator"),
    ("configurations", "a configuration of Kustomize"),
    ("replacements", "a replacement"),
    ("configMapGenerator", "the content of a ConfigMap"),
    ("secretGenerator", "the content of a Secret"),
];

/// The fields that name files of resources, and folders with kustomizations.
const RESOURCES: &[&str] = &["resources", "bases", "components"];

/// Of `FIELDS` those that write `key=path`. Elsewhere a `=` belongs to the path, as in `https://a.example/b?ref=main`.
const GENERATORS: &[&str] = &["configMapGenerator", "secretGenerator"];

/// The fields that change nothing.
const PLAIN: &[&str] =
    &["apiVersion", "kind", "metadata", "resources", "bases", "crds", "openapi", "sortOptions"];

/// The kustomizations of a repository.
#[derive(Clone, Debug, Default)]
pub struct Kustomizations {
    pub(in crate::parse) all: Vec<FileId>,
    /// Files with Flux's, and how the first of each that changes anything is built.
    of_flux: BTreeMap<FileId, String>,
    /// Those that change what they name, or name what is not here: those that no other names first.
    changing: Vec<FileId>,
    /// The files of resources that these lead to.
    changed: BTreeSet<FileId>,
    /// What they make of files and texts that are no resources, and which of them does.
    made: Vec<(FileId, Identity)>,
}

impl Kustomizations {
    /// Whether the resources of a file will be others than they are there.
    #[must_use]
    pub fn change(&self, file: FileId) -> bool {
        self.changed.contains(&file)
    }

    /// The resources that they make, of which no more is known than what they are called.
    pub(crate) fn made(&self) -> impl Iterator<Item = &Identity> + Clone {
        self.made.iter().map(|(_, identity)| identity)
    }

    pub(in crate::parse) fn retain(&mut self, keep: impl Fn(FileId) -> bool) {
        self.all.retain(|file| keep(*file));
        self.of_flux.retain(|file, _| keep(*file));
        self.changing.retain(|file| keep(*file));
        self.changed.retain(|file| keep(*file));
        self.made.retain(|(file, _)| keep(*file));
    }

    /// That they are not applied, if there are some that change anything; and how many findings are `held` back for it.
    pub(crate) fn report(&self, parsed: &Parsed, held: usize) -> Option<Diagnostic> {
        let (first, others) = self.changing.split_first()?;
        let message = match others.len() {
            0 => "a kustomization is not applied; the files that it names are read as they stand"
                .to_owned(),
            more => format!(
                "{} kustomizations are not applied; the files that they name are read as they stand",
                more + 1
            ),
        };
        let held = not_shown(held, "names that may be others once they are applied");
        let build = self.build(parsed, *first);
        let found = Diagnostic::new(&UNRENDERED_SOURCE, Place::File(*first), message)
            .consequence(format!(
                "namespaces, prefixes, patches and remote bases that they name have no effect{held}"
            ))
            .help(format!("compile what is built, as in `{build} | mesh compile -`"));
        Some(found)
    }

    /// What applies the first of them.
    pub(super) fn command(&self, parsed: &Parsed) -> Option<String> {
        let first = self.changing.first().or(self.all.first())?;
        Some(self.build(parsed, *first))
    }

    fn build(&self, parsed: &Parsed, file: FileId) -> String {
        self.of_flux.get(&file).cloned().unwrap_or_else(|| {
            let folder = folder(&parsed.source(file).path);
            format!("kustomize build {}", if folder.is_empty() { "." } else { folder })
        })
    }
}

/// Learns what the kustomizations change, and takes what their patches and the like hold for resources of which no more is
/// known than that they exist; one notice a file. `root` is the folder that is compiled, as its files are shown; empty: none.
pub(crate) fn read_kustomizations(parsed: &mut Parsed, root: &str, out: &mut Vec<Diagnostic>) {
    let of_flux: Vec<_> = flux::all(parsed).collect();
    if parsed.kustomizations().all.is_empty() && of_flux.is_empty() {
        return;
    }
    let places = Places::of(parsed, root);
    let all = parsed.kustomizations().all.iter();
    let mut read: Vec<_> = all.map(|id| Kustomization::read(parsed, &places, *id)).collect();
    let (of_flux, builds) = flux::read(parsed, &places, &of_flux);
    read.extend(of_flux);
    let known = known_others(parsed, &places, &read);
    set_patches_aside(parsed, &known, out);
    let own: BTreeSet<FileId> = read.iter().filter(|it| it.changes).map(|it| it.file).collect();
    let named: BTreeSet<FileId> =
        read.iter().flat_map(|it| it.resources.files()).copied().collect();
    let are_all_named = read.iter().any(|it| it.resources == Leads::Everywhere);
    let changed = changed(&read, || parsed.sources().iter().map(|(id, _)| id).collect());
    let (mut changing, inner): (Vec<_>, Vec<_>) =
        own.into_iter().partition(|file| !are_all_named && !named.contains(file));
    changing.extend(inner);
    // Whoever builds with Kustomize alone knows that command.
    changing.sort_by_key(|file| builds.contains_key(file));
    let made = read.into_iter().flat_map(|it| it.made.into_iter().map(move |made| (it.file, made)));
    let made = made.collect();
    let kustomizations = parsed.kustomizations_mut();
    (kustomizations.of_flux, kustomizations.made) = (builds, made);
    (kustomizations.changing, kustomizations.changed) = (changing, changed);
}

/// The files that those which change anything lead to, through others too. Each is passed once, however many lead to it.
fn changed(
    all: &[Kustomization],
    every_file: impl FnOnce() -> BTreeSet<FileId>,
) -> BTreeSet<FileId> {
    if all.iter().any(|it| it.changes && it.resources == Leads::Everywhere) {
        return every_file();
    }
    // Who changes a resource of Flux's does not change what that applies.
    let own = all.iter().filter(|it| !it.is_of_flux);
    let by_file: HashMap<_, _> = own.map(|it| (it.file, it)).collect();
    let mut changed = BTreeSet::new();
    let mut ahead: Vec<_> = all.iter().filter(|it| it.changes).collect();
    while let Some(from) = ahead.pop() {
        for file in from.resources.files() {
            if changed.insert(*file) {
                ahead.extend(by_file.get(file));
            }
        }
    }
    changed
}

/// The files of resources, and the other kustomizations, that one of them names.
#[derive(Eq, PartialEq)]
enum Leads {
    To(Vec<FileId>),
    /// To all that there are.
    Everywhere,
}

impl Leads {
    /// Those that are named one by one.
    fn files(&self) -> &[FileId] {
        match self {
            Self::To(files) => files,
            Self::Everywhere => &[],
        }
    }

    fn is_nowhere(&self) -> bool {
        *self == Self::To(Vec::new())
    }
}

struct Kustomization {
    file: FileId,
    resources: Leads,
    /// Paths of files that are no resources, and what each is.
    others: Vec<(String, &'static str)>,
    /// Whether it does anything but name resources that are here.
    changes: bool,
    /// Whether it is a resource, by which Flux applies them.
    is_of_flux: bool,
    made: Vec<Identity>,
}

impl Kustomization {
    fn read(parsed: &Parsed, places: &Places<'_>, id: FileId) -> Self {
        let source = parsed.source(id);
        let (text, folder) = (source.text(), folder(places.inside(source)));
        let (mut resources, mut others, mut changes) = (Vec::new(), Vec::new(), false);
        let mut made = Vec::new();
        for yaml in &stream::read(text, id) {
            // What stands behind a fault may be anything.
            changes |= !yaml.is_whole;
            let Some(root) = yaml.tree.root() else { continue };
            made.extend(generators::made(&yaml.tree, root, text));
            for entry in yaml.tree.entries(root) {
                let field = yaml.tree.text(entry.key, text);
                changes |= !PLAIN.contains(&field);
                let mut texts = Vec::new();
                collect(&yaml.tree, entry.value, text, &mut texts);
                let texts = texts.into_iter();
                let texts =
                    texts.map(|it| if GENERATORS.contains(&field) { value(it) } else { it });
                let paths = texts.map(|it| joined(folder, it));
                if RESOURCES.contains(&field) {
                    for path in paths {
                        let found = path.and_then(|path| places.find(&path));
                        changes |= found.is_none();
                        resources.extend(found);
                    }
                } else if let Some((_, what)) = FIELDS.iter().find(|(name, _)| *name == field) {
                    others.extend(paths.flatten().map(|path| (path, *what)));
                }
            }
        }
        let resources = Leads::To(resources);
        Self { file: id, resources, others, changes, is_of_flux: false, made }
    }
}

/// What paths lead to.
struct Places<'p> {
    root: &'p str,
    files: HashMap<&'p str, FileId>,
    /// The first kustomization of each folder that has any.
    folders: HashMap<&'p str, FileId>,
}

impl<'p> Places<'p> {
    fn of(parsed: &'p Parsed, root: &'p str) -> Self {
        let mut places = Self { root, files: HashMap::new(), folders: HashMap::new() };
        for (id, file) in parsed.sources().iter() {
            places.files.entry(places.inside(file)).or_insert(id);
        }
        for id in &parsed.kustomizations().all {
            let folder = folder(places.inside(parsed.source(*id)));
            places.folders.entry(folder).or_insert(*id);
        }
        places
    }

    /// The path of a file, without the name of a revision: `git:HEAD:a.yaml` lies in no folder that is called `git:HEAD:`.
    /// Folders of the disk keep their names, since a path may lead out of the one that is compiled to another.
    fn inside<'f>(&self, file: &'f SourceFile) -> &'f str {
        if self.root.ends_with(':') { relative(&file.path, self.root) } else { &file.path }
    }

    /// The file at a path, or the kustomization of the folder.
    fn find(&self, path: &str) -> Option<FileId> {
        self.folders.get(path).or_else(|| self.files.get(path)).copied()
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What a file is that is no resource, and the path of the kustomization that says so.
type Others = BTreeMap<FileId, (&'static str, String)>;

fn known_others(parsed: &Parsed, places: &Places<'_>, read: &[Kustomization]) -> Others {
    let mut named = BTreeMap::new();
    for kustomization in read {
        for (path, what) in &kustomization.others {
            let by = || (*what, parsed.source(kustomization.file).path.clone());
            named.entry(path.as_str()).or_insert_with(by);
        }
    }
    let known = parsed.sources().iter();
    let known = known.filter_map(|(id, file)| Some((id, named.get(places.inside(file))?.clone())));
    known.collect()
}

fn set_patches_aside(parsed: &mut Parsed, known: &Others, out: &mut Vec<Diagnostic>) {
    if known.is_empty() {
        return;
    }
    let mut holds: BTreeSet<_> = parsed.documents().map(|(_, it)| it.file).collect();
    // Kustomize knows what a patch is for by its target, so it need not say what it is.
    out.retain(|found| {
        let file = found.place.file(parsed);
        let is_half = *found.check == MISSING_KIND && known.contains_key(&file);
        if is_half {
            holds.insert(file);
        }
        !is_half
    });
    for (id, (what, by)) in known.iter().filter(|(id, _)| holds.contains(id)) {
        let message = format!("skipped: this is {what} that `{by}` applies");
        out.push(
            Diagnostic::new(&NOT_A_RESOURCE, Place::File(*id), message)
                .consequence("what it changes is neither checked nor compiled"),
        );
    }
    parsed.take_for_broken(|document| known.contains_key(&document.file));
}

/// All texts below a node. What is no path of a file is none that lies there.
fn collect<'a>(tree: &'a Tree, node: NodeId, source: &'a str, out: &mut Vec<&'a str>) {
    if let Content::Text(text) = tree.content(node) {
        out.push(tree.text(text, source));
    }
    for element in tree.elements(node) {
        collect(tree, *element, source, out);
    }
    for entry in tree.entries(node) {
        collect(tree, entry.value, source, out);
    }
}

/// Of `key=path`, as generators write it, the path.
fn value(text: &str) -> &str {
    text.split_once('=').map_or(text, |(_, path)| path)
}

/// `path` from `folder`, without `.`, and with `..` only where it leads out of the working directory.
fn joined(folder: &str, path: &str) -> Option<String> {
    if path.contains('\n') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let root = if folder.starts_with('/') { "/" } else { "" };
    for part in path.split('/') {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            // Nothing lies above the root.
            ("..", _) if !root.is_empty() => {}
            (part, _) => parts.push(part),
        }
    }
    Some(format!("{root}{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::{Kustomization, Leads, changed, joined};
    use crate::source::{FileId, Input};
    use crate::testing::{Folder, compiled};

    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\n";

    #[test]
    fn a_patch_is_no_second_resource() {
        let folder = Folder::new();
        folder.write(
            "base/a.yaml",
            format!("{SERVICE}spec: {{ports: [{{name: http, port: 80}}]}}\n"),
        );
        folder.write(
            "over/kustomization.yaml",
            "resources: [../base]\npatches:\n- path: ./a.yaml\n- patch: |-\n    - op: remove\n",
        );
        folder.write("over/a.yaml", format!("{SERVICE}spec: {{ports: 5}}\n"));
        let compiled = compiled(folder.path());
        let said: Vec<_> = compiled.findings.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("skipped: this is a patch that `"), "{said:?}");
        assert!(said[1].starts_with("a kustomization is not applied"), "{said:?}");
        assert_eq!(compiled.mesh.count, 1);
    }

    const ROUTE: &str = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r}\nspec: {hosts: [a.example.com], http: [{route: [{destination: {host: a}}]}]}\n";

    /// Every finding, as the name of its check and its message, of a base with a Service and a route beside it.
    fn said(kustomization: &str, overlay: &str) -> Vec<(&'static str, String)> {
        let folder = Folder::new();
        folder.write(
            "base/a.yaml",
            format!("{SERVICE}spec: {{ports: [{{name: http, port: 80}}]}}\n"),
        );
        folder.write("base/r.yaml", ROUTE);
        folder.write("base/kustomization.yaml", kustomization);
        if !overlay.is_empty() {
            folder.write("over/dev/kustomization.yaml", overlay);
        }
        let compiled = compiled(folder.path());
        let findings = compiled.findings.iter();
        let said = findings.map(|it| {
            let help = it.help.as_deref().unwrap_or_default();
            (it.check.name, format!("{} / {help}", it.message))
        });
        said.collect()
    }

    /// What lists resources that are here changes nothing, so the names in them are what they are.
    #[test]
    fn a_list_of_files_is_no_riddle() {
        let found = said("resources: [a.yaml, r.yaml]\n", "");
        assert_eq!(found.iter().map(|it| it.0).collect::<Vec<_>>(), ["unknown-host"]);
    }

    #[test]
    fn names_of_what_is_changed_may_be_others() {
        for (base, overlay, root) in [
            ("namespace: shop\nresources: [a.yaml, r.yaml]\n", "", "base"),
            (
                "resources: [a.yaml, r.yaml]\n",
                "namespace: shop\nresources: [../../base]\n",
                "over/dev",
            ),
            ("namePrefix: x-\nresources: [a.yaml, r.yaml]\n", "resources: [../../base]\n", "base"),
            (
                "namespace: shop\nresources: [a.yaml, r.yaml]\n",
                "namespace: x\nresources: [../../base]\n",
                "over/dev",
            ),
            ("resources: [a.yaml, r.yaml, 'https://a.example/b?ref=1']\n", "", "base"),
        ] {
            let found = said(base, overlay);
            let [(check, said)] = found.as_slice() else { panic!("{base}{overlay}: {found:?}") };
            assert_eq!(*check, "unrendered-source");
            assert!(said.contains(&format!("{root} | mesh compile -")), "{said}");
        }
    }

    /// Two overlays of one base are two things, and here one would hide the other.
    #[test]
    fn resources_of_several_overlays_are_one_finding() {
        let folder = Folder::new();
        let service = format!("{SERVICE}spec: {{ports: [{{name: http, port: 80}}]}}\n");
        let other = service.replace("name: a,", "name: b,").replace("80", "81");
        for overlay in ["dev", "prod"] {
            let ports = if overlay == "dev" { "8080" } else { "9090" };
            folder.write(
                &format!("{overlay}/a.yaml"),
                format!("{service}---\n{other}").replace("80", ports),
            );
            folder.write(
                &format!("{overlay}/kustomization.yaml"),
                format!("namespace: {overlay}\nresources: [a.yaml]\n"),
            );
        }
        let compiled = compiled(folder.path());
        let said: Vec<_> =
            compiled.findings.iter().map(|it| (it.check.name, it.message.as_str())).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[0].0, "unrendered-source");
        assert_eq!(
            said[1],
            (
                "duplicate-resource",
                "2 resources stand in several kustomizations, which are not applied"
            )
        );
        assert!(compiled.bundle.is_none());
    }

    /// Each names the next one and the first: walked anew from each, this would not end.
    #[test]
    fn a_long_chain_is_walked_once() {
        const LENGTH: u32 = 100_000;
        let chain = |changes: fn(u32) -> bool| -> Vec<_> {
            let link = |file: u32| Kustomization {
                file: FileId(file),
                resources: Leads::To(vec![FileId(file + 1), FileId(0)]),
                others: Vec::new(),
                changes: changes(file),
                is_of_flux: false,
                made: Vec::new(),
            };
            (0..LENGTH).map(link).collect()
        };
        let changed =
            |all: &[Kustomization]| changed(all, || unreachable!("none leads everywhere"));
        assert_eq!(changed(&chain(|_| true)).len(), LENGTH as usize + 1);
        assert_eq!(changed(&chain(|file| file == 0)).len(), LENGTH as usize + 1);
        assert!(changed(&chain(|_| false)).is_empty());
    }

    #[test]
    fn paths_are_from_the_kustomization() {
        for (folder, path, expected) in [
            ("a/b", "c.yaml", Some("a/b/c.yaml")),
            ("/a/b", "../c.yaml", Some("/a/c.yaml")),
            ("", "./c.yaml", Some("c.yaml")),
            ("a", "https://x/y?ref=b", Some("a/https:/x/y?ref=b")),
            ("a", "../../c.yaml", Some("../c.yaml")),
            ("../x/over", "../../../base", Some("../../base")),
            ("/a", "../../c.yaml", Some("/c.yaml")),
            ("a", "two\nlines", None),
        ] {
            assert_eq!(joined(folder, path).as_deref(), expected);
        }
    }

    #[test]
    fn an_address_is_no_folder_that_is_named_in_it() {
        let folder = Folder::new();
        folder.write("kustomization.yaml", "resources: ['https://a.example/b?ref=base']\n");
        folder.write("base/kustomization.yaml", "resources: [a.yaml]\n");
        folder.write("base/a.yaml", SERVICE);
        let found = compiled(folder.path()).findings;
        assert!(found.iter().any(|it| it.check.name == "unrendered-source"), "{found:?}");
        assert_eq!(super::value("key=a.yaml"), "a.yaml");
    }

    /// What is at a revision is found as it is on the disk.
    #[test]
    fn a_kustomization_at_the_root_of_a_revision_applies() {
        let folder = Folder::new();
        for (place, port) in [("", 80), ("over/", 81)] {
            folder.write(&format!("{place}a.yaml"), SERVICE.replace("a,", &format!("a{port},")));
            let text = format!("namespace: x{port}\nresources: [a.yaml]\n");
            folder.write(&format!("{place}kustomization.yaml"), text);
        }
        for name in ["git:HEAD:", "git:a/b:", "here"] {
            let input = Input::Called { path: folder.path().into(), name: name.into() };
            let mut out = Vec::new();
            let parsed = crate::read(&[input], &[], &mut out);
            let changes =
                |(_, it): (_, &crate::parse::Document)| parsed.kustomizations().change(it.file);
            assert_eq!(parsed.documents().filter(|it| changes(*it)).count(), 2, "{name}");
        }
    }
}
