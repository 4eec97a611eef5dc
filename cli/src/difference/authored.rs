//! The objects of one side, by the resources that they come from.
//!
//! Of a host that a `BackendTLSPolicy` is for, a client policy has two authors or more: the `DestinationRule` of the host, and who
//! secures its connections. Here each has what is its own: the rule its policy as it is for other hosts, and who secures
//! connections how, and for which hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::{ClientPolicy, ClientTls, PortPolicies};
use mesh_snapshot::snapshot::Encoded;
use mesh_snapshot::{Digest, Key, Kind, Location, Object, Reference};

use super::common::Ports;
use super::viewed::{self, Gateways};

/// In the keys of such policies, between the name of the rule and the host.
const SECURED: &str = "/tls/";

/// What the keys of those begin with who secure connections: no rule is called so.
const SECURING: &str = "tls/";

pub(super) struct Authored<'b> {
    pub(super) bundle: &'b Bundle,
    /// By the key of a policy with several authors: what each of them says in it.
    parts: BTreeMap<Key, BTreeSet<Reference>>,
    /// What rules say without who secures connections; and the keys under which their places are found.
    rules: BTreeMap<Key, BTreeMap<Digest, ClientPolicy>>,
    sources: BTreeMap<Key, Key>,
    securing: BTreeMap<Key, (Securing, Location)>,
    pub(super) gateways: Gateways<'b>,
    pub(super) ports: Ports<'b>,
}

/// How connections to some hosts are secured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Securing {
    pub(super) tls: ClientTls,
    /// `web.shop.svc.cluster.local:443`; without a port, at all that nothing else is said of.
    pub(super) hosts: BTreeSet<String>,
}

/// The objects that each resource becomes.
pub(super) type Resources<'s> = BTreeMap<Arc<str>, BTreeSet<&'s Key>>;

/// What one resource says.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there are few of them at a time")]
pub(super) enum Content {
    Object(Object),
    Securing(Securing),
}

impl<'b> Authored<'b> {
    pub(super) fn of(bundle: &'b Bundle) -> Self {
        let mut authored = Self {
            bundle,
            parts: BTreeMap::new(),
            rules: BTreeMap::new(),
            sources: BTreeMap::new(),
            securing: BTreeMap::new(),
            gateways: viewed::gateways(&bundle.snapshot),
            ports: Ports::of(&bundle.snapshot),
        };
        let names = bundle.snapshot.names().iter();
        for (key, contents) in names.filter(|(key, _)| key.kind == Kind::ClientPolicy) {
            let Some((rule, host)) = key.name.split_once(SECURED) else { continue };
            for digest in contents {
                if let Some(Object::ClientPolicy(policy)) = bundle.snapshot.object(digest) {
                    authored.part(key, rule, host, policy);
                }
            }
        }
        authored
    }

    fn part(&mut self, key: &Key, rule: &str, host: &str, mut policy: ClientPolicy) {
        let mut parts = BTreeSet::new();
        for (port, place, tls) in taken(&mut policy, key, self.bundle) {
            let Some(of) = securing_key(place) else { continue };
            let at = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            let said = (&tls, &at);
            let digest = Digest::of(serde_json::to_string(&said).unwrap_or_default().as_bytes());
            parts.insert(Reference { key: of.clone(), digest });
            let securing = || (Securing { tls, hosts: BTreeSet::new() }, place.clone());
            self.securing.entry(of).or_insert_with(securing).0.hosts.insert(at);
        }
        // Without a rule it is how clients treat any host.
        let is_of_mesh = rule.is_empty();
        if !is_of_mesh || policy != ClientPolicy::default() {
            let name = if is_of_mesh { "mesh" } else { rule };
            let own = Key::new(Kind::ClientPolicy, &key.namespace, name);
            if !is_of_mesh {
                self.sources.insert(own.clone(), key.clone());
            }
            let digest = Encoded::of(&Object::ClientPolicy(policy.clone())).digest();
            parts.insert(Reference { key: own.clone(), digest });
            self.rules.entry(own).or_default().insert(digest, policy);
        }
        self.parts.entry(key.clone()).or_default().extend(parts);
    }

