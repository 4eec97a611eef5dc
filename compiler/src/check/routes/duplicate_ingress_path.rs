//! `duplicate-ingress-path`: two Ingresses, or two rules of one, lead one path of one host to different places.
//!
//! The rules of all Ingresses for a host become one list, in which of two that are alike the older Ingress's comes first.
//! Source: Istio, `sortRulesByCreationTimestamp`, `sortHTTPRoutes`.

use std::collections::BTreeMap;

use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::ingress::{Backend, Path, PathTest};

pub(super) static CHECK: Check = Check::lint(
    "duplicate-ingress-path",
    Severity::Warning,
    include_str!("duplicate_ingress_path.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for host in mesh.ingresses.hosts() {
        let mut first: BTreeMap<(bool, &str), &Path<'_>> = BTreeMap::new();
        for path in host.paths.iter().filter(|it| matches!(it.backend, Backend::Port(..))) {
            let known = *first.entry(key(path.test)).or_insert(path);
            if known.backend != path.backend {
                out.push(report(&host.host, known, path));
            }
        }
    }
}

/// Alike for paths that take the same requests: whether it is exact, and without a slash at a prefix's end.
fn key(test: PathTest<'_>) -> (bool, &str) {
    match test {
        PathTest::Any => (false, ""),
        PathTest::Exact(path) => (true, path),
        PathTest::Prefix(path) => (false, path.strip_suffix('/').unwrap_or(path)),
    }
}

fn report(host: &str, first: &Path<'_>, path: &Path<'_>) -> Diagnostic {
    let place = |it: &Path<'_>| Place::value(it.resource.id, it.path().field("path"));
    let shown = match path.test {
        PathTest::Any => "every path".to_owned(),
        PathTest::Exact(path) | PathTest::Prefix(path) => format!("`{path}`"),
    };
    let message = format!("{shown} of `{host}` is led elsewhere already");
    Diagnostic::new(&CHECK, place(path), message)
        .label("never selected")
        .also(place(first), "this one comes first")
        .consequence(format!("all its requests go to {}", shown_backend(first)))
        .help("remove one of the two; of two Ingresses the older comes first")
}

fn shown_backend(path: &Path<'_>) -> String {
    match &path.backend {
        Backend::Port(host, port) => format!("`{host}` port {port}"),
        Backend::UnknownPort(host, _) => format!("`{host}`"),
        Backend::NoService => "nobody".to_owned(),
    }
}
