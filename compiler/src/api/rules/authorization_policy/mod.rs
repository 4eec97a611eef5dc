//! Rules of `AuthorizationPolicy`.

mod condition;
mod operation;
mod source;

use super::annotation::{self, dry_run, is_bool, is_true};
use super::checks::{EMPTY_RULE_PART, INVALID_ACTION};
use super::selector;
use crate::api::Resource;
use crate::api::istio::{Action, Attached, AuthorizationPolicy, Rule};
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<AuthorizationPolicy>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, true, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check_targets(spec.attachment(), &at, out);
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
        // Where the name itself cannot be read, that is what is said.
        let name = at.field("provider").field("name").value();
        let place = if spec.provider.is_some() { name } else { at.field("action").value() };
        fault(place, "nobody is named who decides", "needs `provider.name`");
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
}
