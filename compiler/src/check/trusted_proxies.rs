//! Whether gateways are told of proxies before them, which say who the client is and how it came.

use crate::resolve::envoy::{Resolved, Served};
use crate::resolve::{Mesh, Workload};

/// For the mesh, or by a patch.
pub(super) fn are_set(mesh: &Mesh<'_>) -> bool {
    mesh.settings.trusted_proxies > 0 || mesh.envoy_filters.iter().any(trusts)
}

fn trusts(filter: &Resolved<'_>) -> bool {
    let served = filter.patches.iter().filter_map(|patch| patch.served.as_ref());
    served.into_iter().any(|it| matches!(it, Served::TrustedProxies(proxies) if *proxies > 0))
}

/// By the pod's own configuration.
pub(super) fn are_set_at(workload: &Workload<'_>) -> bool {
    let config = workload.metadata.annotations.get("proxy.istio.io/config");
    config.is_some_and(|config| {
        config.contains("numTrustedProxies") || config.contains("proxyProtocol")
    })
}
