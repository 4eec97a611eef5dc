//! Clients that may show certificates of other authorities than the mesh's own, and so have identities of any form.
//!
//! Sources: Istio, `ServerTLSSettings.mode`, `Sidecar.ingress.tls`; Gateway API, `Gateway.spec.tls.frontend`.

use crate::api::istio::ServerTlsMode;
use crate::resolve::gateway::{IstioGateway, TerminateMode};
use crate::resolve::{Mesh, Workload};

/// Whether any may come at all.
pub(super) fn come(mesh: &Mesh<'_>) -> bool {
    come_by_gateways(mesh) || come_by_sidecars(mesh)
}

/// Whether any gateway asks for such certificates.
pub(super) fn come_by_gateways(mesh: &Mesh<'_>) -> bool {
    let mut servers = mesh.gateways.iter().flat_map(|it| &it.servers);
    let mut listeners = mesh.api_gateways.iter().flat_map(|it| &it.listeners);
    servers.any(|it| it.spec.tls.as_ref().is_some_and(|tls| asks(tls.mode)))
        || listeners.any(|it| {
            let mode = it.terminate_mode();
            it.client.is_some()
                || matches!(mode, TerminateMode::Mutual | TerminateMode::OptionalMutual)
        })
}

/// Whether any `Sidecar` does.
pub(super) fn come_by_sidecars(mesh: &Mesh<'_>) -> bool {
    let mut ports = mesh.sidecars.iter().flat_map(|it| &it.resource.spec.ingress);
    ports.any(|it| it.tls.as_ref().is_some_and(|tls| asks(tls.mode)))
}

const fn asks(mode: ServerTlsMode) -> bool {
    matches!(mode, ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual)
}

/// Whether clients of a gateway's proxy may have identities: one of its servers asks for certificates of whatever authority.
pub(super) fn may_be_known(mesh: &Mesh<'_>, proxy: &Workload<'_>) -> bool {
    let asks = |mode| asks(mode) || mode == ServerTlsMode::IstioMutual;
    let is_theirs = |it: &&IstioGateway<'_>| proxy.inventory.has(&it.resource.spec.selector);
    let mut servers = mesh.gateways.iter().filter(is_theirs).flat_map(|it| &it.servers);
    let mut listeners = mesh.api_gateways.iter().flat_map(|it| &it.listeners);
    servers.any(|it| it.spec.tls.as_ref().is_some_and(|tls| asks(tls.mode)))
        || listeners.any(|it| {
            let mode = it.terminate_mode();
            it.client.is_some()
                || matches!(
                    mode,
                    TerminateMode::Mutual
                        | TerminateMode::OptionalMutual
                        | TerminateMode::IstioMutual
                )
        })
}
