//! Which `Sidecar` is for whom, and what it lets be seen. Source: Istio, `initSidecarScopes`, `getSidecarScope`,
//! `convertIstioListenerToWrapper`.
//!
//! For a workload the oldest one of its namespace counts that selects it, else the oldest there without a selector, else
//! the oldest without a selector of the root namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use mesh_snapshot::object::{EgressProxy, Labels, OutboundPolicy, Protocol, Workload};

use super::host::{Host, is_within, lower, overlap};
use super::{Age, Settings, service};
use crate::api::istio::{self, SidecarOutboundMode};
use crate::api::{Mesh, Resource};

/// A `Sidecar`, and what it says of what its workloads see.
#[derive(Clone, Debug)]
pub struct Sidecar<'a> {
    pub resource: &'a Resource<istio::Sidecar>,
    pub age: Age<'a>,
    /// Absent: all that is exported to the namespace.
    pub imports: Option<Imports<'a>>,
    pub outbound: OutboundPolicy,
    /// By which all goes that would pass.
    pub proxy: Option<EgressProxy>,
}

impl<'a> Sidecar<'a> {
    /// The labels of the workloads that it is for; absent: all of its namespace. A selector without labels selects all
    /// of them too, and comes before whoever has none. Source: Istio, `initSidecarScopes`.
    #[must_use]
    pub fn labels(&self) -> Option<&'a Labels> {
        self.resource.spec.workload_selector.as_ref().map(|selector| &selector.labels)
    }
}

/// Which hosts are seen, and whose routes for them.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Imports<'a> {
    /// Of listeners for one port.
    by_port: BTreeMap<u16, Listener<'a>>,
    /// Of those for every port that has none.
    others: Vec<Listener<'a>>,
}

/// What one listener shows.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Listener<'a> {
    entries: Vec<Import<'a>>,
    exceptions: Vec<Import<'a>>,
    /// What is expected at it, whatever a service says of its port; absent: what the service says.
    protocol: Option<Protocol>,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Import<'a> {
    of: Whose<'a>,
    /// `*` for all.
    host: Host,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Whose<'a> {
    Anybodys,
    /// Of the namespace of the workload.
    Own,
    Of(&'a str),
}

impl Import<'_> {
    fn is_of(&self, namespace: &str, client: Option<&str>) -> bool {
        match self.of {
            Whose::Anybodys => true,
            Whose::Own => client == Some(namespace),
            Whose::Of(name) => name == namespace,
        }
    }
}

impl<'a> Listener<'a> {
    fn of(listener: &'a istio::EgressListener) -> Self {
        let protocol = listener.port.as_ref().map(|port| port.protocol.as_str());
        let protocol = protocol.filter(|name| !name.is_empty()).and_then(service::protocol);
        let mut own = Self { entries: Vec::new(), exceptions: Vec::new(), protocol };
        for text in &listener.hosts {
            let Some((namespace, host)) = text.split_once('/') else { continue };
            let (namespace, list) = match namespace.strip_prefix('~') {
                Some("") => ("*", &mut own.exceptions),
                Some(namespace) => (namespace, &mut own.exceptions),
                None => (namespace, &mut own.entries),
            };
            let of = match namespace {
                "*" => Whose::Anybodys,
                "." => Whose::Own,
                name => Whose::Of(name),
            };
            list.push(Import { of, host: lower(host) });
        }
        own
    }

    fn shows_all(&self) -> bool {
        let is_all = |import: &Import<'_>| import.of == Whose::Anybodys && &*import.host == "*";
        self.exceptions.is_empty() && self.entries.iter().any(is_all)
    }

    fn service(&self, namespace: &str, host: &str, client: Option<&str>) -> bool {
        let holds =
            |import: &Import<'_>| import.is_of(namespace, client) && is_within(host, &import.host);
        self.entries.iter().any(holds) && !self.exceptions.iter().any(holds)
    }

