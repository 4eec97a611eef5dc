//! `policy-never-matches`: a part of a rule of an `AuthorizationPolicy` contradicts itself or the workload it is for.
//!
//! - What it asks for it also excludes (`methods` within `notMethods`), or two conditions on one attribute leave nothing.
//! - It asks for identities of the connection, and the workload takes plain text alone.
//! - It asks for tokens, and nothing checks tokens for the workload.
//!
//! Source: Istio, `AuthorizationPolicy.rules`: within a rule all parts must hold, and in a list any value.

use ipnet::IpNet;

use super::{mtls, selection};
use crate::api::istio::{
    Action, AuthorizationPolicy, Condition, MtlsMode, Operation, Rule, Source,
};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::policy::Policy;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("policy-never-matches", Severity::Warning, include_str!("policy_never_matches.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for policy in &mesh.policies.authorization_policies {
        let action = policy.resource.spec.action;
        let workloads = match &policy.scope {
            Ok(scope) => selection::of_policy(mesh, scope),
            Err(_) => continue,
        };
        for (index, rule) in policy.resource.spec.rules.iter().flatten().enumerate() {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            let mut faults = contradictions(rule, &at);
            faults.extend(without_identity(mesh, rule, &at, &workloads));
            faults.extend(without_token(mesh, policy, rule, &at, &workloads));
            out.extend(faults.into_iter().map(|fault| fault.say(policy.resource.id, action)));
        }
    }
}

/// Why a part never holds.
struct Fault {
    message: String,
    at: FieldPath,
    label: &'static str,
    other: Option<(Place, &'static str)>,
    help: &'static str,
}

impl Fault {
    fn say(self, document: crate::parse::DocumentId, action: Action) -> Diagnostic {
        let effect = match action {
            Action::Allow => "this part of the rule lets nobody in",
            Action::Deny => "this part of the rule stops nobody",
            Action::Audit => "this part of the rule notes nothing",
            Action::Custom => "by this part of the rule nobody is asked",
        };
        let place = Place::key(document, self.at);
        let found = Diagnostic::new(&CHECK, place, self.message).label(self.label);
        let found = match self.other {
            Some((place, text)) => found.also(place, text),
            None => found,
        };
        found.consequence(effect).help(self.help)
    }
}

fn contradictions(rule: &Rule, at: &FieldPath) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, source) in rule.from.iter().flatten().enumerate() {
        if let Some(source) = &source.source {
            let at = at.clone().field("from").index(index).field("source");
            faults.extend(excluded(&source_pairs(source), &at));
            faults.extend(namespaces_apart(source, &at));
        }
    }
    for (index, operation) in rule.to.iter().flatten().enumerate() {
        if let Some(operation) = &operation.operation {
            let at = at.clone().field("to").index(index).field("operation");
            faults.extend(excluded(&operation_pairs(operation), &at));
        }
    }
    for (index, condition) in rule.when.iter().enumerate() {
        let at = at.clone().field("when").index(index);
        let pair = ("values", condition.values.as_slice(), condition.not_values.as_slice());
        faults.extend(excluded(&[pair], &at));
    }
    faults.extend(conditions_apart(&rule.when, at));
    faults
}

/// A field, what it asks for, and what its opposite excludes.
type Pair<'a> = (&'static str, &'a [String], &'a [String]);

fn source_pairs(it: &Source) -> [Pair<'_>; 6] {
    [
        ("principals", &it.principals, &it.not_principals),
        ("requestPrincipals", &it.request_principals, &it.not_request_principals),
        ("namespaces", &it.namespaces, &it.not_namespaces),
        ("serviceAccounts", &it.service_accounts, &it.not_service_accounts),
        ("ipBlocks", &it.ip_blocks, &it.not_ip_blocks),
        ("remoteIpBlocks", &it.remote_ip_blocks, &it.not_remote_ip_blocks),
    ]
}

fn operation_pairs(it: &Operation) -> [Pair<'_>; 4] {
    [
        ("hosts", &it.hosts, &it.not_hosts),
        ("ports", &it.ports, &it.not_ports),
        ("methods", &it.methods, &it.not_methods),
        ("paths", &it.paths, &it.not_paths),
    ]
}

