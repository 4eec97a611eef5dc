//! `deny-closes-tcp`: a rule of a `DENY` policy asks for what only requests have, and closes ports for TCP.
//!
//! Where bytes are not read as HTTP Istio leaves out what a rule asks of requests. What is left of it denies every connection, or
//! all of those that its other parts match. A rule that names its ports is `http-rule-on-tcp-port`'s. Sources: Istio,
//! `ValidateAuthorizationPolicy`; "Authorization on a TCP port".

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::api::istio::{Action, Rule, Source};
use crate::check::ambient::is_ambient_namespace;
use crate::check::http_field::http_field;
use crate::check::openers::Openers;
use crate::check::operation::{PORT, conditions_hold_at};
use crate::check::selection;
use crate::check::workload_ports::{Ports, ports};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Scope;

pub(super) static CHECK: Check =
    Check::lint("deny-closes-tcp", Severity::Warning, include_str!("deny_closes_tcp.md"))
        .alias(&["IST0133"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let openers = OnceCell::new();
    let openers = || openers.get_or_init(|| Openers::of(mesh));
    let mut known: BTreeMap<&Scope<'_>, Ports> = BTreeMap::new();
    for policy in &mesh.policies.authorization_policies {
        // What becomes of it in ambient mode is `deny-without-waypoint`'s.
        if policy.resource.spec.action != Action::Deny
            || is_ambient_namespace(mesh, &policy.resource.namespace)
        {
            continue;
        }
        for (index, rule) in policy.resource.spec.rules.iter().flatten().enumerate() {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            let field = http_field(rule, &at);
            if rule.names_ports() {
                continue;
            }
            let scope = policy.scope.as_ref().ok();
            let ports = scope.filter(|_| field.is_some()).map(|scope| {
                known
                    .entry(scope)
                    .or_insert_with(|| ports((mesh, openers()), &selection::of_policy(mesh, scope)))
            });
            let mut tcp = ports.iter().flat_map(|ports| &ports.tcp);
            let tcp = tcp.find(|(port, _)| conditions_hold_at(rule, Some(*port)));
            if tcp.is_none() && (asks_for_port(rule) || !may_close_tcp(rule)) {
                continue;
            }
            let place = match field {
                Some(field) => Place::key(policy.resource.id, field),
                None => Place::value(policy.resource.id, at),
            };
            let is_tcp_alone = ports.as_ref().is_some_and(|ports| ports.are_for_tcp_alone());
            out.push(report(rule, place, tcp, is_tcp_alone));
        }
    }
}

/// Whether a condition asks for a port.
fn asks_for_port(rule: &Rule) -> bool {
    rule.when.iter().any(|it| it.key == PORT)
}

/// Whether a rule asks nothing of callers, or of what they do, that a plain connection could be judged by.
fn may_close_tcp(rule: &Rule) -> bool {
    let mut sources = rule.from.iter().flatten().filter_map(|part| part.source.as_ref());
    let mut operations = rule.to.iter().flatten().filter_map(|part| part.operation.as_ref());
    if operations.clone().next().is_some() {
        return operations.all(|it| it.ports.is_empty() && it.not_ports.is_empty());
    }
    sources.clone().next().is_some() && !sources.any(judges_connections)
}

/// Whether it says something of a caller that its connection shows, without a request.
fn judges_connections(it: &Source) -> bool {
    let lists = [
        &it.principals,
        &it.not_principals,
        &it.namespaces,
        &it.not_namespaces,
        &it.service_accounts,
        &it.not_service_accounts,
        &it.trust_domains,
        &it.not_trust_domains,
        &it.ip_blocks,
        &it.not_ip_blocks,
        &it.remote_ip_blocks,
        &it.not_remote_ip_blocks,
    ];
    lists.iter().any(|list| !list.is_empty())
}

/// Whether something is left of a rule without what it asks of requests, so that it denies some connections and no others.
fn leaves_some(rule: &Rule) -> bool {
    let sources = rule.from.as_deref().unwrap_or_default();
    let operations = rule.to.as_deref().unwrap_or_default();
    let asks_who = !sources.is_empty()
        && sources.iter().all(|it| it.source.as_ref().is_some_and(judges_connections));
    let asks_where = !operations.is_empty()
        && operations
            .iter()
            .all(|it| it.operation.as_ref().is_some_and(|it| !it.not_ports.is_empty()));
    asks_who || asks_where || rule.when.iter().any(|it| !it.key.starts_with("request."))
}

fn report(rule: &Rule, place: Place, tcp: Option<&(u16, Place)>, is_tcp_alone: bool) -> Diagnostic {
    let (message, effect) = if leaves_some(rule) {
        (
            "the rule denies connections that are not HTTP by its other parts alone",
            "connections to the workload's ports for TCP are closed to all whom the other parts match, whatever they carry",
        )
    } else {
        (
            "the rule looks at requests alone, and so denies every connection that is not HTTP",
            "connections to the workload's ports for TCP are closed, whoever opens them",
        )
    };
    let found = Diagnostic::new(&CHECK, place, message)
        .label("only HTTP has this, and elsewhere it is left out")
        .consequence(effect)
        .help(if is_tcp_alone {
            "ask for what a connection has, or say that the port speaks HTTP"
        } else {
            "name the `ports` for HTTP in `to`"
        });
    match tcp {
        Some((port, place)) => {
            found.also(place.clone(), format!("this says that port {port} is for bytes"))
        }
        None => found,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    const DATABASE: &str = "
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: {app: db}, ports: [PORTS]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: main, image: main}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db, namespace: shop}
";

    /// What is said of a `DENY` rule for a workload with these ports, without what is said of their numbers.
    fn said(ports: &str, rule: &str) -> Vec<String> {
        let folder = Folder::new();
        let ports = DATABASE.replace("PORTS", ports);
        folder.write("a.yaml", format!("{ports}spec: {{action: DENY, rules: [{rule}]}}\n"));
        let found = findings(folder.path()).into_iter();
        let is_of_rule = |name: &str| {
            ["deny-closes-tcp", "http-rule-on-tcp-port", "policy-never-matches"].contains(&name)
        };
        let found = found.filter(|it| is_of_rule(it.check.name));
        found.map(|it| format!("{}: {}", it.check.name, it.message)).collect()
    }

    const TCP: &str = "{name: tcp-db, port: 5432}";
    const HTTP: &str = "{name: http, port: 80}";
    const ALL: &str = "deny-closes-tcp: the rule looks at requests alone, and so denies every connection that is not HTTP";
    const SOME: &str =
        "deny-closes-tcp: the rule denies connections that are not HTTP by its other parts alone";

    #[test]
    fn what_is_left_of_a_rule_says_who_is_denied() {
        let get = "to: [{operation: {methods: [GET]}}]";
        for (rule, expected) in [
            (format!("{{{get}}}"), ALL),
            (format!("{{from: [{{source: {{namespaces: [web]}}}}], {get}}}"), SOME),
            (format!("{{from: [{{source: {{notPrincipals: ['*']}}}}], {get}}}"), SOME),
            (format!("{{{get}, when: [{{key: source.namespace, values: [web]}}]}}"), SOME),
            (format!("{{{get}, when: [{{key: 'request.headers[x]', values: [a]}}]}}"), ALL),
            (
                format!(
                    "{{from: [{{source: {{namespaces: [web]}}}}, {{source: {{notRequestPrincipals: [a/b]}}}}], {get}}}"
                ),
                ALL,
            ),
        ] {
            assert_eq!(said(HTTP, &rule), [expected], "{rule}");
            assert_eq!(said(TCP, &rule), [expected], "{rule}");
        }
    }

    #[test]
    fn one_rule_is_told_of_once() {
        let token = "{from: [{source: {requestPrincipals: [a/b]}}]}";
        assert_eq!(said(TCP, token), [ALL]);
        let header = "{when: [{key: 'request.headers[x]', values: [a]}]}";
        assert_eq!(said(TCP, header), [ALL]);
        assert!(said(HTTP, header).is_empty());
        let named = "{to: [{operation: {methods: [GET], ports: ['5432']}}]}";
        let expected =
            "http-rule-on-tcp-port: the rule asks for HTTP at port 5432, which is not read as HTTP";
        assert_eq!(said(TCP, named), [expected]);
        assert!(said(TCP, "{from: [{source: {namespaces: [web]}}]}").is_empty());
    }
}
