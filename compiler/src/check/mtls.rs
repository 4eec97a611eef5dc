//! Whether a port of a workload asks for mutual TLS, and which resource says so.
//!
//! Of each level the oldest policy counts: those that select the workload, then its namespace's, then the mesh's. What one
//! leaves unset the next one says, and at last it is `PERMISSIVE`. Source: Istio, `ComposePeerAuthentication`.

use mesh_snapshot::Applies;
use mesh_snapshot::object::Workload as Inventory;

use crate::api::istio::{MtlsMode, PeerAuthentication};
use crate::diagnostic::{FieldPath, Place};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;

/// A mode, never `UNSET`, and where it is written; no place: it is the default.
#[derive(Clone, Debug)]
pub(super) struct Effective {
    pub(super) mode: MtlsMode,
    pub(super) place: Option<Place>,
}

pub(super) fn effective(mesh: &Mesh<'_>, workload: &Inventory, port: Option<u16>) -> Effective {
    let levels: [fn(&Policy<'_, PeerAuthentication>, &Inventory) -> bool; 3] =
        [is_for_workload, is_for_namespace, is_for_mesh];
    for (level, is_for) in levels.into_iter().enumerate() {
        let mut policies = mesh.policies.peer_authentications.iter();
        let Some(policy) = policies.find(|policy| is_for(policy, workload)) else { continue };
        let spec = &policy.resource.spec;
        let root = FieldPath::default().field("spec");
        if let (0, Some(port)) = (level, port) {
            let ports = spec.port_level_mtls.iter().flatten();
            let own = ports.into_iter().find(|(number, _)| number.parse() == Ok(port));
            if let Some((number, mtls)) = own.filter(|(_, it)| it.mode != MtlsMode::Unset) {
                let path = root.field("portLevelMtls").field(number).field("mode");
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

fn is_for_workload(policy: &Policy<'_, PeerAuthentication>, workload: &Inventory) -> bool {
    policy.scope.as_ref().is_ok_and(|scope| {
        scope.namespace == Some(&workload.namespace)
            && matches!(&scope.applies, Applies::Selected(sets) if sets.iter().any(|it| workload.has(it)))
    })
}

fn is_for_namespace(policy: &Policy<'_, PeerAuthentication>, workload: &Inventory) -> bool {
    policy.scope.as_ref().is_ok_and(|scope| {
        scope.namespace == Some(&workload.namespace) && scope.applies == Applies::All
    })
}

fn is_for_mesh(policy: &Policy<'_, PeerAuthentication>, _: &Inventory) -> bool {
    policy
        .scope
        .as_ref()
        .is_ok_and(|scope| scope.namespace.is_none() && scope.applies == Applies::All)
}
