//! What is out there: which instances run where, and the secrets and key sets that policy names.
//!
//! A value, replaced whole whenever some of it changes. Answers are encoded once for all who ask; policy
//! decides what is asked for, and nothing here can create or break a reference in it.

mod document;
mod registry;
mod secret;
mod stamps;

pub use document::{Document, DocumentError, Instance, Listed};
pub use registry::Registry;
pub(crate) use stamps::Stamps;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use mesh_snapshot::object::{Credential, EndpointSet, Labels, Role, Workload};
use mesh_snapshot::wire::name::Name;
use mesh_snapshot::wire::to_proxy::Message;
use mesh_snapshot::wire::{self, AddressOwner, Addresses, Endpoint, Endpoints, Jwks};
use prost::Message as _;

use crate::identity::Identity;

/// Everything known at one moment.
#[derive(Debug, Default)]
pub struct World {
    pub trust_domain: String,
    /// The name by which endpoints' metadata calls where they run.
    pub cluster: String,
    /// By namespace and name.
    pub instances: BTreeMap<(String, String), Instance>,
    /// Endpoints of Services without a selector, by namespace and name.
    pub listed: BTreeMap<(String, String), Vec<Listed>>,
    /// Virtual addresses by host.
    pub addresses: BTreeMap<String, Vec<String>>,
    /// By documents.
    pub key_sets: BTreeMap<String, String>,
    /// From where policies say; nothing where that could not be done so far. A document comes first.
    pub fetched_key_sets: Arc<BTreeMap<String, Option<String>>>,
    pub secrets: BTreeMap<Credential, Secret>,
    answers: Mutex<BTreeMap<Name, Bytes>>,
    /// Hosts by address. Made when the first one asks: nothing of a world that is shared changes.
    owners: OnceLock<HashMap<String, String>>,
}

/// PEM.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Secret {
    pub certificate_chain: Vec<u8>,
    pub private_key: Vec<u8>,
    pub ca: Vec<u8>,
}

impl World {
    /// The encoded [`wire::ToProxy`] that answers `name`: empty where there is nothing. `None`: that is not known yet, of keys
    /// that are being fetched for the first time.
    #[must_use]
    pub fn answer(&self, name: &Name) -> Option<Bytes> {
        if let Some(answer) = self.answers().get(name) {
            return Some(answer.clone());
        }
        let message = Some(self.message(name)?);
        let answer = Bytes::from(wire::ToProxy { message }.encode_to_vec());
        // Anybody may ask for any address, so these are not kept.
        if !matches!(name, Name::Owner(_)) {
            self.answers().insert(name.clone(), answer.clone());
        }
        Some(answer)
    }

    /// What is answered to who may not know.
    #[must_use]
    pub fn nothing(name: &Name) -> Bytes {
        let mut world = Self::default();
        if let Name::Jwks(name) = name {
            world.key_sets.insert(name.clone(), String::new());
        }
        world.answer(name).unwrap_or_default()
    }

    /// The host that an IP address belongs to, of several the first by name; empty: none that is known.
    #[must_use]
    pub fn owner(&self, address: &str) -> &str {
        let owners = self.owners.get_or_init(|| {
            let mut owners = HashMap::new();
            for (host, addresses) in &self.addresses {
                for address in addresses {
                    owners.entry(address.clone()).or_insert_with(|| host.clone());
                }
            }
            owners
        });
        owners.get(address).map_or("", String::as_str)
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, BTreeMap<Name, Bytes>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self, name: &Name) -> Option<Message> {
        Some(match name {
            Name::Endpoints(set) => Message::Endpoints(Endpoints {
                set: Some(set.clone()),
                endpoints: self.endpoints(&set.clone().into()),
            }),
            Name::Addresses(host) => Message::Addresses(Addresses {
                host: host.clone(),
                addresses: self.addresses.get(host).cloned().unwrap_or_default(),
            }),
            Name::Owner(address) => Message::AddressOwner(AddressOwner {
                address: address.clone(),
                host: self.owner(address).to_owned(),
            }),
            Name::Secret(name) => {
                let secret = self.secrets.get(&name.clone().into()).cloned().unwrap_or_default();
                let Secret { certificate_chain, private_key, ca } = secret;
                let name = Some(name.clone());
                Message::Secret(wire::Secret { name, certificate_chain, private_key, ca })
            }
            Name::Jwks(name) => {
                Message::Jwks(Jwks { name: name.clone(), keys: self.keys(name)?.to_owned() })
            }
        })
    }

    fn keys(&self, name: &str) -> Option<&str> {
        let fetched = || Some(self.fetched_key_sets.get(name)?.as_deref().unwrap_or_default());
        self.key_sets.get(name).map(String::as_str).or_else(fetched)
    }

    fn endpoints(&self, set: &EndpointSet) -> Vec<Endpoint> {
        match set {
            EndpointSet::Selected { namespace, labels } => self.selected(namespace, labels),
            EndpointSet::Listed { namespace, service } => {
                let listed = self.listed.get(&(namespace.clone(), service.clone()));
                let endpoint = |listed: &Listed| listed.endpoint(namespace, &self.cluster);
                listed.into_iter().flatten().map(endpoint).collect()
            }
        }
    }

