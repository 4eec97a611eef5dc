//! Namespaces and labels that nobody has who may call.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use mesh_snapshot::object::Labels;

use super::never;
use crate::api::nearest;
use crate::check::any_match::AnyMatch;
use crate::check::inventory;
use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::resolve::route::{GatewayName, VirtualService};
use crate::resolve::{Mesh, Viewer};

pub(super) fn check_namespace(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'_>,
) -> Option<Diagnostic> {
    let name = asked.source_namespace;
    // Beside the name of a gateway nobody asks who calls: `ignored-source-match`.
    let is_asked = !name.is_empty() && asked.gateways.is_empty();
    if !is_asked {
        return None;
    }
    let path = asked.at.clone().field("sourceNamespace");
    if !mesh.namespaces.are_declared() || mesh.namespaces.contains(name) {
        return check_own_namespace(mesh, it, path, name);
    }
    let help = "a namespace that exists outside of this repository goes into `inventory.namespaces` of mesh.yaml";
    Some(never(it, path, format!("there is no namespace `{name}`")).help(help))
}

/// At a gateway it is its own namespace that is compared with the one that is asked for. Source: Istio, `sourceMatchHTTP`.
fn check_own_namespace(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    at: FieldPath,
    name: &str,
) -> Option<Diagnostic> {
    for gateway in &it.gateways {
        let GatewayName::Named(gateway) = gateway else { return None };
        let proxies_in = &mesh.gateways.find(gateway)?.proxies_in;
        if proxies_in.is_empty() || proxies_in.contains(name) {
            return None;
        }
    }
    let message =
        "no proxy of the gateways is in this namespace, and it is compared with their own";
    let found = never(it, at, message.to_owned()).also(bound(it), BOUND_TO);
    Some(found.help("callers are told apart by namespace where `gateways` holds `mesh`"))
}

const BOUND_TO: &str = "the routes are for these alone";

fn bound(it: &VirtualService<'_>) -> Place {
    Place::key(it.resource.id, FieldPath::default().field("spec").field("gateways"))
}

/// At a gateway it is its own labels that are compared with those that are asked for. Source: Istio, `sourceMatchHTTP`.
pub(super) fn check_labels<'m>(
    mesh: &'m Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'m>,
    callers: &Callers<'m>,
) -> Option<Diagnostic> {
    let labels = asked.source_labels;
    if labels.is_empty() || !asked.gateways.is_empty() {
        return None;
    }
    if it.gateways.contains(&GatewayName::Mesh) {
        return check_callers(mesh, it, asked, callers);
    }
    for name in &it.gateways {
        let GatewayName::Named(name) = name else { continue };
        let proxies = mesh.gateways.find(name)?.proxies(&mesh.workloads);
        if proxies.is_empty() || proxies.iter().any(|it| it.may_have(labels, Viewer::Istio)) {
            return None;
        }
    }
    let message = "no proxy of the gateways has these labels, and they are compared with its own";
    let found = never(it, asked.at.clone().field("sourceLabels"), message.to_owned());
    let found = found.also(bound(it), BOUND_TO);
    Some(found.help("callers are told apart by labels where `gateways` holds `mesh`"))
}

/// Who may call, as far as the repository shows it. It is made of the mesh alone.
#[derive(Default)]
pub(super) struct Callers<'m> {
    are_all_shown: OnceCell<bool>,
    /// Of a namespace, or of all: the values of each label.
    values: RefCell<HashMap<Option<&'m str>, Rc<Values<'m>>>>,
}

type Values<'m> = HashMap<&'m str, BTreeSet<&'m str>>;

impl<'m> Callers<'m> {
    /// Whether it shows all of a namespace; absent: of all namespaces.
    fn are_shown(&self, mesh: &Mesh<'_>, namespace: Option<&str>) -> bool {
        let is_shown = |namespace: &str| inventory::shows_workloads(mesh, namespace);
        let are_all_shown = || mesh.namespaces.names().all(is_shown);
        namespace.map_or_else(|| *self.are_all_shown.get_or_init(are_all_shown), is_shown)
    }

    fn values(&self, mesh: &'m Mesh<'_>, namespace: Option<&'m str>) -> Rc<Values<'m>> {
        let make = || {
            let mut values: Values<'m> = HashMap::new();
            let all = mesh.workloads.selected(namespace, &Labels::new());
            for (name, value) in all.into_iter().flat_map(|it| &it.inventory.labels) {
                values.entry(name).or_default().insert(value);
            }
            Rc::new(values)
        };
        Rc::clone(self.values.borrow_mut().entry(namespace).or_insert_with(make))
    }
}

/// Labels that no workload has where the repository shows all that may call.
fn check_callers<'m>(
    mesh: &'m Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'m>,
    callers: &Callers<'m>,
) -> Option<Diagnostic> {
    let labels = asked.source_labels;
    let namespace = Some(asked.source_namespace).filter(|it| !it.is_empty());
    let is_on_one =
        |labels: &Labels| !mesh.workloads.possible(namespace, labels, Viewer::Istio).is_empty();
    if is_on_one(labels)
        || mesh.machines.may_have(namespace, labels)
        || !callers.are_shown(mesh, namespace)
    {
        return None;
    }
    let values = callers.values(mesh, namespace);
    let has = |name: &str, value: &str| values.get(name).is_some_and(|all| all.contains(value));
    let at = asked.at.clone().field("sourceLabels");
    let may_have = |name: &String, value: &String| {
        has(name, value) || is_on_one(&[(name.clone(), value.clone())].into())
    };
    let alone = labels.iter().find(|(name, value)| !may_have(name, value));
    let Some((name, value)) = alone else {
        return Some(never(it, at, "no workload has all of these labels".to_owned()));
    };
    let near = values.get(name.as_str()).into_iter().flatten().copied();
    let message = format!("no workload has the label `{name}: {value}`");
    let found = never(it, at.field(name.clone()), message);
    Some(found.meant(nearest(value, near), "never holds"))
}
