//! What a repository knows, so that a name which is not among it is a mistake.
//!
//! A repository of policy alone names services, secrets and accounts that stand elsewhere. So of each sort of thing a name
//! can be wrong only where the repository has things of that sort, or where `mesh.yaml` lists them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::api::{Resource, may_say};
use crate::resolve::Mesh;
use crate::resolve::host::lower;

/// Whether there is any service, so that a host which is none is a mistake.
pub(super) fn lists_hosts(mesh: &Mesh<'_>) -> bool {
    mesh.services.iter().next().is_some() || !mesh.source.project.inventory.hosts.is_empty()
}

/// Whether there is any Service of Kubernetes.
pub(super) fn lists_services(mesh: &Mesh<'_>) -> bool {
    !mesh.source.services.is_empty() || !mesh.source.project.inventory.hosts.is_empty()
}

/// Whether there is any Gateway of Istio's, so that a name which is none is a mistake.
pub(super) fn lists_gateways(mesh: &Mesh<'_>) -> bool {
    mesh.gateways.iter().next().is_some() || !mesh.source.project.inventory.gateways.is_empty()
}

/// The same of the Gateway API's.
pub(super) fn lists_api_gateways(mesh: &Mesh<'_>) -> bool {
    mesh.api_gateways.iter().next().is_some() || !mesh.source.project.inventory.gateways.is_empty()
}

/// Whether the repository shows everything that runs in a namespace.
pub(super) fn shows_workloads(mesh: &Mesh<'_>, namespace: &str) -> bool {
    shows_pods(mesh, namespace) && !mesh.machines.may_join(namespace)
}

/// Whether it shows all pods there, so that labels which neither they have nor machines may join with are a mistake. What is there
/// for a task alone says nothing of what is there all the time, and what other programs run has unknown labels.
pub(super) fn shows_pods(mesh: &Mesh<'_>, namespace: &str) -> bool {
    !mesh.source.promised.has_pods_in(namespace)
        && mesh.workloads.of_namespace(namespace).iter().any(crate::resolve::Workload::lasts)
}

/// Whether there may be Gateways of which no more is known: they are listed, or could not be read.
pub(super) fn may_have_gateways(mesh: &Mesh<'_>) -> bool {
    !mesh.source.project.inventory.gateways.is_empty()
        || ["Gateway", "ListenerSet"].iter().any(|kind| mesh.unread.has_any(kind))
}

/// Whether proxies of gateways may have servers that no Gateway shows: an Ingress opens ports, too.
pub(super) fn may_have_servers(mesh: &Mesh<'_>) -> bool {
    may_have_gateways(mesh) || mesh.ingresses.served().next().is_some()
}

/// Whether something stands for `host`, or for a part of it where it is a wildcard.
pub(super) fn has_host(mesh: &Mesh<'_>, host: &str) -> bool {
    !mesh.services.ends.overlapping(host).is_empty() || may_have_host(mesh, host)
}

/// Whether something stands for `host` of which no more is known: it is listed, or its resource could not be read.
pub(super) fn may_have_host(mesh: &Mesh<'_>, host: &str) -> bool {
    let of_domain = host.strip_suffix(mesh.settings.cluster_domain);
    let Some(service) = of_domain.and_then(|it| it.strip_suffix(".svc.")) else {
        // Whatever hosts it has.
        return is_listed(mesh, host) || mesh.unread.has_any("ServiceEntry");
    };
    match service.rsplit_once('.') {
        Some((name, namespace)) if may_be_service(mesh, namespace, name) => true,
        None if service == "*" && mesh.unread.has_any("Service") => true,
        _ => is_listed(mesh, host),
    }
}

/// Whether a Service could not be read, or another program makes it.
pub(super) fn may_be_service(mesh: &Mesh<'_>, namespace: &str, name: &str) -> bool {
    mesh.unread.may_be("Service", namespace, name)
        || mesh.source.promised.exposed().has_service(namespace, name)
}

fn is_listed(mesh: &Mesh<'_>, host: &str) -> bool {
    mesh.source.project.inventory.hosts.iter().any(|it| *lower(it) == *host)
}

/// Whether `host` would be a Service, of which the repository shows none.
pub(super) fn is_of_unseen_services(mesh: &Mesh<'_>, host: &str) -> bool {
    !lists_services(mesh) && host.ends_with(&format!(".svc.{}", mesh.settings.cluster_domain))
}

/// Whether there is any resource of this kind that could not be read.
pub(super) fn has_incomplete(mesh: &Mesh<'_>, kind: &str) -> bool {
    mesh.unread.has_any(kind)
}

/// Whether a resource of this kind exists and could not be read.
pub(super) fn is_incomplete(mesh: &Mesh<'_>, kind: &str, namespace: &str, name: &str) -> bool {
    mesh.unread.may_be(kind, namespace, name)
}

/// Whether `namespace/name` is among the names that `mesh.yaml` lists.
pub(super) fn lists(names: &[String], namespace: &str, name: &str) -> bool {
    names.iter().any(|it| it.split_once('/') == Some((namespace, name)))
}

/// The service accounts that the repository shows, by namespace: declared, run under, or listed. None are known of a
/// namespace in which nothing runs.
pub(super) struct Accounts<'m> {
    by_namespace: BTreeMap<&'m str, BTreeSet<&'m str>>,
    /// The first namespace that has an account of a name.
    homes: BTreeMap<&'m str, &'m str>,
    of_gateways: GatewayAccounts<'m>,
    are_all_known: OnceCell<bool>,
}

