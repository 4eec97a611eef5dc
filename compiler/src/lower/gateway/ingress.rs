//! Kubernetes' `Ingress`: a gateway of its own. Source: Istio, `convertIngressV1alpha3`, `VirtualServices`.

use std::collections::BTreeSet;

use mesh_snapshot::object::{
    ClientCertificate, Credential, Gateway, Object, Server, ServerProtocol, ServerTls, Termination,
    TlsVersion, VirtualHost,
};
use mesh_snapshot::{Applies, Key, Kind, Reference};

use super::{Opened, destinations};
use crate::diagnostic::{FieldPath, Place};
use crate::lower::{Lowering, Perspective};
use crate::resolve::host::Host;
use crate::resolve::ingress::{self, Ingress, Tls};

impl<'a> Lowering<'_, 'a> {
    pub(super) fn ingress(&self, number: usize, ingress: &Ingress<'a>, rank: usize) {
        let selector = self.mesh.ingresses.selector.clone();
        let home = Perspective::of_gateways(self.mesh, ingress::NAMESPACE);
        let at_home = self.ingress_from(number, ingress, &home, &home);
        let foreign = self.foreign_proxies(ingress::NAMESPACE, &selector);
        let applies = Applies::Selected(vec![selector]);
        self.store.list("", at_home.clone(), applies.clone(), rank);
        for namespace in foreign {
            let there = Perspective::of_gateways(self.mesh, namespace);
            let seen = self.ingress_from(number, ingress, &there, &home);
            if seen != at_home {
                self.store.list(namespace, seen, applies.clone(), rank);
            }
        }
    }

    /// As it is seen from `perspective`.
    fn ingress_from(
        &self,
        number: usize,
        ingress: &Ingress<'a>,
        perspective: &Perspective<'_, 'a>,
        home: &Perspective<'_, 'a>,
    ) -> Reference {
        let id = ingress.resource.id;
        let mut places = vec![(String::new(), Place::resource(id))];
        let mut opened = Vec::new();
        for tls in ingress.tls() {
            let path = FieldPath::default().field("spec").field("tls").index(tls.index);
            places.push((format!("servers[{}]", opened.len()), Place::value(id, path)));
            opened.push(self.ingress_server(number, https(ingress, &tls), &tls.hosts, perspective));
        }
        let path = FieldPath::default().field("spec").field("rules");
        places.push((format!("servers[{}]", opened.len()), Place::key(id, path)));
        let any = [Host::from("*")];
        opened.push(self.ingress_server(number, http(ingress), &any, perspective));
        let full_name = format!("{}/{}", ingress::NAMESPACE, ingress.gateway);
        let hosts = self.gateway_hosts(&opened, &full_name, perspective, home);
        let object = Gateway {
            namespace: ingress::NAMESPACE.to_owned(),
            name: ingress.gateway.clone(),
            servers: opened.into_iter().map(|it| it.server).collect(),
            hosts,
        };
        let key = Key::new(Kind::Gateway, ingress::NAMESPACE, &*ingress.gateway);
        self.store.add(key, &Object::Gateway(object), &places)
    }

    /// `server`, with the routes that are bound to it.
    fn ingress_server(
        &self,
        number: usize,
        server: Server,
        hosts: &[Host],
        perspective: &Perspective<'_, 'a>,
    ) -> Opened {
        let mesh = self.mesh;
        let client = perspective.view.client();
        let mut leads_to = BTreeSet::new();
        let mut virtual_hosts = Vec::new();
        for host in hosts {
            for (host, rules) in mesh.ingresses.bound(number, host) {
                if !rules.visibility.reaches(client) {
                    continue;
                }
                let (routes, table) = self.ingress_table(rules);
                leads_to.extend(destinations(&table));
                virtual_hosts.push(VirtualHost { host: host.to_string(), routes });
            }
        }
        virtual_hosts.sort_by(|a, b| a.host.cmp(&b.host));
        let hosts: BTreeSet<_> = hosts.iter().map(ToString::to_string).collect();
        let server = Server { hosts: hosts.into_iter().collect(), virtual_hosts, ..server };
        Opened { server, leads_to }
    }
}

fn http(ingress: &Ingress<'_>) -> Server {
    let (namespace, name) = (&ingress.resource.namespace, ingress.resource.name());
    Server {
        port: 80,
        name: format!("http-80-ingress-{name}-{namespace}"),
        protocol: ServerProtocol::Http,
        bind: None,
        hosts: Vec::new(),
        tls: ServerTls::Off,
        virtual_hosts: Vec::new(),
        stream_routes: None,
    }
}

fn https(ingress: &Ingress<'_>, tls: &Tls<'_>) -> Server {
    let (namespace, name) = (&ingress.resource.namespace, ingress.resource.name());
    let credential = Credential { namespace: String::new(), name: tls.secret.to_owned() };
    Server {
        port: 443,
        name: format!("https-443-ingress-{name}-{namespace}-{}", tls.index),
        protocol: ServerProtocol::Https,
        tls: ServerTls::Terminate(Box::new(Termination {
            credentials: vec![credential],
            files: Vec::new(),
            client: ClientCertificate::Unasked,
            version_min: TlsVersion::V12,
            version_max: TlsVersion::V13,
            cipher_suites: Vec::new(),
        })),
        ..http(ingress)
    }
}
