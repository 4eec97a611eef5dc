//! Which namespaces let others refer to what is theirs. Source: Gateway API, `ReferenceGrant`.

use std::collections::BTreeMap;

use crate::api::gateway_api::ReferenceGrant;
use crate::api::{Mesh, Resource};

/// All grants, by the namespace that gives them.
#[derive(Clone, Debug, Default)]
pub struct Grants<'a> {
    by_namespace: BTreeMap<&'a str, Vec<&'a Resource<ReferenceGrant>>>,
}

impl<'a> Grants<'a> {
    pub(super) fn of(mesh: &'a Mesh) -> Self {
        let mut by_namespace: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for grant in &mesh.reference_grants {
            by_namespace.entry(&grant.namespace).or_default().push(grant);
        }
        Self { by_namespace }
    }

    /// All that a namespace gives.
    #[must_use]
    pub fn of_namespace(&self, namespace: &str) -> &[&'a Resource<ReferenceGrant>] {
        self.by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// Whether a `from_kind` of the Gateway API in `from` may refer to the resource `name` in `to`, of a group and kind.
    #[must_use]
    pub fn allow(
        &self,
        from_kind: &str,
        from: &str,
        (group, kind): (&str, &str),
        to: &str,
        name: &str,
    ) -> bool {
        let grants = self.by_namespace.get(to).into_iter().flatten();
        grants.into_iter().any(|grant| {
            let is_from = grant.spec.from.iter().any(|it| {
                it.group == "gateway.networking.k8s.io"
                    && it.kind == from_kind
                    && it.namespace == from
            });
            let is_to = grant.spec.to.iter().any(|it| {
                let is_named = it.name.as_deref().is_none_or(|it| it == name);
                it.group == group && it.kind == kind && is_named
            });
            is_from && is_to
        })
    }
}
