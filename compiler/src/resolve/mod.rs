//! From names to what they stand for, as Istio defines it: which resource defines a host for whom, whose routes rule it,
//! which policy applies, what a gateway opens and for whom a policy is.
//!
//! ```text
//! api::Mesh ─resolve▶ Mesh ─▶ check (cross-resource rules)
//!                          └▶ lower (objects of the snapshot)
//! ```
//! It never fails: what names nothing stays as it was written, and is reported by one of [`crate::check`]. It is pure and
//! deterministic: nothing depends on the order of files, nor on the order of a hash.
//!
//! # For the stages that follow
//! [`Mesh`] borrows from `api::Mesh` ([`Mesh::source`]). Every resolved thing keeps the resource that it comes from, and its
//! place there, so that a check can point at it: a `Resource` has `at()`; an index is the place in the list of the same
//! name (`VirtualService::hosts[2]` is `spec.hosts[2]`); where a list was merged, its elements say where they stand
//! ([`route::MergedHttp`], [`route::DestinationAt`], [`destination_rule::Policy`]).
//!
//! | question | answered by |
//! |---|---|
//! | Who may see this? | [`Visibility`] |
//! | What is this host, seen from here? Who rules it? Which policies has it? | [`View`] |
//! | Which definitions has this host at all? | [`service::Services::of_host`] |
//! | Where does this route lead? | [`route::VirtualService::destinations`], [`route::HttpRoute::rules`] |
//! | Who is older? | [`Age`] |
//! | What does a gateway open, and who binds to it? | [`gateway`], [`route::VirtualServices::of_gateway`] |
//! | Whom is this policy for? | [`policy::Policy::scope`] |
//! | What does a `Sidecar` let be seen? | [`sidecar::Imports`], [`View::through`] |
//!
//! A check of a later stage takes `&Mesh` and pushes diagnostics, as those of [`crate::check`] do.

mod age;
pub mod host;
mod labelled;
mod meeting;
mod namespace;
mod platform_labels;
mod principals;
pub(crate) mod selectors;
mod settings;
mod visibility;
mod workload;

pub mod backend_tls;
pub mod destination_rule;
pub mod envoy;
pub mod gateway;
mod grant;
mod held;
pub mod ingress;
pub mod policy;
pub mod route;
mod ruler;
pub mod service;
pub mod sidecar;
mod unread;

mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use self::backend_tls::BackendTlsPolicies;
use self::destination_rule::DestinationRules;
use self::envoy::EnvoyFilters;
use self::gateway::{ApiGateways, DeployedGateways, IstioGateways};
use self::host::Host;
use self::ingress::Ingresses;
use self::policy::Policies;
use self::route::{HttpRoutes, StreamRoutes, VirtualServiceId, VirtualServices};
use self::service::{Machines, Services};
use self::sidecar::Sidecars;
use crate::api;
use crate::parts::{Made, Parts};

pub use age::Age;
pub use grant::Grants;
pub use held::{Held, Holdings};
pub(crate) use meeting::Meeting;
pub use namespace::Namespaces;
pub(crate) use namespace::{DATAPLANE_MODE, INJECTION, REVISION};
pub(crate) use platform_labels::{INJECT, own_choice};
pub use platform_labels::{Ordinals, Pods, Viewer, asks_for_given};
pub use principals::{TrustDomains, service_account};
pub use ruler::{Ruler, Rulers};
pub(crate) use selectors::Selectors;
pub use settings::{AccessLog, Settings};
pub use unread::Unread;
pub use view::{SeenHost, SeenService, View};
pub use visibility::Visibility;
pub use workload::{Workload, Workloads};

