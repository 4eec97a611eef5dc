//! `refused-probe`: Kubernetes asks a container over HTTP whether it is well, and the container's proxy refuses the question.
//!
//! Istio has its agent answer such probes, unless an annotation of the pod says otherwise. Then they come to the proxy in plain
//! text, from nobody: `STRICT` refuses them, and so do `ALLOW` policies that ask who calls. Source: Istio, "Health Checking of
//! Istio Services", `sidecar.istio.io/rewriteAppHTTPProbers`.

use mesh_snapshot::object::Role;

use super::policy_never_matches::is_within;
use super::{behind_gateway, mtls};
use crate::api::istio::{MtlsMode, Operation, Rule};
use crate::api::kubernetes::{Container, HttpGet};
use crate::api::scalar::IntOrString;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("refused-probe", Severity::Warning, include_str!("refused_probe.md"));

const REWRITE: &str = "sidecar.istio.io/rewriteAppHTTPProbers";
const PAST_THE_PROXY: &str = "traffic.sidecar.istio.io/excludeInboundPorts";

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let is_asked = |it: &&Workload<'_>| {
        it.inventory.role == Role::Sidecar
            && it.metadata.annotations.get(REWRITE).is_some_and(|value| value == "false")
    };
    for workload in mesh.workloads.iter().filter(is_asked) {
        for (index, container) in workload.pod.containers.iter().enumerate() {
            let at = workload.pod_path().field("containers").index(index);
            for (field, effect, probe) in probes(container) {
                let at = at.clone().field(field).field("httpGet");
                out.extend(check(mesh, workload, probe, at, effect));
            }
        }
    }
}

fn probes(it: &Container) -> impl Iterator<Item = (&'static str, &'static str, &HttpGet)> {
    let all = [
        ("livenessProbe", "the container is restarted, again and again", &it.liveness_probe),
        ("readinessProbe", "its pods never become ready, and get no requests", &it.readiness_probe),
        ("startupProbe", "the container is restarted before it has begun", &it.startup_probe),
    ];
    all.into_iter().filter_map(|(field, effect, probe)| {
        Some((field, effect, probe.as_ref()?.http_get.as_ref()?))
    })
}

fn check(
    mesh: &Mesh<'_>,
    workload: &Workload<'_>,
    probe: &HttpGet,
    at: FieldPath,
    effect: &str,
) -> Option<Diagnostic> {
    let port = port(workload, probe)?;
    let excluded = workload.metadata.annotations.get(PAST_THE_PROXY);
    if excluded.is_some_and(|ports| ports.split(',').any(|it| it.trim().parse() == Ok(port))) {
        return None;
    }
    let (message, because) = refusal(mesh, workload, probe, port)?;
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

fn port(workload: &Workload<'_>, probe: &HttpGet) -> Option<u16> {
    match probe.port.as_ref()? {
        IntOrString::Int(number) => u16::try_from(*number).ok(),
        IntOrString::String(name) => {
            name.parse().ok().or_else(|| workload.inventory.ports.get(name).copied())
        }
    }
}

/// What refuses the probe, and where that is written.
type Refusal = (String, Option<(Place, &'static str)>);

fn refusal(
    mesh: &Mesh<'_>,
    workload: &Workload<'_>,
    probe: &HttpGet,
    port: u16,
) -> Option<Refusal> {
    let mode = mtls::effective(mesh, &workload.inventory, Some(port));
    if mode.mode == MtlsMode::Strict {
        let message =
            format!("the probe comes in plain text, and port {port} takes mutual TLS alone");
        return Some((message, mode.place.map(|place| (place, "it is asked for here"))));
    }
    let policies = behind_gateway::allows_at(mesh, workload);
    let first = policies.first()?;
    let mut rules = policies.iter().flat_map(|it| it.resource.spec.rules.iter().flatten());
    if rules.any(|rule| may_hold(rule, &probe.path, port)) {
        return None;
    }
    let message = "no rule lets the probe in, which comes from nobody".to_owned();
    Some((message, Some((Place::resource(first.resource.id), "with a policy all else is refused"))))
}

/// Whether a rule may hold for a caller without an identity who asks for this.
fn may_hold(rule: &Rule, path: &str, port: u16) -> bool {
    let from = rule.from.as_ref().is_none_or(|from| {
        let mut sources = from.iter().filter_map(|part| part.source.as_ref());
        sources.any(|it| {
            it.principals.is_empty() && it.namespaces.is_empty() && it.service_accounts.is_empty()
        })
    });
    let to = rule.to.as_ref().is_none_or(|to| {
        let mut operations = to.iter().filter_map(|part| part.operation.as_ref());
        operations.any(|it| may_be_for(it, path, port))
    });
    from && to
}

fn may_be_for(it: &Operation, path: &str, port: u16) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let has_path =
        it.paths.is_empty() || it.paths.iter().any(|own| own.contains('{') || is_within(path, own));
    let has_port = it.ports.is_empty() || it.ports.iter().any(|own| own.parse() == Ok(port));
    has_path
        && has_port
        && (it.methods.is_empty() || it.methods.iter().any(|own| own == "GET" || own == "*"))
}
