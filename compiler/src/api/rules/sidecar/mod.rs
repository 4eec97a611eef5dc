//! Rules of `Sidecar`.

mod egress;
mod ingress;

use super::checks::{INVALID_OUTBOUND_POLICY, INVALID_SIDECAR};
use super::destination_rule::check_connection_pool;
use super::port;
use super::{address, annotation, host, selector};
use crate::api::Resource;
use crate::api::istio::{Sidecar, SidecarOutboundMode, SidecarOutboundPolicy, SidecarPort};
use crate::api::mesh::DEFAULT_ROOT_NAMESPACE;
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<Sidecar>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check_workloads(spec.workload_selector.as_ref(), &at.field("workloadSelector"), out);
    let says_nothing = spec.egress.is_empty()
        && spec.ingress.is_empty()
        && spec.outbound_traffic_policy.is_none()
        && spec.inbound_connection_pool.is_none();
    if says_nothing {
        let found = Diagnostic::new(&INVALID_SIDECAR, at.key(), "the Sidecar says nothing");
        out.push(
            found
                .label("needs `egress`, `ingress` or `outboundTrafficPolicy`")
                .lacking(&at, &["egress", "ingress", "outboundTrafficPolicy"]),
        );
    }
    ingress::check(&spec.ingress, &at.field("ingress"), out);
    // For all namespaces, `.` is each client's own. Source: Istio, `convertToSidecarScope`, `configNamespace`.
    let is_for_all =
        spec.workload_selector.is_none() && resource.namespace == DEFAULT_ROOT_NAMESPACE;
    let own = if is_for_all { "." } else { &resource.namespace };
    egress::check(&spec.egress, own, &at.field("egress"), out);
    check_outbound(spec.outbound_traffic_policy.as_ref(), &at.field("outboundTrafficPolicy"), out);
    check_connection_pool(
        spec.inbound_connection_pool.as_ref(),
        &at.field("inboundConnectionPool"),
        out,
    );
}

fn check_outbound(policy: Option<&SidecarOutboundPolicy>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(policy) = policy else { return };
    let Some(proxy) = &policy.egress_proxy else { return };
    let at_proxy = at.field("egressProxy");
    if policy.mode != SidecarOutboundMode::AllowAny {
        let message = "unknown hosts are refused, so nothing goes through the proxy for them";
        let found = Diagnostic::new(&INVALID_OUTBOUND_POLICY, at_proxy.key(), message);
        out.push(found.label("needs `mode: ALLOW_ANY`").also(at.key(), "`REGISTRY_ONLY`"));
    }
    if let Err(fault) = host::fqdn(&proxy.host) {
        host::report(&proxy.host, &fault, &at_proxy.field("host"), out);
    }
    let at_port = at_proxy.field("port");
    if let Some(selector) = &proxy.port {
        port::check_number(selector.number, &at_port.field("number"), out);
    } else {
        let message = "a proxy for unknown hosts is reached at one port";
        let found = Diagnostic::new(&INVALID_OUTBOUND_POLICY, at_port.value(), message);
        out.push(found.label("needs `port`"));
    }
}

/// A listener's port by itself; `at` is the port.
fn check_port(listener: &SidecarPort, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if !listener.name.is_empty() {
        port::check_name(&listener.name, &at.field("name"), out);
    }
    if !listener.protocol.is_empty() {
        port::check_protocol(&listener.protocol, &at.field("protocol"), out);
    }
    if listener.target_port != 0 {
        let message = "a listener of a sidecar has no target port";
        let found = Diagnostic::new(&INVALID_SIDECAR, at.field("targetPort").key(), message);
        out.push(
            found
                .label("remove this")
                .help("say where the application listens in `defaultEndpoint`"),
        );
    }
}

/// `at` is the listener.
fn check_bind(bind: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if !bind.is_empty() && !address::is_address(bind) {
        let found = Diagnostic::new(
            &INVALID_SIDECAR,
            at.field("bind").value(),
            format!("`{bind}` is no address to listen at"),
        );
        out.push(found.label("an IP address"));
    }
}
