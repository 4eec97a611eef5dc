//! `deprecated-egress-proxy`: a `Sidecar` names a proxy for requests to unknown hosts, which Istio will not long do.
//!
//! Source: Istio, `deprecation.DeprecationAnalyzer`. It says that the field is ignored; its sidecars follow it all the same.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "deprecated-egress-proxy",
    Severity::Warning,
    include_str!("deprecated_egress_proxy.md"),
)
.alias(&["IST0002"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for sidecar in &mesh.source.sidecars {
        let policy = sidecar.spec.outbound_traffic_policy.as_ref();
        if policy.is_none_or(|policy| policy.egress_proxy.is_none()) {
            continue;
        }
        let path = FieldPath::default().field("spec").field("outboundTrafficPolicy");
        let place = Place::key(sidecar.id, path.field("egressProxy"));
        out.push(
            Diagnostic::new(&CHECK, place, "`egressProxy` is deprecated")
                .label("still followed")
                .consequence(
                    "where it is followed no more, requests to unknown hosts leave past the proxy",
                )
                .help(
                    "route the hosts to an egress gateway with a ServiceEntry and a VirtualService",
                ),
        );
    }
}
