//! Whose routes rule a host of the mesh. Source: Istio, `SelectVirtualServices`, `computeWildcardHostVirtualServiceIndex`.
//!
//! Nothing is merged: of the `VirtualService`s for a host one rules, the narrowest in visibility first (for the client's own
//! namespace alone, then exported to it, then public), the oldest of those. Routes of the Gateway API stand in the same
//! row, as one group a namespace; those of the client's own namespace come before others of equal visibility, and
//! those of a third namespace never rule.

use std::cmp::Reverse;
use std::sync::Arc;

use super::host::{Host, HostIndex, HostMap, is_wildcard, is_within};
use super::route::{HttpRoutes, MergedHttp, VirtualServiceId, VirtualServices};
use super::{Age, Visibility};

/// What rules a host.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Ruler<'a> {
    VirtualService(VirtualServiceId),
    /// The `HTTPRoute`s of this namespace that are attached to the host.
    HttpRoutes(&'a str),
}

#[derive(Clone, Debug)]
struct Candidate<'a> {
    ruler: Ruler<'a>,
    namespace: &'a str,
    visibility: Visibility<'a>,
    age: Age<'a>,
    /// One without takes the host from wider wildcards all the same.
    has_http: bool,
}

impl Candidate<'_> {
    const fn is_gateway_api(&self) -> bool {
        matches!(self.ruler, Ruler::HttpRoutes(_))
    }
}

/// Candidates by host, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Rulers<'a> {
    http: HostMap<Vec<Candidate<'a>>>,
    /// `VirtualService`s with routes for bytes.
    streams: HostMap<Vec<(VirtualServiceId, Visibility<'a>, &'a str)>>,
    stream_ends: HostIndex,
    pub wildcard_ends: HostIndex,
    /// Hosts that somebody rules for named namespaces alone.
    named: Vec<(&'a str, Host)>,
}

impl<'a> Rulers<'a> {
    pub(super) fn of(virtual_services: &VirtualServices<'a>, routes: &HttpRoutes<'a>) -> Self {
        let mut rulers = Self::default();
        rulers.add_virtual_services(virtual_services);
        rulers.add_routes(routes);
        for host in rulers.http.hosts().cloned().collect::<Vec<_>>() {
            rulers.http.entry(&host).sort_by_key(|candidate| candidate.age);
        }
        rulers.named.sort_unstable();
        rulers.named.dedup();
        rulers
    }

    fn add_virtual_services(&mut self, virtual_services: &VirtualServices<'a>) {
        for (id, it) in virtual_services.iter().filter(|(_, it)| it.is_for_mesh()) {
            let spec = &it.resource.spec;
            let has_streams = !spec.tcp.is_empty() || !spec.tls.is_empty();
            for host in &it.hosts {
                self.named
                    .extend(it.visibility.named().map(|namespace| (namespace, Arc::clone(host))));
                if is_wildcard(host) {
                    self.wildcard_ends.insert(host);
                }
                self.http.entry(host).push(Candidate {
                    ruler: Ruler::VirtualService(id),
                    namespace: it.namespace(),
                    visibility: it.visibility.clone(),
                    age: it.age,
                    has_http: it.http.iter().any(MergedHttp::is_for_mesh),
                });
                if has_streams {
                    self.stream_ends.insert(host);
                    let candidate = (id, it.visibility.clone(), it.namespace());
                    self.streams.entry(host).push(candidate);
                }
            }
        }
    }

    fn add_routes(&mut self, routes: &HttpRoutes<'a>) {
        for host in routes.mesh_hosts() {
            for (namespace, attached) in routes.of_mesh_host(host) {
                let oldest = attached.iter().map(|(id, _)| routes.get(*id)).min_by_key(|it| it.age);
                let Some(oldest) = oldest else { continue };
                // Consumers may have routes of their own.
                self.named.push((namespace, Arc::clone(host)));
                let named = oldest.visibility.named();
                self.named.extend(named.map(|namespace| (namespace, Arc::clone(host))));
                self.http.entry(host).push(Candidate {
                    ruler: Ruler::HttpRoutes(namespace),
                    namespace,
                    visibility: oldest.visibility.clone(),
                    age: oldest.age,
                    has_http: true,
                });
            }
        }
    }

