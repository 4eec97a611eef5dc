//! `open-principal`: an identity with `*` in the midst of a name lets in, or leaves out, longer names than the one that is meant.
//!
//! What follows `*` alone, or goes before it, is compared as text: `cluster.local*` is also the beginning of another trust domain, and
//! `*admin` the end of another account's name. Beginnings that end in a sign (`team-*`) are families of names, and meant so.
//! Source: Istio, `AuthorizationPolicy.rules.from.source.principals`, `matcher.StringMatcherWithPrefix`.

use std::cell::LazyCell;

use crate::api::Resource;
use crate::api::istio::{Action, AuthorizationPolicy};
use crate::check::inventory::Accounts;
use crate::check::kept::apart;
use crate::check::matching::form::Form;
use crate::check::names::unknown_service_account::nobody_like;
use crate::check::{outsiders, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("open-principal", Severity::Warning, include_str!("open_principal.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let accounts = Accounts::of(mesh);
    apart::authorization_policies(mesh, out, |policy, out| {
        let Ok(scope) = &policy.scope else { return };
        if policy.resource.is_tried() {
            return;
        }
        let workloads = LazyCell::new(|| selection::of_policy(mesh, scope));
        let have_others = || outsiders::come(mesh) && outsiders::come_to(mesh, &workloads);
        let id = policy.resource.id;
        for (at, principals) in opening(policy.resource) {
            let open = principals.iter().enumerate().filter_map(|(index, principal)| {
                let cut = Cut::of(principal, mesh, &have_others)?;
                // That nobody is like it is told.
                nobody_like(mesh, &accounts, principal).is_none().then_some(())?;
                Some((Place::value(id, at.clone().index(index)), cut))
            });
            out.extend(open.map(|(place, cut)| cut.say(place, policy.resource.spec.action)));
        }
    });
}

/// The identities by which somebody gets in, with their places.
fn opening(policy: &Resource<AuthorizationPolicy>) -> Vec<(FieldPath, &[String])> {
    let is_open = match policy.spec.action {
        Action::Allow => true,
        Action::Deny => false,
        Action::Audit | Action::Custom => return Vec::new(),
    };
    let mut all: Vec<(FieldPath, &[String])> = Vec::new();
    for (index, rule) in policy.spec.rules.iter().flatten().enumerate() {
        let at = |list, place| {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            at.field(list).index(place)
        };
        for (place, part) in rule.from.iter().flatten().enumerate() {
            let Some(source) = &part.source else { continue };
            let (field, values) = if is_open {
                ("principals", &source.principals)
            } else {
                ("notPrincipals", &source.not_principals)
            };
            all.push((at("from", place).field("source").field(field), values));
        }
        let when = rule.when.iter().enumerate();
        for (place, condition) in when.filter(|(_, it)| it.key == "source.principal") {
            let (field, values) = if is_open {
                ("values", &condition.values)
            } else {
                ("notValues", &condition.not_values)
            };
            all.push((at("when", place).field(field), values));
        }
    }
    all
}

/// A name that is cut by a star.
struct Cut<'p> {
    principal: &'p str,
    /// What the name is of.
    of: Name,
    /// Another identity that is meant, too.
    other: String,
    instead: String,
}

#[derive(Clone, Copy)]
enum Name {
    /// Whether anybody of another one than the mesh's may call at all.
    TrustDomain { have_others: bool },
    /// Whether there is one of the name that is cut, which is then the one that is meant.
    Namespace { is_whole: bool },
    /// Of a namespace that is written out, or of any.
    Account { is_of_one_namespace: bool },
}

impl<'p> Cut<'p> {
    /// None: no name is cut, or nobody of the mesh is meant.
    fn of(principal: &'p str, mesh: &Mesh<'_>, have_others: &dyn Fn() -> bool) -> Option<Self> {
        match Form::of_policy(principal)? {
            Form::Prefix(text) => Self::of_beginning(principal, text, mesh, have_others),
            Form::Suffix(text) => Self::of_end(principal, text, have_others),
            _ => None,
        }
    }

    fn of_beginning(
        principal: &'p str,
        text: &str,
        mesh: &Mesh<'_>,
        have_others: &dyn Fn() -> bool,
    ) -> Option<Self> {
        if !text.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        let parts: Vec<_> = text.split('/').collect();
        let domains = mesh.settings.trust_domains();
        let is_ours = || domains.begin(principal);
        let (of, other) = match *parts.as_slice() {
            [domain] if domains.iter().any(|own| own == domain) => (
                Name::TrustDomain { have_others: have_others() },
                format!("{text}.other/ns/NAMESPACE/sa/ACCOUNT"),
            ),
            [_, "ns", namespace] if is_ours() => {
                let is_whole = mesh.namespaces.contains(namespace);
                (Name::Namespace { is_whole }, format!("{text}-other/sa/ACCOUNT"))
            }
            [_, "ns", _, "sa", _] if is_ours() => {
                (Name::Account { is_of_one_namespace: true }, format!("{text}-other"))
            }
            _ => return None,
        };
        let instead = match of {
            Name::TrustDomain { .. } | Name::Namespace { .. } => format!("{text}/*"),
            Name::Account { .. } => text.to_owned(),
        };
        Some(Self { principal, of, other, instead })
    }

    fn of_end(principal: &'p str, text: &str, have_others: &dyn Fn() -> bool) -> Option<Self> {
        if text.contains('*') || !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        let parts: Vec<_> = text.split('/').collect();
        let (of, other, instead) = match *parts.as_slice() {
            [_] => {
                let other = format!("TRUST-DOMAIN/ns/NAMESPACE/sa/not-{text}");
                (Name::Account { is_of_one_namespace: false }, other, format!("*/sa/{text}"))
            }
            [_, "sa", _] => {
                let other = format!("TRUST-DOMAIN/ns/not-{text}");
                (Name::Namespace { is_whole: true }, other, format!("*/ns/{text}"))
            }
            [domain, "ns", _, "sa", _] if domain.contains('.') => {
                let of = Name::TrustDomain { have_others: have_others() };
                (of, format!("not-{text}"), text.to_owned())
            }
            _ => return None,
        };
        Some(Self { principal, of, other, instead })
    }

    fn say(self, place: Place, action: Action) -> Diagnostic {
        let Self { principal, of, other, instead } = self;
        let name = match of {
            Name::TrustDomain { .. } => "trust domain",
            Name::Namespace { .. } => "namespace",
            Name::Account { .. } => "service account",
        };
        let effect = match action {
            Action::Deny => "keeps none of them out",
            _ => "lets all of them in",
        };
        let mut found =
            Diagnostic::new(&CHECK, place, format!("`{principal}` is also for `{other}`"))
                .label(format!("the name of a {name}, which may be longer"))
                .consequence(format!(
                    "the rule {effect}: whoever names a {name} decides who they are"
                ))
                .help(format!("write `{instead}`, or list those that are meant"));
        // Who makes accounts in a namespace is trusted with it already, and the beginning of namespaces may be a family's.
        let may_be_meant = matches!(
            of,
            Name::TrustDomain { have_others: false }
                | Name::Account { is_of_one_namespace: true }
                | Name::Namespace { is_whole: false }
        );
        if may_be_meant {
            found.severity = Severity::Info;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::diagnostic::Severity::{Info, Warning};
    use crate::testing::{Folder, findings};

    fn said(policy: &str) -> Vec<(crate::diagnostic::Severity, String)> {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\n---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec: {{{policy}}}\n"
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path()).into_iter().filter(|it| it.check == &CHECK);
        found.map(|it| (it.severity, it.help.unwrap_or_default())).collect()
    }

    #[test]
    fn a_name_that_is_cut_may_be_longer() {
        for (value, severity, instead) in [
            ("cluster.local*", Info, "cluster.local/*"),
            ("cluster.local/ns/shop*", Warning, "cluster.local/ns/shop/*"),
            ("cluster.local/ns/prod*", Info, "cluster.local/ns/prod/*"),
            ("cluster.local/ns/shop/sa/web*", Info, "cluster.local/ns/shop/sa/web"),
            ("*admin", Warning, "*/sa/admin"),
            ("*shop/sa/admin", Warning, "*/ns/shop/sa/admin"),
            ("*cluster.local/ns/shop/sa/a", Info, "cluster.local/ns/shop/sa/a"),
        ] {
            let help = format!("write `{instead}`, or list those that are meant");
            for policy in [
                format!("rules: [{{from: [{{source: {{principals: ['{value}']}}}}]}}]"),
                format!("rules: [{{when: [{{key: source.principal, values: ['{value}']}}]}}]"),
                format!(
                    "action: DENY, rules: [{{from: [{{source: {{notPrincipals: ['{value}']}}}}]}}]"
                ),
            ] {
                assert_eq!(said(&policy), [(severity, help.clone())], "{policy}");
            }
        }
    }

    #[test]
    fn whole_names_and_families_of_names_are_meant() {
        for value in [
            "*",
            "cluster.local/*",
            "cluster.local/ns/*",
            "cluster.local/ns/team-*",
            "cluster.local/ns/shop/sa/web-*",
            "cluster.local/ns/shop/sa/web",
            "*/sa/admin",
            "*/admin",
            "*-admin",
            "*/ns/shop/sa/admin",
            "cluster.local/n*",
        ] {
            let policy = format!("rules: [{{from: [{{source: {{principals: ['{value}']}}}}]}}]");
            assert!(said(&policy).is_empty(), "{value}");
        }
        // Who is denied by it is denied the more.
        let deny = "action: DENY, rules: [{from: [{source: {principals: ['*admin']}}]}]";
        assert!(said(deny).is_empty());
    }
}
