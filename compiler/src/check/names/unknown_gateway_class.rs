//! `unknown-gateway-class`: a Gateway of the Gateway API is of a class that there is not, so that the mesh leaves it alone.
//!
//! Other controllers bring their classes along, from outside of the repository: unless the name is nearly one that there is, it is
//! a notice. Source: Gateway API, `Gateway.spec.gatewayClassName`; Istio, `FetchGatewayClass`.

use crate::api::{Resource, nearest};
use crate::diagnostic::{Cause, Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::Class;

pub(in crate::check) static CHECK: Check = Check::lint(
    "unknown-gateway-class",
    Severity::Warning,
    include_str!("unknown_gateway_class.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for gateway in mesh.api_gateways.iter().filter(|it| it.class == Class::Unknown) {
        let path = FieldPath::default().field("spec").field("gatewayClassName");
        let place = Place::value(gateway.resource.id, path);
        let name = &gateway.resource.spec.gateway_class_name;
        let known = mesh.source.gateway_classes.iter().map(Resource::name).chain(Class::BUILT_IN);
        let near = nearest(name, known);
        let mut found = Diagnostic::new(&CHECK, place, format!("there is no GatewayClass `{name}`"))
            .meant(near, "no such class")
            .consequence("the mesh does not serve it: its listeners are not opened, and its routes are nobody's")
            .help("write `gatewayClassName: istio`, or add the GatewayClass, whose `controllerName` says who serves it")
            .cause(Cause::Same);
        if near.is_none() {
            found.severity = Severity::Info;
        }
        out.push(found);
    }
}
