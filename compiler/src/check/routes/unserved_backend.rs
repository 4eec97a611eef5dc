//! `unserved-backend`: an `HTTPRoute` or a `GRPCRoute` leads to what is neither a Service nor a host, or nowhere.
//!
//! Sources: Gateway API, `HTTPBackendRef` (`ResolvedRefs`, `InvalidKind`); Istio, `buildDestination`.

use crate::api::gateway_api::{HttpRouteFilter, HttpRouteRule};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::route::{InvalidBackend, Parent};

pub(super) static CHECK: Check =
    Check::lint("unserved-backend", Severity::Warning, include_str!("unserved_backend.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let is_foreign = |parent: &Parent<'_>| matches!(parent, Parent::Foreign);
    let routes = mesh.http_routes.iter().map(|(_, it)| it);
    for route in routes.filter(|it| !it.parents.iter().all(is_foreign)) {
        let rules = FieldPath::default().field("spec").field("rules");
        for (index, (rule, written)) in
            route.rules.iter().zip(&route.resource.spec.rules).enumerate()
        {
            let at = rules.clone().index(index);
            if leads_nowhere(written) {
                out.push(without_backend(route.resource.id, at.clone(), written));
            }
            let backends = rule.backends.iter().zip(&written.backend_refs).enumerate();
            for (place, (backend, reference)) in backends {
                let Some((message, field)) = backend.fault.and_then(fault) else { continue };
                let path = at.clone().field("backendRefs").index(place);
                let at = Place::value(route.resource.id, path.field(field));
                let found = Diagnostic::new(&CHECK, at, message).label("leads to nothing");
                out.push(found.consequence(match reference.weight {
                    Some(0) => "no request goes this way as long as its weight is 0",
                    _ => ANSWERED,
                }));
            }
            for (place, backend) in &rule.mirrors {
                let Some((message, field)) = backend.fault.and_then(fault) else { continue };
                let path = rules.clone().index(index).field("filters").index(*place);
                let path = path.field("requestMirror").field("backendRef");
                let at = Place::value(route.resource.id, path.field(field));
                let found = Diagnostic::new(&CHECK, at, message).label("leads to nothing");
                out.push(found.consequence("no request is mirrored by this filter"));
            }
        }
    }
}

const ANSWERED: &str = "requests that go this way are answered with 500";

/// Whether a rule has no backend at all. A filter may answer by itself; that all weights are 0 is `uneven-weights`'s to say. Source:
/// Gateway API, `HTTPRouteRule.backendRefs`.
fn leads_nowhere(rule: &HttpRouteRule) -> bool {
    let answers = |it: &HttpRouteFilter| it.request_redirect.is_some() || it.is_unknown();
    rule.backend_refs.is_empty() && !rule.filters.iter().any(answers)
}

fn without_backend(document: DocumentId, at: FieldPath, rule: &HttpRouteRule) -> Diagnostic {
    let (part, place, message) = if rule.is_filled_in {
        let spec = FieldPath::default().field("spec");
        let message = "the route has no `rules`: it has one for every path then, without a backend";
        (spec.clone(), Place::key(document, spec), message)
    } else {
        let message = "the rule has no backend, and no filter that answers";
        (at.clone(), Place::value(document, at), message)
    };
    let found = Diagnostic::new(&CHECK, place, message).supposing(Place::value(document, part));
    found.label("leads to nothing").consequence(ANSWERED)
}

/// Why a backend is none, and the field that says so. That a Service needs a port is said where it is read; that there is none,
/// by `unknown-host`.
pub(super) const fn fault(fault: InvalidBackend) -> Option<(&'static str, &'static str)> {
    match fault {
        InvalidBackend::Kind => Some(("this is neither a Service nor a host", "kind")),
        InvalidBackend::DottedName => {
            Some(("this is a host, and not the name of a Service", "name"))
        }
        InvalidBackend::NamespacedHost => Some(("a host is of no namespace", "namespace")),
        InvalidBackend::NotFound | InvalidBackend::NoPort => None,
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    #[test]
    fn mirrors_lead_somewhere_too() {
        let told = |kind: &str, mirror: &str| {
            let folder = Folder::new();
            folder.write("a.yaml", format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\n\
                 apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r, namespace: shop}}\nspec:\n  parentRefs: [{{group: '', kind: Service, name: web}}]\n  rules: [{{backendRefs: [{{name: web, port: 80}}], filters: [{{type: RequestMirror, requestMirror: {{backendRef: {{{mirror}}}}}}}]}}]\n"
            ));
            let found = findings(folder.path()).into_iter().filter(|it| it.check == &CHECK);
            found.map(|it| it.consequence.unwrap_or_default()).collect::<Vec<_>>()
        };
        for kind in ["HTTPRoute", "GRPCRoute"] {
            assert_eq!(
                told(kind, "group: foo.test, kind: Bar, name: web, port: 80"),
                ["no request is mirrored by this filter"]
            );
            assert!(told(kind, "name: web, port: 80").is_empty());
        }
    }

    #[test]
    fn a_rule_leads_somewhere_or_answers() {
        let told = |rule: &str| {
            let folder = Folder::new();
            folder.write("a.yaml", format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\n\
                 apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r, namespace: shop}}\nspec:\n  parentRefs: [{{group: '', kind: Service, name: web}}]\n  rules: [{rule}]\n"
            ));
            findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
        };
        assert_eq!(told("{matches: [{path: {value: /a}}]}"), 1);
        assert_eq!(
            told("{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}"),
            0
        );
        assert_eq!(told("{backendRefs: [{name: web, port: 80}]}"), 0);
        // `uneven-weights` says it.
        assert_eq!(told("{backendRefs: [{name: web, port: 80, weight: 0}]}"), 0);
    }
}
