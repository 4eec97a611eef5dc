//! `unknown-gateway`: a route or a policy names a Gateway that there is not.
//!
//! Sources: Istio, `VirtualService.gateways`; Gateway API, `ParentReference`, `targetRefs`.

use crate::api::istio::Attached;
use crate::api::{Resource, nearest};
use crate::check::routes::generated_gateway;
use crate::check::{inventory, suggestion};
use crate::diagnostic::{Cause, Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::route::{GatewayName, Parent, RefusedParent, VirtualService};

pub(in crate::check) static CHECK: Check =
    Check::lint("unknown-gateway", Severity::Error, include_str!("unknown_gateway.md"))
        .alias(&["IST0101", "IST0132", "KIA1102"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if inventory::lists_gateways(mesh) {
        for (_, it) in mesh.virtual_services.iter() {
            check_virtual_service(mesh, it, out);
        }
    }
    check_parents(mesh, out);
    if !inventory::lists_api_gateways(mesh) {
        return;
    }
    mesh.source.authorization_policies.iter().for_each(|it| check_targets(mesh, it, out));
    mesh.source.request_authentications.iter().for_each(|it| check_targets(mesh, it, out));
}

fn is_listed(mesh: &Mesh<'_>, namespace: &str, name: &str) -> bool {
    inventory::lists(&mesh.source.project.inventory.gateways, namespace, name)
        || inventory::is_incomplete(mesh, "Gateway", namespace, name)
}

fn check_virtual_service(mesh: &Mesh<'_>, it: &VirtualService<'_>, out: &mut Vec<Diagnostic>) {
    for (index, gateway) in it.gateways.iter().enumerate() {
        let GatewayName::Named(full) = gateway else { continue };
        let Some((namespace, name)) = full.split_once('/') else { continue };
        let is_api_gateway = mesh.api_gateways.find(namespace, name).is_some();
        let is_known = mesh.gateways.find(full).is_some() || is_api_gateway;
        if is_known || is_listed(mesh, namespace, name) || generated_gateway::is_generated(name) {
            continue;
        }
        let path = FieldPath::default().field("spec").field("gateways").index(index);
        let place = Place::value(it.resource.id, path);
        let near = suggestion::gateway(mesh, namespace, name).map(|(of, name)| {
            if of == it.namespace() { name.to_owned() } else { format!("{of}/{name}") }
        });
        let found = describe(place, namespace, name, near.as_deref());
        let is_alone = it.gateways.len() == 1;
        out.push(found.consequence(if is_alone {
            "no proxy uses these routes"
        } else {
            "its routes are used only at the other gateways that it names"
        }));
    }
}

/// A gateway that a match names and that there is not.
pub(in crate::check) fn in_match(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    gateway: &GatewayName,
    path: FieldPath,
) -> Option<Diagnostic> {
    let GatewayName::Named(full) = gateway else { return None };
    let (namespace, name) = full.split_once('/')?;
    let is_known =
        mesh.gateways.find(full).is_some() || mesh.api_gateways.find(namespace, name).is_some();
    if is_known
        || !inventory::lists_gateways(mesh)
        || is_listed(mesh, namespace, name)
        || generated_gateway::is_generated(name)
    {
        return None;
    }
    let near = suggestion::gateway(mesh, namespace, name).map(|(of, name)| {
        if of == it.namespace() { name.to_owned() } else { format!("{of}/{name}") }
    });
    let mut found = describe(Place::value(it.resource.id, path), namespace, name, near.as_deref())
        .consequence("the match holds nowhere");
    // Istio takes it without a word.
    found.severity = Severity::Warning;
    Some(found)
}

fn describe(place: Place, namespace: &str, name: &str, near: Option<&str>) -> Diagnostic {
    let message = format!("there is no Gateway `{name}` in namespace `{namespace}`");
    Diagnostic::new(&CHECK, place, message)
        .meant(near, "no such Gateway")
        .help("a Gateway that exists outside of this repository goes into `inventory.gateways` of mesh.yaml")
        .cause(Cause::Same)
}

fn check_parents(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, route) in mesh.http_routes.iter() {
        let document = route.resource.id;
        for (index, parent) in route.parents.iter().enumerate() {
            let Parent::Refused(RefusedParent::Missing { kind, namespace, name }) = parent else {
                continue;
            };
            let path = FieldPath::default().field("spec").field("parentRefs").index(index);
            let place = Place::value(document, path.field("name"));
            if *kind == "Gateway" {
                if !inventory::lists_api_gateways(mesh) || is_listed(mesh, namespace, name) {
                    continue;
                }
                let near = nearest(name, mesh.api_gateways.names_in(namespace));
                out.push(
                    describe(place, namespace, name, near)
                        .consequence("the route is attached to nothing, and no proxy uses it"),
                );
            } else if inventory::lists_services(mesh)
                && !inventory::is_incomplete(mesh, kind, namespace, name)
            {
                let message = format!("there is no {kind} `{name}` in namespace `{namespace}`");
                out.push(
                    Diagnostic::new(&super::unknown_host::CHECK, place, message)
                        .label(format!("no such {kind}"))
                        .consequence("the route is attached to nothing, and no proxy uses it"),
                );
            }
        }
    }
}

fn check_targets(mesh: &Mesh<'_>, policy: &Resource<impl Attached>, out: &mut Vec<Diagnostic>) {
    let namespace = policy.namespace.as_str();
    for (path, target) in policy.spec.attachment().targeted() {
        let is_gateway = target.group == "gateway.networking.k8s.io" && target.kind == "Gateway";
        let is_known = mesh.api_gateways.find(namespace, &target.name).is_some();
        if !is_gateway || is_known || is_listed(mesh, namespace, &target.name) {
            continue;
        }
        let near = nearest(&target.name, mesh.api_gateways.names_in(namespace));
        let place = Place::value(policy.id, path.field("name"));
        out.push(
            describe(place, namespace, &target.name, near)
                .consequence("the policy is for no proxy, and protects nothing"),
        );
    }
}
