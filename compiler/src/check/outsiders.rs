//! Clients that may show certificates of other authorities than the mesh's own, and so have identities of any form.
//!
//! Sources: Istio, `ServerTLSSettings.mode`, `Sidecar.ingress.tls`; Gateway API, `Gateway.spec.tls.frontend`.

use mesh_snapshot::object::Role;

use crate::api::istio::ServerTlsMode;
use crate::check::openers::Openers;
use crate::resolve::gateway::{IstioGateway, Listener, Server, TerminateMode};
use crate::resolve::{Mesh, Workload};

/// Whether any may come at all.
pub(super) fn come(mesh: &Mesh<'_>) -> bool {
    come_by_gateways(mesh) || come_by_sidecars(mesh)
}

/// Whether any may come to one of some workloads; where these are not known, to any.
pub(super) fn come_to(mesh: &Mesh<'_>, workloads: &[&Workload<'_>]) -> bool {
    let is_gateway = |it: &&Workload<'_>| it.inventory.role == Role::Gateway;
    let may_be_gateway = workloads.is_empty() || workloads.iter().any(is_gateway);
    (may_be_gateway && come_by_gateways(mesh)) || come_by_sidecars(mesh)
}

/// Whether any gateway asks for such certificates.
fn come_by_gateways(mesh: &Mesh<'_>) -> bool {
    let asks = |it: &Server<'_>| it.spec.tls.as_ref().is_some_and(|tls| is_mutual(tls.mode));
    let mut servers = mesh.gateways.iter().flat_map(|it| &it.servers);
    let mut listeners = mesh.api_gateways.iter().flat_map(|it| &it.listeners);
    servers.any(asks) || listeners.any(|it| takes_other_certificates(it))
}

/// Whether any `Sidecar` does.
fn come_by_sidecars(mesh: &Mesh<'_>) -> bool {
    let mut ports = mesh.sidecars.iter().flat_map(|it| &it.resource.spec.ingress);
    ports.any(|it| it.tls.as_ref().is_some_and(|tls| is_mutual(tls.mode)))
}

/// Whether clients of a gateway's proxy may have identities: one of its servers asks for certificates, of whatever authority.
pub(super) fn may_be_known(openers: &Openers<'_, '_>, proxy: &Workload<'_>) -> bool {
    let asks = |it: &Listener<'_>| {
        takes_other_certificates(it) || it.terminate_mode() == TerminateMode::IstioMutual
    };
    openers.istio(proxy).iter().any(|it| asks_for_certificates(it))
        || openers.api(proxy).iter().flat_map(|it| &it.listeners).any(asks)
}

/// Whether any server of a gateway asks its clients for certificates, of whatever authority.
pub(super) fn asks_for_certificates(gateway: &IstioGateway<'_>) -> bool {
    let asks = |mode| is_mutual(mode) || mode == ServerTlsMode::IstioMutual;
    gateway.servers.iter().any(|it| it.spec.tls.as_ref().is_some_and(|tls| asks(tls.mode)))
}

const fn is_mutual(mode: ServerTlsMode) -> bool {
    matches!(mode, ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual)
}

fn takes_other_certificates(listener: &Listener<'_>) -> bool {
    let mode = listener.terminate_mode();
    listener.client.is_some()
        || matches!(mode, TerminateMode::Mutual | TerminateMode::OptionalMutual)
}