/// A repository whose references are resolved, as far as they lead anywhere.
#[derive(Clone, Debug)]
pub struct Mesh<'a> {
    /// What it was resolved from.
    pub source: &'a api::Mesh,
    pub settings: Made<Settings<'a>>,
    pub namespaces: Made<Namespaces<'a>>,
    pub workloads: Made<Workloads<'a>>,
    /// What runs outside of Kubernetes. By namespace and name.
    pub machines: Made<Machines<'a>>,
    pub services: Made<Services<'a>>,
    pub destination_rules: Made<DestinationRules<'a>>,
    pub backend_tls: Made<BackendTlsPolicies<'a>>,
    pub virtual_services: Made<VirtualServices<'a>>,
    pub http_routes: Made<HttpRoutes<'a>>,
    pub stream_routes: Made<StreamRoutes<'a>>,
    pub rulers: Made<Rulers<'a>>,
    pub gateways: Made<IstioGateways<'a>>,
    pub api_gateways: Made<ApiGateways<'a>>,
    pub deployed_gateways: Made<DeployedGateways<'a>>,
    pub ingresses: Made<Ingresses<'a>>,
    pub grants: Made<Grants<'a>>,
    pub holdings: Made<Holdings<'a>>,
    pub unread: Made<Unread<'a>>,
    pub policies: Policies<'a>,
    pub envoy_filters: Made<EnvoyFilters<'a>>,
    pub sidecars: Made<Sidecars<'a>>,
    /// Namespace → hosts of services that are for it and not for all.
    exported_services: Made<BTreeMap<&'a str, Vec<Host>>>,
    /// Host → those that stand for it (`ExternalName`).
    aliases: Made<HashMap<Host, Vec<Host>>>,
    /// Host, as written → the `VirtualService`s of the mesh that name it.
    by_host: Made<HashMap<Host, Vec<VirtualServiceId>>>,
    /// By `VirtualService` of the mesh.
    serving_hosts: Made<HashMap<VirtualServiceId, ServingHosts>>,
}

/// Those hosts of a `VirtualService` that services may stand for.
#[derive(Clone, Debug)]
struct ServingHosts {
    hosts: Vec<Host>,
    /// The ports of their services that speak HTTP, where everybody sees the same of them whose imports do not leave any out.
    ports: Option<BTreeSet<u16>>,
}

/// Resolves a repository. What each part is made of is looked at while it is made.
#[must_use]
pub fn resolve(source: &api::Mesh) -> Mesh<'_> {
    resolve_upon(source, None)
}

/// What was resolved of a repository before, in which the same resources stood in the same places; and what has changed
/// in it since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before<'b, 'a> {
    pub(crate) mesh: &'b Mesh<'a>,
    pub(crate) changed: Parts,
}

