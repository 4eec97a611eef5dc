//! Fields that a kind once had. An old file deserves to be told what to write now.

/// What took the place of `field`, in words; `None` if the kind never had it.
pub(crate) fn instead(kind: &str, field: &str) -> Option<&'static str> {
    REMOVED
        .iter()
        .find(|(of, name, _)| *of == kind && *name == field)
        .map(|(_, _, instead)| *instead)
}

/// Kind, field, help. Source: the change notes of Istio 1.2 to 1.30 and of Gateway API 0.5 to 1.4.
const REMOVED: &[(&str, &str, &str)] = &[
    ("VirtualService", "websocketUpgrade", "remove it: WebSocket upgrades are always allowed"),
    ("VirtualService", "appendHeaders", "use `headers.request.add`"),
    ("VirtualService", "appendRequestHeaders", "use `headers.request.add`"),
    ("VirtualService", "appendResponseHeaders", "use `headers.response.add`"),
    ("VirtualService", "removeRequestHeaders", "use `headers.request.remove`"),
    ("VirtualService", "removeResponseHeaders", "use `headers.response.remove`"),
    ("DestinationRule", "trafficPolicies", "use `trafficPolicy`"),
    (
        "AuthorizationPolicy",
        "subjects",
        "use `rules[].from[].source` (this is a ServiceRole's field)",
    ),
    ("PeerAuthentication", "peers", "use `mtls.mode` (this is an authentication Policy's field)"),
    (
        "RequestAuthentication",
        "origins",
        "use `jwtRules` (this is an authentication Policy's field)",
    ),
    ("MeshConfig", "mixerCheckServer", "remove it: Mixer is gone since Istio 1.8"),
    ("MeshConfig", "mixerReportServer", "remove it: Mixer is gone since Istio 1.8"),
    ("MeshConfig", "disablePolicyChecks", "remove it: Mixer is gone since Istio 1.8"),
    ("MeshConfig", "sdsUdsPath", "remove it: certificates are always delivered by SDS"),
    ("MeshConfig", "policyCheckFailOpen", "remove it: Mixer is gone since Istio 1.8"),
    ("MeshConfig", "enableClientSidePolicyCheck", "remove it: Mixer is gone since Istio 1.8"),
    ("MeshConfig", "sidecarToTelemetrySessionAffinity", "remove it: Mixer is gone since Istio 1.8"),
    ("MeshConfig", "disableMixerHttpReports", "remove it: Mixer is gone since Istio 1.8"),
    ("MeshConfig", "reportBatchMaxEntries", "remove it: Mixer is gone since Istio 1.8"),
    ("MeshConfig", "reportBatchMaxTime", "remove it: Mixer is gone since Istio 1.8"),
    ("MeshConfig", "authPolicy", "use `mtls.mode` of a PeerAuthentication in the root namespace"),
    ("MeshConfig", "enableSdsTokenMount", "remove it: certificates are always delivered by SDS"),
    ("MeshConfig", "sdsUseK8sSaJwt", "remove it: certificates are always delivered by SDS"),
    ("MeshConfig", "rdsRefreshDelay", "remove it: routes are pushed, and not asked for"),
    (
        "EnvoyFilter",
        "filters",
        "use `configPatches` with `applyTo: HTTP_FILTER` or `NETWORK_FILTER`",
    ),
    ("EnvoyFilter", "workloadLabels", "use `workloadSelector.labels`"),
    ("HTTPRoute", "forwardTo", "use `backendRefs`"),
    ("HTTPRoute", "gateways", "use `parentRefs`"),
    ("HTTPRoute", "serviceName", "use `name`"),
    (
        "HTTPRoute",
        "tls",
        "certificates are the listener's: use `tls.certificateRefs` of the Gateway",
    ),
    ("TCPRoute", "forwardTo", "use `backendRefs`"),
    ("TCPRoute", "gateways", "use `parentRefs`"),
    ("UDPRoute", "forwardTo", "use `backendRefs`"),
    ("UDPRoute", "gateways", "use `parentRefs`"),
    ("TLSRoute", "forwardTo", "use `backendRefs`"),
    ("TLSRoute", "gateways", "use `parentRefs`"),
    ("TLSRoute", "snis", "use `hostnames`"),
    ("Gateway", "routes", "use `allowedRoutes`, and `parentRefs` in the routes"),
    ("Gateway", "certificateRef", "use `certificateRefs`, which is a list"),
    ("Gateway", "routeOverride", "remove it: certificates are the listener's alone"),
    ("Gateway", "backendTLS", "use `tls.backend` of the Gateway"),
    ("Gateway", "frontendValidation", "use `tls.frontend` of the Gateway"),
    ("GatewayClass", "controller", "use `controllerName`"),
    ("BackendTLSPolicy", "targetRef", "use `targetRefs`, which is a list"),
    ("BackendTLSPolicy", "tls", "use `validation`"),
    ("BackendTLSPolicy", "caCertRefs", "use `caCertificateRefs`"),
    ("BackendTLSPolicy", "wellKnownCACerts", "use `wellKnownCACertificates`"),
];
