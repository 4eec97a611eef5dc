//! Differences that stay, each with its reason. `docs/differences.md` says more of them.

use crate::compare::{Class, Side, What};

struct Known {
    side: Side,
    /// Empty: all.
    what: &'static [What],
    /// Codes of Istio's, or names of checks; empty: all.
    codes: &'static [&'static str],
    /// Empty: all.
    kinds: &'static [&'static str],
    /// Of the message; empty: whatever it is.
    text: &'static str,
    reason: &'static str,
}

const KUBERNETES: &[&str] = &["Service", "Pod", "Deployment", "Namespace", "Secret"];

const GATEWAY_API: &[&str] = &[
    "Gateway of the Gateway API",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "ReferenceGrant",
    "BackendTLSPolicy",
];

/// What says of policy, and not of one resource by itself, that it cannot have been meant.
const REFERENCES: &[&str] = &[
    "unknown-host",
    "unknown-port",
    "unknown-gateway",
    "unknown-secret",
    "missing-port",
    "selector-without-workload",
];

const KNOWN: &[Known] = &[
    Known::ours(
        REFERENCES,
        GATEWAY_API,
        "Istio writes it into the status of the resource; its tools say nothing of files",
    ),
    Known {
        what: &[What::Refused],
        ..Known::ours(&[], KUBERNETES, "Kubernetes refuses the resource, by rules of its own")
    },
    Known::ours(
        &["duplicate-resource", "unknown-field"],
        &[],
        "nobody would learn what was dropped",
    ),
    Known::ours(
        &["selector-without-workload", "unknown-gateway"],
        &["PeerAuthentication", "RequestAuthentication"],
        "a policy for nobody protects nobody, whatever its kind",
    ),
    Known::ours(
        &["shadowed-route", "unreachable-route"],
        &["VirtualService"],
        "routes are compared by what they match; Istio compares their text",
    ),
    Known::ours(
        &["forbidden-annotation"],
        &["AuthorizationPolicy"],
        "Istio's webhook and `istioctl validate` refuse it; `analyze` sees no annotations of policies",
    ),
    Known::ours(
        &["conflicting-servers"],
        &["Gateway"],
        "Istio compares servers of different Gateways alone",
    ),
    Known::ours(
        &["failover-without-outlier-detection"],
        &["DestinationRule"],
        "Istio drops its own warning where the settings are those of a port",
    ),
    Known::ours(
        &["conflicting-actions", "invalid-duration", "invalid-telemetry"],
        &["DestinationRule", "Telemetry"],
        "the API server refuses it, by a rule of Istio's own definitions that its tools do not know",
    ),
    Known::ours(
        &["invalid-jwt-rule"],
        &["RequestAuthentication"],
        "the API server refuses both `jwks` and `jwksUri`; with keys that are none no token could be verified",
    ),
    Known::ours(
        &["invalid-probe", "wrong-type"],
        &["WorkloadGroup", "WasmPlugin", "PeerAuthentication"],
        "the API server refuses it, by Istio's own definitions: one of several, and words for numbers",
    ),
    Known {
        text: "is no name of a header",
        ..Known::ours(
            &["invalid-header"],
            &["VirtualService"],
            "Envoy refuses such a name, and all of the configuration with it",
        )
    },
    Known {
        text: "cannot be the value of a label",
        ..Known::ours(
            &["invalid-label"],
            &["WorkloadGroup"],
            "no workload can have such a label, and none would join the group",
        )
    },
    Known::istio(
        &["IST0145"],
        &["Gateway"],
        "",
        "servers for plain requests at one port are merged, and both are served",
    ),
    Known::istio(
        &["IST0106"],
        &["WorkloadGroup"],
        "ReadinessProbe_Grpc",
        "Istio's API has probes by gRPC, which its validation has not heard of yet",
    ),
    Known::istio(
        &["IST0118"],
        &["Service"],
        "",
        "no proxy carries SCTP, whatever the port is called",
    ),
    Known::istio(
        &["IST0130"],
        &["VirtualService"],
        "",
        "what a delegate matches decides whether a later route is reached; one that nobody delegates to is `unused-delegate`",
    ),
    Known::istio(
        &["IST0140"],
        &["VirtualService"],
        "",
        "whoever names a subset on one route of a VirtualService, and none on the next, means it",
    ),
    Known::istio(
        &["IST0173"],
        &["DestinationRule"],
        "",
        "where no workload backs the host, that is said of its Service, once",
    ),
];

impl Known {
    /// Said here alone.
    const fn ours(
        codes: &'static [&'static str],
        kinds: &'static [&'static str],
        reason: &'static str,
    ) -> Self {
        Self { side: Side::Ours, what: &[], codes, kinds, text: "", reason }
    }

    /// Said by Istio alone.
    const fn istio(
        codes: &'static [&'static str],
        kinds: &'static [&'static str],
        text: &'static str,
        reason: &'static str,
    ) -> Self {
        Self { side: Side::Istio, what: &[], codes, kinds, text, reason }
    }
}

/// Why the difference stays, if it does.
pub(crate) fn reason(class: &Class) -> Option<&'static str> {
    let is_one = |list: &[&str], wanted: &str| list.is_empty() || list.contains(&wanted);
    let is_it = |known: &&Known| {
        known.side == class.side
            && (known.what.is_empty() || known.what.contains(&class.what))
            && is_one(known.codes, &class.code)
            && is_one(known.kinds, &class.kind)
            && class.text.contains(known.text)
    };
    KNOWN.iter().find(is_it).map(|known| known.reason)
}
