//! What one resource can break by itself.

use crate::diagnostic::{Check, Severity};

/// Istio's names for all of its schema errors, and all of its schema warnings.
const REFUSED: &[&str] = &["IST0106"];
const DOUBTED: &[&str] = &["IST0133"];

pub(super) static INVALID_HOST: Check =
    Check::rule("invalid-host", include_str!("checks/invalid_host.md")).alias(REFUSED);

pub(super) static INVALID_PORT: Check =
    Check::rule("invalid-port", include_str!("checks/invalid_port.md")).alias(REFUSED);

pub(super) static DUPLICATE_PORT: Check =
    Check::rule("duplicate-port", include_str!("checks/duplicate_port.md")).alias(REFUSED);

pub(super) static INVALID_SERVICE: Check =
    Check::lint("invalid-service", Severity::Warning, include_str!("checks/invalid_service.md"));

pub(super) static INVALID_INGRESS: Check =
    Check::rule("invalid-ingress", include_str!("checks/invalid_ingress.md"));

pub(super) static REPEATED_PORT_NAME: Check = Check::lint(
    "repeated-port-name",
    Severity::Error,
    include_str!("checks/repeated_port_name.md"),
);

pub(super) static INVALID_LABEL: Check =
    Check::rule("invalid-label", include_str!("checks/invalid_label.md")).alias(REFUSED);

pub(super) static INVALID_SELECTOR: Check =
    Check::rule("invalid-selector", include_str!("checks/invalid_selector.md")).alias(REFUSED);

pub(super) static EMPTY_SELECTOR: Check =
    Check::lint("empty-selector", Severity::Warning, include_str!("checks/empty_selector.md"))
        .alias(DOUBTED);

pub(super) static CONFLICTING_TARGETS: Check =
    Check::rule("conflicting-targets", include_str!("checks/conflicting_targets.md"))
        .alias(REFUSED);

pub(super) static INVALID_TARGET_REF: Check =
    Check::rule("invalid-target-ref", include_str!("checks/invalid_target_ref.md")).alias(REFUSED);

pub(super) static INVALID_EXPORT_TO: Check =
    Check::rule("invalid-export-to", include_str!("checks/invalid_export_to.md")).alias(REFUSED);

pub(super) static INVALID_REGEX: Check =
    Check::rule("invalid-regex", include_str!("checks/invalid_regex.md")).alias(REFUSED);

pub(super) static EMPTY_MATCH: Check =
    Check::rule("empty-match", include_str!("checks/empty_match.md")).alias(REFUSED);

pub(super) static INVALID_HEADER: Check =
    Check::rule("invalid-header", include_str!("checks/invalid_header.md")).alias(REFUSED);

pub(super) static UNSERVED_OPERATOR: Check =
    Check::rule("unserved-operator", include_str!("checks/unserved_operator.md"));

pub(super) static INVALID_DURATION: Check =
    Check::rule("invalid-duration", include_str!("checks/invalid_duration.md")).alias(REFUSED);

pub(super) static INVALID_PERCENTAGE: Check =
    Check::rule("invalid-percentage", include_str!("checks/invalid_percentage.md")).alias(REFUSED);

pub(super) static INVALID_ADDRESS: Check =
    Check::rule("invalid-address", include_str!("checks/invalid_address.md")).alias(REFUSED);

pub(super) static INVALID_WEIGHT: Check =
    Check::rule("invalid-weight", include_str!("checks/invalid_weight.md")).alias(REFUSED);

pub(super) static MISSING_ROUTE: Check =
    Check::rule("missing-route", include_str!("checks/missing_route.md")).alias(REFUSED);

pub(super) static CONFLICTING_ACTIONS: Check =
    Check::rule("conflicting-actions", include_str!("checks/conflicting_actions.md"))
        .alias(REFUSED);

pub(super) static INVALID_DELEGATE: Check =
    Check::rule("invalid-delegate", include_str!("checks/invalid_delegate.md")).alias(REFUSED);

pub(super) static OVERLAPPING_HOSTS: Check =
    Check::rule("overlapping-hosts", include_str!("checks/overlapping_hosts.md")).alias(REFUSED);

pub(super) static INVALID_MATCH: Check =
    Check::rule("invalid-match", include_str!("checks/invalid_match.md")).alias(REFUSED);

pub(super) static INVALID_REDIRECT: Check =
    Check::rule("invalid-redirect", include_str!("checks/invalid_redirect.md")).alias(REFUSED);

pub(super) static INVALID_REWRITE: Check =
    Check::rule("invalid-rewrite", include_str!("checks/invalid_rewrite.md")).alias(REFUSED);

