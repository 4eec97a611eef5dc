//! `ignored-egress-proxy`: a `Sidecar` names a proxy for requests to unknown hosts, which Istio passes over.
//!
//! Source: Istio, `deprecation.DeprecationAnalyzer`.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("ignored-egress-proxy", Severity::Warning, include_str!("ignored_egress_proxy.md"))
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
            Diagnostic::new(&CHECK, place, "`egressProxy` is deprecated, and passed over")
                .label("has no effect")
                .consequence("requests to unknown hosts do not go by this proxy: they leave directly, or are refused")
                .help("route the hosts to an egress gateway with a ServiceEntry and a VirtualService"),
        );
    }
}
