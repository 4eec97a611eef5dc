//! `numeric-control-plane-address`: a webhook of Istio's reaches an external control plane by an IP address.
//!
//! Source: Istio, `externalcontrolplane.ExternalControlPlaneAnalyzer`.

use crate::check::control_plane_address::{self, Address};
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "numeric-control-plane-address",
    Severity::Info,
    include_str!("numeric_control_plane_address.md"),
)
.alias(&["IST0164"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let all = control_plane_address::all(mesh);
    for it in all.iter().filter(|it| matches!(it.address, Address::Ip)) {
        let message = format!("the webhook `{}` asks an IP address", it.webhook.name);
        out.push(
            Diagnostic::new(&CHECK, it.place(), message)
                .label("not a host name")
                .consequence("when the address changes, pods get no proxy until every cluster has the new one")
                .help("give the control plane's ingress gateway a host name"),
        );
    }
}