/// The same. What was made of nothing that has changed is not made again.
#[must_use]
pub(crate) fn resolve_upon<'a>(source: &'a api::Mesh, before: Option<Before<'_, 'a>>) -> Mesh<'a> {
    let settings = made(before, |it| &it.settings, || Settings::of(source));
    let inside = || {
        let workloads = made(before, |it| &it.workloads, || Workloads::of(source));
        let machines = made(before, |it| &it.machines, || Machines::of(source));
        let services = made(
            before,
            |it| &it.services,
            || {
                let instances = service::Instances { machines: &machines, workloads: &workloads };
                Services::of(source, &settings, instances)
            },
        );
        let gateways = made(before, |it| &it.gateways, || IstioGateways::of(source, &workloads));
        (workloads, machines, services, gateways)
    };
    let said = || {
        let routes =
            || made(before, |it| &it.virtual_services, || VirtualServices::of(source, &settings));
        let rules =
            || made(before, |it| &it.destination_rules, || DestinationRules::of(source, &settings));
        rayon::join(routes, || rayon::join(rules, || policies(source, &settings, before)))
    };
    let ((workloads, machines, services, gateways), said) = rayon::join(inside, said);
    let (virtual_services, (destination_rules, policies)) = said;
    let namespaces =
        made(before, |it| &it.namespaces, || Namespaces::of(source, settings.root_namespace));
    let grants = made(before, |it| &it.grants, || Grants::of(source));
    let unread = made(before, |it| &it.unread, || Unread::of(source));
    let holdings = made(before, |it| &it.holdings, || Holdings::of(source, &unread));
    let api_gateways = made(
        before,
        |it| &it.api_gateways,
        || ApiGateways::of(source, &namespaces, &grants, &holdings),
    );
    let backends = || route::Backends { services: &services, grants: &grants, settings: &settings };
    let http_routes =
        made(before, |it| &it.http_routes, || HttpRoutes::of(source, &api_gateways, &backends()));
    let stream_routes = made(
        before,
        |it| &it.stream_routes,
        || StreamRoutes::of(source, &api_gateways, &backends()),
    );
    let (rulers, (by_host, serving_hosts)) = rayon::join(
        || made(before, |it| &it.rulers, || Rulers::of(&virtual_services, &http_routes)),
        || {
            let by_host = made(before, |it| &it.by_host, || by_host(&virtual_services));
            let serving = made(
                before,
                |it| &it.serving_hosts,
                || serving_hosts(&virtual_services, &services),
            );
            (by_host, serving)
        },
    );
    Mesh {
        source,
        backend_tls: made(
            before,
            |it| &it.backend_tls,
            || BackendTlsPolicies::of(source, &services, &holdings),
        ),
        deployed_gateways: made(
            before,
            |it| &it.deployed_gateways,
            || DeployedGateways::of(&api_gateways, &workloads),
        ),
        ingresses: made(before, |it| &it.ingresses, || Ingresses::of(source, &services, &settings)),
        envoy_filters: made(before, |it| &it.envoy_filters, || EnvoyFilters::of(source, &settings)),
        sidecars: made(before, |it| &it.sidecars, || Sidecars::of(source, &settings)),
        exported_services: made(
            before,
            |it| &it.exported_services,
            || exported_services(&services),
        ),
        aliases: made(before, |it| &it.aliases, || aliases(&services)),
        by_host,
        serving_hosts,
        rulers,
        machines,
        destination_rules,
        gateways,
        workloads,
        policies,
        settings,
        namespaces,
        services,
        virtual_services,
        http_routes,
        stream_routes,
        api_gateways,
        grants,
        holdings,
        unread,
    }
}

fn policies<'a>(
    source: &'a api::Mesh,
    settings: &Made<Settings<'a>>,
    before: Option<Before<'_, 'a>>,
) -> Policies<'a> {
    Policies {
        peer_authentications: made(
            before,
            |it| &it.policies.peer_authentications,
            || policy::peer_authentications(source, settings),
        ),
        request_authentications: made(
            before,
            |it| &it.policies.request_authentications,
            || policy::attached(&source.request_authentications, settings),
        ),
        authorization_policies: made(
            before,
            |it| &it.policies.authorization_policies,
            || policy::attached(&source.authorization_policies, settings),
        ),
    }
}

/// What was made `before`, unless anything has changed that it was made of.
fn made<'a, T>(
    before: Option<Before<'_, 'a>>,
    of: impl for<'m> FnOnce(&'m Mesh<'a>) -> &'m Made<T>,
    make: impl FnOnce() -> T,
) -> Made<T> {
    let known = before.and_then(|it| {
        let known = of(it.mesh);
        (!known.unnoted().1.meet(it.changed)).then(|| known.clone())
    });
    known.unwrap_or_else(|| Made::by(make))
}

impl<'a> Mesh<'a> {
    /// The namespaces whose clients may see something otherwise than everybody else, sorted. Some of them may be known by
    /// nothing but their name.
    #[must_use]
    pub fn particular_clients(&self) -> BTreeSet<&'a str> {
        let mut clients = self.destination_rules.particular_clients();
        clients.extend(self.rulers.particular_clients());
        clients.extend(self.exported_services.keys());
        let all = self.services.iter().map(|(_, service)| service);
        let is_shared = |host: &Host| self.services.of_host(host).len() > 1;
        clients.extend(all.filter(|it| is_shared(&it.host)).map(|it| it.namespace));
        clients
    }

    fn exported_services_to(&self, namespace: &str) -> impl Iterator<Item = &Host> {
        self.exported_services.get(namespace).into_iter().flatten()
    }

    fn aliases_of(&self, host: &str) -> impl Iterator<Item = &Host> {
        self.aliases.get(host).into_iter().flatten()
    }

    /// The `VirtualService`s of the mesh that name exactly this host, the oldest first, whoever sees them.
    pub fn virtual_services_of(&self, host: &str) -> impl Iterator<Item = VirtualServiceId> {
        self.by_host.get(host).into_iter().flatten().copied()
    }
}

