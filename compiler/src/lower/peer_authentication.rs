//! `PeerAuthentication`: what workloads ask of their callers' connections.

use mesh_snapshot::object::{MtlsMode, Object, PeerAuthentication};
use mesh_snapshot::{Key, Kind};

use super::{Lowering, Written};
use crate::api::{Resource, istio};
use crate::diagnostic::Place;

impl Lowering<'_, '_> {
    pub(super) fn peer_authentications(&self) {
        for (rank, policy) in self.mesh.policies.peer_authentications.iter().enumerate() {
            let resource = policy.resource;
            let object =
                PeerAuthentication { mode: mode(resource), ports: port_modes(resource).collect() };
            let written =
                Written::at(Object::PeerAuthentication(object), Place::resource(resource.id));
            let key = Key::new(Kind::PeerAuthentication, &*resource.namespace, resource.name());
            self.policy(key, policy, &written, rank);
        }
    }
}

/// `None` leaves the question to a wider policy.
pub(super) fn mode(policy: &Resource<istio::PeerAuthentication>) -> Option<MtlsMode> {
    policy.spec.mtls.as_ref().and_then(|mtls| known(mtls.mode))
}

/// Of the ports that are named; one that says nothing has the policy's mode.
pub(super) fn port_modes(
    policy: &Resource<istio::PeerAuthentication>,
) -> impl Iterator<Item = (u16, MtlsMode)> {
    let ports = policy.spec.port_level_mtls.iter().flatten();
    ports.filter_map(|(port, mtls)| Some((port.parse().ok()?, known(mtls.mode)?)))
}

const fn known(mode: istio::MtlsMode) -> Option<MtlsMode> {
    match mode {
        istio::MtlsMode::Unset => None,
        istio::MtlsMode::Disable => Some(MtlsMode::Disable),
        istio::MtlsMode::Permissive => Some(MtlsMode::Permissive),
        istio::MtlsMode::Strict => Some(MtlsMode::Strict),
    }
}
