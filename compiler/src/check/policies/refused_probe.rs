//! `refused-probe`: Kubernetes asks a container over HTTP whether it is well, and the container's proxy refuses the question.
//!
//! Istio has its agent answer such probes, unless an annotation of the pod says otherwise. Then they come to the proxy in plain
//! text, from nobody: `STRICT` refuses them, and so do `ALLOW` policies that ask who calls, and `DENY` policies against who has
//! no identity. Those for gRPC are requests, too. Source: Istio, "Health Checking of Istio Services",
//! `sidecar.istio.io/rewriteAppHTTPProbers`; `istio-iptables`, for the ports that are never captured.

use mesh_snapshot::object::Role;

use crate::api::istio::{Action, MtlsMode, Operation, Rule};
use crate::api::kubernetes::{Container, Probe};
use crate::api::scalar::IntOrString;
use crate::check::caller::Caller;
use crate::check::in_force::InForce;
use crate::check::mtls;
use crate::check::policy_value::{is_path_within, is_within};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check =
    Check::lint("refused-probe", Severity::Warning, include_str!("refused_probe.md"));

const REWRITE: &str = "sidecar.istio.io/rewriteAppHTTPProbers";
const PAST_THE_PROXY: &str = "traffic.sidecar.istio.io/excludeInboundPorts";

/// The ports of the proxy itself and of its agent, which are not captured.
const OWN_PORTS: [u16; 3] = [15020, 15021, 15090];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let is_asked = |it: &&Workload<'_>| {
        it.inventory.role == Role::Sidecar
            && it.metadata.annotations.get(REWRITE).is_some_and(|value| value == "false")
    };
    for workload in mesh.workloads.iter().filter(is_asked) {
        for (index, container) in workload.pod.containers.iter().enumerate() {
            let at = workload.pod_path().field("containers").index(index);
            for (field, effect, probe) in probes(container) {
                let Some(question) = question(workload, probe) else { continue };
                let at = at.clone().field(field).field(question.field);
                out.extend(check(mesh, workload, &question, at, effect));
            }
        }
    }
}

/// What is asked of a container over HTTP.
struct Question<'a> {
    /// The part of the probe that says it.
    field: &'static str,
    method: &'static str,
    path: &'a str,
    port: u16,
}

fn probes(it: &Container) -> impl Iterator<Item = (&'static str, &'static str, &Probe)> {
    let all = [
        ("livenessProbe", "the container is restarted, again and again", &it.liveness_probe),
        ("readinessProbe", "its pods never become ready, and get no requests", &it.readiness_probe),
        ("startupProbe", "the container is restarted before it has begun", &it.startup_probe),
    ];
    all.into_iter().filter_map(|(field, effect, probe)| Some((field, effect, probe.as_ref()?)))
}

/// What a probe asks, if it goes through the proxy. Source: "GRPC Health Checking Protocol".
fn question<'a>(workload: &Workload<'_>, probe: &'a Probe) -> Option<Question<'a>> {
    if let Some(get) = &probe.http_get {
        let port = port(workload, get.port.as_ref()?)?;
        let path = get.path.split('?').next().unwrap_or_default();
        return Some(Question { field: "httpGet", method: "GET", path, port });
    }
    let port = port(workload, probe.grpc.as_ref()?.port.as_ref()?)?;
    Some(Question { field: "grpc", method: "POST", path: "/grpc.health.v1.Health/Check", port })
}

fn port(workload: &Workload<'_>, port: &IntOrString) -> Option<u16> {
    match port {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            name.parse().ok().or_else(|| workload.inventory.ports.get(name).copied())
        }
    }
}

fn check(
    mesh: &Mesh<'_>,
    workload: &Workload<'_>,
    question: &Question<'_>,
    at: FieldPath,
    effect: &str,
) -> Option<Diagnostic> {
    let excluded = workload.metadata.annotations.get(PAST_THE_PROXY);
    let is_excluded =
        |ports: &String| ports.split(',').any(|it| it.trim().parse() == Ok(question.port));
    if OWN_PORTS.contains(&question.port) || excluded.is_some_and(is_excluded) {
        return None;
    }
    let (message, because) = refusal(mesh, workload, question)?;
    let annotation = Place::value(workload.id, workload.annotations_path().field(REWRITE));
    let found = Diagnostic::new(&CHECK, Place::key(workload.id, at), message)
        .label("refused by the proxy")
        .also(annotation, "so the agent does not answer it");
    let found = match because {
        Some((place, text)) => found.also(place, text),
        None => found,
    };
    Some(found.consequence(effect).help("remove the annotation"))
}

