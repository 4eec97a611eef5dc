//! `ignored-ingress-part`: a part of an Ingress that leads nowhere, and that Istio leaves out without a word.
//!
//! Source: Istio, `RuleCollection` (`defaultBackend`, rules without paths), `convertIngressV1alpha3` (`tls` without a
//! Secret), `ingressBackendToHTTPRoute` (backends that are no Services).

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::ingress::{Backend, Ingress};

pub(super) static CHECK: Check =
    Check::lint("ignored-ingress-part", Severity::Warning, include_str!("ignored_ingress_part.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, ingress) in mesh.ingresses.served() {
        let id = ingress.resource.id;
        out.extend(default_backend(ingress).map(|it| it.supposing(Place::resource(id))));
        out.extend(without_paths(ingress));
        out.extend(without_secret(ingress));
    }
    for host in mesh.ingresses.hosts() {
        for path in host.paths.iter().filter(|it| it.backend == Backend::NoService) {
            let written = path.resource.spec.rules.get(path.place.0);
            let written = written.and_then(|it| it.http.as_ref()?.paths.get(path.place.1));
            // Without anything it is no Ingress, which is what is said then.
            if written.is_some_and(|it| it.backend.resource.is_some()) {
                out.push(other_backend(path.resource.id, path.path()));
            }
        }
    }
}

fn spec() -> FieldPath {
    FieldPath::default().field("spec")
}

fn default_backend(ingress: &Ingress<'_>) -> Option<Diagnostic> {
    ingress.resource.spec.default_backend.as_ref()?;
    let place = Place::key(ingress.resource.id, spec().field("defaultBackend"));
    let found = Diagnostic::new(&CHECK, place, "the mesh serves no default backend")
        .label("not served")
        .consequence("requests that no rule takes are answered with 404");
    Some(found.help("write a rule without `host`, with `path: /` and `pathType: Prefix`"))
}

fn without_paths<'m>(ingress: &'m Ingress<'_>) -> impl Iterator<Item = Diagnostic> + 'm {
    let rules = ingress.resource.spec.rules.iter().enumerate().filter(|(_, it)| it.http.is_none());
    rules.map(|(index, _)| {
        let place = Place::value(ingress.resource.id, spec().field("rules").index(index));
        Diagnostic::new(&CHECK, place, "the rule has no paths")
            .label("leads nowhere")
            .consequence("requests for its host are answered with 404")
            .help("give it a path under `http.paths`")
    })
}

fn without_secret<'m>(ingress: &'m Ingress<'_>) -> impl Iterator<Item = Diagnostic> + 'm {
    let tls = ingress.resource.spec.tls.iter().enumerate();
    tls.filter(|(_, it)| it.secret_name.is_empty()).map(|(index, _)| {
        let place = Place::value(ingress.resource.id, spec().field("tls").index(index));
        Diagnostic::new(&CHECK, place, "the server has no certificate")
            .label("needs `secretName`")
            .consequence("port 443 is not opened for these hosts")
    })
}

fn other_backend(document: DocumentId, path: FieldPath) -> Diagnostic {
    let place = Place::key(document, path.field("backend").field("resource"));
    Diagnostic::new(&CHECK, place, "requests can be led to nothing but a Service")
        .label("leads nowhere")
        .consequence(
            "the path is left out: its requests are answered by a shorter path, or with 404",
        )
        .help("name a `service`")
}