pub(super) static INVALID_DIRECT_RESPONSE: Check =
    Check::rule("invalid-direct-response", include_str!("checks/invalid_direct_response.md"))
        .alias(REFUSED);

pub(super) static UNSERVED_STATUS: Check =
    Check::rule("unserved-status", include_str!("checks/unserved_status.md"));

pub(super) static LARGE_DIRECT_RESPONSE: Check = Check::lint(
    "large-direct-response",
    Severity::Warning,
    include_str!("checks/large_direct_response.md"),
)
.alias(DOUBTED);

pub(super) static INVALID_FAULT: Check =
    Check::rule("invalid-fault", include_str!("checks/invalid_fault.md")).alias(REFUSED);

pub(super) static INEFFECTIVE_FAULT: Check = Check::lint(
    "ineffective-fault",
    Severity::Warning,
    include_str!("checks/ineffective_fault.md"),
)
.alias(DOUBTED);

pub(super) static INVALID_RETRY: Check =
    Check::rule("invalid-retry", include_str!("checks/invalid_retry.md")).alias(REFUSED);

pub(super) static INVALID_CORS: Check =
    Check::rule("invalid-cors", include_str!("checks/invalid_cors.md")).alias(REFUSED);

pub(super) static INVALID_GATEWAY_REFERENCE: Check =
    Check::rule("invalid-gateway-reference", include_str!("checks/invalid_gateway_reference.md"))
        .alias(REFUSED);

pub(super) static LEGACY_GATEWAY_NAME: Check = Check::lint(
    "legacy-gateway-name",
    Severity::Warning,
    include_str!("checks/legacy_gateway_name.md"),
)
.alias(DOUBTED);

pub(super) static INVALID_SNI: Check =
    Check::rule("invalid-sni", include_str!("checks/invalid_sni.md")).alias(REFUSED);

pub(super) static SNI_IS_ADDRESS: Check =
    Check::lint("sni-is-address", Severity::Warning, include_str!("checks/sni_is_address.md"))
        .alias(DOUBTED);

pub(super) static CLAIM_ROUTE_WITHOUT_GATEWAY: Check = Check::rule(
    "claim-route-without-gateway",
    include_str!("checks/claim_route_without_gateway.md"),
)
.alias(REFUSED);

pub(in super::super) static DEPRECATED_FIELD: Check =
    Check::lint("deprecated-field", Severity::Warning, include_str!("checks/deprecated_field.md"))
        .alias(&["IST0133", "IST0002"]);

pub(super) static INVALID_SUBSET: Check =
    Check::rule("invalid-subset", include_str!("checks/invalid_subset.md")).alias(REFUSED);

pub(super) static EMPTY_TRAFFIC_POLICY: Check =
    Check::rule("empty-traffic-policy", include_str!("checks/empty_traffic_policy.md"))
        .alias(REFUSED);

pub(super) static INVALID_CONNECTION_POOL: Check =
    Check::rule("invalid-connection-pool", include_str!("checks/invalid_connection_pool.md"))
        .alias(REFUSED);

pub(super) static INVALID_OUTLIER_DETECTION: Check =
    Check::rule("invalid-outlier-detection", include_str!("checks/invalid_outlier_detection.md"))
        .alias(REFUSED);

pub(super) static INVALID_LOAD_BALANCER: Check =
    Check::rule("invalid-load-balancer", include_str!("checks/invalid_load_balancer.md"))
        .alias(REFUSED);

pub(super) static INVALID_LOCALITY: Check =
    Check::rule("invalid-locality", include_str!("checks/invalid_locality.md")).alias(REFUSED);

pub(super) static FAILOVER_WITHOUT_OUTLIER_DETECTION: Check = Check::lint(
    "failover-without-outlier-detection",
    Severity::Warning,
    include_str!("checks/failover_without_outlier_detection.md"),
)
.alias(DOUBTED);

pub(super) static CONFLICTING_TLS_SETTINGS: Check =
    Check::rule("conflicting-tls-settings", include_str!("checks/conflicting_tls_settings.md"))
        .alias(REFUSED);

pub(super) static INEFFECTIVE_TLS_SETTING: Check = Check::lint(
    "ineffective-tls-setting",
    Severity::Warning,
    include_str!("checks/ineffective_tls_setting.md"),
)
.alias(DOUBTED);

pub(super) static UNSERVED_CIPHER_SUITE: Check = Check::lint(
    "unserved-cipher-suite",
    Severity::Warning,
    include_str!("checks/unserved_cipher_suite.md"),
);

