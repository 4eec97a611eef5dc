//! From everything that was read to what one environment is made of.
//!
//! ```yaml
//! environments:
//!   prod: {paths: [base, overlays/prod]}
//! ```
//! - An environment is made of the files below its paths, in layers: a resource of a later path replaces the one of the same
//!   kind, namespace and name of an earlier, as a whole. Nothing is merged, so each file says all of what it says.
//! - Context (`--context`, `context:`) says what is in the cluster. It lies below all layers, and policy in it is left out.
//! - Files that are left out keep their place among the sources, so that a file has one number in all environments.

mod checks;
mod layers;
mod names;

pub(crate) use checks::CHECKS;
pub use names::environments;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Environment, Project};
use crate::diagnostic::{At, Diagnostic, Place};
use crate::parse::{Document, DocumentId, Parsed};
use crate::source::{FileId, Role, relative};

use checks::{FILE_OUTSIDE_ENVIRONMENTS, POLICY_IN_CONTEXT, UNMATCHED_PATH};
use layers::Layers;

/// How many more files are pointed at.
const SHOWN_MAX: usize = 3;

/// Leaves out what is not of the environment `name`, with what was found in it; without a name, policy in context alone.
pub(crate) fn select(
    parsed: &mut Parsed,
    root: &str,
    name: Option<&str>,
    out: &mut Vec<Diagnostic>,
) {
    let project = Project::peek(parsed);
    let chosen = name.and_then(|name| Some((name, project.environments.get(name)?)));
    let missing = missing_context(parsed, root, &project, chosen);
    mark_context(parsed, root, &project, chosen.map(|(_, environment)| environment));
    let has_context = parsed.sources().iter().any(|(_, file)| file.role == Role::Context);
    if chosen.is_none() && !has_context {
        out.extend(parsed.project().into_iter().flat_map(|id| report_missing(id, &missing)));
        return;
    }
    let layers = Layers::of(parsed, root, chosen.map(|(_, it)| it.paths.as_slice()));
    let outside = chosen.and_then(|_| outside(parsed, root, &project));
    parsed.retain_files(|file| layers.has(file));
    out.retain(|found| layers.has(found.place.file(parsed)));
    leave_out_policy(parsed, out);
    let own = chosen.and_then(|(_, it)| it.default_namespace.as_deref());
    layers.leave_out_replaced(parsed, own.unwrap_or(project.default_namespace()));
    // Only now have resources the numbers that they keep.
    out.extend(parsed.project().into_iter().flat_map(|id| report_missing(id, &missing)));
    if let (Some((name, environment)), Some(id)) = (chosen, parsed.project()) {
        parsed.set_environment(name);
        out.extend(unmatched(id, name, environment, &layers));
        out.extend(outside.and_then(|files| report_outside(parsed, root, id, &files)));
    }
}

/// What `mesh.yaml` calls context. That of other environments is left out of this one, and is policy in none.
fn mark_context(parsed: &mut Parsed, root: &str, project: &Project, chosen: Option<&Environment>) {
    let own = project.context.iter().chain(chosen.into_iter().flat_map(|it| &it.context));
    let own: Vec<_> = own.collect();
    let all: Vec<_> = project.environments.values().flat_map(|it| &it.context).collect();
    let is_named = |named: &[&String], path| named.iter().any(|it| layers::is_below(path, it));
    let (mut context, mut foreign) = (Vec::new(), BTreeSet::new());
    for (id, file) in parsed.sources().iter().filter(|(_, file)| file.role == Role::Policy) {
        let path = relative(&file.path, root);
        if is_named(&own, path) {
            context.push(id);
        } else if is_named(&all, path) {
            foreign.insert(id);
        }
    }
    for id in context.iter().chain(&foreign) {
        parsed.sources_mut().set_role(*id, Role::Context);
    }
    if !foreign.is_empty() {
        parsed.retain_files(|file| !foreign.contains(&file));
    }
}

/// Files with resources that no environment has, if there are some.
fn outside(parsed: &Parsed, root: &str, project: &Project) -> Option<Vec<FileId>> {
    let paths: Vec<_> = project.environments.values().flat_map(|it| &it.paths).cloned().collect();
    let all = Layers::of(parsed, root, Some(&paths));
    let own = parsed.project();
    let documents = parsed.documents().filter(|(id, _)| Some(*id) != own).map(|(_, it)| it.file);
    let held = documents.chain(parsed.broken().iter().map(|it| it.file));
    let files: BTreeSet<_> = held.filter(|file| !all.has(*file)).collect();
    let files: Vec<_> = files.into_iter().collect();
    (!files.is_empty()).then_some(files)
}