impl<'m> Accounts<'m> {
    pub(super) fn of(mesh: &'m Mesh<'_>) -> Self {
        let running = mesh.workloads.iter();
        let running = running.map(|it| (it.namespace(), it.inventory.service_account.as_str()));
        Self::with(mesh, running.chain(mesh.source.promised.accounts()))
    }

    /// Those that exist though nothing runs under them: none are known of a namespace that declares none.
    pub(super) fn declared(mesh: &'m Mesh<'_>) -> Self {
        Self::with(mesh, std::iter::empty())
    }

    fn with(mesh: &'m Mesh<'_>, running: impl Iterator<Item = (&'m str, &'m str)>) -> Self {
        let source = mesh.source;
        let declared = source.service_accounts.iter().map(|it| (&*it.namespace, it.name()));
        let listed = source.project.inventory.service_accounts.iter();
        let listed = listed.filter_map(|it| it.split_once('/'));
        let mut by_namespace: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (namespace, account) in declared.chain(running).chain(listed) {
            // `default` is made with the namespace.
            let of_namespace = || BTreeSet::from(["default"]);
            by_namespace.entry(namespace).or_insert_with(of_namespace).insert(account);
        }
        let endpoints = source.service_entries.iter().flat_map(|entry| {
            let accounts = entry.spec.endpoints.iter().map(|it| it.service_account.as_str());
            accounts.map(|account| (entry.namespace.as_str(), account))
        });
        let machines = source.workload_entries.iter();
        let machines = machines.map(|it| (&*it.namespace, it.spec.service_account.as_str()));
        let groups = source.workload_groups.iter();
        let groups = groups.map(|it| (&*it.namespace, it.spec.template.service_account.as_str()));
        let endpoints = endpoints.chain(machines).chain(groups).filter(|(_, it)| !it.is_empty());
        let broken = source.incomplete.iter().filter(|it| it.kind == "ServiceAccount");
        let broken = broken.map(|it| (it.namespace.as_str(), it.name.as_str()));
        for (namespace, account) in endpoints.chain(broken) {
            if let Some(known) = by_namespace.get_mut(namespace) {
                known.insert(account);
            }
        }
        let unnamed = source.incomplete.iter().filter(|it| it.kind == "ServiceAccount");
        let unnamed: Vec<_> = unnamed.filter(|it| !it.is_named()).collect();
        by_namespace.retain(|namespace, _| {
            !source.promised.has_unclear_accounts(namespace)
                && !unnamed.iter().any(|it| may_say(&it.namespace, namespace))
        });
        let mut homes = BTreeMap::new();
        for (namespace, accounts) in &by_namespace {
            for account in accounts {
                homes.entry(*account).or_insert(*namespace);
            }
        }
        let of_gateways = GatewayAccounts::of(mesh);
        Self { by_namespace, homes, of_gateways, are_all_known: OnceCell::new() }
    }

    pub(super) fn in_namespace(&self, namespace: &str) -> Option<&BTreeSet<&'m str>> {
        self.by_namespace.get(namespace)
    }

    /// Those that are made with Gateways, whether or not anything is known of their namespaces.
    pub(super) fn of_gateways(&self) -> &GatewayAccounts<'m> {
        &self.of_gateways
    }

    /// Whether those of every namespace are known.
    pub(super) fn are_all_known(&self, mesh: &Mesh<'_>) -> bool {
        let is_known = |it: &str| self.by_namespace.contains_key(it);
        let are_known = || mesh.namespaces.are_declared() && mesh.namespaces.names().all(is_known);
        *self.are_all_known.get_or_init(are_known)
    }

    /// The first namespace that has an account of this name, by which it could be told from others.
    pub(super) fn elsewhere(&self, account: &str) -> Option<&'m str> {
        self.homes.get(account).copied().filter(|_| account != "default")
    }
}

/// The service accounts that are made with Gateways of the Gateway API. Source: Istio, "Automated Deployment".
pub(super) struct GatewayAccounts<'m> {
    by_namespace: BTreeMap<&'m str, BTreeSet<Arc<str>>>,
    /// Those of all namespaces.
    all: BTreeSet<Arc<str>>,
}

impl<'m> GatewayAccounts<'m> {
    fn of(mesh: &'m Mesh<'_>) -> Self {
        let mut by_namespace: BTreeMap<&str, BTreeSet<Arc<str>>> = BTreeMap::new();
        let mut all = BTreeSet::new();
        for gateway in mesh.api_gateways.iter() {
            let account: Arc<str> = gateway.account().into();
            let namespace = gateway.resource.namespace.as_str();
            by_namespace.entry(namespace).or_default().insert(Arc::clone(&account));
            all.insert(account);
        }
        Self { by_namespace, all }
    }

    /// Whether a Gateway of any namespace has an account of this name.
    pub(super) fn has_anywhere(&self, account: &str) -> bool {
        self.all.contains(account)
    }

    pub(super) fn has(&self, namespace: &str, account: &str) -> bool {
        self.by_namespace.get(namespace).is_some_and(|own| own.contains(account))
    }

    /// The first of a namespace that is `from` or stands after it.
    pub(super) fn first_from(&self, namespace: &str, from: &str) -> Option<&str> {
        let own = self.by_namespace.get(namespace)?;
        own.range::<str, _>((Bound::Included(from), Bound::Unbounded)).next().map(|it| &**it)
    }
}

/// The resources of a namespace, by name.
pub(super) fn in_namespace<'m, T>(all: &'m [Resource<T>], namespace: &str) -> &'m [Resource<T>] {
    let from = all.partition_point(|it| it.namespace.as_str() < namespace);
    let rest = all.get(from..).unwrap_or_default();
    let end = rest.partition_point(|it| it.namespace == namespace);
    rest.get(..end).unwrap_or_default()
}