pub(super) static INVALID_SERVER: Check =
    Check::rule("invalid-server", include_str!("checks/invalid_server.md")).alias(REFUSED);

pub(super) static INVALID_ENDPOINT: Check =
    Check::rule("invalid-endpoint", include_str!("checks/invalid_endpoint.md")).alias(REFUSED);

pub(super) static INVALID_RESOLUTION: Check =
    Check::rule("invalid-resolution", include_str!("checks/invalid_resolution.md")).alias(REFUSED);

pub(super) static INEFFECTIVE_SERVICE_ENTRY: Check = Check::lint(
    "ineffective-service-entry",
    Severity::Warning,
    include_str!("checks/ineffective_service_entry.md"),
)
.alias(&["IST0133", "IST0134"]);

pub(super) static MISSING_HOSTS: Check =
    Check::rule("missing-hosts", include_str!("checks/missing_hosts.md")).alias(REFUSED);

pub(super) static INVALID_PORT_LEVEL_MTLS: Check =
    Check::rule("invalid-port-level-mtls", include_str!("checks/invalid_port_level_mtls.md"))
        .alias(REFUSED);

pub(super) static EMPTY_RULE_PART: Check =
    Check::rule("empty-rule-part", include_str!("checks/empty_rule_part.md")).alias(REFUSED);

pub(super) static INVALID_ACTION: Check =
    Check::rule("invalid-action", include_str!("checks/invalid_action.md")).alias(REFUSED);

pub(super) static CUSTOM_CANNOT_TEST: Check =
    Check::rule("custom-cannot-test", include_str!("checks/custom_cannot_test.md")).alias(REFUSED);

pub(super) static INVALID_SOURCE: Check =
    Check::rule("invalid-source", include_str!("checks/invalid_source.md")).alias(REFUSED);

pub(super) static INVALID_CONDITION: Check =
    Check::rule("invalid-condition", include_str!("checks/invalid_condition.md")).alias(REFUSED);

pub(super) static INVALID_PATH_TEMPLATE: Check =
    Check::rule("invalid-path-template", include_str!("checks/invalid_path_template.md"))
        .alias(REFUSED);

pub(super) static FORBIDDEN_ANNOTATION: Check =
    Check::rule("forbidden-annotation", include_str!("checks/forbidden_annotation.md"))
        .alias(REFUSED);

pub(super) static MISMATCHED_SELECTOR: Check = Check::lint(
    "mismatched-selector",
    Severity::Error,
    include_str!("checks/mismatched_selector.md"),
);

pub(super) static OPEN_JWT_RULE: Check =
    Check::lint("open-jwt-rule", Severity::Warning, include_str!("checks/open_jwt_rule.md"));

pub(super) static INVALID_JWT_RULE: Check =
    Check::rule("invalid-jwt-rule", include_str!("checks/invalid_jwt_rule.md")).alias(REFUSED);

pub(super) static PRIVATE_KEY_IN_JWKS: Check = Check::lint(
    "private-key-in-jwks",
    Severity::Warning,
    include_str!("checks/private_key_in_jwks.md"),
)
.alias(DOUBTED);

pub(super) static SYMMETRIC_KEY_IN_JWKS: Check =
    Check::rule("symmetric-key-in-jwks", include_str!("checks/symmetric_key_in_jwks.md"));

pub(super) static INVALID_PROJECT: Check =
    Check::rule("invalid-project", include_str!("checks/invalid_project.md"));

pub(super) static INVALID_MESH_CONFIG: Check =
    Check::rule("invalid-mesh-config", include_str!("checks/invalid_mesh_config.md"))
        .alias(REFUSED);

pub(super) static INVALID_LISTENER: Check =
    Check::rule("invalid-listener", include_str!("checks/invalid_listener.md")).alias(REFUSED);

pub(super) static INVALID_HTTP_ROUTE: Check =
    Check::rule("invalid-http-route", include_str!("checks/invalid_http_route.md")).alias(REFUSED);

pub(super) static INVALID_GRPC_ROUTE: Check =
    Check::rule("invalid-grpc-route", include_str!("checks/invalid_grpc_route.md")).alias(REFUSED);

pub(super) static INVALID_STREAM_ROUTE: Check =
    Check::rule("invalid-stream-route", include_str!("checks/invalid_stream_route.md"))
        .alias(REFUSED);

pub(super) static INVALID_BACKEND_POLICY: Check =
    Check::rule("invalid-backend-policy", include_str!("checks/invalid_backend_policy.md"))
        .alias(REFUSED);

pub(super) static INVALID_REFERENCE: Check =
    Check::rule("invalid-reference", include_str!("checks/invalid_reference.md")).alias(REFUSED);

