//! What this proxy knows of the world: endpoints, credentials, key sets, trust, its own identity.
//!
//! The agent writes, the data path reads. Every item is a [`Watched`] cell that is handed out once and then
//! read without looking anything up: a cluster keeps the cell of its endpoint set, a server that of its
//! certificate. Asking for an item that nobody asked for before tells the agent to subscribe to it.

mod watched;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use mesh_snapshot::object::{Credential, EndpointSet};
use mesh_snapshot::wire;
use tokio::sync::Notify;

pub use watched::{Version, Watched};

/// The items, by name. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct World {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    endpoints: Cells<EndpointSet, Vec<wire::Endpoint>>,
    addresses: Cells<String, Vec<String>>,
    owners: Cells<String, String>,
    secrets: Cells<Credential, wire::Secret>,
    jwks: Cells<String, String>,
    /// Some item was asked for that nobody had asked for before.
    asked: Notify,
}

/// Cells by name. An entry is made when it is first asked for.
#[derive(Debug)]
struct Cells<K, V>(Mutex<HashMap<K, Arc<Watched<V>>>>);

impl<K, V> Default for Cells<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash + Clone, V> Cells<K, V> {
    /// The cell, and whether it is new.
    fn ask(&self, name: &K) -> (Arc<Watched<V>>, bool) {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(name) {
            return (Arc::clone(cell), false);
        }
        let cell = Arc::default();
        cells.insert(name.clone(), Arc::clone(&cell));
        (cell, true)
    }

    fn names(&self) -> Vec<K> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Replaces a value that somebody has asked for.
    fn set(&self, name: &K, value: V) {
        let cell = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(cell) = cell {
            cell.set(value);
        }
    }
}

impl World {
    /// The instances of a set; empty where there are none.
    #[must_use]
    pub fn endpoints(&self, set: &EndpointSet) -> Arc<Watched<Vec<wire::Endpoint>>> {
        self.asked(self.inner.endpoints.ask(set))
    }

    /// The virtual addresses of a host.
    #[must_use]
    pub fn addresses(&self, host: &str) -> Arc<Watched<Vec<String>>> {
        self.asked(self.inner.addresses.ask(&host.to_owned()))
    }

    /// The host that an address belongs to; empty for none.
    #[must_use]
    pub fn owner(&self, address: &str) -> Arc<Watched<String>> {
        self.asked(self.inner.owners.ask(&address.to_owned()))
    }

    /// A credential, its namespace written out; all parts empty where there is none.
    #[must_use]
    pub fn secret(&self, name: &Credential) -> Arc<Watched<wire::Secret>> {
        self.asked(self.inner.secrets.ask(name))
    }

    /// A key set, by its address or issuer; empty where it is not known.
    #[must_use]
    pub fn jwks(&self, name: &str) -> Arc<Watched<String>> {
        self.asked(self.inner.jwks.ask(&name.to_owned()))
    }

    fn asked<T>(&self, (cell, new): (Arc<Watched<T>>, bool)) -> Arc<Watched<T>> {
        if new {
            self.inner.asked.notify_one();
        }
        cell
    }

    /// Waits until something is asked for that nobody had asked for before.
    pub async fn wanted(&self) {
        self.inner.asked.notified().await;
    }

    /// Everything that has been asked for: what the agent subscribes to.
    #[must_use]
    pub fn names(&self) -> Vec<wire::Name> {
        use wire::name::Name;
        let Inner { endpoints, addresses, owners, secrets, jwks, asked: _ } = &*self.inner;
        let endpoints = endpoints.names();
        let endpoints = endpoints.iter().map(|set| Name::Endpoints(set.into()));
        endpoints
            .chain(addresses.names().into_iter().map(Name::Addresses))
            .chain(owners.names().into_iter().map(Name::Owner))
            .chain(secrets.names().into_iter().map(|name| Name::Secret(name.into())))
            .chain(jwks.names().into_iter().map(Name::Jwks))
            .map(|name| wire::Name { name: Some(name) })
            .collect()
    }

    /// Takes in what the control runtime says, or what the disk remembers. What nobody asked for is dropped.
    pub fn receive(&self, item: Item) {
        match item {
            Item::Endpoints(wire::Endpoints { set: Some(set), endpoints }) => {
                self.inner.endpoints.set(&set.into(), endpoints);
            }
            Item::Addresses(wire::Addresses { host, addresses }) => {
                self.inner.addresses.set(&host, addresses);
            }
            Item::Owner(wire::AddressOwner { address, host }) => {
                self.inner.owners.set(&address, host);
            }
            Item::Secret(secret) => {
                if let Some(name) = secret.name.clone() {
                    self.inner.secrets.set(&name.into(), secret);
                }
            }
            Item::Jwks(wire::Jwks { name, keys }) => self.inner.jwks.set(&name, keys),
            Item::Endpoints(wire::Endpoints { set: None, .. }) => {}
        }
    }
}

/// One message about the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Endpoints(wire::Endpoints),
    Addresses(wire::Addresses),
    Owner(wire::AddressOwner),
    Secret(wire::Secret),
    Jwks(wire::Jwks),
}
