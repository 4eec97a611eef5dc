//! `selector-without-workload`: a policy, a Gateway or a Service selects pods, and nothing that runs has such labels.
//!
//! It is said only where the repository shows what runs: in a namespace with workloads and without what other programs run, or
//! what joins by itself, for a Gateway where there is a gateway at all. What runs outside of Kubernetes is selected, too. Source: Istio, `WorkloadSelector`, `Gateway.selector`; Kubernetes,
//! `Service.spec.selector`.

use mesh_snapshot::Applies;
use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;
use mesh_snapshot::object::Labels;

use crate::api::kubernetes::Service;
use crate::api::{Resource, nearest};
use crate::check::kept::apart;
use crate::check::{inventory, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::gateway::IstioGateway;
use crate::resolve::policy::{Policy, Scope};
use crate::resolve::service::Origin;
use crate::resolve::{Mesh, Viewer, Workload};

pub(in crate::check) static CHECK: Check = Check::lint(
    "selector-without-workload",
    Severity::Warning,
    include_str!("selector_without_workload.md"),
)
.alias(&["IST0127", "IST0101", "KIA0004", "KIA0302", "KIA0701"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = &mesh.policies;
    for it in &policies.peer_authentications {
        check_policy(mesh, it, out);
    }
    for it in &policies.request_authentications {
        check_policy(mesh, it, out);
    }
    apart::authorization_policies(mesh, out, |it, out| check_policy(mesh, it, out));
    let source = mesh.source;
    for it in &source.sidecars {
        let labels = it.spec.workload_selector.as_ref().map(|selector| &selector.labels);
        let path = FieldPath::default().field("spec").field("workloadSelector").field("labels");
        check_settings(mesh, it, labels, path, Severity::Error, out);
    }
    for it in &source.telemetries {
        let labels = it.spec.selector.as_ref().map(|selector| &selector.match_labels);
        let path = FieldPath::default().field("spec").field("selector").field("matchLabels");
        check_settings(mesh, it, labels, path, Severity::Error, out);
    }
    for it in &source.destination_rules {
        let labels = it.spec.workload_selector.as_ref().map(|selector| &selector.match_labels);
        let path =
            FieldPath::default().field("spec").field("workloadSelector").field("matchLabels");
        check_settings(mesh, it, labels, path, Severity::Warning, out);
    }
    for it in mesh.envoy_filters.iter() {
        let Ok(scope) = &it.scope else { continue };
        let path = FieldPath::default().field("spec").field("workloadSelector").field("labels");
        let effect = "no proxy is patched";
        check_scope(mesh, it.resource.id, scope, &path, effect, out);
    }
    check_gateways(mesh, out);
    check_services(mesh, out);
    check_entries(mesh, out);
}

fn check_policy<T>(mesh: &Mesh<'_>, policy: &Policy<'_, T>, out: &mut Vec<Diagnostic>) {
    let Ok(scope) = &policy.scope else { return };
    let path = FieldPath::default().field("spec").field("selector").field("matchLabels");
    let effect = "the policy is for nobody, and protects nothing";
    check_scope(mesh, policy.resource.id, scope, &path, effect, out);
}

fn check_scope(
    mesh: &Mesh<'_>,
    document: DocumentId,
    scope: &Scope<'_>,
    path: &FieldPath,
    effect: &str,
    out: &mut Vec<Diagnostic>,
) {
    let Applies::Selected(sets) = &scope.applies else { return };
    if !selection::of_policy(mesh, scope).is_empty()
        || selection::may_be_for_pods(mesh, scope)
        || selection::may_be_for_machines(mesh, scope)
    {
        return;
    }
    // Pods that Istio deploys for what is no gateway of the mesh, a waypoint for one, are not listed; `unserved-waypoint` speaks.
    if sets.iter().any(|labels| names_gateway(mesh, scope.namespace, labels)) {
        return;
    }
    let all = mesh.workloads.selected(scope.namespace, &Labels::new());
    let is_shown = match scope.namespace {
        Some(namespace) => inventory::shows_pods(mesh, namespace),
        None => !all.is_empty() && mesh.source.promised.has_no_pods(),
    };
    if !is_shown {
        return;
    }
    let among = scope.namespace.map_or("the mesh".to_owned(), |it| format!("namespace `{it}`"));
    for labels in sets {
        let found = report(document, path.clone(), labels, &all, Viewer::Istio, &among);
        out.push(found.consequence(effect));
    }
}

/// Whether they are labels of the pods of some Gateway of the Gateway API, whatever its class.
fn names_gateway(mesh: &Mesh<'_>, namespace: Option<&str>, labels: &Labels) -> bool {
    let Some(name) = labels.get(GATEWAY_NAME_LABEL) else { return false };
    let mut gateways = mesh.source.api_gateways.iter();
    gateways.any(|it| it.name() == name && namespace.is_none_or(|of| it.namespace == of))
}

/// What sets up the proxies of workloads of its own namespace.
fn check_settings<T>(
    mesh: &Mesh<'_>,
    resource: &Resource<T>,
    labels: Option<&Labels>,
    path: FieldPath,
    severity: Severity,
    out: &mut Vec<Diagnostic>,
) {
    let Some(labels) = labels.filter(|labels| !labels.is_empty()) else { return };
    let all = mesh.workloads.of_namespace(&resource.namespace);
    let is_shown = inventory::shows_pods(mesh, &resource.namespace);
    if !is_shown || may_select(mesh, &resource.namespace, labels, Viewer::Istio) {
        return;
    }
    let all: Vec<_> = all.iter().collect();
    let among = format!("namespace `{}`", resource.namespace);
    let mut found = report(resource.id, path, labels, &all, Viewer::Istio, &among)
        .consequence("it is for nobody, and what it sets holds for no workload");
    found.severity = severity;
    out.push(found);
}

fn check_gateways(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let proxies: Vec<_> = proxies(mesh).collect();
    for gateway in mesh.gateways.iter().filter(|gateway| selects_nobody(mesh, gateway)) {
        let path = FieldPath::default().field("spec").field("selector");
        let (id, labels) = (gateway.resource.id, &gateway.resource.spec.selector);
        let mut found = report(id, path, labels, &proxies, Viewer::Istio, "the mesh")
            .consequence("no proxy opens its servers: connections to them are refused");
        found.severity = Severity::Error;
        out.push(found);
    }
}

pub(in crate::check) fn proxies<'m, 'a>(
    mesh: &'m Mesh<'a>,
) -> impl Iterator<Item = &'m Workload<'a>> {
    mesh.workloads.gateways()
}

/// Whether there are gateways' proxies, and none of them is the Gateway's.
pub(in crate::check) fn selects_nobody(mesh: &Mesh<'_>, gateway: &IstioGateway<'_>) -> bool {
    proxies(mesh).next().is_some()
        && gateway.proxies(&mesh.workloads).is_empty()
        && !mesh.machines.has_any(&gateway.resource.spec.selector)
}

/// Whether something of a namespace has these labels, in Kubernetes or outside, or may join with them.
fn may_select(mesh: &Mesh<'_>, namespace: &str, labels: &Labels, viewer: Viewer) -> bool {
    !mesh.workloads.possible(Some(namespace), labels, viewer).is_empty()
        || mesh.machines.may_have(Some(namespace), labels)
}

fn check_services(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, service) in mesh.services.iter() {
        let Origin::Kubernetes(resource) = service.origin else { continue };
        let all = mesh.workloads.of_namespace(service.namespace);
        let is_alias = service.alias.is_some();
        let labels = &resource.spec.selector;
        let is_shown = inventory::shows_pods(mesh, service.namespace);
        if labels.is_empty() || is_alias || !is_shown {
            continue;
        }
        let viewer = Viewer::Kubernetes;
        if may_select(mesh, service.namespace, labels, viewer) || has_slice(mesh, resource) {
            continue;
        }
        let all: Vec<_> = all.iter().collect();
        let path = FieldPath::default().field("spec").field("selector");
        let among = format!("namespace `{}`", service.namespace);
        out.push(
            report(resource.id, path, labels, &all, viewer, &among)
                .consequence("requests to the Service are answered with 503: it has no endpoints"),
        );
    }
}

/// Whether its endpoints are listed, whoever made them.
fn has_slice(mesh: &Mesh<'_>, service: &Resource<Service>) -> bool {
    let slices = inventory::in_namespace(&mesh.source.endpoint_slices, &service.namespace);
    let mut own = slices.iter().filter(|it| it.service() == Some(service.name()));
    own.any(|it| it.spec.has_endpoints())
}

fn check_entries(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for entry in &mesh.source.service_entries {
        let namespace = entry.namespace.as_str();
        let Some(selector) = &entry.spec.workload_selector else { continue };
        let labels = &selector.labels;
        let is_shown = inventory::shows_pods(mesh, namespace);
        let viewer = Viewer::Istio;
        if labels.is_empty() || !is_shown || may_select(mesh, namespace, labels, viewer) {
            continue;
        }
        let all: Vec<_> = mesh.workloads.of_namespace(namespace).iter().collect();
        let path = FieldPath::default().field("spec").field("workloadSelector").field("labels");
        let among = format!("namespace `{namespace}`");
        out.push(
            report(entry.id, path, labels, &all, viewer, &among)
                .consequence("requests to its hosts are answered with 503: they have no endpoints"),
        );
    }
}

/// Points at the first label that no workload has, or else at all of them.
pub(in crate::check) fn report(
    document: DocumentId,
    path: FieldPath,
    labels: &Labels,
    all: &[&Workload<'_>],
    viewer: Viewer,
    among: &str,
) -> Diagnostic {
    let is_on_one = |(name, value): &(&String, &String)| {
        all.iter().any(|it| it.may_have_one(name, value, viewer))
    };
    let alone = labels.iter().find(|label| !is_on_one(label));
    let Some((name, value)) = alone else {
        let message = format!("no workload of {among} has all of these labels");
        return Diagnostic::new(&CHECK, Place::key(document, path), message)
            .label("selects nothing");
    };
    let message = format!("no workload of {among} has the label `{name}: {value}`");
    let place = Place::value(document, path.field(name.clone()));
    // Only what is written can be shown.
    let values = all.iter().filter_map(|it| Some((*it, it.metadata.labels.get(name)?.as_str())));
    let values: Vec<_> = values.collect();
    let near = nearest(value, values.iter().map(|(_, value)| *value));
    let mut found = Diagnostic::new(&CHECK, place, message).meant(near, "selects nothing");
    let shown = values.iter().find(|(_, value)| near == Some(value));
    if let Some((workload, value)) = shown {
        let place = Place::value(workload.id, workload.labels_path().field(name.clone()));
        found = found.also(place, format!("`{}` has `{name}: {value}`", workload.name()));
    }
    match numbered(value, all) {
        Some(said) => found.help(said),
        None => found,
    }
}

/// Which pods a `StatefulSet` has, where a name is that of one more.
fn numbered(pod: &str, all: &[&Workload<'_>]) -> Option<String> {
    let (set, ordinal) = pod.rsplit_once('-')?;
    ordinal.parse::<u32>().ok()?;
    let named = all.iter().find(|it| it.name() == set && it.pods.ordinals().is_some())?;
    let range = named.pods.ordinals()?.range()?;
    let (first, last) = (range.start, range.end.checked_sub(1)?);
    Some(match last.checked_sub(first)? {
        0 => format!("StatefulSet `{set}` has one pod, `{set}-{first}`"),
        _ => format!("StatefulSet `{set}` has the pods from `{set}-{first}` to `{set}-{last}`"),
    })
}
