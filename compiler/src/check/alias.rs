//! Services that stand for a host (`ExternalName`).
//!
//! Source: Istio, `ENABLE_EXTERNAL_NAME_ALIAS`.

use crate::resolve::Mesh;
use crate::resolve::host::Host;
use crate::resolve::service::Service;

/// A Service that stands for a host.
pub(super) struct Alias<'m> {
    pub(super) service: &'m Service<'m>,
    /// In the end, where it stands for another that does.
    pub(super) target: &'m Host,
    /// Whether there is no end.
    pub(super) is_loop: bool,
}

impl<'m> Alias<'m> {
    pub(super) fn of(mesh: &'m Mesh<'_>, host: &Host) -> Option<Self> {
        let alias = |host: &Host| match mesh.services.of_host(host) {
            [id] => {
                let service = mesh.services.get(*id);
                service.alias.as_ref().map(|alias| (service, alias))
            }
            _ => None,
        };
        let (service, mut target) = alias(host)?;
        // A chain of aliases that is longer than this is a loop.
        for _ in 0..8 {
            match alias(target) {
                Some((_, next)) => target = next,
                None => break,
            }
        }
        Some(Self { service, target, is_loop: alias(target).is_some() })
    }

    /// Those that define what it stands for.
    pub(super) fn concrete(&self, mesh: &'m Mesh<'_>) -> Vec<&'m Service<'m>> {
        let ids = mesh.services.of_host(self.target).iter().filter(|_| !self.is_loop);
        ids.map(|id| mesh.services.get(*id)).collect()
    }
}
