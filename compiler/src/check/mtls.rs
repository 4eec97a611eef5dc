//! Whether a port of a workload asks for mutual TLS, and which resource says so.
//!
//! Of each level the oldest policy counts: those that select the workload, then its namespace's, then the mesh's. What one
//! leaves unset the next one says, and at last it is `PERMISSIVE`. Of a gateway's ports its servers decide, and no policy speaks.
//! Sources: Istio, `ComposePeerAuthentication`, `buildGatewayListeners`.

use mesh_snapshot::Applies;
use mesh_snapshot::object::{Role, Workload as Inventory};

use crate::api::istio::{MtlsMode, PeerAuthentication};
use crate::diagnostic::{FieldPath, Place};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;

/// A mode, never `UNSET`, and where it is written; no place: it is the default.
#[derive(Clone, Debug)]
pub(super) struct Effective {
    pub(super) mode: MtlsMode,
    pub(super) place: Option<Place>,
}

pub(super) fn effective(mesh: &Mesh<'_>, workload: &Inventory, port: Option<u16>) -> Effective {
    Asked::of(mesh, workload).at(port)
}

/// The policies that speak of a workload: its own, its namespace's, the mesh's.
pub(super) struct Asked<'m, 'a>([Option<&'m Policy<'a, PeerAuthentication>>; 3]);

impl<'m, 'a> Asked<'m, 'a> {
    pub(super) fn of(mesh: &'m Mesh<'a>, workload: &Inventory) -> Self {
        if workload.role == Role::Gateway {
            return Self([None; 3]);
        }
        let all = mesh.policies.peer_authentications.for_workload(workload);
        let is_own = |policy: &&Policy<'_, _>| {
            policy.scope.as_ref().is_ok_and(|scope| scope.namespace.is_some())
        };
        let own = || all.iter().copied().filter(is_own);
        Self([
            own().find(|policy| is_for_some(policy)),
            own().find(|policy| is_for_all(policy)),
            all.iter().copied().find(|policy| !is_own(policy) && is_for_all(policy)),
        ])
    }

    /// The same for whatever workload the same policies speak of.
    pub(super) fn documents(&self) -> [Option<DocumentId>; 3] {
        self.0.map(|it| Some(it?.resource.id))
    }

    /// Of a port; absent: of any that nothing is said about.
    pub(super) fn at(&self, port: Option<u16>) -> Effective {
        for (level, policy) in self.0.into_iter().enumerate() {
            let Some(policy) = policy else { continue };
            let spec = &policy.resource.spec;
            let root = FieldPath::default().field("spec");
            if let (0, Some(port)) = (level, port) {
                let ports = spec.port_level_mtls.iter().flatten();
                let own = ports.into_iter().find(|(number, _)| number.parse() == Ok(port));
                if let Some((number, mtls)) = own.filter(|(_, it)| it.mode != MtlsMode::Unset) {
                    let path = root.field("portLevelMtls").field(number.clone()).field("mode");
                    let place = Some(Place::value(policy.resource.id, path));
                    return Effective { mode: mtls.mode, place };
                }
            }
            let mode = spec.mtls.as_ref().map(|mtls| mtls.mode).unwrap_or_default();
            if mode != MtlsMode::Unset {
                let path = root.field("mtls").field("mode");
                return Effective { mode, place: Some(Place::value(policy.resource.id, path)) };
            }
        }
        Effective { mode: MtlsMode::Permissive, place: None }
    }
}

fn is_for_some(policy: &Policy<'_, PeerAuthentication>) -> bool {
    policy.scope.as_ref().is_ok_and(|scope| matches!(scope.applies, Applies::Selected(_)))
}

fn is_for_all(policy: &Policy<'_, PeerAuthentication>) -> bool {
    policy.scope.as_ref().is_ok_and(|scope| scope.applies == Applies::All)
}
