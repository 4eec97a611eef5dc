//! `deny-closes-tcp`: a rule of a `DENY` policy asks for what only requests have, and closes ports for TCP.
//!
//! Where bytes are not read as HTTP Istio leaves out what a rule asks of requests. What is left of it denies every connection, or
//! all of those that its other parts match. A rule that names its ports is `http-rule-on-tcp-port`'s. Where every port of its workloads
//! is known to be for HTTP there is nothing to close; then a rule that looks at requests alone, of which Istio warns whatever the
//! ports are, is a notice. Sources: Istio, `ValidateAuthorizationPolicy`; "Authorization on a TCP port".

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::api::istio::{Action, Rule, Source};
use crate::check::ambient::is_ambient_namespace;
use crate::check::http_field::http_field;
use crate::check::openers::Openers;
use crate::check::operation::{PORT, conditions_hold_at};
use crate::check::selection;
use crate::check::workload_ports::{Ports, are_for_http_alone, ports};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Scope;

pub(super) static CHECK: Check =
    Check::lint("deny-closes-tcp", Severity::Warning, include_str!("deny_closes_tcp.md"))
        .alias(&["IST0133"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let openers = OnceCell::new();
    let openers = || openers.get_or_init(|| Openers::of(mesh));
    let mut known: BTreeMap<&Scope<'_>, Spoken> = BTreeMap::new();
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
            let spoken = scope.filter(|_| field.is_some()).map(|scope| {
                known.entry(scope).or_insert_with(|| Spoken::of(mesh, openers(), scope))
            });
            let mut tcp = spoken.iter().flat_map(|it| &it.ports.tcp);
            let tcp = tcp.find(|(port, _)| conditions_hold_at(rule, Some(*port)));
            if tcp.is_none() && (asks_for_port(rule) || !may_close_tcp(rule)) {
                continue;
            }
            let is_http_alone = spoken.as_ref().is_some_and(|it| it.is_http_alone);
            if is_http_alone && leaves_some(rule) {
                continue;
            }
            let place = match field {
                Some(field) => Place::key(policy.resource.id, field),
                None => Place::value(policy.resource.id, at),
            };
            let is_tcp_alone = spoken.as_ref().is_some_and(|it| it.ports.are_for_tcp_alone());
            let found = report(rule, place, tcp, is_tcp_alone);
            out.push(if is_http_alone { harmless(found) } else { found });
        }
    }
}

/// What is spoken at the ports of those whom a policy is for.
struct Spoken {
    ports: Ports,
    is_http_alone: bool,
}

impl Spoken {
    fn of(mesh: &Mesh<'_>, openers: &Openers<'_, '_>, scope: &Scope<'_>) -> Self {
        let workloads = selection::at_least_in_part(mesh, scope);
        let is_http_alone = are_for_http_alone((mesh, openers), scope, &workloads);
        Self { ports: ports((mesh, openers), &workloads), is_http_alone }
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

/// Of a rule for workloads that have no port for TCP.
fn harmless(found: Diagnostic) -> Diagnostic {
    let effect =
        "nothing is closed now: every port of these workloads is for HTTP; one for TCP would be";
    let mut found = found.consequence(effect);
    found.severity = Severity::Info;
    found
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::diagnostic::Severity;
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
    const DETECTED: &str = "{name: web, port: 80}";
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
            for ports in [TCP, DETECTED] {
                assert_eq!(said(ports, &rule), [expected], "{rule} {ports}");
            }
            let kept = if expected == ALL { &[ALL] } else { &[][..] };
            assert_eq!(said(HTTP, &rule), kept, "{rule}");
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

    /// How grave it is of a policy in the namespace `shop`.
    fn told(documents: &str, policy: &str) -> Option<Severity> {
        let policy = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{action: DENY, {policy}}}\n"
        );
        let folder = Folder::new();
        folder.write("a.yaml", format!("{documents}---\n{policy}"));
        let found = findings(folder.path()).into_iter();
        found.filter(|it| it.check == &CHECK).map(|it| it.severity).max()
    }

    const PATHS: &str = "rules: [{to: [{operation: {paths: [/admin]}}]}]";
    const NOT_OURS: &str =
        "rules: [{from: [{source: {notNamespaces: [web]}}], to: [{operation: {paths: [/admin]}}]}]";