    fn routes(&self, namespace: &str, hosts: &[Host], client: Option<&str>) -> bool {
        let touches = |import: &Import<'_>| {
            import.is_of(namespace, client) && hosts.iter().any(|host| overlap(host, &import.host))
        };
        let holds = |host: &Host| {
            self.exceptions
                .iter()
                .any(|import| import.is_of(namespace, client) && is_within(host, &import.host))
        };
        self.entries.iter().any(touches) && !hosts.iter().all(holds)
    }
}

impl<'a> Imports<'a> {
    /// `None` where everything is seen.
    fn of(egress: &'a [istio::EgressListener]) -> Option<Self> {
        let mut imports = Self { by_port: BTreeMap::new(), others: Vec::new() };
        for listener in egress {
            let own = Listener::of(listener);
            match own_port(listener) {
                Some(port) => {
                    imports.by_port.entry(port).or_insert(own);
                }
                None => imports.others.push(own),
            }
        }
        let sees_all = imports.by_port.is_empty() && imports.others.iter().any(Listener::shows_all);
        (!egress.is_empty() && !sees_all).then_some(imports)
    }

    fn listeners(&self) -> impl Iterator<Item = &Listener<'a>> {
        self.by_port.values().chain(&self.others)
    }

    /// The listeners that show what is at a port.
    fn at(&self, port: u16) -> &[Listener<'a>] {
        self.by_port.get(&port).map_or(&self.others, std::slice::from_ref)
    }

    /// Whether a service of `namespace` is seen by clients of `client`, at one of its ports or another.
    #[must_use]
    pub fn service(&self, namespace: &str, host: &str, client: Option<&str>) -> bool {
        self.listeners().any(|listener| listener.service(namespace, host, client))
    }

    /// Whether it is at a port. Source: Istio, `serviceMatchingListenerPort`.
    #[must_use]
    pub fn service_at(&self, port: u16, namespace: &str, host: &str, client: Option<&str>) -> bool {
        self.at(port).iter().any(|listener| listener.service(namespace, host, client))
    }

    /// Whether it is by a listener that is not for one port.
    #[must_use]
    pub fn service_beside(&self, namespace: &str, host: &str, client: Option<&str>) -> bool {
        self.others.iter().any(|listener| listener.service(namespace, host, client))
    }

    /// Whether it depends on the port what is seen.
    #[must_use]
    pub fn is_by_port(&self) -> bool {
        !self.by_port.is_empty()
    }

    /// The ports that have listeners of their own, in order.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.by_port.keys().copied()
    }

    /// What is expected at a port, whatever services say of it. Source: Istio, `buildSidecarOutboundListeners`.
    #[must_use]
    pub fn protocol_at(&self, port: u16) -> Option<Protocol> {
        self.by_port.get(&port).and_then(|listener| listener.protocol)
    }

    /// Whether the routes of a `VirtualService` of `namespace` are: those for one of its hosts suffice.
    #[must_use]
    pub fn routes(&self, namespace: &str, hosts: &[Host], client: Option<&str>) -> bool {
        self.listeners().any(|listener| listener.routes(namespace, hosts, client))
    }

    /// Whether they are for requests to a port.
    #[must_use]
    pub fn routes_at(
        &self,
        port: u16,
        namespace: &str,
        hosts: &[Host],
        client: Option<&str>,
    ) -> bool {
        self.at(port).iter().any(|listener| listener.routes(namespace, hosts, client))
    }

    /// The only namespaces of which clients of `client` see anything; absent: it may be any.
    #[must_use]
    pub fn namespaces<'n>(&self, client: Option<&'n str>) -> Option<BTreeSet<&'n str>>
    where
        'a: 'n,
    {
        let mut namespaces = BTreeSet::new();
        for import in self.listeners().flat_map(|listener| &listener.entries) {
            match import.of {
                Whose::Anybodys => return None,
                Whose::Own => namespaces.extend(client),
                Whose::Of(name) => {
                    namespaces.insert(name);
                }
            }
        }
        Some(namespaces)
    }

    /// Whether it depends on the namespace of the workload what is seen.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        let all = self.listeners().flat_map(|it| it.entries.iter().chain(&it.exceptions));
        all.into_iter().any(|import| import.of == Whose::Own)
    }
}

