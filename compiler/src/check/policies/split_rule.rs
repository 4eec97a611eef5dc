//! `split-rule`: `from` and `to` stand in two rules, where one was meant.
//!
//! Rules are alternatives. One extra `-` turns "these callers may do this" into "these callers may do anything, and anybody
//! may do this". Source: Istio, `AuthorizationPolicy.rules`.

use super::allow_only_for_monitoring::is_for_monitoring;
use crate::api::istio::{Action, Rule};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("split-rule", Severity::Warning, include_str!("split_rule.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for policy in &mesh.source.authorization_policies {
        let rules = policy.spec.rules.as_deref().unwrap_or_default();
        let is_strange = matches!(policy.spec.action, Action::Allow | Action::Deny);
        for (index, pair) in rules.windows(2).enumerate().filter(|_| is_strange) {
            let [first, second] = pair else { continue };
            if !(has_only_from(first) && has_only_to(second)) {
                continue;
            }
            // That anybody may ask whether it is well is everyday, and browsers ask first whether they may ask.
            let is_usual = is_for_monitoring(second) || is_for_preflights(second);
            if policy.spec.action == Action::Allow && is_usual {
                continue;
            }
            let rules = FieldPath::default().field("spec").field("rules");
            let place =
                |index, field| Place::key(policy.id, rules.clone().index(index).field(field));
            let (verb, effect) = match policy.spec.action {
                Action::Deny => (
                    "denies",
                    "these callers are denied everything, and everybody is denied these operations",
                ),
                _ => (
                    "allows",
                    "these callers may do anything, and anybody at all may do these operations",
                ),
            };
            let message = format!("this rule {verb} by operation alone, whoever calls");
            out.push(
                Diagnostic::new(&CHECK, place(index + 1, "to"), message)
                    .label("another rule: whoever calls")
                    .also(place(index, "from"), "one rule: whatever is asked for")
                    .consequence(effect)
                    .help("remove the `-` before `to`, so that both stand in one rule"),
            );
        }
    }
}

/// Whether a rule is for `OPTIONS` alone. Source: Fetch Standard, "CORS-preflight request".
fn is_for_preflights(rule: &Rule) -> bool {
    let operations = rule.to.as_deref().unwrap_or_default();
    !operations.is_empty()
        && operations.iter().all(|to| {
            let operation = to.operation.as_ref();
            operation.is_some_and(|it| {
                !it.methods.is_empty() && it.methods.iter().all(|it| it == "OPTIONS")
            })
        })
}

fn has_only_from(rule: &Rule) -> bool {
    rule.from.is_some() && rule.to.is_none() && rule.when.is_empty()
}

fn has_only_to(rule: &Rule) -> bool {
    rule.from.is_none() && rule.to.is_some() && rule.when.is_empty()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn count(action: &str, operation: &str) -> usize {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec:\n  action: {action}\n  rules:\n  - from: [{{source: {{namespaces: [shop]}}}}]\n  - to: [{{operation: {{{operation}}}}}]\n"
        );
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn that_anybody_may_ask_for_health_is_no_slip() {
        assert_eq!(count("ALLOW", "paths: [/healthz, /metrics]"), 0);
        assert_eq!(count("ALLOW", "methods: [GET], paths: [/healthz]"), 0);
        assert_eq!(count("ALLOW", "paths: [/healthz, /admin]"), 1);
        assert_eq!(count("ALLOW", "methods: [GET]"), 1);
        assert_eq!(count("ALLOW", "methods: [OPTIONS]"), 0);
        assert_eq!(count("ALLOW", "methods: [OPTIONS, GET]"), 1);
        assert_eq!(count("DENY", "paths: [/healthz]"), 1);
    }
}
