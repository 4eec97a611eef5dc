//! What this proxy knows of the world: endpoints, credentials, key sets, its own identity and whom it believes.
//!
//! The agent writes, the data path reads. Every item is a [`Watched`] cell that is handed out once and then
//! read without looking anything up: a cluster keeps the cell of its endpoint set, a server that of its
//! certificate. Asking for an item that nobody asked for before tells the agent to subscribe to it; an item that nobody
//! holds any more is forgotten after a while, and with it the subscription.
//!
//! What the disk remembers of an earlier life is there from the start, and is replaced when the control runtime speaks.

mod cells;
mod identity;
mod refused;
mod watched;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mesh_snapshot::object::{Credential, EndpointSet};
use mesh_snapshot::wire;
use tokio::sync::Notify;

use crate::tls::material;
use cells::Cells;
pub use identity::Identity;
use refused::Refused;
pub use watched::{Version, Watched};

/// Owners of addresses are asked for by whoever opens connections, so their number is bounded.
const OWNERS_MAX: usize = 4096;

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
    refused: Refused,
    jwks: Cells<String, String>,
    identity: Arc<Watched<Identity>>,
    /// Some item was asked for that nobody had asked for before.
    asked: Notify,
    /// There is a stream, by which what is asked for may be heard.
    is_told: AtomicBool,
    /// Counts what was heard that had not been known.
    news: AtomicU64,
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

    /// The host that an address belongs to; empty for none. Beyond [`OWNERS_MAX`], what was not asked for longest is
    /// forgotten.
    #[must_use]
    pub fn owner(&self, address: &str) -> Arc<Watched<String>> {
        self.asked(self.inner.owners.ask_up_to(OWNERS_MAX, &address.to_owned()))
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

    /// The proxy's own identity, and the roots that others are verified by; unknown until it has one.
    #[must_use]
    pub fn identity(&self) -> Arc<Watched<Identity>> {
        Arc::clone(&self.inner.identity)
    }

    /// Whether anybody is there who could tell what is not known: else it is of no use to wait.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.inner.is_told.load(Ordering::Relaxed)
    }

    /// Notes that there is a stream, or none any more.
    pub fn note_told(&self, is_told: bool) {
        self.inner.is_told.store(is_told, Ordering::Relaxed);
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

    /// Waits until something is known of `name`: that there is nothing, perhaps. Bounded by the caller.
    pub async fn known(&self, name: &wire::name::Name) {
        use wire::name::Name;
        match name {
            Name::Endpoints(set) => drop(self.endpoints(&set.clone().into()).known().await),
            Name::Addresses(host) => drop(self.addresses(host).known().await),
            Name::Owner(address) => drop(self.owner(address).known().await),
            Name::Secret(name) => drop(self.secret(&name.clone().into()).known().await),
            Name::Jwks(name) => drop(self.jwks(name).known().await),
        }
    }

    /// Everything that somebody wants to know: what the agent subscribes to.
    #[must_use]
    pub fn names(&self) -> Vec<wire::Name> {
        use wire::name::Name;
        let Inner { endpoints, addresses, owners, secrets, jwks, .. } = &*self.inner;
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

    /// Takes in what the control runtime says. What nobody asked for is dropped.
    pub fn receive(&self, item: Item) {
        let inner = &self.inner;
        let news = match item {
            Item::Endpoints(wire::Endpoints { set: Some(set), endpoints }) => {
                inner.endpoints.set(&set.into(), endpoints)
            }
            Item::Addresses(wire::Addresses { host, addresses }) => {
                inner.addresses.set(&host, addresses)
            }
            Item::Owner(wire::AddressOwner { address, host }) => inner.owners.set(&address, host),
            Item::Secret(secret) => match secret.name.clone() {
                Some(name) => self.receive_secret(&name.into(), secret),
                None => false,
            },
            // That there are none any more is told of a server of keys that is down as well.
            Item::Jwks(wire::Jwks { name, keys })
                if keys.is_empty() && inner.jwks.get(&name).is_some_and(|it| !it.is_empty()) =>
            {
                false
            }
            Item::Jwks(wire::Jwks { name, keys }) => inner.jwks.set(&name, keys),
            Item::Endpoints(wire::Endpoints { set: None, .. }) => false,
        };
        inner.news.fetch_add(news.into(), Ordering::Relaxed);
    }

    /// One of which nothing can be made does not take the place of one that is good. Source: Envoy keeps what it has when a new
    /// secret is refused.
    fn receive_secret(&self, name: &Credential, secret: wire::Secret) -> bool {
        let Inner { secrets, refused, .. } = &*self.inner;
        let text = format!("{}/{}", name.namespace, name.name);
        let fault = material::fault(&secret);
        if let Some(reason) = &fault {
            tracing::warn!(secret = %text, %reason, "a secret cannot be used");
        }
        let is_bad = fault.is_some();
        refused.note(text, fault);
        let is_good = |earlier: &wire::Secret| {
            let is_there = !earlier.certificate_chain.is_empty() || !earlier.ca.is_empty();
            is_there && material::fault(earlier).is_none()
        };
        if is_bad && secrets.get(name).is_some_and(|earlier| is_good(&earlier)) {
            return false;
        }
        secrets.set(name, secret)
    }

    /// The secrets whose newest version cannot be used, and why. What was there before is used still, if it could be.
    #[must_use]
    pub fn refused_secrets(&self) -> Vec<(String, String)> {
        self.inner.refused.all()
    }

    /// Takes in what the disk remembers, as far as nothing newer is known.
    pub fn remember(&self, item: Item) {
        let inner = &self.inner;
        match item {
            Item::Endpoints(wire::Endpoints { set: Some(set), endpoints }) => {
                inner.endpoints.remember(set.into(), endpoints);
            }
            Item::Addresses(wire::Addresses { host, addresses }) => {
                inner.addresses.remember(host, addresses);
            }
            Item::Owner(wire::AddressOwner { address, host }) => {
                inner.owners.remember(address, host);
            }
            Item::Secret(secret) => {
                if let Some(name) = secret.name.clone() {
                    inner.secrets.remember(name.into(), secret);
                }
            }
            Item::Jwks(wire::Jwks { name, keys }) => inner.jwks.remember(name, keys),
            Item::Endpoints(wire::Endpoints { set: None, .. }) => {}
        }
    }

    /// All that is known, for the disk to remember.
    #[must_use]
    pub fn items(&self) -> Vec<Item> {
        let Inner { endpoints, addresses, owners, secrets, jwks, .. } = &*self.inner;
        let mut items = endpoints.known(|set, endpoints| {
            Item::Endpoints(wire::Endpoints { set: Some(set.into()), endpoints: endpoints.clone() })
        });
        items.extend(addresses.known(|host, addresses| {
            Item::Addresses(wire::Addresses { host: host.clone(), addresses: addresses.clone() })
        }));
        items.extend(owners.known(|address, host| {
            Item::Owner(wire::AddressOwner { address: address.clone(), host: host.clone() })
        }));
        items.extend(secrets.known(|_, secret| Item::Secret(secret.clone())));
        items.extend(
            jwks.known(|name, keys| {
                Item::Jwks(wire::Jwks { name: name.clone(), keys: keys.clone() })
            }),
        );
        items
    }

    /// Rises with every piece of news.
    #[must_use]
    pub fn news(&self) -> u64 {
        self.inner.news.load(Ordering::Relaxed)
    }

    /// Forgets what nobody holds and nobody has asked for since the last sweep.
    pub fn sweep(&self) {
        let Inner { endpoints, addresses, owners, secrets, jwks, .. } = &*self.inner;
        endpoints.sweep();
        addresses.sweep();
        owners.sweep();
        secrets.sweep();
        jwks.sweep();
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

impl From<Item> for wire::to_proxy::Message {
    fn from(item: Item) -> Self {
        match item {
            Item::Endpoints(endpoints) => Self::Endpoints(endpoints),
            Item::Addresses(addresses) => Self::Addresses(addresses),
            Item::Owner(owner) => Self::AddressOwner(owner),
            Item::Secret(secret) => Self::Secret(secret),
            Item::Jwks(jwks) => Self::Jwks(jwks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, address: &str) -> Item {
        Item::Addresses(wire::Addresses {
            host: name.to_owned(),
            addresses: vec![address.to_owned()],
        })
    }

    #[tokio::test]
    async fn what_is_asked_for_is_subscribed_to_until_nobody_holds_it() {
        let world = World::default();
        let held = world.addresses("a");
        drop(world.addresses("b"));
        world.wanted().await;
        assert_eq!(world.names().len(), 2);
        world.sweep();
        assert_eq!(world.names().len(), 2, "asked for since the last sweep");
        world.sweep();
        assert_eq!(
            world.names(),
            [wire::Name { name: Some(wire::name::Name::Addresses("a".to_owned())) }]
        );
        world.receive(host("a", "10.0.0.1"));
        world.receive(host("b", "10.0.0.2"));
        assert_eq!(held.get().unwrap().as_slice(), ["10.0.0.1"]);
        assert_eq!(world.items(), [host("a", "10.0.0.1")], "nobody asks for b any more");
    }

    #[test]
    fn what_was_known_already_is_no_news() {
        let world = World::default();
        let cell = world.addresses("a");
        world.receive(host("a", "10.0.0.1"));
        let (news, version) = (world.news(), cell.version());
        world.receive(host("a", "10.0.0.1"));
        assert_eq!((world.news(), cell.version()), (news, version));
    }

    #[test]
    fn what_the_disk_remembers_is_there_until_something_newer_is_heard() {
        let world = World::default();
        world.remember(host("a", "10.0.0.1"));
        assert!(world.names().is_empty(), "nobody has asked yet");
        let cell = world.addresses("a");
        assert_eq!(cell.get().unwrap().as_slice(), ["10.0.0.1"]);
        world.receive(host("a", "10.0.0.2"));
        world.remember(host("a", "10.0.0.1"));
        assert_eq!(cell.get().unwrap().as_slice(), ["10.0.0.2"]);
    }

    #[test]
    fn keys_are_replaced_and_not_taken_away() {
        let world = World::default();
        let cell = world.jwks("https://issuer.example");
        let receive = |keys: &str| {
            let (name, keys) = ("https://issuer.example".to_owned(), keys.to_owned());
            world.receive(Item::Jwks(wire::Jwks { name, keys }));
            cell.get().map(|keys| keys.to_string())
        };
        assert_eq!(receive("").as_deref(), Some(""), "they could not be had");
        assert_eq!(receive("{}").as_deref(), Some("{}"));
        assert_eq!(receive("").as_deref(), Some("{}"));
        assert_eq!(receive("[]").as_deref(), Some("[]"));
    }

    #[test]
    fn of_too_many_addresses_the_oldest_are_forgotten() {
        let world = World::default();
        let held = world.owner("held");
        let owner = |address: &str| {
            let (address, host) = (address.to_owned(), "a.shop".to_owned());
            Item::Owner(wire::AddressOwner { address, host })
        };
        for address in 0..OWNERS_MAX + 10 {
            drop(world.owner(&address.to_string()));
            drop(world.owner("often"));
        }
        assert_eq!(world.names().len(), OWNERS_MAX);
        let newest = (OWNERS_MAX + 9).to_string();
        for address in ["held", "often", "0", &newest] {
            world.receive(owner(address));
        }
        let is_known = |address: &str| world.items().contains(&owner(address));
        assert!(held.get().is_some() && is_known("often") && is_known(&newest));
        assert!(!is_known("0"));
    }
}
