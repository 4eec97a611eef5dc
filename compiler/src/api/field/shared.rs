//! The tables of types that several fields share.

/// What `@name` in a table stands for.
pub(crate) static SHARED: &[(&str, &str)] = &[
    ("client_tls", include_str!("../istio/client_tls.fields")),
    ("connection_pool", include_str!("../istio/connection_pool.fields")),
    ("destination", include_str!("../istio/destination.fields")),
    ("grpc_filter", include_str!("../gateway_api/grpc_filter.fields")),
    ("headers", include_str!("../istio/headers.fields")),
    ("http_backend_filter", include_str!("../gateway_api/http_backend_filter.fields")),
    ("http_filter", include_str!("../gateway_api/http_filter.fields")),
    ("http_retry", include_str!("../istio/http_retry.fields")),
    ("http_route_filter", include_str!("../gateway_api/http_route_filter.fields")),
    ("load_balancer", include_str!("../istio/load_balancer.fields")),
    ("object_meta", include_str!("../object_meta.fields")),
    ("outlier_detection", include_str!("../istio/outlier_detection.fields")),
    ("pod_spec", include_str!("../kubernetes/pod_spec.fields")),
    ("pod_template", include_str!("../kubernetes/pod_template.fields")),
    ("string_match", include_str!("../istio/string_match.fields")),
    ("traffic_policy", include_str!("../istio/traffic_policy.fields")),
];

/// What every kind has beside its own fields.
pub(crate) static METADATA: &str = include_str!("../metadata.fields");