fn report_outside(
    parsed: &Parsed,
    root: &str,
    project: DocumentId,
    files: &[FileId],
) -> Option<Diagnostic> {
    let (first, others) = files.split_first()?;
    let name = relative(&parsed.source(*first).path, root);
    let message = match others.len() {
        0 => format!("`{name}` is of no environment"),
        1 => format!("`{name}` and another file with resources are of no environment"),
        more => format!("`{name}` and {more} other files with resources are of no environment"),
    };
    let at = At::root(project);
    let found =
        Diagnostic::new(&FILE_OUTSIDE_ENVIRONMENTS, at.field("environments").key(), message)
            .label("none of their paths holds it")
            .also(Place::File(*first), "left out")
            .consequence("what it says is neither checked nor compiled in any environment")
            .help("add it to the paths of an environment, or remove it");
    let shown = others.iter().take(SHOWN_MAX - 1);
    Some(shown.fold(found, |found, file| found.also(Place::File(*file), "left out")))
}

/// A path of `context`: of which environment (absent: the project's own), at which place of the list.
type ContextPath<'p> = (Option<&'p str>, usize, &'p String);

/// Paths of context below which nothing lies.
fn missing_context<'p>(
    parsed: &Parsed,
    root: &str,
    project: &'p Project,
    chosen: Option<(&'p str, &'p Environment)>,
) -> Vec<ContextPath<'p>> {
    let of = |name, paths: &'p [String]| {
        paths.iter().enumerate().map(move |(index, path)| (name, index, path))
    };
    let own = chosen.into_iter().flat_map(|(name, it)| of(Some(name), &it.context));
    let all = of(None, &project.context).chain(own);
    let is_there = |path: &str| {
        let mut files = parsed.sources().iter();
        files.any(|(_, file)| layers::is_below(relative(&file.path, root), path))
    };
    all.filter(|(.., path)| !is_there(path)).collect()
}

fn report_missing(project: DocumentId, missing: &[ContextPath<'_>]) -> Vec<Diagnostic> {
    let root = At::root(project);
    let report = |(environment, index, path): &ContextPath<'_>| {
        let environments = root.field("environments");
        let own = environment.map(|name| environments.field(name));
        let list = own.as_ref().unwrap_or(&root).field("context");
        let message = format!("there is no file below `{path}`");
        Diagnostic::new(&UNMATCHED_PATH, list.index(*index).value(), message)
            .label("nothing lies here")
            .consequence("what the cluster has is not known, and files that were meant are policy")
            .help("paths begin at the folder of `mesh.yaml`, and lead to files or folders below it")
    };
    missing.iter().map(report).collect()
}

/// Paths below which nothing lies.
fn unmatched(
    project: DocumentId,
    name: &str,
    environment: &Environment,
    layers: &Layers,
) -> Vec<Diagnostic> {
    let root = At::root(project);
    let environments = root.field("environments");
    let own = environments.field(name);
    let paths = own.field("paths");
    let empty = environment.paths.iter().enumerate().filter(|(index, _)| !layers.is_used(*index));
    let report = |(index, path): (usize, &String)| {
        let message = format!("there is no file below `{path}`");
        Diagnostic::new(&UNMATCHED_PATH, paths.index(index).value(), message)
            .label("nothing lies here")
            .consequence(format!("`{name}` is compiled without what was meant"))
            .help("paths begin at the folder of `mesh.yaml`, and lead to files or folders below it")
    };
    empty.map(report).collect()
}

/// Policy that a cluster has says nothing of what the repository wants; one notice a file.
fn leave_out_policy(parsed: &mut Parsed, out: &mut Vec<Diagnostic>) {
    let is_policy: Vec<_> = parsed.documents().map(|(_, it)| is_policy(parsed, it)).collect();
    let mut counts: BTreeMap<FileId, usize> = BTreeMap::new();
    for ((_, document), _) in parsed.documents().zip(&is_policy).filter(|(_, is)| **is) {
        *counts.entry(document.file).or_default() += 1;
    }
    for (file, count) in counts {
        let message = if count == 1 {
            "a resource of the context is policy, and left out".to_owned()
        } else {
            format!("{count} resources of the context are policy, and left out")
        };
        out.push(
            Diagnostic::new(&POLICY_IN_CONTEXT, Place::File(file), message)
                .consequence("what runs in the cluster is taken from it, and nothing else"),
        );
    }
    parsed.retain(|id, _| !is_policy.get(id.0 as usize).copied().unwrap_or_default());
}

/// Whether a resource of context is policy, and not what runs.
fn is_policy(parsed: &Parsed, document: &Document) -> bool {
    let group = document.identity.group();
    parsed.source(document.file).role == Role::Context
        && (group.ends_with(".istio.io") || group.starts_with("gateway.networking."))
}