fn exported_services<'a>(services: &Services<'a>) -> BTreeMap<&'a str, Vec<Host>> {
    let mut exported: BTreeMap<&str, Vec<Host>> = BTreeMap::new();
    for (_, service) in services.iter() {
        for namespace in service.visibility.named() {
            exported.entry(namespace).or_default().push(Arc::clone(&service.host));
        }
    }
    exported
}

fn aliases(services: &Services<'_>) -> HashMap<Host, Vec<Host>> {
    let mut aliases: HashMap<Host, Vec<Host>> = HashMap::new();
    for (_, service) in services.iter() {
        if let Some(target) = &service.alias {
            aliases.entry(Arc::clone(target)).or_default().push(Arc::clone(&service.host));
        }
    }
    aliases
}

fn serving_hosts(
    virtual_services: &VirtualServices<'_>,
    services: &Services<'_>,
) -> HashMap<VirtualServiceId, ServingHosts> {
    let is_serving = |host: &&Host| {
        !services.of_host(host).is_empty()
            || (host::is_wildcard(host) && !services.ends.overlapping(host).is_empty())
    };
    let of_mesh = virtual_services.iter().filter(|(_, it)| it.is_for_mesh());
    let serving = of_mesh.map(|(id, it)| {
        let hosts: Vec<Host> = it.hosts.iter().filter(is_serving).cloned().collect();
        let ports = common_ports(&hosts, services);
        (id, ServingHosts { hosts, ports })
    });
    serving.collect()
}

/// The ports that speak HTTP of services, each of which is the only one of its host, and for everybody.
fn common_ports(hosts: &[Host], services: &Services<'_>) -> Option<BTreeSet<u16>> {
    let mut ports = BTreeSet::new();
    for host in hosts {
        let [id] = services.of_host(host) else { return None };
        let service = services.get(*id);
        if host::is_wildcard(host)
            || service.alias.is_some()
            || service.visibility != Visibility::Public
        {
            return None;
        }
        let own = service.object.ports.iter().filter(|port| view::routes_http(port));
        ports.extend(own.map(|port| port.number));
    }
    Some(ports)
}

fn by_host(virtual_services: &VirtualServices<'_>) -> HashMap<Host, Vec<VirtualServiceId>> {
    let mut by_host: HashMap<Host, Vec<VirtualServiceId>> = HashMap::new();
    for (id, it) in virtual_services.iter().filter(|(_, it)| it.is_for_mesh()) {
        for host in &it.hosts {
            let ids = by_host.entry(Arc::clone(host)).or_default();
            if ids.last() != Some(&id) {
                ids.push(id);
            }
        }
    }
    by_host
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Compiled;

    fn is_same<T>(one: &Made<T>, other: &Made<T>) -> bool {
        std::ptr::eq(one.unnoted().0, other.unnoted().0)
    }

    #[test]
    fn what_is_made_of_nothing_that_changed_is_kept() {
        let compiled = Compiled::text(
            "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {ports: [{port: 80}]}\n",
        );
        let first = resolve(&compiled.mesh);
        let changed = compiled.mesh.virtual_services.unnoted().1;
        let second = resolve_upon(&compiled.mesh, Some(Before { mesh: &first, changed }));
        assert!(is_same(&first.services, &second.services));
        assert!(is_same(&first.workloads, &second.workloads));
        assert!(!is_same(&first.virtual_services, &second.virtual_services));
        assert!(!is_same(&first.rulers, &second.rulers));
    }
}
