//! `allow-opens-everything`: a rule of an `ALLOW` policy asks nothing, or what every request has, and so allows every request.
//!
//! Policies of one workload are a union: such a rule makes every other `ALLOW` rule for it moot. Source: Istio,
//! `AuthorizationPolicy.rules`.

use crate::api::istio::Action;
use crate::check::caller::{Reach, is_for_all};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;

pub(super) static CHECK: Check = Check::lint(
    "allow-opens-everything",
    Severity::Warning,
    include_str!("allow_opens_everything.md"),
);

/// How many policies that say no more are pointed at.
const SHOWN_MAX: usize = 2;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = &mesh.policies.authorization_policies;
    let allows = |it: &&Policy<'_, crate::api::istio::AuthorizationPolicy>| {
        it.resource.spec.action == Action::Allow && it.scope.is_ok()
    };
    for policy in policies.iter().filter(allows) {
        let rules = policy.resource.spec.rules.iter().flatten();
        let mut open = rules.enumerate().filter_map(|(at, it)| Some((at, it, is_for_all(it)?)));
        let Some((open, rule, reach)) = open.next() else { continue };
        let rules = FieldPath::default().field("spec").field("rules");
        let place = Place::value(policy.resource.id, rules.clone().index(open));
        let message = match reach {
            Reach::All => "this rule allows every request",
            Reach::OverIpv4 => "this rule allows every request over IPv4",
        };
        let asks = rule.from.is_some() || rule.to.is_some();
        let mut found = Diagnostic::new(&CHECK, place, message)
            .label(if asks { "asks for what every request has" } else { "asks nothing" })
            .consequence("whoever reaches the workload is let in, with or without an identity")
            .help("say in `from` who may call, or leave `rules` out, which allows nobody");
        let count = policy.resource.spec.rules.as_ref().map_or(0, Vec::len);
        if let Some(other) = (0..count).find(|index| *index != open) {
            let place = Place::value(policy.resource.id, rules.index(other));
            found = found.also(place, "beside it this rule changes nothing");
        }
        let moot = policies.iter().filter(allows).filter(|other| {
            other.resource.id != policy.resource.id
                && other.scope == policy.scope
                && other.resource.spec.rules.as_ref().is_some_and(|rules| !rules.is_empty())
        });
        out.push(moot.take(SHOWN_MAX).fold(found, |found, other| {
            found
                .also(Place::resource(other.resource.id), "this policy no longer holds anybody off")
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn said(rule: &str) -> Option<String> {
        let folder = Folder::new();
        folder.write("a.yaml", format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec: {{rules: [{rule}]}}\n"
        ));
        let found = findings(folder.path()).into_iter().find(|it| it.check == &CHECK);
        found.map(|it| it.message)
    }

    #[test]
    fn what_every_request_has_keeps_nobody_out() {
        for rule in [
            "{}",
            "{to: [{operation: {methods: ['*']}}]}",
            "{to: [{operation: {paths: ['*'], hosts: ['*']}}]}",
            "{from: [{source: {ipBlocks: [0.0.0.0/0, '::/0']}}]}",
        ] {
            assert_eq!(said(rule).as_deref(), Some("this rule allows every request"), "{rule}");
        }
        let ipv4 = "this rule allows every request over IPv4";
        assert_eq!(said("{from: [{source: {ipBlocks: [0.0.0.0/0]}}]}").as_deref(), Some(ipv4));
        for rule in [
            "{from: [{source: {principals: ['*']}}]}",
            "{to: [{operation: {methods: ['*'], paths: [/a]}}]}",
            "{to: [{operation: {methods: ['*'], notPaths: [/a]}}]}",
            "{to: [{operation: {ports: ['80']}}]}",
            "{from: [{source: {ipBlocks: [0.0.0.0/0], notIpBlocks: [10.0.0.0/8]}}]}",
            "{to: [{operation: {methods: ['*']}}], when: [{key: source.namespace, values: [a]}]}",
        ] {
            assert_eq!(said(rule), None, "{rule}");
        }
    }
}
