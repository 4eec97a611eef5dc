//! `unused-delegate`: a `VirtualService` has no hosts, and no other one delegates to it.
//!
//! Not said while some `VirtualService` cannot be read: it may be the one. Source: Istio, `VirtualService.hosts`, `Delegate`.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("unused-delegate", Severity::Warning, include_str!("unused_delegate.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if mesh.source.incomplete.iter().any(|it| it.kind == "VirtualService") {
        return;
    }
    for part in mesh.virtual_services.unused_parts() {
        let resource = part.resource;
        let spec = FieldPath::default().field("spec");
        // What a delegate cannot have shows that it is none, and an error says so.
        let all = ["hosts", "gateways", "tls", "tcp"].map(|field| spec.clone().field(field));
        let message = "the VirtualService has no hosts, and no other one delegates to it";
        let found = Diagnostic::new(&CHECK, Place::resource(resource.id), message)
            .label("never takes effect")
            .consequence("no request takes its routes")
            .help("name its `hosts`, or name it in the `delegate` of a route of another VirtualService");
        let supposed = all.into_iter().map(|path| Place::value(resource.id, path));
        out.push(supposed.fold(found, Diagnostic::supposing));
    }
}
