//! Whose policies are compared: the workloads that are on both sides, as each has them.

use std::collections::{BTreeMap, BTreeSet};

use mesh_compiler::resolve::Viewer;
use mesh_snapshot::diff::Workloads;
use mesh_snapshot::object::{Labels, Role, Workload};
use mesh_snapshot::{Applies, Snapshot};

use super::Side;
use super::held::Sides;

/// A workload on both sides, or some of its pods.
pub(super) struct Client {
    /// `shop/reviews-v1`; `web/*` stands for a namespace of which no workload is known.
    pub(super) name: String,
    pub(super) before: Workload,
    pub(super) after: Workload,
    /// Whether they are pods that have labels which their template does not give them.
    pub(super) is_of_pods: bool,
}

/// By name: the workloads, with their pods that some policy is for alone, and for each namespace without one any of its own.
pub(super) fn all(before: &Side, after: &Side) -> Vec<Client> {
    let [old, new] = [before, after].map(|side| &side.bundle.inventory);
    let was: BTreeMap<_, _> = old.iter().map(|it| (name(it), it)).collect();
    let mut clients = Vec::new();
    for is in new {
        let name = name(is);
        if let Some(was) = was.get(&name) {
            clients.extend(pods(&name, was, is, before, after));
            let (before, after) = ((*was).clone(), is.clone());
            clients.push(Client { name, before, after, is_of_pods: false });
        }
    }
    let inhabited: BTreeSet<_> = old.iter().chain(new).map(|it| it.namespace.as_str()).collect();
    let of = |side: &Side| -> BTreeSet<String> {
        side.bundle.snapshot.manifest().namespaces.keys().cloned().collect()
    };
    for namespace in of(before).union(&of(after)).filter(|it| !inhabited.contains(it.as_str())) {
        let any =
            Workload { namespace: namespace.clone(), role: Role::Sidecar, ..Workload::default() };
        let name = format!("{namespace}/*");
        clients.push(Client { name, before: any.clone(), after: any, is_of_pods: false });
    }
    clients.sort_by(|a, b| (&a.name, a.is_of_pods).cmp(&(&b.name, b.is_of_pods)));
    clients
}

pub(super) fn name(workload: &Workload) -> String {
    format!("{}/{}", workload.namespace, workload.name)
}

/// The pods of a workload that something selects by labels which no template has (`statefulset.kubernetes.io/pod-name`).
fn pods(name: &str, was: &Workload, is: &Workload, before: &Side, after: &Side) -> Vec<Client> {
    let beside = [before, after].map(|side| side.beside.as_ref()?.pods.get(name));
    let [old, new] = beside;
    // A snapshot does not tell what pods may have; the other side may.
    let (Some(old), Some(new)) = (old.or(new), new.or(old)) else { return Vec::new() };
    let sides = [before, after].map(|side| &side.bundle.snapshot);
    let selectors: BTreeSet<_> =
        sides.into_iter().flat_map(|it| selectors(it, &was.namespace)).collect();
    let some = selectors.into_iter().filter_map(|labels| {
        let [pods_before, pods_after] = [(was, old), (is, new)].map(|(of, pods)| {
            let are_others = !of.has(labels) && pods.may_have(of, labels, Viewer::Istio);
            are_others.then(|| with(of, labels))
        });
        (pods_before.is_some() || pods_after.is_some()).then(|| Client {
            name: name.to_owned(),
            before: pods_before.unwrap_or_else(|| was.clone()),
            after: pods_after.unwrap_or_else(|| is.clone()),
            is_of_pods: true,
        })
    });
    some.collect()
}

/// Counts workloads among those for which something changes where it does for some of their pods.
pub(super) fn count_pods(workloads: &mut Workloads, clients: &[Client], sides: &Sides<'_>) {
    let [old, new] = [sides.before, sides.after].map(|(_, it)| &it.bundle.snapshot);
    for client in clients.iter().filter(|it| it.is_of_pods) {
        let digest =
            |snapshot: &Snapshot, of: &Workload| Some(snapshot.slice_of(of).ok()?.digest());
        if digest(old, &client.before) != digest(new, &client.after)
            && let Some(name) = workloads.unchanged.take(&client.name)
        {
            workloads.changed.insert(name);
        }
    }
}

fn with(workload: &Workload, labels: &Labels) -> Workload {
    let mut pods = workload.clone();
    pods.labels.extend(labels.iter().map(|(name, value)| (name.clone(), value.clone())));
    pods
}

/// By which something of the mesh or of a namespace selects.
fn selectors<'s>(snapshot: &'s Snapshot, namespace: &str) -> impl Iterator<Item = &'s Labels> {
    let sections = [Some(snapshot.mesh()), snapshot.namespace(namespace)];
    let entries = sections.into_iter().flatten().flat_map(|section| &section.entries);
    entries.flat_map(|entry| match &entry.applies {
        Applies::Selected(sets) => sets.as_slice(),
        Applies::All | Applies::Gateways(_) | Applies::Addressed(_) => &[],
    })
}
