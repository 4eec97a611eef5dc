//! What a workload receives, by port: which protocol, and how secured.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mesh_snapshot::object::{
    Application, ConnectionPool, DeclaredEndpoint, Discovery, InboundPort as Declared,
    InboundPorts, MtlsMode, PeerAuthentication, Protocol, Service, TargetPort, Termination,
    Workload,
};

use crate::program::Named;

/// The ports of one workload. A port is its own here, never a service's.
#[derive(Clone, Debug, Default)]
pub struct Inbound {
    /// By number.
    ports: BTreeMap<u16, Known>,
    /// By service port.
    targets: HashMap<u16, u16>,
    /// Towards the application, at ports that have no limits of their own.
    connection_pool: Option<ConnectionPool>,
    /// From the narrowest to the widest.
    peers: Vec<Arc<PeerAuthentication>>,
}

/// A port of which something is known.
#[derive(Clone, Debug)]
struct Known {
    /// A service that leads there, and its port.
    service: Option<(Arc<Service>, u16)>,
    /// As a service or the workload's author says.
    declared: Declared,
}

/// How connections to one port are treated.
#[derive(Clone, Copy, Debug)]
pub struct InboundPort<'p> {
    /// Inside of whatever TLS ends here.
    pub protocol: Protocol,
    pub mtls: MtlsMode,
    /// How the port ends TLS that is not the mesh's; what is no TLS is refused then.
    pub tls: Option<&'p Termination>,
    /// Where the application listens.
    pub application: &'p Application,
    /// Towards the application. Absent: no limits but the proxy's own.
    pub connection_pool: Option<&'p ConnectionPool>,
    /// A service that leads there, and its port; absent where no service is known to.
    pub service: Option<(&'p Service, u16)>,
}

impl Inbound {
    /// `own` is what the workload's author says of its ports.
    pub(crate) fn build(
        workload: &Workload,
        services: &[Named<Service>],
        own: InboundPorts,
        peers: Vec<Arc<PeerAuthentication>>,
    ) -> Self {
        let (mut ports, mut targets) = (BTreeMap::new(), HashMap::new());
        for (_, service) in services {
            let endpoint = own_endpoint(service, workload);
            for port in &service.ports {
                let target = match &port.target {
                    TargetPort::Number(number) => Some(*number),
                    TargetPort::Name(name) => workload.ports.get(name).copied(),
                };
                let listed = endpoint.and_then(|own| own.ports.get(&port.number).copied());
                // Where two services lead to one port, the first by key says what it speaks.
                if let Some(target) = listed.or(target) {
                    targets.entry(port.number).or_insert(target);
                    ports.entry(target).or_insert_with(|| Known {
                        service: Some((Arc::clone(service), port.number)),
                        declared: Declared { protocol: port.protocol, ..Declared::default() },
                    });
                }
            }
        }
        let InboundPorts { ports: declared, connection_pool } = own;
        if !declared.is_empty() {
            let known = declared.into_iter().map(|(number, declared)| {
                let service = ports.remove(&number).and_then(|known| known.service);
                (number, Known { service, declared })
            });
            ports = known.collect();
        }
        Self { ports, targets, connection_pool, peers }
    }

    /// How to treat a connection to `port`. One of which nothing is known is served too: what it speaks is for the first
    /// bytes to show.
    #[must_use]
    pub fn port(&self, port: u16) -> InboundPort<'_> {
        let mtls = self.mtls(port);
        let Some(Known { service, declared }) = self.ports.get(&port) else {
            return InboundPort {
                protocol: Protocol::Detect,
                mtls,
                tls: None,
                application: &Application::Destination,
                connection_pool: None,
                service: None,
            };
        };
        // Whoever proves an identity of the mesh needs no other proof. Source: Istio, `Sidecar.ingress.tls`.
        let tls = declared.tls.as_ref().filter(|_| mtls == MtlsMode::Disable);
        let protocol = match (tls, declared.protocol) {
            (None, protocol) => protocol,
            (Some(_), Protocol::Https) => Protocol::Http,
            (Some(_), _) => Protocol::Tcp,
        };
        InboundPort {
            protocol,
            mtls,
            tls,
            application: &declared.application,
            connection_pool: declared.connection_pool.as_ref().or(self.connection_pool.as_ref()),
            service: service.as_ref().map(|(service, port)| (&**service, *port)),
        }
    }

    /// The ports of which something is known, in order: some service leads there, or the workload's author names them.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        self.ports.keys().copied().collect()
    }

    /// Whether something is known of a port, as in [`Inbound::ports`].
    #[must_use]
    pub fn knows(&self, port: u16) -> bool {
        self.ports.contains_key(&port)
    }

    /// The workload's port that a service's port leads to, by the first service that has that one.
    pub(crate) fn target_of(&self, service_port: u16) -> Option<u16> {
        self.targets.get(&service_port).copied()
    }

    /// The narrowest that says something: on each level the port before the workload. Source: Istio
    /// `PeerAuthentication`.
    fn mtls(&self, port: u16) -> MtlsMode {
        let said = self.peers.iter().find_map(|peer| peer.ports.get(&port).copied().or(peer.mode));
        said.unwrap_or_default()
    }
}

