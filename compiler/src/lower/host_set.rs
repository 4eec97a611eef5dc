//! `HostSet`: the hosts of one namespace, as some view sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::object::{
    Host as Object, HostSet, Labels, MtlsMode, Object as AnyObject, PlaintextEndpoints,
};
use mesh_snapshot::snapshot::Encoded;
use mesh_snapshot::{Applies, Digest, Key, Kind, Reference};

use super::peer_authentication::{mode, port_modes};
use super::{Lowering, Perspective, TableId};
use crate::resolve::host::Host;
use crate::resolve::policy::Policy;
use crate::resolve::{SeenHost, View};

/// Hosts by their names, all of one namespace.
pub(super) type Hosts<'a> = BTreeMap<Host, SeenHost<'a>>;

/// Above this many hosts the set of a namespace is cut in parts.
const HOSTS_MAX: usize = 64;

/// The port of hosts without a service: where a host says no more, it need not be said.
const PORT_WITHOUT_SERVICE: u16 = 80;

/// Which set of a namespace a host is in. It follows from the host and from how many hosts there are, in steps, so that
/// one more host seldom moves others.
pub(super) fn part_of(host: &str, hosts: usize) -> String {
    let parts = hosts.div_ceil(HOSTS_MAX).next_power_of_two();
    if parts <= 1 {
        return "hosts".to_owned();
    }
    let [first, second, ..] = *Digest::of(host.as_bytes()).as_bytes();
    format!("hosts-{}-of-{parts}", usize::from(u16::from_be_bytes([first, second])) % parts)
}

impl<'a> Lowering<'_, 'a> {
    /// A set as everybody sees it.
    pub(super) fn common_host_set(&self, key: Key, hosts: &Hosts<'a>) -> Reference {
        let common = Perspective::common(self.mesh);
        let object = self.host_set(&key.namespace, hosts, &common);
        let reference = self.store.add(key, &AnyObject::HostSet(object), &[]);
        self.host_sets.insert(reference.key.clone(), reference.digest);
        reference
    }

    /// A set as clients of one namespace see it; `name` is that of the set as everybody sees it.
    pub(super) fn particular_host_set(
        &self,
        namespace: &str,
        name: &str,
        hosts: &Hosts<'a>,
        perspective: &Perspective<'_, 'a>,
    ) -> Reference {
        let object = self.host_set(namespace, hosts, perspective);
        self.add_host_set(namespace, name, object, perspective)
    }

    /// Names a set by whether everybody sees it so.
    pub(super) fn add_host_set(
        &self,
        namespace: &str,
        name: &str,
        object: HostSet,
        perspective: &Perspective<'_, 'a>,
    ) -> Reference {
        let plain = Key::new(Kind::HostSet, namespace, name);
        let encoded = Encoded::of(&AnyObject::HostSet(object));
        let is_common = self.host_sets.get(&plain) == Some(encoded.digest());
        let key = if is_common { plain } else { perspective.key(Kind::HostSet, namespace, name) };
        self.store.add_encoded(key, encoded, &[])
    }

    pub(super) fn host_set(
        &self,
        namespace: &str,
        hosts: &Hosts<'a>,
        perspective: &Perspective<'_, 'a>,
    ) -> HostSet {
        let hosts =
            hosts.iter().map(|(name, seen)| (name.to_string(), self.host(name, seen, perspective)));
        HostSet { hosts: hosts.collect(), plaintext: self.plaintext(namespace) }
    }

    /// A host that a `Sidecar` does not import, and that a route leads to. `None` where there is no such service.
    pub(super) fn hidden_host(
        &self,
        name: &Host,
        seen: &SeenHost<'a>,
        perspective: &Perspective<'_, 'a>,
    ) -> Option<Object> {
        let service = self.seen_service(seen.service.as_ref()?, perspective);
        let policy = self.client_policy(name, &seen.policies);
        let shown_ports = Some(Vec::new());
        Some(Object { service: Some(service), policy, shown_ports, ..Object::default() })
    }

    fn host(&self, name: &Host, seen: &SeenHost<'a>, perspective: &Perspective<'_, 'a>) -> Object {
        let table = TableId::of_host(name, seen, self.mesh);
        let is_usual = seen.service.is_none()
            && seen.ports.len() <= 1
            && seen.ports.contains(&PORT_WITHOUT_SERVICE);
        let shown = seen.service.as_ref().and_then(|it| it.shown.as_ref());
        Object {
            service: seen.service.as_ref().map(|it| self.seen_service(it, perspective)),
            policy: seen.service.as_ref().and_then(|_| self.client_policy(name, &seen.policies)),
            routes: table.as_ref().map(|table| self.route_table(table, perspective)),
            ports: if is_usual { Vec::new() } else { listed(&seen.ports) },
            shown_ports: shown.map(listed),
            routed_ports: seen.ruled.as_ref().map(listed),
        }
    }

    /// Meshed endpoints of a namespace that refuse mutual TLS, the first that applies to an endpoint first.
    fn plaintext(&self, namespace: &str) -> Vec<PlaintextEndpoints> {
        let all = &self.mesh.policies.peer_authentications;
        let own = || all.of_namespace(Some(namespace));
        let is_whole = |it: &&Policy<'_, _>| selector(it).is_none();
        let whole = [own().find(is_whole), all.of_namespace(None).find(is_whole)];
        let inherited = whole.into_iter().flatten().find_map(|it| mode(it.resource));
        let of_selector = own()
            .filter_map(|it| Some((selector(it)?, it)))
            .map(|(labels, it)| entry(labels.clone(), mode(it.resource).or(inherited), it));
        let mut entries: Vec<_> = of_selector.collect();
        entries.push(PlaintextEndpoints {
            labels: Labels::new(),
            ports: BTreeMap::new(),
            other_ports: inherited == Some(MtlsMode::Disable),
        });
        // What accepts mutual TLS need not be said behind the last that does not.
        let speaks_plain =
            |it: &PlaintextEndpoints| it.other_ports || it.ports.values().any(|plain| *plain);
        let kept = entries.iter().rposition(speaks_plain).map_or(0, |last| last + 1);
        entries.truncate(kept);
        entries
    }
}

fn listed(ports: &BTreeSet<u16>) -> Vec<u16> {
    ports.iter().copied().collect()
}

fn selector<'p, T>(policy: &'p Policy<'_, T>) -> Option<&'p Labels> {
    match &policy.scope.as_ref().ok()?.applies {
        Applies::Selected(selectors) => selectors.first(),
        Applies::All | Applies::Gateways(_) | Applies::Addressed(_) => None,
    }
}

fn entry(
    labels: Labels,
    whole: Option<MtlsMode>,
    policy: &Policy<'_, crate::api::istio::PeerAuthentication>,
) -> PlaintextEndpoints {
    let is_plain = |mode| mode == MtlsMode::Disable;
    let ports = port_modes(policy.resource).map(|(port, mode)| (port, is_plain(mode))).collect();
    PlaintextEndpoints { labels, ports, other_ports: whole.is_some_and(is_plain) }
}

/// The hosts that a view sees of `names`, by the namespace whose they are.
pub(super) fn by_namespace<'a, 'n>(
    view: &View<'_, 'a>,
    names: impl IntoIterator<Item = &'n Host>,
) -> BTreeMap<&'a str, Hosts<'a>> {
    let mut all: BTreeMap<&str, Hosts<'_>> = BTreeMap::new();
    for name in names.into_iter().collect::<BTreeSet<_>>() {
        if let Some(seen) = view.host(name) {
            all.entry(seen.namespace).or_default().insert(Arc::clone(name), seen);
        }
    }
    all
}
