//! `deny-overrules-allow`: a `DENY` rule denies every request, beside `ALLOW` rules for the same workloads.
//!
//! `DENY` comes first, so that the others let nobody in. By itself such a rule is one way to close a workload, and nothing is said.
//! Source: Istio, `AuthorizationPolicy`: the order of actions.

use std::collections::BTreeSet;

use crate::api::istio::{Action, AuthorizationPolicy};
use crate::check::caller::{Reach, is_for_all};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;

pub(super) static CHECK: Check =
    Check::lint("deny-overrules-allow", Severity::Warning, include_str!("deny_overrules_allow.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = &mesh.policies.authorization_policies;
    // Of several for the same workloads one tells enough.
    let mut met = BTreeSet::new();
    let denying = policies.iter().filter_map(|it| Some((it, denies_all(it)?)));
    for (policy, rule) in denying.filter(|(it, _)| met.insert(it.scope.as_ref().ok())) {
        let allows = |other: &&Policy<'_, AuthorizationPolicy>| {
            let spec = &other.resource.spec;
            spec.action == Action::Allow
                && spec.rules.as_ref().is_some_and(|rules| !rules.is_empty())
                && policy
                    .scope
                    .as_ref()
                    .is_ok_and(|all| other.scope.as_ref().is_ok_and(|own| all.includes(own)))
        };
        let mut moot = policies.iter().filter(allows);
        let Some(first) = moot.next() else { continue };
        let rules = FieldPath::default().field("spec").field("rules");
        let place = Place::value(policy.resource.id, rules.index(rule));
        out.push(
            Diagnostic::new(&CHECK, place, "this rule denies every request")
                .label("holds for all")
                .also(Place::resource(first.resource.id), "beside it this lets nobody in")
                .consequence("every request is answered with 403, whoever is let in elsewhere")
                .help("remove the rule: where there are `ALLOW` policies, what none of them lets in is refused")
                .and_here(moot.map(|it| Place::resource(it.resource.id))),
        );
    }
}

/// The rule of a `DENY` policy in force that holds for everybody.
fn denies_all(policy: &Policy<'_, AuthorizationPolicy>) -> Option<usize> {
    let is_denied = policy.resource.spec.action == Action::Deny
        && policy.scope.is_ok()
        && !policy.resource.is_tried();
    let mut rules = policy.resource.spec.rules.iter().flatten();
    rules.position(|rule| is_for_all(rule) == Some(Reach::All)).filter(|_| is_denied)
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn policy(name: &str, spec: &str) -> String {
        format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n---\n"
        )
    }

    fn count(deny: &str, allow: &str) -> usize {
        let folder = Folder::new();
        folder.write("a.yaml", format!("{}{}", policy("deny", deny), policy("allow", allow)));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn what_denies_all_by_itself_may_be_meant() {
        let (all, some) = (
            "{action: DENY, rules: [{}]}",
            "{action: DENY, selector: {matchLabels: {app: a}}, rules: [{}]}",
        );
        let allow = "{rules: [{from: [{source: {namespaces: [web]}}]}]}";
        assert_eq!(count(all, allow), 1);
        assert_eq!(count("{action: DENY, rules: [{to: [{operation: {paths: ['*']}}]}]}", allow), 1);
        // However it is written that it is only tried. Source: Go, `strconv.ParseBool`.
        for tried in ["true", "T", "1"] {
            let policy = policy("deny", all).replace(
                "namespace: shop",
                &format!("namespace: shop, annotations: {{istio.io/dry-run: '{tried}'}}"),
            );
            let folder = Folder::new();
            folder.write("a.yaml", format!("{policy}{}", self::policy("allow", allow)));
            assert!(!findings(folder.path()).iter().any(|it| it.check == &CHECK), "{tried}");
        }
        for (deny, allow) in [
            (all, "{}"),
            (some, allow),
            ("{action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]}", allow),
            ("{action: DENY, rules: [{from: [{source: {notPrincipals: ['*']}}]}]}", allow),
        ] {
            assert_eq!(count(deny, allow), 0, "{deny} {allow}");
        }
    }
}
