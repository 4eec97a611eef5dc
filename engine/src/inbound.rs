//! What a workload receives, by port: which protocol, and how secured.

use std::collections::HashMap;
use std::sync::Arc;

use mesh_snapshot::object::{
    DeclaredEndpoint, Discovery, MtlsMode, PeerAuthentication, Protocol, Service, TargetPort,
    Workload,
};

use crate::program::Named;

/// The ports of one workload. A port is its own here, never a service's.
#[derive(Clone, Debug, Default)]
pub struct Inbound {
    ports: HashMap<u16, Served>,
    /// By service port.
    targets: HashMap<u16, u16>,
    /// From the narrowest to the widest.
    peers: Vec<Arc<PeerAuthentication>>,
}

#[derive(Clone, Debug)]
struct Served {
    protocol: Protocol,
    service: Arc<Service>,
    service_port: u16,
}

/// How connections to one port are treated.
#[derive(Clone, Copy, Debug)]
pub struct InboundPort<'p> {
    pub protocol: Protocol,
    pub mtls: MtlsMode,
    /// A service that leads there, and its port; absent where no service is known to.
    pub service: Option<(&'p Service, u16)>,
}

impl Inbound {
    pub(crate) fn build(
        workload: &Workload,
        services: &[Named<Service>],
        peers: Vec<Arc<PeerAuthentication>>,
    ) -> Self {
        let (mut ports, mut targets) = (HashMap::new(), HashMap::new());
        for (_, service) in services {
            let own = own_endpoint(service, workload);
            for port in &service.ports {
                let target = match &port.target {
                    TargetPort::Number(number) => Some(*number),
                    TargetPort::Name(name) => workload.ports.get(name).copied(),
                };
                let target = own.and_then(|own| own.ports.get(&port.number).copied()).or(target);
                // Where two services lead to one port, the first by key says what it speaks.
                if let Some(target) = target {
                    targets.entry(port.number).or_insert(target);
                    ports.entry(target).or_insert_with(|| Served {
                        protocol: port.protocol,
                        service: Arc::clone(service),
                        service_port: port.number,
                    });
                }
            }
        }
        Self { ports, targets, peers }
    }

    /// How to treat a connection to `port`. One that no service leads to is served too: what it speaks is for the
    /// first bytes to show.
    #[must_use]
    pub fn port(&self, port: u16) -> InboundPort<'_> {
        let served = self.ports.get(&port);
        InboundPort {
            protocol: served.map_or(Protocol::Detect, |served| served.protocol),
            mtls: self.mtls(port),
            service: served.map(|served| (&*served.service, served.service_port)),
        }
    }

    /// The ports that some service leads to, in order.
    #[must_use]
    pub fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<_> = self.ports.keys().copied().collect();
        ports.sort_unstable();
        ports
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
        DeclaredEndpoint, Discovery, MtlsMode, PeerAuthentication, Protocol, Service, ServicePort,
        TargetPort, Workload,
    };
    use mesh_snapshot::{Key, Kind};

    use super::Inbound;
    use crate::cluster::tests::reviews;

    fn inbound(ports: &[(u16, Protocol, TargetPort)], peers: Vec<PeerAuthentication>) -> Inbound {
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
        let inbound = Inbound::build(&workload, &[(key, Arc::new(service))], Vec::new());
        assert_eq!(inbound.ports(), [90, 8081]);
        assert_eq!(inbound.target_of(80), Some(8081));
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
