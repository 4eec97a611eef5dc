//! `moot-allow`: a rule of an `ALLOW` policy lets in nothing that another rule does not let in, for the same workloads.
//!
//! Policies of one workload are a union, so the narrower rule holds nobody off. Rules that ask nothing at all are
//! `allow-opens-everything`'s. Only rules are compared of which it is sure that one covers the other, and two that cover
//! each other are told once. Source: Istio, `AuthorizationPolicy`.

use std::cell::OnceCell;

use super::covering::{At, Broader, CANDIDATES_MAX, covers, rules_of};
use crate::api::istio::Action;
use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("moot-allow", Severity::Warning, include_str!("moot_allow.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let domains = mesh.settings.trust_domains();
    let (everywhere, of_root) = (OnceCell::new(), OnceCell::new());
    apart::authorization_policies_by_namespace(mesh, out, |all, out| {
        let own_rules = rules_of(all.own, Action::Allow, domains);
        let own = Broader::of(&own_rules).at_most(CANDIDATES_MAX);
        // What is for all namespaces comes before what each of them says.
        let everywhere: &[At<'_>] = match all.of_root {
            [] => &[],
            policies => everywhere.get_or_init(|| rules_of(policies, Action::Allow, domains)),
        };
        for (place, narrow) in own_rules.iter().enumerate() {
            let Some(asked) = own.asked.get(place) else { continue };
            let covers =
                |broad: &At<'_>| broad.scope.includes(narrow.scope) && self::covers(broad, narrow);
            let of_root =
                || of_root.get_or_init(|| Broader::of(everywhere).at_most(CANDIDATES_MAX));
            let above = (!everywhere.is_empty()).then(|| of_root().candidates(asked, narrow));
            let above = above.into_iter().flatten().filter_map(|other| everywhere.get(other));
            let beside = own.candidates(asked, narrow).into_iter();
            let beside = beside.filter_map(|other| Some((other, own_rules.get(other)?)));
            // Of two that are alike, the later.
            let beside = beside.filter(|(other, broad)| {
                *other != place && covers(broad) && (*other < place || !self::covers(narrow, broad))
            });
            let mut broad = above.filter(|it| covers(it)).chain(beside.map(|(_, broad)| broad));
            out.extend(broad.next().map(|broad| report(narrow, broad)));
        }
    });
}

fn report(narrow: &At<'_>, broad: &At<'_>) -> Diagnostic {
    Diagnostic::new(&CHECK, narrow.place(), "another rule lets in all that this one does")
        .label("changes nothing")
        .also(broad.place(), "this one asks for less")
        .consequence("what is asked for here alone is asked of nobody")
        .help("policies add to each other: narrow the other rule, remove this one, or write a `DENY` policy")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn moot(rules: &str) -> usize {
        let folder = Folder::new();
        folder.write("a.yaml", format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec:\n  rules:\n{rules}"
        ));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn a_rule_covers_another_when_it_asks_for_no_more() {
        let get = "  - to: [{operation: {methods: [GET], paths: [/api/x]}}]\n";
        assert_eq!(moot(&format!("  - to: [{{operation: {{paths: ['/api/*']}}}}]\n{get}")), 1);
        assert_eq!(moot(&format!("{get}  - to: [{{operation: {{paths: ['/api/*']}}}}]\n")), 1);
        assert_eq!(moot(&format!("{get}{get}")), 1);
        assert_eq!(moot(&format!("  - to: [{{operation: {{paths: ['/other/*']}}}}]\n{get}")), 0);
        let without = "  - to: [{operation: {paths: ['/api/*'], notPaths: [/api/x]}}]\n";
        assert_eq!(moot(&format!("{without}{get}")), 0);
        let from = "  - from: [{source: {namespaces: [web]}}]\n";
        assert_eq!(moot(&format!("{from}{get}")), 0);
    }

    #[test]
    fn a_caller_is_who_it_is_in_whichever_way_it_is_asked_for() {
        let of = |source: &str| format!("  - from: [{{source: {source}}}]\n");
        let who = of("{principals: [cluster.local/ns/shop/sa/a]}");
        let account = of("{serviceAccounts: [a]}");
        let namespace = of("{namespaces: [shop]}");
        let when = |key: &str, value: &str| {
            format!("  - when: [{{key: source.{key}, values: ['{value}']}}]\n")
        };
        for (narrow, broad) in [
            (&who, &namespace),
            (&account, &namespace),
            (&who, &account),
            (&account, &of("{principals: ['*']}")),
            (&namespace, &of("{principals: ['*']}")),
            (&when("namespace", "shop"), &namespace),
            (&when("principal", "cluster.local/ns/shop/sa/a"), &namespace),
        ] {
            assert_eq!(moot(&format!("{narrow}{broad}")), 1, "{narrow}{broad}");
            assert_eq!(moot(&format!("{broad}{narrow}")), 1, "{broad}{narrow}");
        }
        for (narrow, broad) in [
            (&who, &of("{namespaces: [web]}")),
            (&who, &of("{serviceAccounts: [web/a]}")),
            (&account, &of("{principals: [cluster.local/ns/web/sa/a]}")),
            (&who, &of("{namespaces: [shop], notPrincipals: [cluster.local/ns/shop/sa/a]}")),
        ] {
            assert_eq!(moot(&format!("{narrow}{broad}")), 0, "{narrow}{broad}");
        }
        let templates = "  - to: [{operation: {paths: ['/a/{*}']}}]\n  - to: [{operation: {paths: ['/a/{**}']}}]\n";
        assert_eq!(moot(templates), 1);
        // A header is compared as a text, whatever it looks like.
        let when =
            |key: &str, value: &str| format!("  - when: [{{key: '{key}', values: ['{value}']}}]\n");
        let (wide, narrow) = ("10.0.0.0/8", "10.1.0.0/16");
        for (key, is_moot) in [("source.ip", 1), ("request.headers[x]", 0)] {
            assert_eq!(moot(&(when(key, wide) + &when(key, narrow))), is_moot, "{key}");
        }
    }

    #[test]
    fn a_policy_of_the_root_namespace_is_for_every_other() {
        let policy = |namespace: &str, principals: &str| {
            format!(
                "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: {namespace}}}\nspec: {{rules: [{{from: [{{source: {{principals: ['{principals}']}}}}]}}]}}\n---\n"
            )
        };
        let moot = |broad: &str, narrow: &str| {
            let folder = Folder::new();
            folder.write("a.yaml", format!("{broad}{narrow}"));
            findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
        };
        let (all, one) = ("cluster.local/*", "cluster.local/ns/shop/sa/a");
        assert_eq!(moot(&policy("istio-system", all), &policy("shop", one)), 1);
        assert_eq!(moot(&policy("shop", all), &policy("istio-system", one)), 0);
        assert_eq!(moot(&policy("web", all), &policy("shop", one)), 0);
    }
}
