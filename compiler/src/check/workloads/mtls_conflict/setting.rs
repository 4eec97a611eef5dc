//! What clients are told of how to connect, and where.

use crate::api::Resource;
use crate::api::istio::{ClientTlsMode, DestinationRule, Subset, TrafficPolicy};
use crate::check::client_tls::{names_port, of_port};
use crate::diagnostic::{FieldPath, Place};
use crate::parse::DocumentId;
use crate::resolve::destination_rule::Policy;

/// A client's setting, and where it is written.
#[derive(Clone)]
pub(super) struct Setting<'m> {
    pub(super) mode: ClientTlsMode,
    pub(super) document: DocumentId,
    pub(super) path: FieldPath,
    /// The subset that is spoken to so; absent: all that serve the host.
    pub(super) subset: Option<&'m Subset>,
    /// The route that leads requests of its clients to a gateway.
    pub(super) led: Option<Place>,
    pub(super) breadth: Breadth,
    pub(super) help: &'static str,
}

/// Whom a setting is for.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Breadth {
    /// One host, which its author has thought of.
    One,
    /// Every host that a wildcard takes in, whether anybody calls it or not.
    Many,
}

impl Setting<'_> {
    /// Empty: all.
    pub(super) fn subset_name(&self) -> &str {
        self.subset.map_or("", |it| &it.name)
    }
}

const WITHOUT_TLS: &str =
    "without `tls` in the DestinationRule, clients find out by themselves what servers take";
pub(super) const WITHOUT_POLICY: &str =
    "without the BackendTLSPolicy, clients find out by themselves what servers take";

/// What clients are told of a port: at the port, else of the host; and of each subset, which has what is said of the host where it
/// says nothing itself, neither of TLS nor of the port.
pub(super) fn settings<'m>(policy: &'m Policy<'_>, port: u16) -> Vec<Setting<'m>> {
    let root = || FieldPath::default().field("spec");
    let whole = policy.traffic_policy.and_then(|(from, traffic)| {
        setting(policy.from.get(from)?, || root().field("trafficPolicy"), traffic, port)
    });
    let subsets = policy.subsets.iter().filter_map(|(from, index, subset)| {
        let rule = policy.from.get(*from)?;
        let path = || root().field("subsets").index(*index).field("trafficPolicy");
        let traffic = subset.traffic_policy.as_ref();
        let own = traffic.and_then(|traffic| setting(rule, path, traffic, port));
        let names_port = traffic.is_some_and(|traffic| names_port(traffic, port));
        let found = own.or_else(|| whole.clone().filter(|_| !names_port))?;
        Some(Setting { subset: Some(subset), ..found })
    });
    whole.iter().cloned().chain(subsets).collect()
}

fn setting(
    rule: &Resource<DestinationRule>,
    at: impl Fn() -> FieldPath,
    traffic: &TrafficPolicy,
    port: u16,
) -> Option<Setting<'static>> {
    let (tls, path) = of_port(traffic, at(), port)?;
    let (mode, path) = (tls.mode, path.field("mode"));
    let breadth = if rule.spec.host.starts_with('*') { Breadth::Many } else { Breadth::One };
    let document = rule.id;
    Some(Setting { mode, document, path, subset: None, led: None, breadth, help: WITHOUT_TLS })
}
