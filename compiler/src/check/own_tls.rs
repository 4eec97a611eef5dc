//! TLS of its own that a `Sidecar` has a port of a workload end.
//!
//! It does so where nobody speaks the mesh's own TLS at the port. Of listeners that wait at an address of their own, or for
//! what is not captured, nothing is said. Source: Istio, `Sidecar.ingress.tls`, `buildInboundListeners`.

use std::collections::BTreeMap;

use mesh_snapshot::object::Workload as Inventory;

use crate::api::istio::{CaptureMode, IngressListener, MtlsMode, ServerTlsMode};
use crate::check::mtls::Asked;
use crate::diagnostic::{FieldPath, Place};
use crate::parse::DocumentId;
use crate::resolve::Mesh;

/// What the `Sidecar` that counts for a workload says of it.
pub(super) struct OwnTls {
    pub(super) sidecar: DocumentId,
    pub(super) by_port: BTreeMap<u16, Termination>,
}

/// How the TLS of a port ends, and where that is written.
#[derive(Clone)]
pub(super) struct Termination {
    /// Whether clients may, need not, or must show a certificate: never a mode in which TLS does not end.
    pub(super) mode: ServerTlsMode,
    pub(super) place: Place,
}

impl OwnTls {
    /// `None` where no port has any.
    pub(super) fn of(mesh: &Mesh<'_>, workload: &Inventory) -> Option<Self> {
        let sidecar = mesh.sidecars.of_workload(workload, mesh.settings.root_namespace)?.resource;
        if !sidecar.spec.ingress.iter().any(|it| it.tls.is_some()) {
            return None;
        }
        let asked = Asked::of(mesh, workload);
        let mut by_port = BTreeMap::new();
        for (index, listener) in sidecar.spec.ingress.iter().enumerate() {
            let Some((port, mode)) = ended(listener) else { continue };
            if asked.at(Some(port)).mode == MtlsMode::Disable {
                let at = FieldPath::default().field("spec").field("ingress").index(index);
                let place = Place::key(sidecar.id, at.field("tls"));
                by_port.entry(port).or_insert(Termination { mode, place });
            }
        }
        (!by_port.is_empty()).then_some(Self { sidecar: sidecar.id, by_port })
    }
}

fn ended(listener: &IngressListener) -> Option<(u16, ServerTlsMode)> {
    let mode = listener.tls.as_ref()?.mode;
    let is_captured = listener.bind.is_empty() && listener.capture_mode != CaptureMode::None;
    let is_ended = matches!(
        mode,
        ServerTlsMode::Simple | ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual
    );
    let port = u16::try_from(listener.port.number).ok()?;
    (is_captured && is_ended).then_some((port, mode))
}