    #[test]
    fn where_all_ports_are_for_http_nothing_is_closed() {
        let web = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: main, image: main, ports: [{containerPort: 8080}]}]}\n";
        assert_eq!(told(web, NOT_OURS), None);
        assert_eq!(told(web, PATHS), Some(Severity::Info), "Istio warns of it");
        for (change, because) in [
            (("name: http,", "name: web,"), "what is spoken is found out"),
            (
                ("{containerPort: 8080}", "{containerPort: 8080}, {containerPort: 9090}"),
                "no Service tells of it",
            ),
            (("{name: http, port: 80, targetPort: 8080}", ""), "nobody tells of it"),
            (("{app: web}}\nspec", "{app: other}}\nspec"), "nobody tells of it"),
            (("kind: Pod", "kind: Job"), "others may run there"),
        ] {
            let changed = web.replace(change.0, change.1);
            assert_ne!(changed, web);
            assert_eq!(told(&changed, NOT_OURS), Some(Severity::Warning), "{because}");
            assert_eq!(told(&changed, PATHS), Some(Severity::Warning), "{because}");
        }
        let beside = "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: vm, namespace: shop}\nspec: {address: 10.0.0.1, labels: {app: web}}\n";
        assert_eq!(told(&format!("{web}{beside}"), NOT_OURS), Some(Severity::Warning));
        let own = "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s, namespace: shop}\nspec: {ingress: [{port: {number: 5432, name: tcp, protocol: TCP}, defaultEndpoint: '127.0.0.1:5432'}]}\n";
        assert_eq!(told(&format!("{web}{own}"), NOT_OURS), Some(Severity::Warning));
        assert_eq!(told("", NOT_OURS), Some(Severity::Warning));
    }

    #[test]
    fn of_some_pods_the_ports_are_those_of_all() {
        let web = |port: &str| {
            format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{app: web}}, ports: [{{name: {port}, port: 80, targetPort: 8080}}]}}\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: web, namespace: shop}}\nspec: {{replicas: 2, serviceName: web, selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: main, image: main, ports: [{{containerPort: 8080}}]}}]}}}}}}\n"
            )
        };
        for label in ["topology.kubernetes.io/zone: a", "apps.kubernetes.io/pod-index: '1'"] {
            let told = |port: &str, rules: &str| {
                let selector = format!("selector: {{matchLabels: {{app: web, {label}}}}}");
                told(&web(port), &format!("{selector}, {rules}"))
            };
            assert_eq!(told("http", NOT_OURS), None, "{label}");
            assert_eq!(told("http", PATHS), Some(Severity::Info), "{label}");
            assert_eq!(told("tcp", NOT_OURS), Some(Severity::Warning), "{label}");
            assert_eq!(told("tcp", PATHS), Some(Severity::Warning), "{label}");
        }
    }

    #[test]
    fn a_gateway_has_no_ports_but_those_of_its_servers() {
        let gateway = |server: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: edge, namespace: shop, labels: {{istio: edge}}}}\nspec: {{containers: [{{name: istio-proxy, image: auto, ports: [{{containerPort: 15090}}]}}]}}\n---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{selector: {{istio: edge}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}, {{port: {server}, hosts: ['*']}}]}}\n"
            )
        };
        let https = gateway(
            "{number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: a}",
        );
        assert_eq!(told(&https, NOT_OURS), None);
        let passing = gateway("{number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}");
        assert_eq!(told(&passing, NOT_OURS), Some(Severity::Warning));
        let none = https.split("---").next().unwrap();
        assert_eq!(told(none, NOT_OURS), Some(Severity::Warning));
    }

    #[test]
    fn nor_has_one_that_istio_deploys() {
        let gateway = |protocol: &str| {
            format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public, namespace: shop}}\nspec: {{gatewayClassName: istio, listeners: [{{name: a, port: 8080, protocol: {protocol}}}]}}\n"
            )
        };
        for attached in [
            "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: public}]",
            "selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: public}}",
        ] {
            let told = |protocol: &str, rules: &str| {
                told(&gateway(protocol), &format!("{attached}, {rules}"))
            };
            assert_eq!(told("HTTP", NOT_OURS), None, "{attached}");
            assert_eq!(told("HTTP", PATHS), Some(Severity::Info), "{attached}");
            assert_eq!(told("TCP", NOT_OURS), Some(Severity::Warning), "{attached}");
        }
    }
}
