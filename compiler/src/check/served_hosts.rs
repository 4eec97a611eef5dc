//! The hosts for which proxies of gateways have servers.
//!
//! Whoever asks for another is answered with 404, whatever policies say of it. Sources: Istio, `Gateway.servers.hosts`; Gateway API,
//! `Listener.hostname`.

use std::collections::BTreeSet;

use mesh_snapshot::object::Role;

use crate::check::matching::form::Form;
use crate::check::matching::possible::Never;
use crate::parse::DocumentId;
use crate::resolve::gateway::proxies;
use crate::resolve::host::HostIndex;
use crate::resolve::{Mesh, Workload};

/// The hosts for which some proxies read requests.
pub(super) struct ServedHosts(HostIndex);

impl ServedHosts {
    /// `None` where they may read those of others: one of them is no gateway, or has no server that is known.
    pub(super) fn by(mesh: &Mesh<'_>, workloads: &[&Workload<'_>]) -> Option<Self> {
        let is_gateway = |it: &&Workload<'_>| it.inventory.role == Role::Gateway;
        if !workloads.iter().all(is_gateway) || mesh.ingresses.served().next().is_some() {
            return None;
        }
        let (mut hosts, mut serving) = (HostIndex::default(), BTreeSet::<DocumentId>::new());
        for gateway in mesh.gateways.iter() {
            let proxies = workloads.iter().filter(|it| gateway.selects(&it.inventory));
            let mut http = gateway.servers.iter().filter(|it| it.is_http() && it.is_served());
            let mut http = http.by_ref().flat_map(|it| &it.hosts).peekable();
            let mut proxies = proxies.peekable();
            if proxies.peek().is_some() && http.peek().is_some() {
                serving.extend(proxies.map(|it| it.id));
                http.for_each(|it| hosts.insert(&it.host));
            }
        }
        for gateway in mesh.api_gateways.iter() {
            let own: BTreeSet<_> = proxies(mesh, gateway.resource).iter().map(|it| it.id).collect();
            let mut proxies = workloads.iter().filter(|it| own.contains(&it.id)).peekable();
            let http = gateway.listeners.iter().filter(|it| it.is_http() && it.is_served());
            let mut http = http.peekable();
            if proxies.peek().is_some() && http.peek().is_some() {
                serving.extend(proxies.map(|it| it.id));
                http.for_each(|it| hosts.insert(&it.hostname));
            }
        }
        let is_known = |it: &&Workload<'_>| serving.contains(&it.id);
        (!workloads.is_empty() && workloads.iter().all(is_known)).then_some(Self(hosts))
    }

    /// Why none of them is `value`, a host of a policy, which may name a port.
    pub(super) fn never(&self, value: &str) -> Option<Never> {
        let value = value.to_ascii_lowercase();
        let name = match Form::of_policy(&value)? {
            Form::Exact(text) => without_port(text)?.to_owned(),
            Form::Suffix(end) => format!("*{}", without_port(end)?),
            // A host may begin with anything within a wildcard, unless it ends where the port begins.
            Form::Prefix(start) => start.split_once(':')?.0.to_owned(),
            _ => return None,
        };
        let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
        let is_host = name.bytes().skip(usize::from(name.starts_with('*'))).all(is_plain);
        (is_host && !matches!(name.as_str(), "" | "*") && self.0.overlapping(&name).is_empty())
            .then_some(Never { reason: "no server of the gateway has this host", instead: None })
    }
}

/// What stands before a port; of what is no port nothing is said.
fn without_port(text: &str) -> Option<&str> {
    match text.split_once(':') {
        None => Some(text),
        Some((host, port)) => port.bytes().all(|it| it.is_ascii_digit()).then_some(host),
    }
}
