//! `unlisted-gateway`: a workload's `ALLOW` policies keep out the gateway that leads to it.
//!
//! A gateway comes with an identity of its own. It is said only where no rule may hold for it: one that asks for tokens or
//! addresses, or for nothing of the source, may. Source: Istio, `AuthorizationPolicy`, `Source.principals`.

use std::collections::HashMap;

use super::behind_gateway::{self, Behind};
use super::policy_never_matches::is_within;
use crate::api::istio::{Rule, Source};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("unlisted-gateway", Severity::Warning, include_str!("unlisted_gateway.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut known = HashMap::new();
    for behind in behind_gateway::all(mesh) {
        let ids = known.entry(behind.gateway.id).or_insert_with(|| ids(mesh, behind.gateway));
        out.extend(check(mesh, &behind, ids));
    }
}

/// What the gateway's identity is called, in each of the trust domains that stand for the mesh.
fn ids(mesh: &Mesh<'_>, gateway: &Workload<'_>) -> Vec<String> {
    let (namespace, account) = (gateway.namespace(), gateway.inventory.service_account.as_str());
    let domains = std::iter::once(mesh.settings.trust_domain)
        .chain(["cluster.local"])
        .chain(mesh.settings.trust_domain_aliases.iter().map(String::as_str));
    domains.map(|domain| format!("{domain}/ns/{namespace}/sa/{account}")).collect()
}

fn check(mesh: &Mesh<'_>, behind: &Behind<'_, '_>, ids: &[String]) -> Option<Diagnostic> {
    let Behind { gateway, workload, route } = behind;
    let policies = behind_gateway::allows_at(mesh, workload);
    let first = policies.first()?;
    let may_come = |rule: &Rule, own: &str| {
        rule.from.as_ref().is_none_or(|from| {
            let sources = from.iter().filter_map(|part| part.source.as_ref());
            sources.into_iter().any(|source| admits(ids, source, gateway, own))
        })
    };
    let mut rules = policies.iter().flat_map(|policy| {
        let rules = policy.resource.spec.rules.iter().flatten();
        rules.map(move |rule| (rule, policy.resource.namespace.as_str()))
    });
    if rules.any(|(rule, own)| may_come(rule, own)) {
        return None;
    }
    let name = format!("{}/{}", gateway.namespace(), gateway.name());
    let message = format!("no rule lets the gateway `{name}` in at `{}`", workload.name());
    let account = &gateway.inventory.service_account;
    let help =
        format!("let `{}/ns/{}/sa/{account}` in", mesh.settings.trust_domain, gateway.namespace());
    Some(
        Diagnostic::new(&CHECK, Place::resource(first.resource.id), message)
            .label("lets in others alone")
            .also(route.place(), "this route leads there")
            .also(Place::resource(gateway.id), "this is the gateway")
            .consequence("requests that come through the gateway are answered with 403")
            .help(help),
    )
}

/// Whether a peer with the gateway's identity may be meant.
fn admits(ids: &[String], source: &Source, gateway: &Workload<'_>, own: &str) -> bool {
    let (namespace, account) = (gateway.namespace(), gateway.inventory.service_account.as_str());
    let is_principal = |value: &String| ids.iter().any(|id| is_within(id, value));
    let is_account = |value: &String| match value.split_once('/') {
        Some((of, name)) => (of, name) == (namespace, account),
        None => (own, value.as_str()) == (namespace, account),
    };
    let may = |values: &[String], holds: &dyn Fn(&String) -> bool| {
        values.is_empty() || values.iter().any(holds)
    };
    may(&source.principals, &is_principal)
        && may(&source.namespaces, &|value| is_within(namespace, value))
        && may(&source.service_accounts, &is_account)
        && !source.not_principals.iter().any(is_principal)
        && !source.not_namespaces.iter().any(|value| is_within(namespace, value))
}