fn excluded(pairs: &[Pair<'_>], at: &FieldPath) -> Option<Fault> {
    let is_excluded = |(_, values, not): &&Pair<'_>| {
        !values.is_empty() && values.iter().all(|value| not.iter().any(|it| is_within(value, it)))
    };
    let (field, ..) = pairs.iter().find(is_excluded)?;
    Some(Fault {
        message: format!("everything that `{field}` asks for is excluded beside it"),
        at: at.clone().field(field),
        label: "never holds",
        other: None,
        help: "both must hold: remove the one that is not meant",
    })
}

/// Identities of namespaces that are not among those asked for.
fn namespaces_apart(source: &Source, at: &FieldPath) -> Option<Fault> {
    let namespace = |principal: &String| {
        let (_, rest) = principal.split_once("/ns/")?;
        let (namespace, _) = rest.split_once('/')?;
        (!principal.starts_with('*') && !namespace.contains('*')).then(|| namespace.to_owned())
    };
    let own: Option<Vec<_>> = source.principals.iter().map(namespace).collect();
    let own = own.filter(|own| !own.is_empty() && !source.namespaces.is_empty())?;
    let is_apart = |own: &String| source.namespaces.iter().all(|it| are_apart(own, it));
    own.iter().all(is_apart).then(|| Fault {
        message: "none of the `principals` is of one of the `namespaces`".to_owned(),
        at: at.clone().field("principals"),
        label: "never holds together with `namespaces`",
        other: None,
        help: "both must hold: for either of them write two elements of `from`",
    })
}

fn conditions_apart(when: &[Condition], at: &FieldPath) -> Option<Fault> {
    when.iter().enumerate().find_map(|(index, later)| {
        let is_apart = |earlier: &&Condition| {
            earlier.key == later.key
                && !earlier.values.is_empty()
                && !later.values.is_empty()
                && has_one_value(&later.key)
                && earlier.values.iter().all(|a| later.values.iter().all(|b| are_apart(a, b)))
        };
        when.iter().take(index).find(is_apart)?;
        Some(Fault {
            message: format!("two conditions on `{}` leave nothing that holds both", later.key),
            at: at.clone().field("when").index(index).field("values"),
            label: "never holds together with the earlier condition",
            other: None,
            help: "conditions must all hold: put the values into one of them",
        })
    })
}

/// Whether a request has one value of an attribute, compared as a text.
fn has_one_value(key: &str) -> bool {
    !key.starts_with("request.auth.") && !key.ends_with(".ip")
}

/// Whether all that `value` stands for, `other` stands for too: texts, `prefix*`, `*suffix`, `*`, or CIDR blocks.
fn is_within(value: &str, other: &str) -> bool {
    if let (Ok(value), Ok(other)) = (block(value), block(other)) {
        return other.contains(&value);
    }
    if value.contains('{') || other.contains('{') {
        return value == other;
    }
    match (other.strip_suffix('*'), other.strip_prefix('*')) {
        (Some(""), _) => true,
        (Some(prefix), _) => {
            !value.starts_with('*') && value.trim_end_matches('*').starts_with(prefix)
        }
        (None, Some(suffix)) => {
            !value.ends_with('*') && value.trim_start_matches('*').ends_with(suffix)
        }
        (None, None) => value == other,
    }
}

fn block(text: &str) -> Result<IpNet, ()> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| ())
}

/// Whether no text is both; where that is hard to say, it is not said.
fn are_apart(a: &str, b: &str) -> bool {
    if a.contains('{') || b.contains('{') {
        return false;
    }
    match (a.strip_suffix('*'), b.strip_suffix('*')) {
        (Some(a), Some(b)) if !a.starts_with('*') && !b.starts_with('*') => {
            !a.starts_with(b) && !b.starts_with(a)
        }
        (Some(prefix), None) | (None, Some(prefix)) => {
            let text = if a.ends_with('*') { b } else { a };
            !prefix.starts_with('*') && !text.starts_with('*') && !text.starts_with(prefix)
        }
        (None, None) => match (a.strip_prefix('*'), b.strip_prefix('*')) {
            (Some(a), Some(b)) => !a.ends_with(b) && !b.ends_with(a),
            (Some(suffix), None) => !b.ends_with(suffix),
            (None, Some(suffix)) => !a.ends_with(suffix),
            (None, None) => a != b,
        },
        _ => false,
    }
}

