//! Which namespaces let others refer to what is theirs. Source: Gateway API, `ReferenceGrant`.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::gateway_api::ReferenceGrant;
use crate::api::{Mesh, Resource};

/// All grants, by the namespace that gives them and each that they let in.
#[derive(Clone, Debug, Default)]
pub struct Grants<'a> {
    by_namespaces: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a Resource<ReferenceGrant>>>>,
}

impl<'a> Grants<'a> {
    pub(super) fn of(mesh: &'a Mesh) -> Self {
        let mut by_namespaces: BTreeMap<&str, BTreeMap<&str, Vec<_>>> = BTreeMap::new();
        for grant in &mesh.reference_grants {
            let named: BTreeSet<_> =
                grant.spec.from.iter().map(|it| it.namespace.as_str()).collect();
            for from in named {
                let of = by_namespaces.entry(&grant.namespace).or_default();
                of.entry(from).or_default().push(grant);
            }
        }
        Self { by_namespaces }
    }

    /// All that a namespace gives to another.
    #[must_use]
    pub fn between(&self, from: &str, to: &str) -> &[&'a Resource<ReferenceGrant>] {
        self.by_namespaces.get(to).and_then(|it| it.get(from)).map_or(&[], Vec::as_slice)
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
        self.between(from, to).iter().any(|grant| {
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