pub(super) static UNKNOWN_ANNOTATION: Check = Check::lint(
    "unknown-annotation",
    Severity::Warning,
    include_str!("checks/unknown_annotation.md"),
)
.alias(&["IST0108"]);

pub(super) static MISPLACED_ANNOTATION: Check = Check::lint(
    "misplaced-annotation",
    Severity::Warning,
    include_str!("checks/misplaced_annotation.md"),
)
.alias(&["IST0107"]);

pub(super) static INVALID_ANNOTATION: Check = Check::lint(
    "invalid-annotation",
    Severity::Warning,
    include_str!("checks/invalid_annotation.md"),
)
.alias(&["IST0125"]);

pub(super) static DEPRECATED_ANNOTATION: Check = Check::lint(
    "deprecated-annotation",
    Severity::Info,
    include_str!("checks/deprecated_annotation.md"),
)
.alias(&["IST0135"]);

pub(super) static ALPHA_ANNOTATION: Check =
    Check::lint("alpha-annotation", Severity::Info, include_str!("checks/alpha_annotation.md"))
        .alias(&["IST0136"]);

pub(super) static RESERVED_USER_ID: Check =
    Check::lint("reserved-user-id", Severity::Warning, include_str!("checks/reserved_user_id.md"))
        .alias(&["IST0144"]);

pub(super) static AUTO_IMAGE_IN_POD: Check = Check::lint(
    "auto-image-in-pod",
    Severity::Warning,
    include_str!("checks/auto_image_in_pod.md"),
)
.alias(&["IST0147"]);

pub(super) static INVALID_SIDECAR: Check =
    Check::rule("invalid-sidecar", include_str!("checks/invalid_sidecar.md")).alias(REFUSED);

pub(super) static INVALID_OUTBOUND_POLICY: Check =
    Check::rule("invalid-outbound-policy", include_str!("checks/invalid_outbound_policy.md"))
        .alias(REFUSED);

pub(super) static INEFFECTIVE_EGRESS_HOST: Check = Check::lint(
    "ineffective-egress-host",
    Severity::Warning,
    include_str!("checks/ineffective_egress_host.md"),
)
.alias(DOUBTED);

pub(super) static INEFFECTIVE_CONNECTION_POOL: Check = Check::lint(
    "ineffective-connection-pool",
    Severity::Warning,
    include_str!("checks/ineffective_connection_pool.md"),
)
.alias(DOUBTED);

pub(super) static INVALID_PROBE: Check =
    Check::rule("invalid-probe", include_str!("checks/invalid_probe.md")).alias(REFUSED);

pub(super) static INVALID_PROXY_CONFIG: Check =
    Check::rule("invalid-proxy-config", include_str!("checks/invalid_proxy_config.md"))
        .alias(REFUSED);

pub(super) static INVALID_TELEMETRY: Check =
    Check::rule("invalid-telemetry", include_str!("checks/invalid_telemetry.md")).alias(REFUSED);

pub(super) static INEFFECTIVE_TELEMETRY: Check = Check::lint(
    "ineffective-telemetry",
    Severity::Warning,
    include_str!("checks/ineffective_telemetry.md"),
)
.alias(DOUBTED);

pub(super) static INVALID_CEL: Check =
    Check::rule("invalid-cel", include_str!("checks/invalid_cel.md")).alias(REFUSED);

pub(super) static INVALID_EXTENSION: Check =
    Check::rule("invalid-extension", include_str!("checks/invalid_extension.md")).alias(REFUSED);

pub(super) static INVALID_ENVOY_PATCH: Check =
    Check::rule("invalid-envoy-patch", include_str!("checks/invalid_envoy_patch.md"))
        .alias(REFUSED);

pub(super) static INEFFECTIVE_ENVOY_PATCH: Check = Check::lint(
    "ineffective-envoy-patch",
    Severity::Warning,
    include_str!("checks/ineffective_envoy_patch.md"),
)
.alias(DOUBTED);

pub(super) static DEPRECATED_ENVOY_NAME: Check = Check::lint(
    "deprecated-envoy-name",
    Severity::Warning,
    include_str!("checks/deprecated_envoy_name.md"),
)
.alias(DOUBTED);

pub(super) static INVALID_MESH_NETWORKS: Check =
    Check::rule("invalid-mesh-networks", include_str!("checks/invalid_mesh_networks.md"))
        .alias(REFUSED);

pub(super) static NEGATIVE_CONDITION: Check = Check::lint(
    "negative-condition",
    Severity::Warning,
    include_str!("checks/negative_condition.md"),
)
.alias(&["IST0171"]);

