//! `peer-authentication-at-gateway`: a `PeerAuthentication` selects the proxies of gateways, and nobody else.
//!
//! Sources: Istio, `buildGatewayListeners`, which looks at no `PeerAuthentication`, as `appendSidecarInboundListeners` does; "Auto
//! mutual TLS", which asks what one says of pods that the label `security.istio.io/tlsMode` says to take it.

use mesh_engine::cluster::takes_mutual_tls;
use mesh_snapshot::Applies;
use mesh_snapshot::object::Role;

use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check = Check::lint(
    "peer-authentication-at-gateway",
    Severity::Warning,
    include_str!("peer_authentication_at_gateway.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for policy in &mesh.policies.peer_authentications {
        let Ok(scope) = &policy.scope else { continue };
        if !matches!(scope.applies, Applies::Selected(_)) {
            continue;
        }
        let selected = selection::of_policy(mesh, scope);
        let goes_by_servers = |it: &&Workload<'_>| {
            it.inventory.role == Role::Gateway
                && !takes_mutual_tls(it.inventory.role, &it.inventory.labels)
        };
        let Some(first) = selected.first().filter(|_| selected.iter().all(goes_by_servers)) else {
            continue;
        };
        let place = FieldPath::default().field("spec").field("selector");
        let message = "a gateway takes what its servers say, and this is for gateways alone";
        out.push(
            Diagnostic::new(&CHECK, Place::key(policy.resource.id, place), message)
                .label("has no effect")
                .also(Place::resource(first.id), "this is a gateway")
                .consequence("nobody is refused there, nor let in, by what it says")
                .help("let a server of the Gateway say `tls.mode: ISTIO_MUTUAL` for callers in the mesh"),
        );
    }
}