    /// No labels select nothing: a Service without a selector has no endpoints by it.
    fn selected(&self, namespace: &str, labels: &Labels) -> Vec<Endpoint> {
        let from = (namespace.to_owned(), String::new());
        let own = self.instances.range(from..).take_while(|((of, _), _)| of == namespace);
        own.map(|(_, instance)| instance)
            .filter(|instance| !labels.is_empty() && instance.workload.has(labels))
            .map(|instance| self.endpoint(instance))
            .collect()
    }

    fn endpoint(&self, instance: &Instance) -> Endpoint {
        let workload = &instance.workload;
        let ports = workload.ports.iter().filter(|(name, _)| name.parse::<u16>().is_err());
        let reached = instance.reached_at.iter();
        Endpoint {
            address: instance.address.to_string(),
            named_ports: ports.map(|(name, port)| (name.clone(), u32::from(*port))).collect(),
            reached_at: reached.map(|(port, at)| (u32::from(*port), u32::from(*at))).collect(),
            labels: workload.labels.clone(),
            locality: instance.locality.clone(),
            weight: instance.weight,
            identity: if instance.meshed {
                self.identity(instance).to_string()
            } else {
                String::new()
            },
            workload: workload.name.clone(),
            namespace: workload.namespace.clone(),
            cluster: self.cluster.clone(),
            unhealthy: !instance.healthy,
            gateway: workload.role == Role::Gateway,
        }
    }

    /// Whether the instance of this namespace and name is registered, and of this workload.
    #[must_use]
    pub fn runs(&self, instance: &(String, String), workload: &Workload) -> bool {
        self.instances.get(instance).is_some_and(|known| known.workload == *workload)
    }

    /// What an instance proves to be.
    #[must_use]
    pub fn identity(&self, instance: &Instance) -> Identity {
        Identity {
            trust_domain: self.trust_domain.clone(),
            namespace: instance.workload.namespace.clone(),
            service_account: instance.workload.service_account.clone(),
        }
    }

    /// The instances that prove to be this.
    pub fn of_identity(&self, identity: &Identity) -> impl Iterator<Item = &Instance> {
        let from = (identity.namespace.clone(), String::new());
        let own = self.instances.range(from..);
        own.take_while(|((namespace, _), _)| *namespace == identity.namespace)
            .map(|(_, instance)| instance)
            .filter(|_| identity.trust_domain == self.trust_domain)
            .filter(|instance| instance.workload.service_account == identity.service_account)
    }

    /// Whether the two say the same of everything.
    fn equals(&self, other: &Self) -> bool {
        (&self.trust_domain, &self.cluster) == (&other.trust_domain, &other.cluster)
            && self.addresses == other.addresses
            && self.key_sets == other.key_sets
            && self.fetched_key_sets == other.fetched_key_sets
            && self.instances == other.instances
            && self.listed == other.listed
            && self.secrets == other.secrets
    }
}

/// Replaces the world, unless nothing is new.
fn publish(sender: &tokio::sync::watch::Sender<Arc<World>>, world: World) {
    sender.send_if_modified(|current| {
        let new = !current.equals(&world);
        if new {
            *current = Arc::new(world);
        }
        new
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_still_being_fetched_are_not_told_to_be_none() {
        let mut world = World::default();
        let name = Name::Jwks("https://issuer.example/keys".to_owned());
        assert_eq!(world.answer(&name), None);
        let Name::Jwks(address) = name.clone() else { unreachable!() };
        world.fetched_key_sets = Arc::new([(address, None)].into());
        assert_eq!(world.answer(&name), Some(World::nothing(&name)), "they could not be had");
    }

    /// Clients begin no mutual TLS towards a gateway unasked.
    #[test]
    fn a_gateway_s_instances_are_told_apart() {
        let gateways = |role: &str| {
            let text = format!(
                r#"{{"name": "a-1", "address": "10.0.0.1", "workload": {{"namespace": "shop", "name": "a", "serviceAccount": "a", "labels": {{"app": "a"}}, "role": "{role}"}}}}"#
            );
            let instance: Instance = serde_json::from_str(&text).unwrap();
            let key = (instance.workload.namespace.clone(), instance.name.clone());
            let world = World { instances: [(key, instance)].into(), ..World::default() };
            let labels = [("app".to_owned(), "a".to_owned())].into();
            let set = EndpointSet::Selected { namespace: "shop".to_owned(), labels };
            world.endpoints(&set).iter().map(|it| it.gateway).collect::<Vec<_>>()
        };
        assert_eq!(gateways("gateway"), [true]);
        assert_eq!(gateways("sidecar"), [false]);
    }

    #[test]
    fn an_address_belongs_to_the_first_host_that_has_it() {
        let mut world = World::default();
        for (host, addresses) in [("b", ["10.0.0.1", "10.0.0.2"]), ("a", ["10.0.0.2", "10.0.0.3"])]
        {
            world.addresses.insert(host.to_owned(), addresses.map(str::to_owned).to_vec());
        }
        let owners = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].map(|it| world.owner(it));
        assert_eq!(owners, ["b", "a", "a", ""]);
    }
}
