//! Rules of `AuthorizationPolicy`.

mod condition;
mod operation;
mod source;

use super::annotation::{self, dry_run, is_bool, is_true};
use super::checks::{DENY_CLOSES_TCP, EMPTY_RULE_PART, INVALID_ACTION};
use super::selector;
use crate::api::Resource;
use crate::api::istio::{Action, AuthorizationPolicy, Rule};
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<AuthorizationPolicy>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, true, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check_targets(
        spec.selector.as_ref(),
        spec.target_ref.as_ref(),
        &spec.target_refs,
        &at,
        out,
    );
    check_dry_run(resource, root, out);
    check_action(spec, &at, out);
    let at = at.field("rules");
    for (index, rule) in spec.rules.iter().flatten().enumerate() {
        check_rule(rule, spec.action, &at.index(index), out);
    }
}

fn check_dry_run(
    resource: &Resource<AuthorizationPolicy>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(value) = dry_run(&resource.metadata) else { return };
    match resource.spec.action {
        Action::Allow | Action::Deny if is_bool(value) => {
            if is_true(value) {
                annotation::report_unrecorded_dry_run(root, out);
            }
        }
        Action::Allow | Action::Deny => {
            annotation::report_dry_run(
                &format!("`{value}` is neither `true` nor `false`"),
                root,
                out,
            );
        }
        Action::Audit | Action::Custom => {
            annotation::report_dry_run("only `ALLOW` and `DENY` can be run dry", root, out);
        }
    }
}

/// What goes with each action; `at` is the spec.
fn check_action(spec: &AuthorizationPolicy, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let mut fault = |place, message: &str, label: &str| {
        out.push(Diagnostic::new(&INVALID_ACTION, place, message).label(label));
    };
    let is_custom = spec.action == Action::Custom;
    // An empty list is none: so Istio reads it.
    let has_rules = spec.rules.as_ref().is_some_and(|rules| !rules.is_empty());
    if !has_rules && (is_custom || spec.action == Action::Deny) {
        let message =
            "without `rules` the policy never matches, so nothing is ever denied or asked";
        fault(at.field("action").value(), message, "needs `rules`; `[{}]` is every request");
    }
    let has_provider = spec.provider.as_ref().is_some_and(|provider| !provider.name.is_empty());
    if is_custom && has_rules && !has_provider {
        fault(at.field("action").value(), "nobody is named who decides", "needs `provider.name`");
    }
    if !is_custom && spec.provider.is_some() {
        fault(
            at.field("provider").key(),
            "only `CUSTOM` policies ask somebody else",
            "remove this",
        );
    }
}

fn check_rule(rule: &Rule, action: Action, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let mut empty = |field: &str, is_empty: bool| {
        if is_empty {
            let found = Diagnostic::new(
                &EMPTY_RULE_PART,
                at.field(field).key(),
                format!("`{field}` is empty"),
            );
            out.push(found.label("empty").help("remove it where everything shall match"));
        }
    };
    empty("from", rule.from.as_ref().is_some_and(Vec::is_empty));
    empty("to", rule.to.as_ref().is_some_and(Vec::is_empty));
    let (from, to, when) = (at.field("from"), at.field("to"), at.field("when"));
    for (index, part) in rule.from.iter().flatten().enumerate() {
        source::check(part.source.as_ref(), action, &from.index(index), out);
    }
    for (index, part) in rule.to.iter().flatten().enumerate() {
        operation::check(part.operation.as_ref(), &to.index(index), out);
    }
    for (index, condition) in rule.when.iter().enumerate() {
        condition::check(condition, action, &when.index(index), out);
    }
    if action == Action::Deny && closes_tcp(rule) {
        let message =
            "the rule looks at requests alone, and so denies every connection that is not HTTP";
        let found = Diagnostic::new(&DENY_CLOSES_TCP, at.value(), message)
            .label("nothing here that a connection has");
        out.push(
            found
                .consequence(
                    "connections to the workload's ports for TCP are closed, whoever opens them",
                )
                .help("name the `ports` for HTTP in `to`"),
        );
    }
}

/// Whether a rule of a `DENY` policy has only conditions that a plain connection cannot be judged by: Istio then drops
/// them, and what is left matches it. Source: Istio, `ValidateAuthorizationPolicy`.
fn closes_tcp(rule: &Rule) -> bool {
    let sources: Vec<_> =
        rule.from.iter().flatten().filter_map(|part| part.source.as_ref()).collect();
    let operations: Vec<_> =
        rule.to.iter().flatten().filter_map(|part| part.operation.as_ref()).collect();
    let source_judges = sources.iter().any(|source| source::judges_connections(source));
    let operation_judges = operations
        .iter()
        .any(|operation| !operation.ports.is_empty() || !operation.not_ports.is_empty());
    (!sources.is_empty() && operations.is_empty() && !source_judges)
        || (!operations.is_empty() && !operation_judges)
}