    /// What resources say of an object: itself, but where it has several authors.
    pub(super) fn parts<'s>(
        &'s self,
        of: &'s Reference,
    ) -> impl Iterator<Item = &'s Reference> + use<'s> {
        let parts = self.parts.get(&of.key);
        let whole = parts.is_none().then_some(of);
        parts.into_iter().flatten().chain(whole)
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        let is_part = self.rules.contains_key(key) || self.securing.contains_key(key);
        is_part || (self.bundle.snapshot.names().contains_key(key) && !self.has_several(key))
    }

    /// Of some resources, all that differs within what they say; of what does not look otherwise from a namespace, as all see it.
    pub(super) fn contents(&self, key: &Key) -> Vec<Content> {
        if let Some(key) = viewed::of_others(key).filter(|_| !self.has(key)) {
            return self.contents(&key);
        }
        if let Some((securing, _)) = self.securing.get(key) {
            return vec![Content::Securing(securing.clone())];
        }
        let snapshot = &self.bundle.snapshot;
        let whole = snapshot.names().get(key).filter(|_| !self.has_several(key));
        let whole = whole.into_iter().flatten();
        let mut contents: BTreeMap<Digest, Object> =
            whole.filter_map(|digest| Some((*digest, snapshot.object(digest)?))).collect();
        let rules = self.rules.get(key).into_iter().flatten();
        contents.extend(rules.map(|(digest, it)| (*digest, Object::ClientPolicy(it.clone()))));
        contents.into_values().map(Content::Object).collect()
    }

    pub(super) fn place(&self, key: &Key, item: &str) -> Option<&Location> {
        if let Some((_, place)) = self.securing.get(key) {
            return Some(place);
        }
        let places = &self.bundle.source_map;
        let source = || self.sources.get(key).cloned().or_else(|| viewed::of_others(key));
        places.get(key, item).or_else(|| places.get(&source()?, item))
    }

    /// The resources that become objects, each with those.
    pub(super) fn resources(&self) -> Resources<'_> {
        let mut resources = Resources::new();
        for key in self.bundle.snapshot.names().keys().chain(self.divided()) {
            for place in self.place(key, "").into_iter().chain(self.routes(key)) {
                resources.entry(Arc::clone(&place.resource)).or_default().insert(key);
            }
        }
        resources
    }

    /// Where each of the routes is written that a table has: perhaps several resources share it.
    fn routes(&self, key: &Key) -> impl Iterator<Item = &Location> {
        let lists = ["http", "tls", "tcp"].into_iter().filter(|_| key.kind == Kind::RouteTable);
        let own = |item: String| self.bundle.source_map.own(key, &item);
        lists.flat_map(move |list| (0..).map_while(move |at| own(format!("{list}[{at}]"))))
    }

    /// The resource that an object comes from, by the name of the object: `RouteTable shop/v/shop/public`.
    pub(super) fn author(&self, object: &str) -> Option<&str> {
        let (namespace, name) = object.strip_prefix("RouteTable ")?.split_once('/')?;
        let key = Key::new(Kind::RouteTable, namespace, name);
        // Perhaps nobody sees it as all others do.
        let seen = format!("{name}@");
        let names = self.bundle.snapshot.names().range(&key..).map(|(key, _)| key);
        let mut seen = names
            .take_while(|it| it.namespace == key.namespace && it.name.starts_with(name))
            .filter(|it| it.name.starts_with(&seen));
        let place = self.place(&key, "").or_else(|| self.place(seen.next()?, ""));
        place.map(|place| place.resource.as_ref())
    }

    /// The resources that an object comes from: `VirtualService shop/reviews`. What nobody wrote has no name.
    pub(super) fn called(&self, of: &Reference) -> BTreeSet<String> {
        let places = self.parts(of).filter_map(|part| self.place(&part.key, ""));
        places.map(|place| place.resource.to_string()).collect()
    }

    /// The keys of policies with several authors, and those of what each of them says.
    pub(super) fn divided(&self) -> impl Iterator<Item = &Key> {
        let parts = self.rules.keys().chain(self.securing.keys());
        self.parts.keys().chain(parts)
    }

    fn has_several(&self, key: &Key) -> bool {
        self.parts.contains_key(key)
    }
}

/// Whether it is the key of a resource that secures connections, and says nothing else.
pub(super) fn is_securing(key: &Key) -> bool {
    key.kind == Kind::ClientPolicy && key.name.starts_with(SECURING)
}

/// `BackendTLSPolicy shop/web` is `tls/web` of `shop`.
fn securing_key(place: &Location) -> Option<Key> {
    let (_, name) = place.resource.split_once(' ')?;
    let (namespace, name) = name.split_once('/')?;
    Some(Key::new(Kind::ClientPolicy, namespace, format!("{SECURING}{name}")))
}

/// Takes from a policy what others than its rule say: at which ports connections are secured, where that is said, and how.
fn taken<'b>(
    policy: &mut ClientPolicy,
    key: &Key,
    bundle: &'b Bundle,
) -> Vec<(Option<u16>, &'b Location, ClientTls)> {
    let mut taken = Vec::new();
    let own = |item: &str| bundle.source_map.own(key, item);
    let mut of_ports = |of: &str, ports: &mut PortPolicies| {
        let mut take = |port: Option<u16>, item: String, tls: &mut ClientTls| {
            if let Some(place) = own(&item) {
                taken.push((port, place, std::mem::take(tls)));
            }
        };
        take(None, format!("{of}ports.others.tls"), &mut ports.others.tls);
        for (port, policy) in &mut ports.by_number {
            take(Some(*port), format!("{of}ports.byNumber.{port}.tls"), &mut policy.tls);
        }
        // A port that the rule does not name.
        ports.by_number.retain(|port, _| own(&format!("{of}ports.byNumber.{port}")).is_none());
    };
    of_ports("", &mut policy.ports);
    for (name, subset) in &mut policy.subsets {
        of_ports(&format!("subsets.{name}."), &mut subset.ports);
    }
    taken
}
