//! A resource of any kind with any of its fields: it is hardly ever right, and every rule is asked about sooner or later.

use serde_json::Value;

use super::schema::Schema;
use super::{resource, traffic};
use crate::random::Random;

/// Versions that clusters serve.
const KINDS: &[(&str, &str, &str)] = &[
    ("networking.istio.io", "v1", "VirtualService"),
    ("networking.istio.io", "v1", "VirtualService"),
    ("networking.istio.io", "v1beta1", "VirtualService"),
    ("networking.istio.io", "v1", "DestinationRule"),
    ("networking.istio.io", "v1", "DestinationRule"),
    ("networking.istio.io", "v1alpha3", "DestinationRule"),
    ("networking.istio.io", "v1", "Gateway"),
    ("networking.istio.io", "v1", "Gateway"),
    ("networking.istio.io", "v1", "ServiceEntry"),
    ("networking.istio.io", "v1beta1", "ServiceEntry"),
    ("networking.istio.io", "v1", "Sidecar"),
    ("networking.istio.io", "v1", "WorkloadEntry"),
    ("networking.istio.io", "v1", "WorkloadGroup"),
    ("networking.istio.io", "v1beta1", "ProxyConfig"),
    ("networking.istio.io", "v1alpha3", "EnvoyFilter"),
    ("security.istio.io", "v1", "AuthorizationPolicy"),
    ("security.istio.io", "v1", "PeerAuthentication"),
    ("security.istio.io", "v1", "RequestAuthentication"),
    ("telemetry.istio.io", "v1", "Telemetry"),
    ("extensions.istio.io", "v1alpha1", "WasmPlugin"),
    ("extensions.istio.io", "v1alpha1", "TrafficExtension"),
    ("gateway.networking.k8s.io", "v1", "Gateway"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute"),
    ("gateway.networking.k8s.io", "v1", "GRPCRoute"),
    ("gateway.networking.k8s.io", "v1", "TLSRoute"),
    ("gateway.networking.k8s.io", "v1", "TCPRoute"),
    ("gateway.networking.k8s.io", "v1beta1", "ReferenceGrant"),
    ("gateway.networking.k8s.io", "v1", "BackendTLSPolicy"),
    ("gateway.networking.k8s.io", "v1", "ListenerSet"),
];

pub(super) fn any(index: usize, random: &mut Random) -> Value {
    let (group, version, kind) = random.pick(KINDS);
    match Schema::spec(&format!("{group}/{kind}"), random) {
        Some(spec) => resource(&format!("{group}/{version}"), kind, index, &spec, random),
        None => traffic::virtual_service(index, random),
    }
}
