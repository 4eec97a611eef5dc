//! `deny-overrules-allow`: a `DENY` rule denies every request, beside `ALLOW` rules for the same workloads, or all that one of them
//! lets in.
//!
//! `DENY` comes first, so that the others let nobody in. By itself a rule that denies everything is one way to close a workload,
//! and nothing is said. Source: Istio, `AuthorizationPolicy`: the order of actions.

use std::collections::BTreeSet;

use super::covering::{At, Broader, CANDIDATES_MAX, by_namespace, covers};

use crate::api::istio::{Action, AuthorizationPolicy};
use crate::check::caller::{Reach, is_for_all};
use crate::diagnostic::{Cause, Check, Diagnostic, FieldPath, Place, Severity};
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
        let Ok(scope) = &policy.scope else { continue };
        let allows = |other: &&Policy<'_, AuthorizationPolicy>| {
            let spec = &other.resource.spec;
            spec.action == Action::Allow
                && !other.resource.is_tried()
                && spec.rules.as_ref().is_some_and(|rules| !rules.is_empty())
                && other.scope.as_ref().is_ok_and(|own| scope.includes(own))
        };
        // What is for a namespace includes nothing of another.
        let near: Vec<_> = match scope.namespace {
            Some(own) => policies.of_namespace(Some(own)).collect(),
            None => policies.iter().collect(),
        };
        let mut moot = near.into_iter().filter(allows);
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
    out.extend(taken_back(mesh));
}

/// Rules that let in what a single rule denies, which may take back many.
fn taken_back(mesh: &Mesh<'_>) -> Vec<Diagnostic> {
    let mut denying = by_namespace(mesh, Action::Deny);
    denying.retain(|_, rules| !rules.is_empty());
    // Most repositories have few, and then no other rule is looked at.
    if denying.is_empty() {
        return Vec::new();
    }
    let allowing = by_namespace(mesh, Action::Allow);
    let root = mesh.settings.root_namespace;
    let of_namespace = |name: &str| denying.get(name).map_or(&[][..], Vec::as_slice);
    let (everywhere, by_root) =
        (of_namespace(root), Broader::of(of_namespace(root)).at_most(CANDIDATES_MAX));
    let mut found = Vec::new();
    for (namespace, rules) in &allowing {
        let own = of_namespace(namespace);
        let by_own = Broader::of(own).at_most(CANDIDATES_MAX);
        for narrow in rules {
            let wanted = narrow.wanted();
            let near = by_own.candidates(&wanted, narrow).into_iter().filter_map(|it| own.get(it));
            let above = (*namespace != root).then(|| by_root.candidates(&wanted, narrow));
            let above = above.into_iter().flatten().filter_map(|it| everywhere.get(it));
            let mut all = near.chain(above).take(CANDIDATES_MAX);
            let denying = all.find(|it| it.scope.includes(narrow.scope) && covers(it, narrow));
            found.extend(denying.map(|denying| report(narrow, denying)));
        }
    }
    found
}

fn report(moot: &At<'_>, denying: &At<'_>) -> Diagnostic {
    Diagnostic::new(&CHECK, moot.place(), "another rule denies all that this one lets in")
        .label("lets nobody in")
        .also(denying.place(), "this one denies as much, and comes first")
        .consequence("whoever this rule is for is answered with 403")
        .help("let the `DENY` rule leave out what is meant here, or remove this one")
        .cause(Cause::Same)
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

    /// A rule with such parts.
    fn rule(parts: &str) -> String {
        format!("{{rules: [{{{parts}}}]}}")
    }

    #[test]
    fn what_is_let_in_may_be_denied_by_one_rule() {
        let who = "from: [{source: {principals: [cluster.local/ns/cli/sa/cli]}}]";
        let get = "to: [{operation: {paths: ['/api*'], methods: [GET]}}]";
        for (deny, allow) in [
            ("from: [{source: {namespaces: [cli]}}]", who),
            ("from: [{source: {notPrincipals: [cluster.local/ns/edge/sa/ingress]}}]", who),
            ("from: [{source: {notNamespaces: [edge]}}]", who),
            (
                "from: [{source: {notNamespaces: [edge]}}]",
                "from: [{source: {serviceAccounts: [a]}}]",
            ),
            ("to: [{operation: {paths: ['/api*']}}]", get),
            ("to: [{operation: {notMethods: [POST, PUT]}}]", get),
            (
                "from: [{source: {notIpBlocks: [10.0.0.0/8]}}]",
                "from: [{source: {ipBlocks: [192.0.2.1]}}]",
            ),
            (
                "when: [{key: 'request.headers[x]', notValues: [b]}]",
                "when: [{key: 'request.headers[x]', values: [a]}]",
            ),
        ] {
            let deny = rule(deny).replacen('{', "{action: DENY, ", 1);
            // A header may be sent several times.
            let expected = usize::from(!deny.contains("headers"));
            assert_eq!(count(&deny, &rule(allow)), expected, "{deny} {allow}");
        }
        for (deny, allow) in [
            ("from: [{source: {namespaces: [other]}}]", who),
            ("from: [{source: {notPrincipals: [cluster.local/ns/cli/sa/cli]}}]", who),
            ("from: [{source: {notPrincipals: ['*']}}]", who),
            ("from: [{source: {notNamespaces: ['c*i']}}]", who),
            ("from: [{source: {namespaces: [cli]}}], to: [{operation: {methods: [POST]}}]", who),
            ("to: [{operation: {paths: [/api/admin]}}]", get),
            ("to: [{operation: {notPaths: ['/a*']}}]", get),
            (
                "when: [{key: 'request.auth.claims[groups]', notValues: [b]}]",
                "when: [{key: 'request.auth.claims[groups]', values: [a]}]",
            ),
        ] {
            let deny = rule(deny).replacen('{', "{action: DENY, ", 1);
            assert_eq!(count(&deny, &rule(allow)), 0, "{deny} {allow}");
        }
        // Each that one rule takes back is told, and a rule for fewer workloads takes back nothing.
        let deny = "{action: DENY, rules: [{from: [{source: {namespaces: [cli]}}]}]}";
        let both = format!("{{rules: [{{{who}}}, {{{who}, {get}}}]}}");
        assert_eq!(count(deny, &both), 2);
        let some = deny.replacen('{', "{selector: {matchLabels: {app: a}}, ", 1);
        assert_eq!(count(&some, &rule(who)), 0);
    }
}
