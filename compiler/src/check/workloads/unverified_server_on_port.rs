//! `unverified-server-on-port`: as `unverified-server`, for one port of the host.
//!
//! Source: Istio, `destinationrule.CaCertificateAnalyzer`.

use super::unverified_server::{is_unverified, report};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "unverified-server-on-port",
    Severity::Warning,
    include_str!("unverified_server_on_port.md"),
)
.alias(&["IST0129"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for rule in &mesh.source.destination_rules {
        let ports = rule.spec.traffic_policy.iter().flat_map(|it| &it.port_level_settings);
        for (index, settings) in ports.enumerate() {
            let Some(tls) = settings.tls.as_ref().filter(|tls| is_unverified(&rule.spec, tls))
            else {
                continue;
            };
            let path = FieldPath::default().field("spec").field("trafficPolicy");
            let path = path.field("portLevelSettings").index(index).field("tls");
            let port = settings.port.as_ref().map(|port| port.number).unwrap_or_default();
            let message =
                format!("nothing says who vouches for `{}` at port {port}", rule.spec.host);
            out.push(report(&CHECK, rule, tls, path, message));
        }
    }
}
