//! The hosts for which proxies of gateways have servers.
//!
//! Whoever asks for another is answered with 404, whatever policies say of it; whose handshake names another has no connection.
//! Sources: Istio, `Gateway.servers.hosts`, `GetSNIHostsForServer`; Gateway API, `Listener.hostname`.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use mesh_snapshot::object::{Role, ServerProtocol};

use crate::check::inventory;
use crate::check::matching::form::Form;
use crate::check::matching::possible::Never;
use crate::parse::DocumentId;
use crate::resolve::gateway::{Listener, Server, proxies};
use crate::resolve::host::{Host, HostIndex};
use crate::resolve::{Mesh, Workload};

/// The servers of all gateways, by the proxies that open them. What is kept is made of the mesh alone.
pub(super) struct Servers<'m, 'a> {
    mesh: &'m Mesh<'a>,
    requests: OnceCell<ByProxy<'m>>,
    handshakes: OnceCell<ByProxy<'m>>,
    known: RefCell<Known>,
}

/// By what names a host, and proxies.
type Known = BTreeMap<(Naming, Vec<DocumentId>), Option<Rc<ServedHosts>>>;

type ByProxy<'m> = HashMap<DocumentId, Vec<&'m Host>>;

/// What names a host.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Naming {
    Request,
    /// By its server name (SNI).
    Handshake,
}

impl<'m, 'a> Servers<'m, 'a> {
    pub(super) fn of(mesh: &'m Mesh<'a>) -> Self {
        let (requests, handshakes) = (OnceCell::new(), OnceCell::new());
        Self { mesh, requests, handshakes, known: RefCell::default() }
    }

    /// The hosts for which some workloads read requests. `None` where they may read those of others: one of them is no gateway, or has
    /// no server that is known.
    pub(super) fn hosts(&self, workloads: &[&Workload<'_>]) -> Option<Rc<ServedHosts>> {
        self.named_by(Naming::Request, workloads)
    }

    /// The hosts that handshakes with them may name, whoever ends the TLS. `None` where they may name others.
    pub(super) fn names(&self, workloads: &[&Workload<'_>]) -> Option<Rc<ServedHosts>> {
        self.named_by(Naming::Handshake, workloads)
    }

    fn named_by(&self, naming: Naming, workloads: &[&Workload<'_>]) -> Option<Rc<ServedHosts>> {
        let is_gateway = |it: &&Workload<'_>| it.inventory.role == Role::Gateway;
        if workloads.is_empty()
            || !workloads.iter().all(is_gateway)
            || inventory::may_have_servers(self.mesh)
        {
            return None;
        }
        let ids: Vec<_> = workloads.iter().map(|it| it.id).collect();
        let mut known = self.known.borrow_mut();
        let hosts = known.entry((naming, ids));
        hosts.or_insert_with_key(|(_, ids)| self.hosts_of(naming, ids).map(Rc::new)).clone()
    }

    fn hosts_of(&self, naming: Naming, proxies: &[DocumentId]) -> Option<ServedHosts> {
        let by_proxy = match naming {
            Naming::Request => &self.requests,
            Naming::Handshake => &self.handshakes,
        };
        let by_proxy = by_proxy.get_or_init(|| naming.by_proxy(self.mesh));
        let mut hosts = HostIndex::default();
        for proxy in proxies {
            by_proxy.get(proxy)?.iter().for_each(|host| hosts.insert(host));
        }
        Some(ServedHosts(hosts))
    }
}

impl Naming {
    fn by_proxy<'m>(self, mesh: &'m Mesh<'_>) -> ByProxy<'m> {
        let mut all = ByProxy::new();
        let mut add = |proxies: Vec<&Workload<'_>>, hosts: Vec<&'m Host>| {
            for proxy in proxies.into_iter().filter(|_| !hosts.is_empty()) {
                all.entry(proxy.id).or_default().extend(&hosts);
            }
        };
        for gateway in mesh.gateways.iter() {
            let servers = gateway.servers.iter().filter(|it| self.is_heard_by(it));
            let hosts = servers.flat_map(|it| &it.hosts).map(|it| &it.host);
            add(gateway.proxies(&mesh.workloads), hosts.collect());
        }
        for gateway in mesh.api_gateways.iter() {
            let listeners = gateway.listeners.iter().filter(|it| self.is_heard_at(it));
            add(proxies(mesh, gateway.resource), listeners.map(|it| &it.hostname).collect());
        }
        all
    }

    fn is_heard_by(self, server: &Server<'_>) -> bool {
        let is_tls = |it| matches!(it, ServerProtocol::Https | ServerProtocol::Tls);
        match self {
            Self::Request => server.is_http() && server.is_served(),
            // With `AUTO_PASSTHROUGH`, too.
            Self::Handshake => server.port != 0 && server.protocol.is_some_and(is_tls),
        }
    }

    fn is_heard_at(self, listener: &Listener<'_>) -> bool {
        let is_heard = match self {
            Self::Request => listener.is_http(),
            Self::Handshake => listener.needs_tls(),
        };
        is_heard && listener.is_served()
    }
}

/// The hosts of some proxies.
pub(super) struct ServedHosts(HostIndex);

impl ServedHosts {
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
