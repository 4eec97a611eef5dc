//! Whose policies are compared: the workloads that are on both sides, as each has them. For whom both sides say the same nothing can
//! differ.

use std::collections::{BTreeMap, BTreeSet};

use mesh_compiler::resolve::{Pods, Viewer, asks_for_given};
use mesh_snapshot::diff::Workloads;
use mesh_snapshot::manifest::Section;
use mesh_snapshot::object::{Labels, Role, Workload};
use mesh_snapshot::slice::Slice;
use mesh_snapshot::{Selectors, Snapshot};

use super::Side;
use super::held::have_proxies;

/// A workload on both sides, or some of its pods.
pub(super) struct Client {
    /// `shop/reviews-v1`; `web/*` stands for a namespace of which no workload is known.
    pub(super) name: String,
    pub(super) before: Workload,
    pub(super) after: Workload,
    /// What each side has for it.
    pub(super) slices: [Option<Slice>; 2],
    /// Whether they are pods that have labels which their template does not give them.
    pub(super) is_of_pods: bool,
}

impl Client {
    /// Those of both sides, where each has one.
    pub(super) fn slices(&self) -> Option<(&Slice, &Slice)> {
        let [was, is] = &self.slices;
        Some((was.as_ref()?, is.as_ref()?))
    }
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
        // Which Gateways somebody serves all gateways tell.
        let may_differ =
            |[was, is]: &[Workload; 2]| !is_same || was != is || is.role == Role::Gateway;
        let of_pods = pods(&name, [was, is], before, after, own).into_iter().map(|it| (it, true));
        let whole = ([(*was).clone(), is.clone()], false);
        let all = of_pods.chain([whole]).filter(|(both, _)| may_differ(both));
        clients.extend(all.map(|(both, is_of_pods)| mesh.client(&name, both, is_of_pods)));
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
        clients.push(mesh.client(&format!("{namespace}/*"), [any.clone(), any], false));
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
    /// By which something selects that may mean some pods of a workload alone, ascending.
    selectors: Vec<&'s Labels>,
    /// Their places.
    index: Selectors,
}

impl<'s> Mesh<'s> {
    fn of(before: &'s Side, after: &'s Side) -> Self {
        let sides = [before, after].map(|side| &side.bundle.snapshot);
        let selectors = sides.into_iter().flat_map(|it| of_pods(it.mesh())).collect();
        Self { sides, selectors }
    }

    fn namespace(&self, name: &str) -> Namespace<'s> {
        let own = self.sides.into_iter().filter_map(|it| it.namespace(name)).flat_map(of_pods);
        let selectors: BTreeSet<_> = self.selectors.iter().copied().chain(own).collect();
        let finding: Vec<_> = selectors.iter().map(|it| Pods::finding(it).into_owned()).collect();
        let index = Selectors::of(finding.iter().map(std::slice::from_ref).enumerate());
        let selectors = selectors.into_iter().collect();
        Namespace { is_same: self.is_same(name), selectors, index }
    }

    fn is_same(&self, namespace: &str) -> bool {
        let [before, after] = self.sides;
        before.is_same_for(namespace, after)
    }

    fn client(&self, name: &str, [before, after]: [Workload; 2], is_of_pods: bool) -> Client {
        let [old, new] = self.sides;
        let slices = [old.slice_of(&before).ok(), new.slice_of(&after).ok()];
        Client { name: name.to_owned(), before, after, slices, is_of_pods }
    }
}

/// By which something selects that asks for labels which a template need not have. Any other selects all pods of a workload or none.
fn of_pods(section: &Section) -> impl Iterator<Item = &Labels> {
    section.selectors().filter(|it| asks_for_given(it))
}

/// The pods of a workload that something selects by labels which no template has (`statefulset.kubernetes.io/pod-name`), as each side
/// has them.
fn pods(
    name: &str,
    [was, is]: [&Workload; 2],
    before: &Side,
    after: &Side,
    namespace: &Namespace<'_>,
) -> Vec<[Workload; 2]> {
    if namespace.selectors.is_empty() {
        return Vec::new();
    }
    let beside = [before, after].map(|side| side.beside.as_ref()?.pods.get(name));
    let [old, new] = beside;
    // A snapshot does not tell what pods may have; the other side may.
    let (Some(old), Some(new)) = (old.or(new), new.or(old)) else { return Vec::new() };
    let both = [(was, old), (is, new)];
    let candidates = both.map(|(of, pods)| namespace.index.candidates(&pods.found(of)));
    let candidates: BTreeSet<_> = candidates.into_iter().flatten().collect();
    let selectors = candidates.into_iter().filter_map(|place| namespace.selectors.get(place));
    let some = selectors.filter_map(|labels| {
        let [pods_before, pods_after] = both.map(|(of, pods)| {
            let are_others = !of.has(labels) && pods.may_have(of, labels, Viewer::Istio);
            are_others.then(|| with(of, labels))
        });
        (pods_before.is_some() || pods_after.is_some()).then(|| {
            [pods_before.unwrap_or_else(|| was.clone()), pods_after.unwrap_or_else(|| is.clone())]
        })
    });
    some.collect()
}

/// Counts workloads among those for which something changes where it does for some of their pods.
pub(super) fn count_pods(workloads: &mut Workloads, clients: &[Client]) {
    for client in clients.iter().filter(|it| it.is_of_pods) {
        let [was, is] = &client.slices;
        if was != is
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
