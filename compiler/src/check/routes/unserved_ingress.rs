//! `unserved-ingress`: an Ingress that no gateway of the mesh serves, and that names nobody else.
//!
//! Whose an Ingress is, its class says. One with the class of another controller is that controller's business. Source:
//! Istio, `shouldProcessIngressWithClass`, `MeshConfig.ingressControllerMode`; Kubernetes, "Ingress class".

use crate::api::nearest;
use crate::check::workloads::selector_without_workload;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::ingress::{Ingress, Served};

pub(in crate::check) static CHECK: Check =
    Check::lint("unserved-ingress", Severity::Warning, include_str!("unserved_ingress.md"));

const UNOPENED: &str = "nothing is opened for it, and requests to its hosts reach nobody";

/// How many more resources are pointed at.
const SHOWN_MAX: usize = 3;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for ingress in mesh.ingresses.iter() {
        match ingress.served {
            Served::ByMesh | Served::Elsewhere(_) => {}
            Served::UnknownClass(name) => out.extend(unknown_class(mesh, ingress, name)),
            Served::WithoutClass => out.push(without_class(ingress)),
            Served::Off => out.extend(off(mesh, ingress)),
        }
    }
    out.extend(without_proxy(mesh));
}

fn class_name() -> FieldPath {
    FieldPath::default().field("spec").field("ingressClassName")
}

/// Classes of other controllers come with these, from outside of the repository. Where it has classes of its own, and of
/// the mesh's word for itself, a name that is none is a mistake.
fn unknown_class(mesh: &Mesh<'_>, ingress: &Ingress<'_>, name: &str) -> Option<Diagnostic> {
    let classes = &mesh.source.ingress_classes;
    let near = nearest(name, classes.iter().map(crate::api::Resource::name));
    if near.is_none() && name != "istio" {
        return None;
    }
    let place = Place::value(ingress.resource.id, class_name());
    let found = Diagnostic::new(&CHECK, place, format!("there is no IngressClass `{name}`"))
        .meant(near, "no such class")
        .consequence(UNOPENED)
        .help("an IngressClass with `controller: istio.io/ingress-controller` is for the mesh");
    Some(found)
}

fn without_class(ingress: &Ingress<'_>) -> Diagnostic {
    let message = "the Ingress names no class, and the mesh takes none that does not";
    Diagnostic::new(&CHECK, Place::resource(ingress.resource.id), message)
        .label("for nobody here")
        .consequence(UNOPENED)
        .help("name an IngressClass whose `controller` is `istio.io/ingress-controller`")
}

fn off(mesh: &Mesh<'_>, ingress: &Ingress<'_>) -> Option<Diagnostic> {
    let config = mesh.settings.config?;
    let mode = FieldPath::default().field("ingressControllerMode");
    let message = "the mesh takes no Ingress at all";
    let found = Diagnostic::new(&CHECK, Place::resource(ingress.resource.id), message)
        .label("its class is the mesh's")
        .also(Place::value(config.id, mode), "so it is said here")
        .consequence(UNOPENED);
    Some(found.help("remove the mode, or write a Gateway and a VirtualService"))
}

/// Said once: all are for the same proxies.
fn without_proxy(mesh: &Mesh<'_>) -> Option<Diagnostic> {
    let selector = &mesh.ingresses.selector;
    let mut proxies = selector_without_workload::proxies(mesh).peekable();
    proxies.peek()?;
    if proxies.any(|it| it.inventory.has(selector)) {
        return None;
    }
    let mut served = mesh.ingresses.served().map(|(_, it)| Place::resource(it.resource.id));
    let first = served.next()?;
    let (name, value) = selector.first_key_value()?;
    let message = format!("no gateway of the mesh has the label `{name}: {value}`");
    let found = Diagnostic::new(&CHECK, first, message)
        .label("no proxy opens it")
        .consequence("connections to its hosts are refused")
        .help("say in `ingressSelector` of the mesh configuration which gateways serve Ingresses");
    Some(served.take(SHOWN_MAX).fold(found, |found, place| found.also(place, "nor this one")))
}
