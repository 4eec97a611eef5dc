//! Gateways to which routes lead requests in plain text that take none.

use mesh_engine::cluster::takes_mutual_tls;

use super::servers::servers;
use super::setting::settings;
use super::{CHECK, Known, may_be_told, taken_by_server};
use crate::api::istio::ClientTlsMode;
use crate::check::gateway_port::Sent;
use crate::check::selection;
use crate::check::server_port::ServerPort;
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::resolve::destination_rule::Policy;
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Workload};

/// Requests that a route leads to a gateway, and that nobody says how to secure: in plain text.
pub(super) fn unsecured(
    (mesh, known): (&Mesh<'_>, &Known<'_, '_>),
    service: &Service<'_>,
    policies: &[&Policy<'_>],
    (port, subset, route): (u16, &str, &Place),
) -> Option<Diagnostic> {
    let port = service.object.ports.iter().find(|it| it.number == port)?;
    let is_set = |policy: &&Policy<'_>| {
        settings(policy, port.number).iter().any(|it| it.subset_name() == subset)
    };
    // A label says that the pods take it on every port.
    let takes_mutual =
        |it: &&Workload<'_>| takes_mutual_tls(it.inventory.role, &it.inventory.labels);
    if may_be_told(mesh)
        || policies.iter().any(is_set)
        || mesh.backend_tls.of_host(&service.host).is_some()
        || selection::of_service(mesh, service).iter().any(takes_mutual)
    {
        return None;
    }
    let mut subsets = policies.iter().flat_map(|policy| &policy.subsets);
    let of_subset = subsets.find(|(.., it)| it.name == subset).map(|(.., it)| &it.labels);
    if of_subset.is_none() && !subset.is_empty() {
        return None;
    }
    let servers = servers((mesh, known), service, port, of_subset);
    servers.refuse(ClientTlsMode::Disable, Sent::Requests)?;
    let ServerPort::Opened(opened) = servers.first()? else { return None };
    let server = opened.first()?;
    let (host, taken) = (&service.host, server.takes.words());
    let message = format!("requests go in plain text to `{host}`, which takes {taken} alone");
    let mut found = Diagnostic::new(&CHECK, route.clone(), message)
        .label("leads requests there")
        .also(server.place.clone(), taken_by_server(server));
    // The rule that is missing may stand elsewhere.
    found.severity = Severity::Warning;
    let mode = server.takes.mode();
    let help = format!("let a DestinationRule for it say `tls.mode`: {mode}");
    Some(found.consequence("each of these requests is answered with 503").help(help))
}