fn proxy(policy: &istio::SidecarOutboundPolicy) -> Option<EgressProxy> {
    let to = policy.egress_proxy.as_ref()?;
    let port = u16::try_from(to.port.as_ref()?.number).ok()?;
    Some(EgressProxy { host: lower(&to.host).to_string(), port, subset: to.subset.clone() })
}

/// The port that a listener alone is for. One that waits at an address of its own, or for requests as an HTTP proxy gets
/// them, is no listener for what is captured.
fn own_port(listener: &istio::EgressListener) -> Option<u16> {
    let port = listener.port.as_ref()?;
    let is_anywhere = |bind: &str| bind.parse().is_ok_and(|bind: IpAddr| bind.is_unspecified());
    let is_captured = (listener.bind.is_empty() || is_anywhere(&listener.bind))
        && listener.capture_mode != istio::CaptureMode::None
        && !port.protocol.eq_ignore_ascii_case("HTTP_PROXY");
    u16::try_from(port.number).ok().filter(|number| *number != 0 && is_captured)
}

/// All of them, by namespace; of each the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Sidecars<'a> {
    by_namespace: BTreeMap<&'a str, Vec<Sidecar<'a>>>,
}

impl<'a> Sidecars<'a> {
    pub(super) fn of(mesh: &'a Mesh, settings: &Settings<'a>) -> Self {
        let sidecar = |resource: &'a Resource<istio::Sidecar>| Sidecar {
            resource,
            age: Age::of(resource),
            imports: Imports::of(&resource.spec.egress),
            outbound: match &resource.spec.outbound_traffic_policy {
                None => settings.outbound,
                Some(policy) => match policy.mode {
                    SidecarOutboundMode::RegistryOnly => OutboundPolicy::RegistryOnly,
                    SidecarOutboundMode::AllowAny => OutboundPolicy::AllowAny,
                },
            },
            proxy: resource.spec.outbound_traffic_policy.as_ref().and_then(proxy),
        };
        let mut all: Vec<_> = mesh.sidecars.iter().map(sidecar).collect();
        all.sort_by_key(|sidecar| sidecar.age);
        let mut by_namespace: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for sidecar in all {
            by_namespace.entry(&sidecar.resource.namespace).or_default().push(sidecar);
        }
        Self { by_namespace }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Sidecar<'a>> {
        self.by_namespace.values().flatten()
    }

    /// The one that counts for a workload.
    #[must_use]
    pub fn of_workload(&self, workload: &Workload, root: &str) -> Option<&Sidecar<'a>> {
        let own = workload.namespace.as_str();
        let is_for = |it: &&Sidecar<'a>| it.labels().is_some_and(|labels| workload.has(labels));
        let selecting = self.selecting_in(own).find(is_for);
        selecting.or_else(|| self.default_of(own)).or_else(|| self.default_of(root))
    }

    /// Whether any workload of a namespace may not see all that is exported there.
    #[must_use]
    pub fn limit(&self, namespace: &str, root: &str) -> bool {
        let is_limiting = |it: &Sidecar<'_>| it.imports.is_some();
        self.selecting_in(namespace).any(is_limiting)
            || self.default_of(namespace).or_else(|| self.default_of(root)).is_some_and(is_limiting)
    }

    /// The one for workloads of a namespace that no other selects; absent: that of the root namespace.
    #[must_use]
    pub fn default_of(&self, namespace: &str) -> Option<&Sidecar<'a>> {
        self.of_namespace(namespace).find(|sidecar| sidecar.labels().is_none())
    }

    /// Those with a selector, the one that counts most first.
    pub fn selecting_in(&self, namespace: &str) -> impl Iterator<Item = &Sidecar<'a>> {
        self.of_namespace(namespace).filter(|sidecar| sidecar.labels().is_some())
    }

    fn of_namespace(&self, namespace: &str) -> impl Iterator<Item = &Sidecar<'a>> {
        self.by_namespace.get(namespace).into_iter().flatten()
    }

    /// The namespaces that have one.
    pub fn namespaces(&self) -> impl Iterator<Item = &'a str> {
        self.by_namespace.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(hosts: &[&str]) -> Vec<istio::EgressListener> {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        vec![istio::EgressListener { hosts, ..Default::default() }]
    }

    #[test]
    fn everything_is_no_restriction() {
        assert_eq!(Imports::of(&[]), None);
        assert_eq!(Imports::of(&listener(&["shop/*", "*/*"])), None);
        assert!(Imports::of(&listener(&["*/*", "~shop/*"])).is_some());
    }

    #[test]
    fn services_are_seen_by_namespace_and_host() {
        let egress = listener(&["./*", "*/*.test", "shop/a.b", "~/x.test", "~web/*"]);
        let imports = Imports::of(&egress).unwrap();
        let sees = |namespace, host| imports.service(namespace, host, Some("own"));
        assert!(sees("own", "any") && sees("shop", "a.b") && sees("shop", "y.test"));
        assert!(!sees("shop", "c.b") && !sees("shop", "x.test") && !sees("web", "y.test"));
        assert!(imports.is_relative() && !imports.service("own", "any", None));
        assert_eq!(imports.namespaces(Some("own")), None);
        let egress = listener(&["./*", "shop/a.b", "~/x.test"]);
        let imports = Imports::of(&egress).unwrap();
        assert_eq!(imports.namespaces(Some("own")), Some(["own", "shop"].into()));
        assert_eq!(imports.namespaces(None), Some(["shop"].into()));
    }

    #[test]
    fn a_listener_for_a_port_hides_what_others_show_there() {
        let port = |number, hosts: &[&str], bind: &str| istio::EgressListener {
            port: Some(istio::SidecarPort { number, protocol: "TCP".into(), ..Default::default() }),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            bind: bind.to_owned(),
            ..Default::default()
        };
        let mut egress = vec![
            port(80, &["./a.test"], ""),
            port(81, &["./a.test"], "0.0.0.0"),
            port(82, &["./c.test"], "127.0.0.1"),
        ];
        egress.extend(listener(&["*/*"]));
        let imports = Imports::of(&egress).unwrap();
        let sees = |port, host| imports.service_at(port, "own", host, Some("own"));
        assert!(sees(80, "a.test") && sees(81, "a.test") && sees(82, "a.test"));
        assert!(!sees(80, "b.test") && !sees(81, "b.test") && sees(82, "b.test"));
        assert!(imports.service("own", "b.test", Some("own")));
        let tcp = Some(Protocol::Tcp);
        assert_eq!([80, 82].map(|port| imports.protocol_at(port)), [tcp, None]);
        let hosts = [lower("b.test")];
        assert!(imports.routes_at(443, "own", &hosts, None));
        assert!(!imports.routes_at(80, "own", &hosts, None));
        assert_eq!(imports.namespaces(Some("own")), None);
        egress.truncate(2);
        assert!(!Imports::of(&egress).unwrap().service_at(443, "own", "a.test", Some("own")));
    }

    #[test]
    fn routes_are_seen_by_any_of_their_hosts() {
        let egress = listener(&["*/a.test"]);
        let imports = Imports::of(&egress).unwrap();
        let sees = |hosts: &[&str]| {
            let hosts: Vec<_> = hosts.iter().map(|host| lower(host)).collect();
            imports.routes("shop", &hosts, None)
        };
        assert!(sees(&["*.test"]) && sees(&["b.test", "a.test"]) && !sees(&["b.test"]));
    }
}