/// Every caller is somebody unknown to a workload that takes plain text alone.
fn without_identity(
    mesh: &Mesh<'_>,
    rule: &Rule,
    at: &FieldPath,
    workloads: &[&Workload<'_>],
) -> Option<Fault> {
    let sources = rule.from.iter().flatten().enumerate();
    let (index, field) = sources.filter_map(|(at, it)| Some((at, it.source.as_ref()?))).find_map(
        |(index, source)| {
            let lists = [
                ("principals", &source.principals),
                ("namespaces", &source.namespaces),
                ("serviceAccounts", &source.service_accounts),
            ];
            let asked = lists.into_iter().find(|(_, values)| !values.is_empty());
            asked.map(|(field, _)| (index, field))
        },
    )?;
    let modes = workloads.iter().map(|it| {
        let ports = it.inventory.ports.values().map(|port| Some(*port));
        let mut modes: Vec<_> =
            ports.map(|port| mtls::effective(mesh, &it.inventory, port)).collect();
        modes.push(mtls::effective(mesh, &it.inventory, None));
        modes
    });
    let modes: Vec<_> = modes.flatten().collect();
    if modes.is_empty() || modes.iter().any(|it| it.mode != MtlsMode::Disable) {
        return None;
    }
    let place = modes.into_iter().find_map(|it| it.place)?;
    Some(Fault {
        message: format!("`{field}` asks for an identity, and no connection here has one"),
        at: at.clone().field("from").index(index).field("source").field(field),
        label: "never holds",
        other: Some((place, "the workload takes plain text alone, which proves nothing")),
        help: "let the workload take mutual TLS (`PERMISSIVE` or `STRICT`)",
    })
}

/// Without a `RequestAuthentication` no request has a token that counts.
fn without_token(
    mesh: &Mesh<'_>,
    policy: &Policy<'_, AuthorizationPolicy>,
    rule: &Rule,
    at: &FieldPath,
    workloads: &[&Workload<'_>],
) -> Option<Fault> {
    let sources = rule.from.iter().flatten().enumerate();
    let source = sources.filter_map(|(at, it)| Some((at, it.source.as_ref()?)));
    let mut source = source.filter(|(_, source)| !source.request_principals.is_empty());
    let from = source.next().map(|(index, _)| {
        at.clone().field("from").index(index).field("source").field("requestPrincipals")
    });
    let when = rule.when.iter().position(|condition| {
        condition.key.starts_with("request.auth.") && !condition.values.is_empty()
    });
    let when = when.map(|index| at.clone().field("when").index(index).field("key"));
    let at = from.or(when)?;
    let checks_tokens = |it: &Policy<'_, crate::api::istio::RequestAuthentication>| {
        let Ok(scope) = &it.scope else { return false };
        let is_wide = scope.namespace.is_none_or(|own| own == policy.resource.namespace);
        let selected = selection::of_policy(mesh, scope);
        let shares = || selected.iter().any(|it| workloads.iter().any(|own| own.id == it.id));
        // Without workloads nothing can be told but where the two stand.
        !it.resource.spec.jwt_rules.is_empty()
            && if workloads.is_empty() {
                is_wide || policy.resource.namespace == mesh.settings.root_namespace
            } else {
                shares()
            }
    };
    if mesh.policies.request_authentications.iter().any(checks_tokens) {
        return None;
    }
    Some(Fault {
        message: "the rule asks for a token, and nothing checks tokens here".to_owned(),
        at,
        label: "never holds",
        other: None,
        help: "add a RequestAuthentication for the same workloads",
    })
}

#[cfg(test)]
mod tests {
    use super::{are_apart, is_within};

    #[test]
    fn patterns_are_compared_by_what_they_stand_for() {
        for (value, other) in [
            ("a", "a"),
            ("/a/b", "/a*"),
            ("/a/b*", "/a*"),
            ("x.com", "*.com"),
            ("a", "*"),
            ("10.1.0.0/16", "10.0.0.0/8"),
        ] {
            assert!(is_within(value, other), "{value} is within {other}");
            assert!(!are_apart(value, other), "{value} and {other}");
        }
        for (value, other) in
            [("a*", "a"), ("*", "a*"), ("*a", "a*"), ("/{*}", "/a*"), ("10.0.0.0/8", "10.1.0.0/16")]
        {
            assert!(!is_within(value, other), "{value} is not within {other}");
        }
        for (a, b) in [("a", "b"), ("a*", "b"), ("a*", "b*"), ("*a", "*b"), ("*a", "b")] {
            assert!(are_apart(a, b) && are_apart(b, a), "{a} and {b}");
        }
        for (a, b) in [("a*", "*b"), ("a*", "ab*"), ("*", "b"), ("*.a*", "b")] {
            assert!(!are_apart(a, b) && !are_apart(b, a), "{a} and {b}");
        }
    }
}