    /// Who rules `host`, which is a service of `service_namespace` or of none, for clients of `client`, of those that
    /// they admit.
    #[must_use]
    pub fn of_host(
        &self,
        host: &str,
        service_namespace: Option<&str>,
        client: Option<&str>,
        admits: impl Fn(VirtualServiceId) -> bool,
    ) -> Option<Ruler<'a>> {
        let of = |host: &str| {
            let all = self.http.get(host).map_or(&[][..], Vec::as_slice);
            candidates(all, service_namespace, client, &admits)
        };
        let exact = of(host);
        if !exact.is_empty() {
            return exact.into_iter().find(|it| it.has_http).map(|it| it.ruler);
        }
        let mut wider = self.wildcard_ends.overlapping(host);
        wider.retain(|wide| is_within(host, wide));
        wider.sort_by_key(|wide| Reverse(wide.len()));
        let first = wider.into_iter().find_map(|wide| of(wide).into_iter().next());
        first.filter(|it| it.has_http).map(|it| it.ruler)
    }

    /// Who rules exactly this host, which is no service.
    #[must_use]
    pub fn of_bare_host(
        &self,
        host: &str,
        client: Option<&str>,
        admits: impl Fn(VirtualServiceId) -> bool,
    ) -> Option<Ruler<'a>> {
        let all = self.http.get(host)?;
        candidates(all, None, client, &admits).into_iter().find(|it| it.has_http).map(|it| it.ruler)
    }

    /// The `VirtualService`s whose routes for bytes hold for a service, in the order in which they are tried.
    #[must_use]
    pub fn streams_of(
        &self,
        host: &str,
        client: Option<&str>,
        admits: impl Fn(VirtualServiceId) -> bool,
    ) -> Vec<VirtualServiceId> {
        let mut found: Vec<_> = self
            .stream_ends
            .overlapping(host)
            .into_iter()
            .filter_map(|host| self.streams.get(host))
            .flatten()
            .filter(|(id, visibility, _)| visibility.reaches(client) && admits(*id))
            .map(|(id, visibility, namespace)| (rank(visibility, namespace, client), *id))
            .collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Hosts, wildcards among them, that clients of a namespace may have ruled otherwise than everybody else.
    pub fn particular_to(&self, client: &str) -> impl Iterator<Item = &Host> {
        let from = self.named.partition_point(|(namespace, _)| *namespace < client);
        let named = self.named.get(from..).unwrap_or_default().iter();
        named.take_while(move |(namespace, _)| *namespace == client).map(|(_, host)| host)
    }

    /// The namespaces whose clients may have a host ruled otherwise than everybody else, in order.
    pub fn particular_clients(&self) -> impl Iterator<Item = &'a str> {
        self.named.iter().map(|(namespace, _)| *namespace)
    }

    /// Every host that somebody rules, in no order: sort what comes of it.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.http.hosts()
    }
}

/// Those that may rule, the one that comes first in front.
fn candidates<'c, 'a>(
    all: &'c [Candidate<'a>],
    service_namespace: Option<&str>,
    client: Option<&str>,
    admits: &impl Fn(VirtualServiceId) -> bool,
) -> Vec<&'c Candidate<'a>> {
    let may_rule = |it: &&Candidate<'_>| {
        let is_own = client == Some(it.namespace) || service_namespace == Some(it.namespace);
        let is_admitted = match it.ruler {
            Ruler::VirtualService(id) => admits(id),
            Ruler::HttpRoutes(_) => is_own,
        };
        it.visibility.reaches(client) && is_admitted
    };
    let mut found: Vec<_> = all.iter().filter(may_rule).collect();
    // Equal ones stay in the order of their age.
    found.sort_by_key(|it| {
        let is_consumers = it.is_gateway_api() && client == Some(it.namespace);
        (rank(&it.visibility, it.namespace, client), !is_consumers)
    });
    found
}

/// Private before exported before public.
fn rank(visibility: &Visibility<'_>, namespace: &str, client: Option<&str>) -> u8 {
    match visibility {
        Visibility::Namespaces(_) if client == Some(namespace) => 0,
        Visibility::Namespaces(_) | Visibility::Nobody => 1,
        Visibility::Public => 2,
    }
}