pub(super) static INEFFECTIVE_RETRY: Check = Check::lint(
    "ineffective-retry",
    Severity::Warning,
    include_str!("checks/ineffective_retry.md"),
)
.alias(DOUBTED);

/// The checks of these rules.
pub static CHECKS: &[&Check] = &[
    &INVALID_HOST,
    &INVALID_PORT,
    &DUPLICATE_PORT,
    &INVALID_SERVICE,
    &INVALID_INGRESS,
    &REPEATED_PORT_NAME,
    &INVALID_LABEL,
    &INVALID_SELECTOR,
    &EMPTY_SELECTOR,
    &CONFLICTING_TARGETS,
    &INVALID_TARGET_REF,
    &INVALID_EXPORT_TO,
    &INVALID_REGEX,
    &EMPTY_MATCH,
    &INVALID_HEADER,
    &UNSERVED_OPERATOR,
    &INVALID_DURATION,
    &INVALID_PERCENTAGE,
    &INVALID_ADDRESS,
    &INVALID_WEIGHT,
    &MISSING_ROUTE,
    &CONFLICTING_ACTIONS,
    &INVALID_DELEGATE,
    &OVERLAPPING_HOSTS,
    &INVALID_MATCH,
    &INVALID_REDIRECT,
    &INVALID_REWRITE,
    &INVALID_DIRECT_RESPONSE,
    &UNSERVED_STATUS,
    &LARGE_DIRECT_RESPONSE,
    &INVALID_FAULT,
    &INEFFECTIVE_FAULT,
    &INVALID_RETRY,
    &INVALID_CORS,
    &INVALID_GATEWAY_REFERENCE,
    &LEGACY_GATEWAY_NAME,
    &INVALID_SNI,
    &SNI_IS_ADDRESS,
    &CLAIM_ROUTE_WITHOUT_GATEWAY,
    &DEPRECATED_FIELD,
    &INVALID_SUBSET,
    &EMPTY_TRAFFIC_POLICY,
    &INVALID_CONNECTION_POOL,
    &INVALID_OUTLIER_DETECTION,
    &INVALID_LOAD_BALANCER,
    &INVALID_LOCALITY,
    &FAILOVER_WITHOUT_OUTLIER_DETECTION,
    &CONFLICTING_TLS_SETTINGS,
    &INEFFECTIVE_TLS_SETTING,
    &UNSERVED_CIPHER_SUITE,
    &INVALID_SERVER,
    &INVALID_ENDPOINT,
    &INVALID_RESOLUTION,
    &INEFFECTIVE_SERVICE_ENTRY,
    &MISSING_HOSTS,
    &INVALID_PORT_LEVEL_MTLS,
    &EMPTY_RULE_PART,
    &INVALID_ACTION,
    &CUSTOM_CANNOT_TEST,
    &INVALID_SOURCE,
    &INVALID_CONDITION,
    &INVALID_PATH_TEMPLATE,
    &FORBIDDEN_ANNOTATION,
    &UNKNOWN_ANNOTATION,
    &MISPLACED_ANNOTATION,
    &INVALID_ANNOTATION,
    &DEPRECATED_ANNOTATION,
    &ALPHA_ANNOTATION,
    &RESERVED_USER_ID,
    &NEGATIVE_CONDITION,
    &AUTO_IMAGE_IN_POD,
    &MISMATCHED_SELECTOR,
    &INVALID_JWT_RULE,
    &OPEN_JWT_RULE,
    &PRIVATE_KEY_IN_JWKS,
    &SYMMETRIC_KEY_IN_JWKS,
    &INVALID_PROJECT,
    &INVALID_MESH_CONFIG,
    &INVALID_LISTENER,
    &INVALID_HTTP_ROUTE,
    &INVALID_GRPC_ROUTE,
    &INVALID_STREAM_ROUTE,
    &INVALID_BACKEND_POLICY,
    &INVALID_REFERENCE,
    &INVALID_SIDECAR,
    &INVALID_OUTBOUND_POLICY,
    &INEFFECTIVE_EGRESS_HOST,
    &INEFFECTIVE_CONNECTION_POOL,
    &INVALID_PROBE,
    &INVALID_PROXY_CONFIG,
    &INVALID_TELEMETRY,
    &INEFFECTIVE_TELEMETRY,
    &INVALID_CEL,
    &INVALID_EXTENSION,
    &INVALID_ENVOY_PATCH,
    &INEFFECTIVE_ENVOY_PATCH,
    &DEPRECATED_ENVOY_NAME,
    &INVALID_MESH_NETWORKS,
    &INEFFECTIVE_RETRY,
];
