//! `conflicting-peer-authentications`: several `PeerAuthentication`s are for the same workloads.
//!
//! On each level (mesh, namespace, selector) the oldest holds, and nothing is merged. Source: Istio, `ComposePeerAuthentication`.

use std::collections::{BTreeMap, HashMap};

use mesh_snapshot::Applies;

use crate::api::istio::PeerAuthentication;
use crate::check::overlap::why_first;
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::policy::{Policy, Scope};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check = Check::lint(
    "conflicting-peer-authentications",
    Severity::Warning,
    include_str!("conflicting_peer_authentications.md"),
)
.alias(&["KIA0002", "KIA0003"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut known = Known::default();
    // From the oldest on.
    for policy in &mesh.policies.peer_authentications {
        if let Ok(scope) = &policy.scope {
            out.extend(known.meet(mesh, scope, policy));
        }
    }
}

type Peers<'a> = Policy<'a, PeerAuthentication>;

/// Those that were looked at, by whom they are for.
///
/// Of those for one workload, or of one scope, two are enough to tell which is the first that says something else than a later
/// one: the first of all, and the first that says something else than it.
#[derive(Default)]
struct Known<'m, 'a> {
    scopes: BTreeMap<(Option<&'a str>, &'m Applies), OfScope<'m, 'a>>,
    selecting: HashMap<DocumentId, Vec<(usize, &'m Peers<'a>)>>,
    count: usize,
}

struct OfScope<'m, 'a> {
    own: Vec<&'m Peers<'a>>,
    /// Those that are older than all of its own and select some of the same workloads, with the first of these.
    older: Vec<(&'m Peers<'a>, &'m Workload<'a>)>,
}

impl<'m, 'a> Known<'m, 'a> {
    /// What is said where a policy meets one before it.
    fn meet(
        &mut self,
        mesh: &'m Mesh<'a>,
        scope: &'m Scope<'a>,
        later: &'m Peers<'a>,
    ) -> Option<Diagnostic> {
        let selected = || match &scope.applies {
            Applies::Selected(_) => selection::of_policy(mesh, scope),
            _ => Vec::new(),
        };
        let of = self.scopes.entry((scope.namespace, &scope.applies)).or_insert_with(|| OfScope {
            own: Vec::new(),
            older: older(&self.selecting, &selected()),
        });
        let meeting = of.older.iter().find(|(it, _)| differ(it, later));
        let found = match (meeting, of.own.first()) {
            (Some((earlier, shared)), _) => Some(share(earlier, later, shared)),
            (None, Some(earlier)) => Some(
                report(earlier, later, same_scope(scope))
                    .consequence("nothing is merged: the second one is as if it were not there"),
            ),
            (None, None) => None,
        };
        self.count += 1;
        if is_news(of.own.iter().copied(), later) {
            of.own.push(later);
            for workload in selected() {
                let known = self.selecting.entry(workload.id).or_default();
                if is_news(known.iter().map(|(_, it)| *it), later) {
                    known.push((self.count, later));
                }
            }
        }
        found
    }
}

fn is_news<'m, 'a: 'm>(
    mut known: impl ExactSizeIterator<Item = &'m Peers<'a>>,
    it: &Peers<'_>,
) -> bool {
    known.len() < 2 && known.all(|known| differ(known, it))
}

/// Of all that select one of `workloads`, the first, and the first that says something else.
fn older<'m, 'a>(
    selecting: &HashMap<DocumentId, Vec<(usize, &'m Peers<'a>)>>,
    workloads: &[&'m Workload<'a>],
) -> Vec<(&'m Peers<'a>, &'m Workload<'a>)> {
    let all = || {
        workloads.iter().flat_map(|workload| {
            let known = selecting.get(&workload.id).into_iter().flatten();
            known.map(move |(number, policy)| (*number, *policy, *workload))
        })
    };
    let Some((_, first, workload)) = all().min_by_key(|(number, ..)| *number) else {
        return Vec::new();
    };
    let others = all().filter(|(_, it, _)| differ(it, first));
    let other = others.min_by_key(|(number, ..)| *number).map(|(_, it, workload)| (it, workload));
    std::iter::once((first, workload)).chain(other).collect()
}

/// Whether two say different things of a workload.
fn differ(a: &Peers<'_>, b: &Peers<'_>) -> bool {
    let (a, b) = (&a.resource.spec, &b.resource.spec);
    a.mtls != b.mtls || a.port_level_mtls != b.port_level_mtls
}

fn share(earlier: &Peers<'_>, later: &Peers<'_>, shared: &Workload<'_>) -> Diagnostic {
    let message = format!("two PeerAuthentications select `{}`", shared.name());
    report(earlier, later, message)
        .also(Place::resource(shared.id), "this workload")
        .consequence("for that workload the first one holds; nothing is merged")
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

fn report(earlier: &Peers<'_>, later: &Peers<'_>, message: String) -> Diagnostic {
    let place = |it: &Peers<'_>| {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Compiled, policies};

    /// Each with all before it.
    fn pairwise(mesh: &Mesh<'_>) -> Vec<Diagnostic> {
        let all = &mesh.policies.peer_authentications;
        let first = |(position, later): (usize, &Peers<'_>)| {
            all.iter().take(position).find_map(|earlier| meeting(mesh, earlier, later))
        };
        all.iter().enumerate().filter_map(first).collect()
    }

    fn meeting(mesh: &Mesh<'_>, earlier: &Peers<'_>, later: &Peers<'_>) -> Option<Diagnostic> {
        let (Ok(first), Ok(second)) = (&earlier.scope, &later.scope) else { return None };
        if first == second {
            let found = report(earlier, later, same_scope(second));
            return Some(
                found.consequence("nothing is merged: the second one is as if it were not there"),
            );
        }
        let is_selected = |it: &Scope<'_>| matches!(it.applies, Applies::Selected(_));
        if first.namespace != second.namespace
            || !is_selected(first)
            || !is_selected(second)
            || !differ(earlier, later)
        {
            return None;
        }
        let workloads = selection::of_policy(mesh, second);
        let shared = workloads.into_iter().find(|it| first.applies.to(&it.inventory))?;
        Some(share(earlier, later, shared))
    }

    proptest! {
        #[test]
        fn what_is_found_by_index_is_what_is_found_by_pairs(
            text in policies("PeerAuthentication", &["mtls: {mode: STRICT}", "mtls: {mode: DISABLE}", "portLevelMtls: {8080: {mode: DISABLE}}"])
        ) {
            let compiled = Compiled::text(&text);
            let mesh = crate::resolve::resolve(&compiled.mesh);
            let mut found = Vec::new();
            run(&mesh, &mut found);
            prop_assert_eq!(found, pairwise(&mesh));
        }
    }
}
