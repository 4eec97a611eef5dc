//! What a repository knows, so that a name which is not among it is a mistake.
//!
//! A repository of policy alone names services, secrets and accounts that stand elsewhere. So of each sort of thing a name
//! can be wrong only where the repository has things of that sort, or where `mesh.yaml` lists them.

use std::collections::BTreeSet;

use crate::resolve::host::{lower, of_service};
use crate::resolve::{Mesh, Workload};

/// Whether there is any service, so that a host which is none is a mistake.
pub(super) fn lists_hosts(mesh: &Mesh<'_>) -> bool {
    mesh.services.iter().next().is_some() || !mesh.source.project.inventory.hosts.is_empty()
}

/// Whether there is any Gateway of Istio's, so that a name which is none is a mistake.
pub(super) fn lists_gateways(mesh: &Mesh<'_>) -> bool {
    mesh.gateways.iter().next().is_some() || !mesh.source.project.inventory.gateways.is_empty()
}

/// The same of the Gateway API's.
pub(super) fn lists_api_gateways(mesh: &Mesh<'_>) -> bool {
    mesh.api_gateways.iter().next().is_some() || !mesh.source.project.inventory.gateways.is_empty()
}

/// Whether there is any Secret, so that a name which is none is a mistake.
pub(super) fn lists_secrets(mesh: &Mesh<'_>) -> bool {
    !mesh.source.secrets.is_empty() || !mesh.source.project.inventory.secrets.is_empty()
}

/// Whether something stands for `host`, or for a part of it where it is a wildcard.
pub(super) fn has_host(mesh: &Mesh<'_>, host: &str) -> bool {
    let domain = mesh.settings.cluster_domain;
    let is_listed = |it: &String| *lower(it) == *host;
    let may_be = |it: &crate::api::Incomplete| match it.kind.as_str() {
        "Service" => *of_service(&it.name, &it.namespace, domain) == *host,
        // Whatever hosts it has.
        "ServiceEntry" => !host.ends_with(&format!(".svc.{domain}")),
        _ => false,
    };
    !mesh.services.ends.overlapping(host).is_empty()
        || mesh.source.project.inventory.hosts.iter().any(is_listed)
        || mesh.source.incomplete.iter().any(may_be)
}

/// Whether a resource of this kind exists and could not be read.
pub(super) fn is_incomplete(mesh: &Mesh<'_>, kind: &str, namespace: &str, name: &str) -> bool {
    mesh.source
        .incomplete
        .iter()
        .any(|it| it.kind == kind && it.namespace == namespace && it.name == name)
}

/// Whether `namespace/name` is among the names that `mesh.yaml` lists.
pub(super) fn lists(names: &[String], namespace: &str, name: &str) -> bool {
    names.iter().any(|it| it.split_once('/') == Some((namespace, name)))
}

/// The service accounts of a namespace that the repository shows: declared, run under, or listed. None are known of a
/// namespace in which nothing runs.
pub(super) fn accounts<'m>(mesh: &'m Mesh<'_>, namespace: &str) -> Option<BTreeSet<&'m str>> {
    let declared = mesh.source.service_accounts.iter().filter(|it| it.namespace == namespace);
    let mut accounts: BTreeSet<&str> = declared.map(|it| it.name()).collect();
    let running = workloads(mesh, namespace).map(|it| it.inventory.service_account.as_str());
    accounts.extend(running);
    let listed = mesh.source.project.inventory.service_accounts.iter();
    let listed = listed.filter_map(|it| it.split_once('/'));
    accounts.extend(listed.filter(|(of, _)| *of == namespace).map(|(_, name)| name));
    if accounts.is_empty() {
        return None;
    }
    let entries = mesh.source.service_entries.iter().filter(|it| it.namespace == namespace);
    let endpoints = entries.flat_map(|it| &it.spec.endpoints);
    accounts.extend(endpoints.map(|it| it.service_account.as_str()).filter(|it| !it.is_empty()));
    let broken = mesh.source.incomplete.iter();
    let broken = broken.filter(|it| it.kind == "ServiceAccount" && it.namespace == namespace);
    accounts.extend(broken.map(|it| it.name.as_str()));
    // Kubernetes makes it with the namespace.
    accounts.insert("default");
    Some(accounts)
}

/// The workloads of a namespace, by name.
pub(super) fn workloads<'m, 'a>(
    mesh: &'m Mesh<'a>,
    namespace: &str,
) -> impl Iterator<Item = &'m Workload<'a>> {
    let from = mesh.workloads.partition_point(|it| it.namespace() < namespace);
    let rest = mesh.workloads.get(from..).unwrap_or_default();
    let end = rest.partition_point(|it| it.namespace() == namespace);
    rest.iter().take(end)
}
