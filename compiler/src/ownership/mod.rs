//! Who may say what, by where it stands: `ownership` in `mesh.yaml`.
//!
//! ```yaml
//! ownership:
//! - {paths: ["**"], kinds: [VirtualService, DestinationRule]}
//! - {paths: [teams/shop], owner: "@shop", namespaces: [shop, "shop-*"], hosts: [shop.example.com]}
//! ```
//! The last entry whose paths hold a file holds for it, as in a `CODEOWNERS`; a file that none holds may say anything. So
//! whoever reviews a folder's changes knows what they can touch.

mod glob;
mod hosts;

use crate::api::{KINDS, Ownership, Project};
use crate::diagnostic::{At, Check, Diagnostic, Place, Severity};
use crate::parse::{Document, DocumentId, Identity, Parsed};
use crate::source::{Role, relative};

use glob::matches;
use hosts::Host;

static FOREIGN_WRITE: Check =
    Check::lint("foreign-write", Severity::Error, include_str!("foreign_write.md"));

/// The checks of this stage.
pub(crate) static CHECKS: &[&Check] = &[&FOREIGN_WRITE];

/// Reports what stands where it may not.
pub(crate) fn check(project: &Project, parsed: &Parsed, root: &str, out: &mut Vec<Diagnostic>) {
    let Some(id) = parsed.project().filter(|_| !project.ownership.is_empty()) else { return };
    for (document, it) in parsed.documents() {
        let file = parsed.source(it.file);
        let path = relative(&file.path, root);
        let rules = project.ownership.iter().enumerate();
        let rule = rules.rev().find(|(_, rule)| rule.paths.iter().any(|it| glob::holds(it, path)));
        let Some((index, rule)) = rule.filter(|_| file.role == Role::Policy) else { continue };
        Judge { project, id, index, rule, parsed }.resource(document, it, out);
    }
}

/// Judges the resources that one rule holds for.
struct Judge<'a> {
    project: &'a Project,
    id: DocumentId,
    index: usize,
    rule: &'a Ownership,
    parsed: &'a Parsed,
}

impl Judge<'_> {
    fn resource(&self, id: DocumentId, document: &Document, out: &mut Vec<Diagnostic>) {
        let identity = &document.identity;
        if !permits(self.rule.kinds.as_deref(), &identity.kind) {
            let place = At::root(id).field("kind").value();
            let what = format!("write a {}", identity.kind);
            out.push(self.refuse(place, &what, "kinds", "it changes what others answer for"));
        }
        let namespace = namespace(identity, self.project.default_namespace());
        if let Some(namespace) = namespace
            && !permits(self.rule.namespaces.as_deref(), namespace)
        {
            let root = At::root(id);
            let metadata = root.field("metadata");
            let field = if &*identity.kind == "Namespace" { "name" } else { "namespace" };
            let what = format!("write to the namespace `{namespace}`");
            let effect =
                format!("traffic of `{namespace}` changes without a word of those who own it");
            out.push(self.refuse(metadata.field(field).value(), &what, "namespaces", &effect));
        }
        for host in hosts::of(self.parsed, document) {
            if !self.permits_host(&host, identity) {
                let what = format!("set the traffic of `{}`", host.text);
                let place = Place::value(id, host.path);
                let effect = "requests for the host go where this folder says";
                out.push(self.refuse(place, &what, "hosts", effect));
            }
        }
    }

    /// A host that is listed, or a service of a namespace that is; where no namespaces are, of the resource's own.
    fn permits_host(&self, host: &Host<'_>, identity: &Identity) -> bool {
        let Some(hosts) = &self.rule.hosts else { return true };
        let own = identity.namespace.as_deref().unwrap_or(self.project.default_namespace());
        let domain = self.project.cluster_domain();
        // Names are compared without a look at their case (RFC 4343).
        let text = host.text.to_ascii_lowercase();
        let host = Host { path: host.path.clone(), text: &text };
        let of_service = host.namespace(own, domain);
        let is_own = of_service.is_some_and(|it| match self.rule.namespaces.as_deref() {
            Some(namespaces) => permits(Some(namespaces), it),
            None => it == own,
        });
        let listed = |it: &String| matches(&it.to_ascii_lowercase(), host.text);
        is_own || hosts.iter().any(listed)
    }

    fn refuse(&self, place: Place, what: &str, field: &str, effect: &str) -> Diagnostic {
        let root = At::root(self.id);
        let rules = root.field("ownership");
        let rule = rules.index(self.index);
        let owner = self.rule.owner.as_deref();
        let who = owner.map_or("this folder".to_owned(), |owner| format!("`{owner}`"));
        Diagnostic::new(&FOREIGN_WRITE, place, format!("{who} may not {what}"))
            .label("not permitted here")
            .also(rule.field(field).key(), "none of these")
            .consequence(effect)
            .help("move it to a folder of its owner's, or let `ownership` in mesh.yaml permit it")
    }
}

