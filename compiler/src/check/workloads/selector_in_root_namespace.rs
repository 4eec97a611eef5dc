//! `selector-in-root-namespace`: a `PeerAuthentication` of the root namespace selects workloads, and so is for nobody.
//!
//! That of the root namespace is for the whole mesh, and one with a selector stands in the namespace of its workloads; this one
//! is neither. Policies of other kinds select workloads of every namespace from there. Source: Istio, `ComposePeerAuthentication`.

use std::collections::BTreeSet;

use crate::api::istio::MtlsMode;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::NoScope;

pub(super) static CHECK: Check = Check::lint(
    "selector-in-root-namespace",
    Severity::Warning,
    include_str!("selector_in_root_namespace.md"),
);

/// How many workloads a finding points at.
const SHOWN_MAX: usize = 3;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = &mesh.policies.peer_authentications;
    for policy in policies.iter().filter(|it| it.scope == Err(NoScope::SelectorInRoot)) {
        let resource = policy.resource;
        let Some(selector) = &resource.spec.selector else { continue };
        let meant = mesh.workloads.selected(None, &selector.match_labels);
        let root = mesh.settings.root_namespace;
        let path = FieldPath::default().field("spec").field("selector");
        let message =
            format!("a PeerAuthentication of `{root}` is for the whole mesh or for nobody");
        let found = Diagnostic::new(&CHECK, Place::key(resource.id, path), message)
            .label("with a selector it is for nobody");
        let shown = meant.iter().take(SHOWN_MAX);
        let found =
            shown.fold(found, |found, it| found.also(Place::resource(it.id), "not for this one"));
        let effect = match resource.spec.mtls.as_ref().map(|mtls| mtls.mode) {
            Some(MtlsMode::Strict) => "the workloads go on taking plain text from anybody",
            Some(MtlsMode::Disable) => "the workloads go on taking the mesh's mutual TLS",
            _ => "connections to the workloads are taken as if it were not there",
        };
        let homes: BTreeSet<_> = meant.iter().map(|it| it.namespace()).collect();
        let help = match Vec::from_iter(homes).as_slice() {
            [home] if *home != root => format!("write it in the namespace `{home}`, where the workloads are"),
            _ => "write it in the namespace of the workloads, or without a selector for the whole mesh".to_owned(),
        };
        out.push(found.consequence(effect).help(help));
    }
}
