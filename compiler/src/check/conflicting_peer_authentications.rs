//! `conflicting-peer-authentications`: several `PeerAuthentication`s are for the same workloads.
//!
//! On each level (mesh, namespace, selector) the oldest holds, and nothing is merged. Source: Istio, `ComposePeerAuthentication`.

use std::collections::BTreeMap;

use mesh_snapshot::Applies;

use super::overlap::why_first;
use super::selection;
use crate::api::istio::PeerAuthentication;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::{Policy, Scope};

pub(super) static CHECK: Check = Check::lint(
    "conflicting-peer-authentications",
    Severity::Warning,
    include_str!("conflicting_peer_authentications.md"),
)
.alias(&["KIA0002", "KIA0003"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_namespace: BTreeMap<_, Vec<&Policy<'_, PeerAuthentication>>> = BTreeMap::new();
    // From the oldest on.
    for later in &mesh.policies.peer_authentications {
        let Ok(scope) = &later.scope else { continue };
        let earlier = by_namespace.entry(scope.namespace).or_default();
        out.extend(earlier.iter().find_map(|earlier| meeting(mesh, earlier, later)));
        earlier.push(later);
    }
}

/// What is said where two of one namespace meet.
fn meeting(
    mesh: &Mesh<'_>,
    earlier: &Policy<'_, PeerAuthentication>,
    later: &Policy<'_, PeerAuthentication>,
) -> Option<Diagnostic> {
    let (Ok(first), Ok(second)) = (&earlier.scope, &later.scope) else { return None };
    if first == second {
        let found = report(earlier, later, same_scope(second));
        return Some(
            found.consequence("nothing is merged: the second one is as if it were not there"),
        );
    }
    let (Applies::Selected(_), Applies::Selected(_)) = (&first.applies, &second.applies) else {
        return None;
    };
    let (a, b) = (&earlier.resource.spec, &later.resource.spec);
    if a.mtls == b.mtls && a.port_level_mtls == b.port_level_mtls {
        return None;
    }
    let workloads = selection::of_policy(mesh, second);
    let shared = workloads.into_iter().find(|it| first.applies.to(&it.inventory))?;
    let message = format!("two PeerAuthentications select `{}`", shared.name());
    let found = report(earlier, later, message)
        .also(Place::resource(shared.id), "this workload")
        .consequence("for that workload the first one holds; nothing is merged");
    Some(found)
}

fn same_scope(scope: &Scope<'_>) -> String {
    match (&scope.applies, scope.namespace) {
        (Applies::All, None) => "the mesh has several PeerAuthentications for all of it".to_owned(),
        (Applies::All, Some(namespace)) => {
            format!("namespace `{namespace}` has several PeerAuthentications for all workloads")
        }
        _ => "two PeerAuthentications have the same selector".to_owned(),
    }
}

fn report(
    earlier: &Policy<'_, PeerAuthentication>,
    later: &Policy<'_, PeerAuthentication>,
    message: String,
) -> Diagnostic {
    let place = |it: &Policy<'_, PeerAuthentication>| {
        let selector = FieldPath::default().field("spec").field("selector");
        match &it.scope {
            Ok(Scope { applies: Applies::All, .. }) | Err(_) => Place::resource(it.resource.id),
            Ok(_) => Place::key(it.resource.id, selector),
        }
    };
    let reason = why_first(&earlier.age, &later.age);
    Diagnostic::new(&CHECK, place(later), message)
        .label("does not hold")
        .also(place(earlier), format!("this one holds: {reason}"))
        .help("put both into one resource, or let their selectors differ")
}
