//! The clusters of one program, made once from the services that it knows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::object::{
    ClientPolicy, Labels, PlaintextEndpoints, PortPolicies, Protocol, Service, ServicePort,
    TrafficPolicy,
};

use super::{Cluster, ClusterId, server_name};
use crate::program::{Fault, Ledger};

/// Clusters by place, and by name.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    all: Vec<Cluster>,
    by_name: HashMap<Box<str>, ClusterId>,
    auto_mtls: bool,
    connect_timeout: Duration,
}

/// A service, and how its clients treat it.
#[derive(Clone, Debug)]
pub(crate) struct ServiceView {
    pub(crate) service: Arc<Service>,
    pub(crate) policy: Arc<ClientPolicy>,
    /// Endpoints of its namespace that refuse mutual TLS.
    pub(crate) plaintext: Arc<[PlaintextEndpoints]>,
}

/// The part of a service that a cluster is.
struct Part<'a> {
    port: &'a ServicePort,
    subset: &'a str,
    labels: Option<Arc<Labels>>,
    policy: Arc<TrafficPolicy>,
}

impl Registry {
    pub(crate) fn new(auto_mtls: bool, connect_timeout: Duration) -> Self {
        Self { all: Vec::new(), by_name: HashMap::new(), auto_mtls, connect_timeout }
    }

    /// Adds the clusters of a service: one a port, and one a port and subset. Those of a host that is there
    /// already stay as they are.
    pub(crate) fn add(&mut self, upstream: &ServiceView, ledger: &Ledger) -> Result<(), Fault> {
        let whole = Policies::new(&upstream.policy.ports);
        let subsets: Vec<_> = upstream
            .policy
            .subsets
            .iter()
            .map(|(name, it)| (name, Arc::new(it.labels.clone()), Policies::new(&it.ports)))
            .collect();
        // The proxy carries no datagrams.
        let ports = &upstream.service.ports;
        for port in ports.iter().filter(|port| port.protocol != Protocol::Udp) {
            let policy = whole.of(port.number);
            self.push(upstream, Part { port, subset: "", labels: None, policy }, ledger)?;
            for (subset, labels, policies) in &subsets {
                let policy = policies.of(port.number);
                let labels = Some(Arc::clone(labels));
                self.push(upstream, Part { port, subset, labels, policy }, ledger)?;
            }
        }
        Ok(())
    }

    fn push(
        &mut self,
        upstream: &ServiceView,
        part: Part<'_>,
        ledger: &Ledger,
    ) -> Result<(), Fault> {
        let Part { port, subset, labels, policy } = part;
        let host = &upstream.service.host;
        let name = name(host, port.number, subset);
        let id = ClusterId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        if self.by_name.contains_key(&*name) {
            return Ok(());
        }
        ledger.charge(size_of::<Cluster>() + 5 * name.len())?;
        self.by_name.insert(name.clone(), id);
        let connect_timeout = policy.connection_pool.connect_timeout;
        self.all.push(Cluster {
            id,
            name,
            service: Arc::clone(&upstream.service),
            port: port.clone(),
            subset: subset.into(),
            labels,
            server_name: server_name(host, port.number, subset),
            auto_mtls: self.auto_mtls,
            connect_timeout: connect_timeout.map_or(self.connect_timeout, Into::into),
            policy,
            plaintext: Arc::clone(&upstream.plaintext),
        });
        Ok(())
    }

    pub(crate) fn find(&self, name: &str) -> Option<ClusterId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn get(&self, id: ClusterId) -> Option<&Cluster> {
        self.all.get(id.index())
    }

    pub(crate) fn all(&self) -> &[Cluster] {
        &self.all
    }
}

/// Source: Istio, `BuildSubsetKey`.
pub(crate) fn name(host: &str, port: u16, subset: &str) -> Box<str> {
    format!("outbound|{port}|{subset}|{host}").into()
}

/// The policies of all ports, each copied once, whatever the number of clusters.
struct Policies<'a> {
    policies: &'a PortPolicies,
    others: Arc<TrafficPolicy>,
}

impl<'a> Policies<'a> {
    fn new(policies: &'a PortPolicies) -> Self {
        Self { policies, others: Arc::new(policies.others.clone()) }
    }

    fn of(&self, port: u16) -> Arc<TrafficPolicy> {
        let own = self.policies.by_number.get(&port);
        own.map_or_else(|| Arc::clone(&self.others), |policy| Arc::new(policy.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mesh_snapshot::object::{ClientTls, Microseconds, Protocol, Service, TrafficPolicy};

    use super::super::Cluster;
    use super::super::tests::{policy, port, registry, reviews, upstream};

    #[test]
    fn every_port_and_subset_is_a_cluster() {
        let ports = vec![port(80, Protocol::Http), port(53, Protocol::Udp)];
        let registry = registry(vec![upstream(Service { ports, ..reviews() }, policy())]);
        let names: Vec<_> = registry.all().iter().map(Cluster::name).collect();
        assert_eq!(
            names,
            [
                "outbound|80||reviews.shop.svc.cluster.local",
                "outbound|80|v1|reviews.shop.svc.cluster.local"
            ]
        );
        let subset = registry.find(names[1]).and_then(|id| registry.get(id)).unwrap();
        assert_eq!(subset.labels().unwrap()["version"], "v1");
        assert_eq!(registry.all()[0].labels(), None);
    }

    #[test]
    fn the_narrowest_policy_applies_whole() {
        let ports = vec![port(80, Protocol::Http), port(81, Protocol::Http)];
        let mut policy = policy();
        policy.ports.others.tls = ClientTls::Disable;
        policy.ports.others.connection_pool.connect_timeout = Some(Microseconds::from_secs(3));
        policy.ports.by_number.insert(81, TrafficPolicy::default());
        let registry = registry(vec![upstream(Service { ports, ..reviews() }, policy)]);
        let cluster = |name: &str| {
            let cluster = registry.find(name).and_then(|id| registry.get(id)).unwrap();
            (cluster.tls().clone(), cluster.connect_timeout().as_secs())
        };
        let host = "reviews.shop.svc.cluster.local";
        assert_eq!(cluster(&format!("outbound|80||{host}")), (ClientTls::Disable, 3));
        assert_eq!(cluster(&format!("outbound|81||{host}")), (ClientTls::Auto, 10));
        // A subset's policy is complete in itself.
        assert_eq!(cluster(&format!("outbound|80|v1|{host}")), (ClientTls::Auto, 10));
    }

    #[test]
    fn the_first_of_a_host_stays() {
        let mut second = reviews();
        second.external = true;
        let registry = registry(vec![upstream(reviews(), policy()), upstream(second, policy())]);
        assert_eq!(registry.all().len(), 2);
        assert!(!registry.all()[0].service().external);
        assert_eq!(registry.all()[0].connect_timeout(), Duration::from_secs(10));
    }
}