/// The workload, as the author of a service lists it.
fn own_endpoint<'s>(service: &'s Service, workload: &Workload) -> Option<&'s DeclaredEndpoint> {
    let (Discovery::Declared { endpoints } | Discovery::Dns { endpoints, .. }) = &service.discovery
    else {
        return None;
    };
    let is_own = |endpoint: &&DeclaredEndpoint| {
        endpoint.address.parse().is_ok_and(|address| workload.addresses.contains(&address))
    };
    endpoints.iter().find(is_own)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use mesh_snapshot::object::{
        Application, ClientCertificate, ConnectionPool, DeclaredEndpoint, Discovery, InboundPorts,
        MtlsMode, PeerAuthentication, Protocol, Service, ServicePort, TargetPort, Termination,
        TlsVersion, Workload,
    };
    use mesh_snapshot::{Key, Kind};

    use super::{Declared, Inbound};
    use crate::cluster::tests::reviews;

    fn inbound(ports: &[(u16, Protocol, TargetPort)], peers: Vec<PeerAuthentication>) -> Inbound {
        declaring(InboundPorts::default(), ports, peers)
    }

    fn declaring(
        own: InboundPorts,
        ports: &[(u16, Protocol, TargetPort)],
        peers: Vec<PeerAuthentication>,
    ) -> Inbound {
        let ports = ports.iter().map(|(number, protocol, target)| ServicePort {
            number: *number,
            name: String::new(),
            protocol: *protocol,
            target: target.clone(),
        });
        let service = Service { ports: ports.collect(), ..reviews() };
        let key = Arc::new(Key::new(Kind::Service, "shop", "reviews"));
        let named = BTreeMap::from([("web".to_owned(), 8080)]);
        let workload = Workload { ports: named, ..Workload::default() };
        Inbound::build(
            &workload,
            &[(key, Arc::new(service))],
            own,
            peers.into_iter().map(Arc::new).collect(),
        )
    }

    fn peer(mode: Option<MtlsMode>, ports: &[(u16, MtlsMode)]) -> PeerAuthentication {
        PeerAuthentication { mode, ports: ports.iter().copied().collect() }
    }

    #[test]
    fn a_port_speaks_what_its_service_says() {
        let inbound = inbound(
            &[
                (80, Protocol::Http, TargetPort::Name("web".to_owned())),
                (81, Protocol::Tcp, TargetPort::Number(8080)),
                (82, Protocol::Grpc, TargetPort::Number(9090)),
                (83, Protocol::Http, TargetPort::Name("absent".to_owned())),
            ],
            Vec::new(),
        );
        assert_eq!(inbound.port(8080).protocol, Protocol::Http);
        assert_eq!(inbound.port(8080).service.map(|(_, port)| port), Some(80));
        assert_eq!(inbound.port(9090).protocol, Protocol::Grpc);
        assert_eq!(inbound.port(1).protocol, Protocol::Detect);
        assert!(inbound.port(1).service.is_none());
        assert_eq!(inbound.ports(), [8080, 9090]);
        assert_eq!((inbound.target_of(82), inbound.target_of(83)), (Some(9090), None));
    }

    #[test]
    fn a_listed_endpoint_may_have_ports_of_its_own() {
        let address = [10, 0, 0, 7].into();
        let endpoint = DeclaredEndpoint {
            address: "10.0.0.7".to_owned(),
            ports: BTreeMap::from([(80, 8081)]),
            labels: BTreeMap::new(),
            weight: 1,
            locality: String::new(),
            service_account: String::new(),
        };
        let port = |number| ServicePort {
            number,
            name: String::new(),
            protocol: Protocol::Http,
            target: TargetPort::Number(number),
        };
        let service = Service {
            ports: vec![port(80), port(90)],
            discovery: Discovery::Declared { endpoints: vec![endpoint] },
            ..reviews()
        };
        let key = Arc::new(Key::new(Kind::Service, "shop", "reviews"));
        let workload = Workload { addresses: [address].into(), ..Workload::default() };
        let inbound = Inbound::build(
            &workload,
            &[(key, Arc::new(service))],
            InboundPorts::default(),
            Vec::new(),
        );
        assert_eq!(inbound.ports(), [90, 8081]);
        assert_eq!(inbound.target_of(80), Some(8081));
    }

    #[test]
    fn what_an_author_says_counts_in_place_of_the_services() {
        let application = Application::Address(([127, 0, 0, 1], 8081).into());
        let limit =
            |connections_max| Some(ConnectionPool { connections_max, ..ConnectionPool::default() });
        let web = Declared { application, connection_pool: limit(1), ..Declared::default() };
        let bare = Declared { protocol: Protocol::Tcp, ..Declared::default() };
        let ports = [(8080, web), (9000, bare)].into();
        let own = InboundPorts { ports, connection_pool: limit(2) };
        let services = [
            (80, Protocol::Http, TargetPort::Number(8080)),
            (90, Protocol::Grpc, TargetPort::Number(9090)),
        ];
        let inbound = declaring(own, &services, Vec::new());
        assert_eq!(inbound.ports(), [8080, 9000]);
        let web = inbound.port(8080);
        assert_eq!(web.protocol, Protocol::Detect);
        assert_eq!(*web.application, Application::Address(([127, 0, 0, 1], 8081).into()));
        assert_eq!(web.service.map(|(_, port)| port), Some(80));
        let limit = |port| inbound.port(port).connection_pool.map(|pool| pool.connections_max);
        assert_eq!((limit(8080), limit(9000), limit(9090)), (Some(1), Some(2), None));
        assert!(!inbound.knows(9090) && inbound.port(9090).service.is_none());
    }

    #[test]
    fn limits_alone_leave_the_ports_to_the_services() {
        let pool = ConnectionPool { connections_max: 3, ..ConnectionPool::default() };
        let own = InboundPorts { connection_pool: Some(pool), ..InboundPorts::default() };
        let services = [(80, Protocol::Http, TargetPort::Number(8080))];
        let inbound = declaring(own, &services, Vec::new());
        assert_eq!(inbound.port(8080).protocol, Protocol::Http);
        assert_eq!(inbound.port(8080).connection_pool.map(|pool| pool.connections_max), Some(3));
    }

    #[test]
    fn tls_of_its_own_ends_where_the_meshs_does_not() {
        let tls = Termination {
            credentials: Vec::new(),
            certificate_file: "cert.pem".to_owned(),
            key_file: "key.pem".to_owned(),
            client: ClientCertificate::Unasked,
            version_min: TlsVersion::V12,
            version_max: TlsVersion::V13,
            cipher_suites: Vec::new(),
        };
        let port = |protocol| Declared { protocol, tls: Some(tls.clone()), ..Declared::default() };
        let ports = [
            (443, port(Protocol::Https)),
            (9443, port(Protocol::Tls)),
            (8443, port(Protocol::Https)),
        ];
        let own = InboundPorts { ports: ports.into(), ..InboundPorts::default() };
        let modes = [(443, MtlsMode::Disable), (9443, MtlsMode::Disable)];
        let inbound = declaring(own, &[], vec![peer(Some(MtlsMode::Strict), &modes)]);
        let treated = |port| {
            let port = inbound.port(port);
            (port.protocol, port.tls.is_some())
        };
        assert_eq!(treated(443), (Protocol::Http, true));
        assert_eq!(treated(9443), (Protocol::Tcp, true));
        assert_eq!(treated(8443), (Protocol::Https, false));
    }

    #[test]
    fn without_a_word_both_are_welcome() {
        assert_eq!(inbound(&[], Vec::new()).port(80).mtls, MtlsMode::Permissive);
        let silent = vec![peer(None, &[]), peer(None, &[])];
        assert_eq!(inbound(&[], silent).port(80).mtls, MtlsMode::Permissive);
    }

    #[test]
    fn the_narrowest_word_counts() {
        let peers = vec![
            peer(None, &[(81, MtlsMode::Disable)]),
            peer(Some(MtlsMode::Permissive), &[]),
            peer(Some(MtlsMode::Strict), &[(80, MtlsMode::Disable)]),
        ];
        let inbound_ports = inbound(&[], peers);
        assert_eq!(inbound_ports.port(81).mtls, MtlsMode::Disable);
        assert_eq!(inbound_ports.port(80).mtls, MtlsMode::Permissive);
        let own = vec![peer(Some(MtlsMode::Strict), &[]), peer(Some(MtlsMode::Disable), &[])];
        assert_eq!(inbound(&[], own).port(80).mtls, MtlsMode::Strict);
    }
}
