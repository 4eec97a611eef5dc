//! `mesh.yaml`: names that could stand for nothing, so that what they were to say would be said by nobody.

use super::checks::INVALID_PROJECT;
use super::host::wildcard;
use super::label::{is_dns_label, is_domain};
use crate::api::decode::nearest;
use crate::api::project::{Environment, Inventory, Project};
use crate::api::{KINDS, Kind};
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(project: &Project, root: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Project { trust_domain, cluster_domain, default_namespace, inventory, .. } = project;
    let own = Names { trust_domain, cluster_domain, default_namespace, inventory };
    own.check(root, out);
    let environments = root.field("environments");
    for (name, environment) in &project.environments {
        let Environment { trust_domain, cluster_domain, default_namespace, inventory, .. } =
            environment;
        let own = Names { trust_domain, cluster_domain, default_namespace, inventory };
        own.check(&environments.field(name), out);
    }
    let ownership = root.field("ownership");
    for (index, rule) in project.ownership.iter().enumerate() {
        check_kinds(rule.kinds.as_deref(), &ownership.index(index).field("kinds"), out);
    }
}

/// What the project and each of its environments may say.
struct Names<'p> {
    trust_domain: &'p Option<String>,
    cluster_domain: &'p Option<String>,
    default_namespace: &'p Option<String>,
    inventory: &'p Inventory,
}

impl Names<'_> {
    fn check(&self, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let one = |name: &Option<String>, field, what, is: fn(&str) -> bool| {
            let name = name.as_deref().filter(|name| !is(name))?;
            Some(fault(name, what, &at.field(field)))
        };
        let domains = [
            one(self.trust_domain, "trustDomain", "trust domain", is_domain),
            one(self.cluster_domain, "clusterDomain", "domain", is_domain),
            one(self.default_namespace, "defaultNamespace", "namespace", is_dns_label),
        ];
        out.extend(domains.into_iter().flatten());
        let inventory = at.field("inventory");
        let Inventory { namespaces, hosts, secrets, service_accounts, gateways } = self.inventory;
        let is_host: fn(&str) -> bool = |host| wildcard(host).is_ok();
        for (names, field, what, is) in [
            (namespaces, "namespaces", "namespace", is_dns_label as fn(&str) -> bool),
            (hosts, "hosts", "host", is_host),
            (secrets, "secrets", PAIR, is_pair),
            (service_accounts, "serviceAccounts", PAIR, is_pair),
            (gateways, "gateways", PAIR, is_pair),
        ] {
            let list = inventory.field(field);
            let wrong = names.iter().enumerate().filter(|(_, name)| !is(name));
            out.extend(wrong.map(|(index, name)| fault(name, what, &list.index(index))));
        }
    }
}

const PAIR: &str = "`namespace/name`";

fn is_pair(text: &str) -> bool {
    text.split_once('/').is_some_and(|(namespace, name)| {
        is_dns_label(namespace) && !name.is_empty() && !name.contains('/')
    })
}

fn fault(name: &str, what: &str, at: &At<'_>) -> Diagnostic {
    Diagnostic::new(&INVALID_PROJECT, at.value(), format!("`{name}` is no {what}"))
        .label("nothing has such a name")
        .consequence("the line says nothing of what it was written for")
}

/// Other programs' kinds may be named, whose names nobody knows here; one that is nearly a known one is hardly that.
fn check_kinds(kinds: Option<&[String]>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let known = || KINDS.iter().map(|kind: &Kind| kind.name);
    for (index, kind) in kinds.into_iter().flatten().enumerate() {
        let near = nearest(kind, known()).filter(|near| near != kind && !kind.contains('*'));
        if near.is_some() {
            let place = at.index(index).value();
            let found =
                Diagnostic::new(&INVALID_PROJECT, place, format!("there is no kind `{kind}`"));
            let found = found.meant(near, "unknown kind");
            out.push(found.consequence("the rule is not about the resources that are meant"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    fn said(project: &str) -> Vec<&'static str> {
        let folder = Folder::new();
        folder.write("mesh.yaml", project);
        let resource = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
        folder.write("a.yaml", resource);
        folder.write("cluster/b.yaml", resource);
        let named = ["invalid-project", "unmatched-path"];
        let found = findings(folder.path()).into_iter().map(|it| it.check.name);
        found.filter(|it| named.contains(it)).collect()
    }

    #[test]
    fn names_of_nothing_are_told() {
        for wrong in [
            "defaultNamespace: Bad_NS",
            "clusterDomain: ...",
            "environments: {a: {paths: [.], trustDomain: a b}}",
            "inventory: {secrets: [x]}",
            "inventory: {gateways: [a/b/c]}",
            "inventory: {hosts: [not a host]}",
            "ownership: [{paths: ['**'], kinds: [VirtualServce]}]",
        ] {
            assert_eq!(said(wrong), ["invalid-project"], "{wrong}");
        }
        let right = "{defaultNamespace: shop, clusterDomain: cluster.example, trustDomain: a.b, inventory: {namespaces: [a], hosts: [a.example.com, '*.b.example.com'], secrets: [a/b.c], serviceAccounts: [a/b], gateways: [a/b]}, ownership: [{paths: ['**'], kinds: [VirtualService, Certificate, '*']}]}";
        assert!(said(right).is_empty());
    }

    #[test]
    fn context_that_is_not_there_is_told() {
        for wrong in ["context: [clustre]", "context: [../base]", "context: ['cluster/*.yaml']"] {
            assert_eq!(said(wrong), ["unmatched-path"], "{wrong}");
        }
        assert!(said("context: [cluster]").is_empty());
        assert!(said("context: [cluster/b.yaml]").is_empty());
    }
}
