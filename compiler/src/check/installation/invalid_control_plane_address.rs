//! `invalid-control-plane-address`: a webhook of Istio's names neither a Service nor an address that could be asked.
//!
//! Source: Istio, `externalcontrolplane.ExternalControlPlaneAnalyzer`.

use crate::check::control_plane_address::{self, Address};
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "invalid-control-plane-address",
    Severity::Warning,
    include_str!("invalid_control_plane_address.md"),
)
.alias(&["IST0163"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for it in control_plane_address::all(mesh) {
        let name = &it.webhook.name;
        let (message, label) = match it.address {
            Address::Missing => (
                format!("the webhook `{name}` does not say whom to ask"),
                "needs `url` or `service`",
            ),
            Address::Garbled => {
                (format!("the webhook `{name}` has an address that is none"), "not a URL")
            }
            Address::Ip | Address::Host => continue,
        };
        out.push(
            Diagnostic::new(&CHECK, it.place(), message)
                .label(label)
                .consequence("the control plane is not reached: pods get no proxy, or cannot be made")
                .help("name the ingress gateway of the external control plane, `https://…:15017/inject`"),
        );
    }
}
