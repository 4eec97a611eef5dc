//! `claim-route-without-authentication`: a route at a gateway looks at claims, and nobody checks tokens there.
//!
//! Source: Istio, `virtualservice.JWTClaimRouteAnalyzer`.

use crate::api::is_claim;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::route::{GatewayName, VirtualService};
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check = Check::lint(
    "claim-route-without-authentication",
    Severity::Error,
    include_str!("claim_route_without_authentication.md"),
)
.alias(&["IST0149"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, it) in mesh.virtual_services.iter() {
        let Some(place) = claim(it) else { continue };
        for gateway in &it.gateways {
            let GatewayName::Named(name) = gateway else { continue };
            let Some(gateway) = mesh.gateways.find(name) else { continue };
            let selected = gateway.proxies(&mesh.workloads).into_iter();
            let open: Vec<_> = selected.filter(|it| !checks_tokens(mesh, it)).collect();
            if !open.is_empty() {
                out.push(report(place.clone(), name, &open));
            }
        }
    }
}

/// The first claim that is looked at.
fn claim(it: &VirtualService<'_>) -> Option<Place> {
    it.http.iter().find_map(|route| {
        let at = FieldPath::default().field("spec").field("http").index(route.index);
        route.spec.r#match.iter().enumerate().find_map(|(index, matched)| {
            let at = at.clone().field("match").index(index);
            let lists =
                [("headers", &matched.headers), ("withoutHeaders", &matched.without_headers)];
            lists.into_iter().find_map(|(field, headers)| {
                let name = headers.keys().find(|name| is_claim(name))?;
                Some(Place::key(route.resource.id, at.clone().field(field).field(name.clone())))
            })
        })
    })
}

fn checks_tokens(mesh: &Mesh<'_>, workload: &Workload<'_>) -> bool {
    !mesh.policies.request_authentications.for_workload(&workload.inventory).is_empty()
}

fn report(place: Place, gateway: &str, open: &[&Workload<'_>]) -> Diagnostic {
    let message =
        format!("no token is checked at the Gateway `{gateway}`, so no request has this claim");
    let found = Diagnostic::new(&CHECK, place, message)
        .label("a claim of a token")
        .consequence("no request takes the route, whatever token it has")
        .help(
            "select the gateway's pods with a RequestAuthentication that names the tokens' issuer",
        );
    open.iter().fold(found, |found, pod| {
        found.also(Place::resource(pod.id), "no RequestAuthentication is for these pods")
    })
}