/// What refuses the probe, and where that is written.
type Refusal = (String, Option<(Place, &'static str)>);

fn refusal(mesh: &Mesh<'_>, workload: &Workload<'_>, question: &Question<'_>) -> Option<Refusal> {
    let mode = mtls::effective(mesh, &workload.inventory, Some(question.port));
    if mode.mode == MtlsMode::Strict {
        let message = format!(
            "the probe comes in plain text, and port {} takes mutual TLS alone",
            question.port
        );
        return Some((message, mode.place.map(|place| (place, "it is asked for here"))));
    }
    let policies = InForce::at(mesh, workload);
    for policy in policies.with(Action::Deny) {
        let mut rules = policy.resource.spec.rules.iter().flatten();
        let own = &policy.resource.namespace;
        let is_denied = |it: &Rule| Caller::NOBODY.is_meant(it, own) && is_surely_for(it, question);
        if let Some(rule) = rules.position(is_denied) {
            let at = FieldPath::default().field("spec").field("rules").index(rule);
            let message = "a rule denies the probe, which comes from nobody".to_owned();
            return Some((message, Some((Place::value(policy.resource.id, at), "this rule"))));
        }
    }
    let first = policies.with(Action::Allow).next()?;
    let may_be = |rule, own| Caller::NOBODY.may_be_meant(rule, own) && may_be_for(rule, question);
    if policies.letting_in().any(|(rule, own)| may_be(rule, own)) {
        return None;
    }
    let message = "no rule lets the probe in, which comes from nobody".to_owned();
    Some((message, Some((Place::resource(first.resource.id), "with a policy all else is refused"))))
}

/// Whether a rule may hold for what is asked.
fn may_be_for(rule: &Rule, question: &Question<'_>) -> bool {
    rule.to.as_ref().is_none_or(|to| {
        let mut operations = to.iter().filter_map(|part| part.operation.as_ref());
        operations.any(|it| {
            let is_template = |own: &String| own.contains('{');
            has_port_and_method(it, question)
                && (it.paths.iter().any(is_template) || has_path(it, question))
        })
    })
}

/// Whether it does, whatever host is asked for.
fn is_surely_for(rule: &Rule, question: &Question<'_>) -> bool {
    rule.to.as_ref().is_none_or(|to| {
        let mut operations = to.iter().filter_map(|part| part.operation.as_ref());
        operations.any(|it| {
            let others = [&it.hosts, &it.not_hosts, &it.not_ports, &it.not_methods, &it.not_paths];
            others.iter().all(|list| list.is_empty())
                && has_port_and_method(it, question)
                && has_path(it, question)
        })
    })
}

fn has_path(it: &Operation, question: &Question<'_>) -> bool {
    it.paths.is_empty() || it.paths.iter().any(|own| is_path_within(question.path, own))
}

fn has_port_and_method(it: &Operation, question: &Question<'_>) -> bool {
    let is_port = |own: &String| own.parse() == Ok(question.port);
    let is_method = |own: &String| is_within(question.method, own);
    (it.ports.is_empty() || it.ports.iter().any(is_port))
        && (it.methods.is_empty() || it.methods.iter().any(is_method))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// What is said of a container's probe beside a policy.
    fn said(probe: &str, policy: &str) -> Option<String> {
        let folder = Folder::new();
        folder.write("a.yaml", format!("
apiVersion: v1
kind: Pod
metadata: {{name: cart, namespace: shop, labels: {{app: cart}}, annotations: {{sidecar.istio.io/rewriteAppHTTPProbers: 'false'}}}}
spec: {{containers: [{{name: main, image: main, livenessProbe: {probe}}}]}}
---
apiVersion: security.istio.io/v1
metadata: {{name: default, namespace: shop}}
{policy}
"));
        let found = findings(folder.path()).into_iter().find(|it| it.check == &CHECK);
        found.map(|it| it.message)
    }

    const GET: &str = "{httpGet: {path: /health, port: 8080}}";
    const GRPC: &str = "{grpc: {port: 8080}}";

    #[test]
    fn questions_over_http_are_refused_as_requests_are() {
        let strict = "kind: PeerAuthentication\nspec: {mtls: {mode: STRICT}}";
        let nothing = "kind: AuthorizationPolicy\nspec: {}";
        let plain = "the probe comes in plain text, and port 8080 takes mutual TLS alone";
        for probe in [GET, GRPC] {
            assert_eq!(said(probe, strict).as_deref(), Some(plain), "{probe}");
            assert!(said(probe, nothing).is_some(), "{probe}");
        }
        for probe in ["{httpGet: {path: /, port: 15021}}", "{tcpSocket: {port: 8080}}"] {
            assert_eq!(said(probe, strict), None, "{probe}");
        }
    }

    #[test]
    fn a_rule_denies_who_has_no_identity() {
        let denies = |rule: &str| {
            let policy =
                format!("kind: AuthorizationPolicy\nspec: {{action: DENY, rules: [{rule}]}}");
            [GET, GRPC].map(|probe| said(probe, &policy).is_some())
        };
        let from = "from: [{source: {notPrincipals: ['*']}}]";
        assert_eq!(denies(&format!("{{{from}}}")), [true, true]);
        let post = format!("{{{from}, to: [{{operation: {{methods: [POST]}}}}]}}");
        assert_eq!(denies(&post), [false, true]);
        let other = format!("{{{from}, to: [{{operation: {{notPaths: [/health]}}}}]}}");
        assert_eq!(denies(&other), [false, false]);
        assert_eq!(denies("{from: [{source: {namespaces: [web]}}]}"), [false, false]);
    }
}
