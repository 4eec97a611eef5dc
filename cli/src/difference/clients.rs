//! Whose policies are compared: the workloads that are on both sides, as each has them. For whom both sides say the same nothing can
//! differ.

use std::collections::{BTreeMap, BTreeSet};

use mesh_compiler::resolve::{Viewer, asks_for_given};
use mesh_snapshot::Snapshot;
use mesh_snapshot::diff::Workloads;
use mesh_snapshot::manifest::Section;
use mesh_snapshot::object::{Labels, Role, Workload};

use super::Side;
use super::held::{Sides, have_proxies};

/// A workload on both sides, or some of its pods.
pub(super) struct Client {
    /// `shop/reviews-v1`; `web/*` stands for a namespace of which no workload is known.
    pub(super) name: String,
    pub(super) before: Workload,
    pub(super) after: Workload,
    /// Whether they are pods that have labels which their template does not give them.
    pub(super) is_of_pods: bool,
}

/// Those for whom something may differ, and all gateways, by name: the workloads, with their pods that some policy is for alone, and
/// for each namespace without one any of its own.
pub(super) fn all(before: &Side, after: &Side) -> Vec<Client> {
    let [old, new] = [before, after].map(|side| &side.bundle.inventory);
    let was: BTreeMap<_, _> = old.iter().map(|it| (it.full_name(), it)).collect();
    let mesh = Mesh::of(before, after);
    let mut known: BTreeMap<&str, Namespace<'_>> = BTreeMap::new();
    let mut clients = Vec::new();
    for is in new {
        let name = is.full_name();
        let Some(was) = was.get(&name) else { continue };
        let own = known.entry(&is.namespace).or_insert_with(|| mesh.namespace(&is.namespace));
        let [has_proxy_before, has_proxy_after] = have_proxies(&name, before, after);
        let is_same = own.is_same && has_proxy_before == has_proxy_after;
        let mut all = pods(&name, was, is, before, after, &own.selectors);
        all.push(Client { name, before: (*was).clone(), after: is.clone(), is_of_pods: false });
        // Which Gateways somebody serves all gateways tell.
        let may_differ =
            |it: &Client| !is_same || it.before != it.after || it.after.role == Role::Gateway;
        clients.extend(all.into_iter().filter(may_differ));
    }
    let inhabited: BTreeSet<_> = old.iter().chain(new).map(|it| it.namespace.as_str()).collect();
    let of = |side: &Side| -> BTreeSet<String> {
        side.bundle.snapshot.manifest().namespaces.keys().cloned().collect()
    };
    for namespace in of(before).union(&of(after)).filter(|it| !inhabited.contains(it.as_str())) {
        if mesh.is_same(namespace) {
            continue;
        }
        let any =
            Workload { namespace: namespace.clone(), role: Role::Sidecar, ..Workload::default() };
        let name = format!("{namespace}/*");
        clients.push(Client { name, before: any.clone(), after: any, is_of_pods: false });
    }
    clients.sort_by(|a, b| (&a.name, a.is_of_pods).cmp(&(&b.name, b.is_of_pods)));
    clients
}

/// What both sides say to all namespaces.
struct Mesh<'s> {
    sides: [&'s Snapshot; 2],
    selectors: BTreeSet<&'s Labels>,
}

/// What both sides say to the workloads of a namespace.
struct Namespace<'s> {
    /// Whether that is the same.
    is_same: bool,
    /// By which something selects that may mean some pods of a workload alone.
    selectors: BTreeSet<&'s Labels>,
}

impl<'s> Mesh<'s> {
    fn of(before: &'s Side, after: &'s Side) -> Self {
        let sides = [before, after].map(|side| &side.bundle.snapshot);
        let selectors = sides.into_iter().flat_map(|it| of_pods(it.mesh())).collect();
        Self { sides, selectors }
    }

    fn namespace(&self, name: &str) -> Namespace<'s> {
        let own = self.sides.into_iter().filter_map(|it| it.namespace(name)).flat_map(of_pods);
        let selectors = self.selectors.iter().copied().chain(own).collect();
        Namespace { is_same: self.is_same(name), selectors }
    }

    fn is_same(&self, namespace: &str) -> bool {
        let [before, after] = self.sides;
        before.is_same_for(namespace, after)
    }
}

/// By which something selects that asks for labels which a template need not have. Any other selects all pods of a workload or none.
fn of_pods(section: &Section) -> impl Iterator<Item = &Labels> {
    section.selectors().filter(|it| asks_for_given(it))
}

/// The pods of a workload that something selects by labels which no template has (`statefulset.kubernetes.io/pod-name`).
fn pods(
    name: &str,
    was: &Workload,
    is: &Workload,
    before: &Side,
    after: &Side,
    selectors: &BTreeSet<&Labels>,
) -> Vec<Client> {
    if selectors.is_empty() {
        return Vec::new();
    }
    let beside = [before, after].map(|side| side.beside.as_ref()?.pods.get(name));
    let [old, new] = beside;
    // A snapshot does not tell what pods may have; the other side may.
    let (Some(old), Some(new)) = (old.or(new), new.or(old)) else { return Vec::new() };
    let some = selectors.iter().filter_map(|labels| {
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