/// Without a list, all.
fn permits(list: Option<&[String]>, text: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|pattern| matches(pattern, text)))
}

/// The namespace whose traffic a resource is about; what lies in none has none.
fn namespace<'a>(identity: &'a Identity, default: &'a str) -> Option<&'a str> {
    let is_core = |kind: &str| identity.group().is_empty() && &*identity.kind == kind;
    if is_core("Namespace") {
        return identity.name.as_deref();
    }
    if let Some(namespace) = identity.namespace.as_deref() {
        return Some(namespace);
    }
    let mut kinds = KINDS.iter();
    let kind = kinds.find(|kind| (kind.group, kind.name) == (identity.group(), &*identity.kind));
    kind.is_some_and(|kind| kind.has_namespace).then_some(default)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    const RULES: &str = "ownership:
- {paths: ['**'], kinds: [VirtualService, Namespace, Service], namespaces: ['*']}
- {paths: [teams/shop], owner: '@shop', namespaces: [shop, 'shop-*'], hosts: ['*.shop.example.com']}
- {paths: ['teams/*/none'], namespaces: []}
";

    /// What is said of `text` in a file of a repository with these rules.
    fn said(path: &str, text: &str) -> Vec<String> {
        let folder = Folder::new();
        folder.write("mesh.yaml", RULES);
        folder.write(path, text);
        let found = findings(folder.path()).into_iter();
        let found = found.filter(|it| it.check.name == "foreign-write");
        found.map(|it| it.message).collect()
    }

    fn route(namespace: &str, host: &str) -> String {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a, namespace: {namespace}}}\nspec: {{hosts: ['{host}'], http: [{{route: [{{destination: {{host: a}}}}]}}]}}\n"
        )
    }

    #[test]
    fn the_last_rule_that_names_a_file_holds() {
        let own = route("shop-eu", "www.shop.example.com");
        assert!(said("teams/shop/a.yaml", &own).is_empty());
        assert!(said("teams/pay/a.yaml", &route("pay", "anything.example.com")).is_empty());
        assert_eq!(
            said("teams/shop/none/a.yaml", &own),
            ["this folder may not write to the namespace `shop-eu`"]
        );
    }

    #[test]
    fn namespaces_and_hosts_of_others_are_theirs() {
        for (namespace, host, expected) in [
            ("pay", "a.shop.example.com", "`@shop` may not write to the namespace `pay`"),
            ("shop", "pay.example.com", "`@shop` may not set the traffic of `pay.example.com`"),
            ("shop", "*", "`@shop` may not set the traffic of `*`"),
            (
                "shop",
                "a.pay.svc.cluster.local",
                "`@shop` may not set the traffic of `a.pay.svc.cluster.local`",
            ),
        ] {
            assert_eq!(said("teams/shop/a.yaml", &route(namespace, host)), [expected]);
        }
        for host in [
            "reviews",
            "reviews.shop-eu.svc.cluster.local",
            "*.shop.example.com",
            "A.SHOP.example.com",
        ] {
            assert!(said("teams/shop/a.yaml", &route("shop", host)).is_empty(), "{host}");
        }
    }

    #[test]
    fn hosts_without_namespaces_leave_the_services_beside_the_resource() {
        let folder = Folder::new();
        let rules = "ownership: [{paths: [teams/shop], hosts: [shop.example.com]}]\n";
        folder.write("mesh.yaml", rules);
        let said = |host: &str| {
            folder.write("teams/shop/a.yaml", route("shop", host));
            let found = findings(folder.path()).into_iter();
            found.filter(|it| it.check.name == "foreign-write").count()
        };
        for own in ["shop.example.com", "cart", "cart.shop.svc.cluster.local"] {
            assert_eq!(said(own), 0, "{own}");
        }
        for foreign in ["pay.bank.svc.cluster.local", "example.com"] {
            assert_eq!(said(foreign), 1, "{foreign}");
        }
    }

    #[test]
    fn kinds_are_named_too() {
        let role =
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\n";
        assert_eq!(said("a.yaml", role), ["this folder may not write a ClusterRole"]);
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: pay}\n";
        assert!(said("a.yaml", namespace).is_empty());
        assert_eq!(
            said("teams/shop/a.yaml", namespace),
            ["`@shop` may not write to the namespace `pay`"]
        );
    }
}
