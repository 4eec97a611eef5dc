//! `conflicting-servers`: a proxy is told to open one port in two ways, and opens it in one.
//!
//! Of the servers of all Gateways that select a proxy, the oldest come first. On one port and address a server for TLS
//! that shares a host with an earlier one is left out as a whole, and so is one that mixes plain text with TLS. Servers
//! for plain HTTP are merged. Source: Istio, `MergeGateways`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use mesh_snapshot::object::{Labels, ServerProtocol};

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::gateway::{IstioGateway, Server};
use crate::resolve::host::Host;

pub(super) static CHECK: Check =
    Check::lint("conflicting-servers", Severity::Error, include_str!("conflicting_servers.md"))
        .alias(&["IST0145", "KIA0301"]);

type At<'m, 'a> = (&'m IstioGateway<'a>, &'m Server<'a>);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let neighbours = Neighbours::of(mesh);
    let mut by_port: BTreeMap<(u16, Option<IpAddr>), Vec<At<'_, '_>>> = BTreeMap::new();
    for gateway in mesh.gateways.iter() {
        for server in gateway.servers.iter().filter(|it| it.is_served()) {
            by_port.entry((server.port, bind(server))).or_default().push((gateway, server));
        }
    }
    for ((port, _), servers) in by_port {
        // By the selector of their Gateways.
        let mut opened: HashMap<&Labels, Opened<'_>> = HashMap::new();
        for (position, later) in servers.iter().enumerate() {
            let own = &later.0.resource.spec.selector;
            let near = neighbours.of_selector(own).filter_map(|it| opened.get(it));
            let first = near.filter_map(|it| it.conflicting(later.1)).min();
            let first = first.and_then(|first| servers.get(first));
            out.extend(first.and_then(|earlier| conflict(port, earlier, later)));
            opened.entry(own).or_default().add(position, later.1);
        }
    }
}

/// Which selectors meet: those that select one workload, and each meets itself.
struct Neighbours<'m>(HashMap<&'m Labels, HashSet<&'m Labels>>);

impl<'m> Neighbours<'m> {
    fn of(mesh: &'m Mesh<'_>) -> Self {
        let mut all: HashMap<&Labels, HashSet<&Labels>> = HashMap::new();
        let mut of_proxy: BTreeMap<DocumentId, Vec<&Labels>> = BTreeMap::new();
        for gateway in mesh.gateways.iter() {
            let selector = &gateway.resource.spec.selector;
            if all.insert(selector, HashSet::from([selector])).is_none() {
                for proxy in gateway.proxies(&mesh.workloads) {
                    of_proxy.entry(proxy.id).or_default().push(selector);
                }
            }
        }
        for selectors in of_proxy.into_values() {
            for selector in &selectors {
                all.entry(selector).or_default().extend(&selectors);
            }
        }
        Self(all)
    }

    /// In no order.
    fn of_selector(&self, selector: &Labels) -> impl Iterator<Item = &'m Labels> {
        self.0.get(selector).into_iter().flatten().copied()
    }
}

/// What Gateways with one selector have opened on a port: of each kind the place of the first server.
#[derive(Default)]
struct Opened<'m> {
    plain: Option<usize>,
    secure: Option<usize>,
    by_host: HashMap<&'m Host, usize>,
}

impl<'m> Opened<'m> {
    fn add(&mut self, position: usize, server: &'m Server<'_>) {
        if is_plain(server) {
            self.plain.get_or_insert(position);
            return;
        }
        self.secure.get_or_insert(position);
        for host in &server.hosts {
            self.by_host.entry(&host.host).or_insert(position);
        }
    }

    /// The first server that a later one cannot be opened beside.
    fn conflicting(&self, later: &Server<'_>) -> Option<usize> {
        if is_plain(later) {
            return self.secure;
        }
        let hosts = later.hosts.iter().filter_map(|it| self.by_host.get(&it.host).copied());
        hosts.chain(self.plain).min()
    }
}

fn is_plain(server: &Server<'_>) -> bool {
    server.protocol == Some(ServerProtocol::Http)
}

/// The address of a server's own, if it has one.
fn bind(server: &Server<'_>) -> Option<IpAddr> {
    let bind = server.spec.bind.parse().ok();
    bind.filter(|bind| *bind != IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn conflict(port: u16, earlier: &At<'_, '_>, later: &At<'_, '_>) -> Option<Diagnostic> {
    match (is_plain(earlier.1), is_plain(later.1)) {
        (true, true) => None,
        (false, false) => shared_host(port, earlier, later),
        _ => {
            let place = |it: &At<'_, '_>| place(it, &["port", "protocol"]);
            let opens = |it: &At<'_, '_>| match it.1.protocol {
                Some(ServerProtocol::Http) => "HTTP",
                Some(ServerProtocol::Https | ServerProtocol::Tls) => "TLS",
                _ => "TCP",
            };
            let (first, second) = (opens(earlier), opens(later));
            let message = format!("port {port} is opened for {first} and for {second}");
            let word = |it: &At<'_, '_>| it.1.spec.port.protocol.clone();
            Some(
                Diagnostic::new(&CHECK, place(later), message)
                    .label(format!("`{}` is left out", word(later)))
                    .also(place(earlier), format!("`{}` comes first", word(earlier)))
                    .consequence("nothing that the second server is for is answered")
                    .help("open another port for one of them"),
            )
        }
    }
}

fn shared_host(port: u16, earlier: &At<'_, '_>, later: &At<'_, '_>) -> Option<Diagnostic> {
    let (at, first) = later.1.hosts.iter().enumerate().find_map(|(at, own)| {
        let first = earlier.1.hosts.iter().position(|it| it.host == own.host)?;
        Some((at, first))
    })?;
    let place = |it: &At<'_, '_>, index: usize| {
        let path = FieldPath::default().field("spec").field("servers").index(it.1.index);
        Place::value(it.0.resource.id, path.field("hosts").index(index))
    };
    let host = later.1.hosts.get(at).map_or("", |it| &it.host);
    let message = format!("two servers on port {port} are for `{host}`");
    Some(
        Diagnostic::new(&CHECK, place(later, at), message)
            .label("this server is left out, with all of its hosts")
            .also(place(earlier, first), "this one comes first")
            .consequence("no request reaches what is bound to the second server alone")
            .help("name each host once on a port"),
    )
}

fn place((gateway, server): &At<'_, '_>, fields: &[&'static str]) -> Place {
    let at = FieldPath::default().field("spec").field("servers").index(server.index);
    Place::value(gateway.resource.id, fields.iter().fold(at, |at, field| at.field(*field)))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// Of a server for plain text that binds nowhere, and one for TLS on the same port.
    fn conflicts(bind: &str) -> bool {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: a}}\nspec:\n  selector: {{app: g}}\n  servers:\n  - port: {{number: 80, name: a, protocol: HTTP}}\n    hosts: [a.test]\n  - port: {{number: 80, name: b, protocol: HTTPS}}\n    bind: '{bind}'\n    hosts: [b.test]\n    tls: {{mode: SIMPLE, credentialName: b}}\n"
        );
        folder.write("gateway.yaml", text);
        findings(folder.path()).iter().any(|it| it.check == &CHECK)
    }

    #[test]
    fn all_addresses_are_no_address_of_a_server_s_own() {
        assert!(conflicts("") && conflicts("0.0.0.0"));
        assert!(!conflicts("192.0.2.1") && !conflicts("::"));
    }
}
