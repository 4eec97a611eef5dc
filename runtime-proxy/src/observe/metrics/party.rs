//! The two sides of a request, as labels name them.

use std::collections::BTreeMap;

use mesh_snapshot::object::{Labels, Workload};

/// The workload that this proxy is for, and the process.
#[derive(Clone, Debug, Default)]
pub struct Local {
    pub workload: Workload,
    /// The cluster's name, `Kubernetes` unless it has another.
    pub cluster: String,
    /// `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
    pub principal: String,
    /// Of the proxy, as builds are told apart.
    pub version: String,
    pub hostname: String,
    /// For `%ENVIRONMENT(…)%` in access logs.
    pub environment: BTreeMap<String, String>,
}

/// The workload on the other side, as far as it is known; what is empty is not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peer<'a> {
    pub workload: &'a str,
    pub namespace: &'a str,
    pub cluster: &'a str,
    /// The SPIFFE ID. Shown only of connections over which it was proved.
    pub principal: &'a str,
    /// Of its pods; none: not known.
    pub labels: Option<&'a Labels>,
}

/// A [`Peer`] that metrics know. Process-wide, and never used again for another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PeerId(pub(super) u32);

impl PeerId {
    pub const UNKNOWN: Self = Self(0);
}

/// What labels say of one side.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Party {
    pub(super) workload: String,
    pub(super) namespace: String,
    pub(super) cluster: String,
    pub(super) principal: String,
    pub(super) app: String,
    pub(super) version: String,
    pub(super) canonical_service: String,
    pub(super) canonical_revision: String,
}

const UNKNOWN: &str = "unknown";

impl Party {
    /// `canonical_revision` of whom nothing is known is `latest`: so Istio says.
    pub(super) fn unknown() -> Self {
        Self::of(&Peer::default())
    }

    /// Source of the labels: Istio, “Standard metrics” and `istio.io/pkg/labels`, `CanonicalService`.
    pub(super) fn of(peer: &Peer<'_>) -> Self {
        let label = |names: &[&str]| {
            names.iter().find_map(|name| peer.labels?.get(*name)).filter(|text| !text.is_empty())
        };
        let or = |text: &str, other: &str| {
            if text.is_empty() { other.to_owned() } else { text.to_owned() }
        };
        let canonical = ["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];
        let revision =
            ["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"];
        let named = |names, other| label(names).map_or(other, String::as_str).to_owned();
        Self {
            workload: or(peer.workload, UNKNOWN),
            namespace: or(peer.namespace, UNKNOWN),
            cluster: or(peer.cluster, UNKNOWN),
            principal: or(peer.principal, UNKNOWN),
            app: named(&["app.kubernetes.io/name", "app"], UNKNOWN),
            version: named(&["app.kubernetes.io/version", "version"], UNKNOWN),
            canonical_service: or(&named(&canonical, peer.workload), UNKNOWN),
            canonical_revision: named(&revision, "latest"),
        }
    }

    pub(super) fn local(local: &Local) -> Self {
        Self::of(&Peer {
            workload: &local.workload.name,
            namespace: &local.workload.namespace,
            cluster: &local.cluster,
            principal: &local.principal,
            labels: Some(&local.workload.labels),
        })
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::Labels;

    use super::{Party, Peer};

    #[test]
    fn labels_name_the_canonical_service_before_the_workload_does() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<Labels>()
        };
        let party = |labels: &Labels| {
            let party =
                Party::of(&Peer { workload: "web-v1", labels: Some(labels), ..Peer::default() });
            [party.canonical_service, party.canonical_revision, party.app, party.version]
        };
        assert_eq!(party(&labels(&[])), ["web-v1", "latest", "unknown", "unknown"]);
        let plain = labels(&[("app", "web"), ("version", "v1")]);
        assert_eq!(party(&plain), ["web", "v1", "web", "v1"]);
        let mut both = plain;
        both.extend(labels(&[("app.kubernetes.io/name", "site")]));
        assert_eq!(party(&both), ["site", "v1", "site", "v1"]);
        both.extend(labels(&[
            ("service.istio.io/canonical-name", "shop"),
            ("service.istio.io/canonical-revision", "r2"),
        ]));
        assert_eq!(party(&both), ["shop", "r2", "site", "v1"]);
    }

    #[test]
    fn whom_nobody_knows_is_unknown() {
        let party = Party::unknown();
        assert_eq!((&*party.workload, &*party.canonical_service), ("unknown", "unknown"));
        assert_eq!(party.canonical_revision, "latest");
    }
}
