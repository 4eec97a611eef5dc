//! Differences that stay, each with its reason. `docs/differences.md` names what is said of them.

use std::collections::BTreeSet;

use crate::compare::{Class, Side, What};

use serde_json::Value;

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
    /// Of the resource, among all that the repository has.
    when: fn(&Value, &[Value]) -> bool,
    reason: &'static str,
}

const KUBERNETES: &[&str] = &[
    "Service",
    "Pod",
    "Deployment",
    "Namespace",
    "Secret",
    "ConfigMap",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

const GATEWAY_API: &[&str] = &[
    "Gateway of the Gateway API",
    "HTTPRoute",
    "GRPCRoute",
    "TLSRoute",
    "TCPRoute",
    "ReferenceGrant",
    "BackendTLSPolicy",
    "ListenerSet",
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

const ANNOTATIONS: &[&str] =
    &["deprecated-annotation", "invalid-annotation", "misplaced-annotation", "unknown-annotation"];

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
    Known {
        what: &[What::Refused],
        ..Known::istio(
            &[],
            KUBERNETES,
            "",
            "of the kinds of Kubernetes, fields that say nothing of the mesh are not read",
        )
    },
    Known::ours(
        &["mismatched-selector", "repeated-port-name"],
        KUBERNETES,
        "Kubernetes refuses the resource, by rules of its own",
    ),
    Known::ours(
        &["selector-without-workload"],
        &["Service"],
        "Istio's tool asks no Service for its workloads",
    ),
    Known::ours(
        ANNOTATIONS,
        &["Deployment"],
        "Istio's tool reads the annotations of pods, and of Deployments those of no pod",
    ),
    Known::ours(
        &["alpha-annotation"],
        &[],
        "Istio has a notice for it, which its tool no longer gives",
    ),
    Known::ours(
        &["removed-definition"],
        &["CustomResourceDefinition"],
        "Istio's tool recognises a definition only in a form in which it is never read",
    ),
    Known::ours(
        &["overruled-service-entry"],
        &["ServiceEntry"],
        "the entry does nothing; Istio says nothing of it",
    ),
    Known::ours(
        &["ineffective-tls-setting"],
        &["DestinationRule"],
        "Istio warns of some of the settings that a mode leaves without effect",
    ),
    Known {
        when: has_gateways_in_matches,
        ..Known::ours(
            &["unknown-gateway"],
            &["VirtualService"],
            "Istio's tool looks at the gateways of the resource, and not at those of its matches",
        )
    },
    Known::ours(
        &["unordered-patch-of-version"],
        &["EnvoyFilter"],
        "which of two warnings Istio's tool gives depends on the order in which it reads",
    ),
    Known::istio(
        &["IST0151", "IST0155"],
        &["EnvoyFilter"],
        "",
        "which of two warnings Istio's tool gives depends on the order in which it reads",
    ),
    Known::istio(
        &["IST0106"],
        &["EnvoyFilter"],
        "Envoy filter:",
        "what a patch puts into Envoy's configuration is not read by Envoy's types: what is not served is told (`unserved-patch`)",
    ),
    Known::istio(
        &["IST0133"],
        &["EnvoyFilter"],
        "",
        "what a patch puts into Envoy's configuration is not read by Envoy's types: what is not served is told (`unserved-patch`)",
    ),
    Known {
        text: "an object of the listener class",
        ..Known::ours(
            &["invalid-envoy-patch"],
            &["EnvoyFilter"],
            "nothing of a listener is found by what does not match listeners",
        )
    },
    Known {
        text: "a subfilter match",
        ..Known::ours(
            &["invalid-envoy-patch"],
            &["EnvoyFilter"],
            "only a filter for requests has a place among the others",
        )
    },
    Known::ours(
        &["invalid-target-ref"],
        &["EnvoyFilter"],
        "no proxy serves such a target, whatever the policy; Istio looks at other policies alone",
    ),
    Known {
        when: |it, _| has(it, "targetRefs", |value| value == &Value::Array(Vec::new())),
        ..Known::istio(
            &["IST0106"],
            &[],
            "only one of targetRefs",
            "an empty list of targets names none, and leaves the selector what it is",
        )
    },
    Known {
        when: |it, _| has(it, "presence", |_| true) || has(it, "ecdhCurves", |_| true),
        ..Known::istio(
            &["IST0106"],
            &["RequestAuthentication", "Gateway"],
            "unknown fields",
            "a field of the API that the definitions do not have yet",
        )
    },
    Known {
        when: |_, all| injector_settings(all) > 1,
        ..Known::ours(
            &["namespace-not-injected"],
            &["Namespace"],
            "the repository says twice what the injector does, and is refused for it",
        )
    },
    Known {
        when: |_, all| injector_settings(all) > 1,
        ..Known::istio(
            &["IST0102", "IST0148"],
            &["Namespace"],
            "",
            "the repository says twice what the injector does, and is refused for it",
        )
    },
    Known {
        when: delegates,
        ..Known::istio(
            &[
                "IST0101 mirror host",
                "IST0101 mirror+subset in destinationrule",
                "IST0101 host:port",
            ],
            &["VirtualService"],
            "",
            "a route whose delegate is not there is not served, nor is anything that it would add",
        )
    },
    Known {
        when: |it, _| !has(it, "containers", |all| all.as_array().is_some_and(|it| !it.is_empty())),
        ..Known::istio(
            &["IST0144"],
            &["Deployment"],
            "",
            "Kubernetes refuses a pod without containers",
        )
    },
    Known {
        when: |it, _| has(it, "endpoints", |all| all == &Value::Array(Vec::new())),
        ..Known::istio(
            &["IST0106"],
            &["ServiceEntry"],
            "NONE mode cannot set endpoints",
            "an empty list of endpoints names none",
        )
    },
    Known {
        text: "is an address",
        ..Known::ours(
            &["invalid-host"],
            GATEWAY_API,
            "the Gateway API forbids addresses in words; its definitions do not look",
        )
    },
    Known {
        when: |it, _| has(it, "proxy.istio.io/config", |_| true),
        ..Known::istio(
            &["IST0125"],
            &["Pod"],
            "",
            "settings of a proxy in an annotation are not looked at yet",
        )
    },
    Known::istio(
        &["IST0106"],
        &["HTTPRoute", "GRPCRoute"],
        ".sessionPersistence.",
        "fields that other releases of the Gateway API have than the one that is compared with",
    ),
    Known {
        text: "a session of type",
        ..Known::ours(
            &["invalid-http-route", "invalid-grpc-route"],
            &["HTTPRoute", "GRPCRoute"],
            "refused by the Gateway API after release 1.6, which is the one that is compared with",
        )
    },
    Known {
        when: is_for_a_deployment,
        ..Known::istio(
            &["IST0127"],
            &[],
            "",
            "a Deployment makes pods with such labels; Istio's tool asks for pods that are there",
        )
    },
    Known {
        when: |it, all| delegates(it, all) || has_wildcard_entry(all),
        ..Known::istio(
            &["IST0101 host+subset in destinationrule"],
            &["VirtualService"],
            "",
            "a host within a wildcard has no cluster, whatever the subset (`host-within-wildcard`)",
        )
    },
    Known {
        when: |_, all| has_wildcard_entry(all),
        ..Known::ours(
            &["host-within-wildcard"],
            &["VirtualService"],
            "a host within a wildcard has no cluster, whatever the subset (`host-within-wildcard`)",
        )
    },
    Known {
        when: |_, all| all.iter().any(|it| has(it, "mesh", |it| contains_text(it, "ExportTo"))),
        ..Known::ours(
            &["unknown-host"],
            &["VirtualService"],
            "Istio's tool does not read what the mesh exports by default",
        )
    },
    Known {
        when: |_, all| all.iter().any(|it| has(it, "exportTo", |_| true)),
        ..Known::istio(
            &["IST0174"],
            &["DestinationRule"],
            "",
            "what is exported to others alone is there, and the rule is `unused-destination-rule`",
        )
    },
    Known {
        when: |it, _| has(it, "principals", |_| true) || has(it, "serviceAccounts", |_| true),
        ..Known::istio(
            &["IST0133"],
            &["AuthorizationPolicy"],
            "",
            "a rule for an account that nobody has closes nothing (`unknown-service-account`)",
        )
    },
    Known {
        when: |it, _| it.pointer("/spec/hosts/1").is_some(),
        ..Known::ours(
            &["host-not-on-gateway"],
            &["VirtualService"],
            "Istio's tool speaks where none of the hosts is on the gateway",
        )
    },
    Known {
        when: |it, _| {
            it.pointer("/spec/host").and_then(Value::as_str).is_some_and(|it| it.contains('*'))
        },
        ..Known::istio(
            &["IST0174"],
            &["DestinationRule"],
            "",
            "a rule for a wildcard is for every host within it, wildcards too",
        )
    },
    Known {
        what: &[What::Severity],
        ..Known::istio(
            &["IST0147"],
            &["Pod"],
            "",
            "a pod of a repository has yet to be made, and may be injected then",
        )
    },
    Known {
        what: &[What::Severity],
        ..Known::istio(
            &["IST0126"],
            &["MeshNetworks"],
            "",
            "a registry that nothing in the repository names may be a cluster that joins later",
        )
    },
    Known {
        what: &[What::Refused],
        ..Known::ours(
            &["invalid-mesh-config", "invalid-port"],
            &["MeshConfig"],
            "istiod writes it to its log, and goes on without the provider",
        )
    },
    Known {
        text: "is empty",
        ..Known::ours(
            &["empty-rule-part"],
            &["AuthorizationPolicy"],
            "an empty list reads as nobody, and means everybody",
        )
    },
    Known {
        text: "is no URL of a program",
        ..Known::ours(
            &["invalid-extension"],
            &["WasmPlugin", "TrafficExtension"],
            "without a host nothing can be fetched",
        )
    },
    Known {
        when: |it, _| has(it, "gateways", names_no_gateway),
        ..Known::ours(
            &["invalid-gateway-reference"],
            &["VirtualService"],
            "no Gateway is called by an empty name, or by one with a slash",
        )
    },
    Known {
        when: |it, _| contains(it, "*."),
        ..Known::ours(&["invalid-host"], &[], "`*.` names nothing")
    },
    Known::ours(
        &["duplicate-resource", "unknown-field"],
        &[],
        "nobody would learn what was dropped",
    ),
    Known::ours(
        &["unknown-policy-namespace", "unknown-source-namespace"],
        &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"],
        "a policy in a misspelt namespace protects nobody; proxies compare namespaces with case, and Istio's tool does not",
    ),
    Known::ours(
        &["subset-bypassed-at-gateway"],
        &["VirtualService"],
        "Istio's tool does not compare what gateways serve with what the mesh does",
    ),
    Known::ours(
        &["selector-without-workload", "unknown-gateway"],
        &[
            "PeerAuthentication",
            "RequestAuthentication",
            "DestinationRule",
            "EnvoyFilter",
            "Gateway",
            "ServiceEntry",
        ],
        "what selects nobody does nothing, whatever its kind",
    ),
    Known::ours(
        &["missing-port"],
        &["VirtualService"],
        "Istio's tool asks for a port where a host has several; on the mesh requests go to the port that was called, which a host of one port may lack",
    ),
    Known::ours(
        &["deny-closes-tcp"],
        &["AuthorizationPolicy"],
        "what only requests have is left out for connections, beside what they have as well",
    ),
    Known::ours(
        &["shadowed-route", "unreachable-route"],
        &["VirtualService"],
        "routes are compared by what they match; Istio compares their text",
    ),
    Known {
        text: "is routed by a VirtualService and an",
        ..Known::ours(
            &["conflicting-hosts"],
            &["VirtualService", "HTTPRoute", "GRPCRoute"],
            "Istio's tools do not look at routes of the Gateway API beside VirtualServices",
        )
    },
    Known::ours(
        &["conflicting-route-kinds"],
        &["HTTPRoute", "GRPCRoute"],
        "the Gateway API has one of both rejected; Istio accepts both",
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
        when: |it, _| has(it, "withoutHeaders", |_| true) || has(it, "headers", |_| true),
        text: "no proxy can look at",
        ..Known::ours(
            &["invalid-header"],
            &["VirtualService"],
            "`:path` is the path before it was split, and policy sees one form of a path",
        )
    },
    Known {
        text: "no proxy can look at",
        ..Known::ours(
            &["invalid-header"],
            &["DestinationRule"],
            "requests are hashed by headers; what Envoy keeps among them is none",
        )
    },
    Known {
        when: |it, _| has(it, "backendUtilization", |_| true),
        ..Known::istio(
            &["IST0106"],
            &["DestinationRule"],
            "unknown fields",
            "Istio's definitions have the field, and its tool does not know it yet",
        )
    },
    Known {
        text: "is no name of a header",
        ..Known::ours(
            &["invalid-header"],
            &["VirtualService"],
            "Envoy refuses such a name, and all of the configuration with it",
        )
    },
    Known {
        text: "of a label",
        ..Known::ours(
            &["invalid-label"],
            &["WorkloadGroup"],
            "no workload can have such a label, and none would join the group",
        )
    },
    Known {
        when: machines_may_join,
        ..Known::istio(
            &["IST0101 selector", "IST0127"],
            &[],
            "",
            "machines of a WorkloadGroup have labels of their own besides those that it says",
        )
    },
    Known {
        when: |it, _| contains(it, "destination.port"),
        ..Known::istio(
            &["IST0133"],
            &["AuthorizationPolicy"],
            "",
            "`destination.port` says the port as `ports` does, and no other is closed",
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
        &["IST0118", "IST0150"],
        &["Service"],
        "",
        "no proxy carries SCTP, whatever the port is called",
    ),
    Known {
        when: delegates,
        ..Known::istio(
            &["IST0130", "IST0131"],
            &["VirtualService"],
            "",
            "what a delegate matches decides whether a later route is reached; one that nobody delegates to is `unused-delegate`",
        )
    },
    Known {
        when: asks_for_methods,
        ..Known::istio(
            &["IST0131"],
            &["VirtualService"],
            "",
            "a match that asks for a method takes not all requests for its path",
        )
    },
    Known {
        when: has_gateways_in_matches,
        ..Known::istio(
            &["IST0131"],
            &["VirtualService"],
            "",
            "a match for a gateway takes nothing from one for the mesh",
        )
    },
    Known {
        when: |it, _| has(it, "galley.istio.io/analyze-suppress", |_| true),
        ..Known::istio(
            &["IST0132"],
            &["VirtualService"],
            "",
            "it follows from a gateway that there is not, which the resource allows (`IST0101`)",
        )
    },
    Known {
        what: &[What::Severity],
        when: |_, all| all.iter().any(|it| has(it, "exportTo", |_| true)),
        ..Known::istio(
            &["IST0109"],
            &["VirtualService"],
            "",
            "of two that are exported to some and to all the narrower one rules: it is decided, and a warning",
        )
    },
    Known {
        what: &[What::Noted],
        when: |it, _| names_a_host_twice(it),
        ..Known::istio(
            &["IST0109"],
            &["VirtualService"],
            "",
            "a host by its short name and in full is one host, with the same routes",
        )
    },
    Known {
        when: |_, all| !all.iter().any(|it| it.get("kind").is_some_and(|kind| kind == "Secret")),
        ..Known::istio(
            &["IST0101 credentialName"],
            &["Gateway"],
            "",
            "a repository without Secrets has them elsewhere",
        )
    },
    Known {
        when: |it, _| {
            it.pointer("/spec/ports")
                .is_some_and(|ports| ports == &Value::Object(serde_json::Map::new()))
        },
        ..Known::istio(
            &["IST0106"],
            &["WorkloadEntry"],
            "UDS may not include ports",
            "no ports are none",
        )
    },
    Known {
        when: |it, _| has(it, "bind", |bind| bind.as_str().is_some_and(|bind| bind.contains('%'))),
        ..Known::ours(
            &["invalid-server"],
            &["Gateway"],
            "an address with a zone is one of a single machine",
        )
    },
    Known {
        when: |it, _| has(it, "addresses", |all| all.to_string().contains('%')),
        ..Known::ours(
            &["invalid-address"],
            &["ServiceEntry"],
            "an address with a zone is one of a single machine",
        )
    },
    Known {
        text: "operator",
        ..Known::ours(
            &["invalid-header"],
            &["VirtualService"],
            "Envoy refuses an operator that it does not know, and all of the configuration with it",
        )
    },
    Known::ours(
        &["mtls-conflict"],
        &["DestinationRule"],
        "Istio's tool does not hold TLS of clients against that of servers any more",
    ),
    Known::ours(
        &["unknown-gateway"],
        &["AuthorizationPolicy"],
        "Istio writes it into the status of the policy; its tools say nothing of files",
    ),
    Known {
        when: |it, _| has(it, "issuer", |issuer| issuer == ""),
        ..Known::istio(
            &["IST0106"],
            &["RequestAuthentication"],
            "issuer in body should be at least",
            "an empty issuer is none, and that is warned about (`open-jwt-rule`)",
        )
    },
    Known::ours(
        &["ineffective-fault"],
        &["VirtualService"],
        "a delay without a percentage happens to nobody",
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
        Self { side: Side::Ours, what: &[], codes, kinds, text: "", when: |_, _| true, reason }
    }

    /// Said by Istio alone.
    const fn istio(
        codes: &'static [&'static str],
        kinds: &'static [&'static str],
        text: &'static str,
        reason: &'static str,
    ) -> Self {
        Self { side: Side::Istio, what: &[], codes, kinds, text, when: |_, _| true, reason }
    }
}

/// Why a difference stays: the place of what is known of it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Reason(usize);

impl Reason {
    pub(crate) fn text(self) -> &'static str {
        KNOWN.get(self.0).map_or("", |known| known.reason)
    }
}

/// What is known and explains none of the differences that `used` explains.
pub(crate) fn unused(used: &BTreeSet<Reason>) -> impl Iterator<Item = Reason> {
    (0..KNOWN.len()).map(Reason).filter(|reason| !used.contains(reason))
}

/// Why the difference stays, if it does. The resource may be one of several with its name.
pub(crate) fn reason(class: &Class, called: &[&Value], all: &[Value]) -> Option<Reason> {
    let is_one = |list: &[&str], wanted: &str| list.is_empty() || list.contains(&wanted);
    let is_it = |known: &&Known| {
        known.side == class.side
            && (known.what.is_empty() || known.what.contains(&class.what))
            && is_one(known.codes, &class.code)
            && is_one(known.kinds, &class.kind)
            && class.text.contains(known.text)
            && called.iter().any(|it| (known.when)(it, all))
    };
    KNOWN.iter().position(|known| is_it(&known)).map(Reason)
}

/// Whether some field of that name has such a value, however deep.
fn has(value: &Value, name: &str, is_such: fn(&Value) -> bool) -> bool {
    match value {
        Value::Object(object) => object
            .iter()
            .any(|(key, value)| key == name && is_such(value) || has(value, name, is_such)),
        Value::Array(all) => all.iter().any(|it| has(it, name, is_such)),
        _ => false,
    }
}

/// Whether two hosts of a resource are one, by its short name and in full.
fn names_a_host_twice(resource: &Value) -> bool {
    let namespace = resource.pointer("/metadata/namespace").and_then(Value::as_str);
    let hosts = resource.pointer("/spec/hosts").and_then(Value::as_array);
    let hosts = hosts.into_iter().flatten().filter_map(Value::as_str);
    let full = |host: &str| match namespace {
        Some(namespace) if !host.contains('.') => format!("{host}.{namespace}.svc.cluster.local"),
        _ => host.to_owned(),
    };
    let mut met = BTreeSet::new();
    hosts.into_iter().any(|host| !met.insert(full(host)))
}

/// Whether it is that text, or holds it somewhere.
fn contains(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Array(all) => all.iter().any(|it| contains(it, text)),
        Value::Object(object) => object.values().any(|it| contains(it, text)),
        _ => false,
    }
}

/// Whether it is a text that has `part` in it.
fn contains_text(value: &Value, part: &str) -> bool {
    value.as_str().is_some_and(|it| it.contains(part))
}

fn has_wildcard_entry(all: &[Value]) -> bool {
    let is_one = |it: &&Value| it.get("kind").is_some_and(|kind| kind == "ServiceEntry");
    let is_wild =
        |it: &Value| it.pointer("/spec/hosts").is_some_and(|it| it.to_string().contains('*'));
    all.iter().filter(is_one).any(is_wild)
}

/// How often the settings of the injector stand in the repository.
fn injector_settings(all: &[Value]) -> usize {
    let is_one = |it: &&Value| {
        it.get("kind").is_some_and(|kind| kind == "ConfigMap")
            && it.pointer("/metadata/name").is_some_and(|name| name == "istio-sidecar-injector")
    };
    all.iter().filter(is_one).count()
}

/// To others, or is itself what others delegate to.
fn delegates(resource: &Value, _: &[Value]) -> bool {
    let spec = resource.get("spec").unwrap_or(&Value::Null);
    has(spec, "delegate", |_| true) || !has(spec, "hosts", |it| it != &Value::Array(Vec::new()))
}

/// Whether a Deployment of the namespace has the labels that are selected.
fn is_for_a_deployment(resource: &Value, all: &[Value]) -> bool {
    let selectors = ["/spec/selector/matchLabels", "/spec/workloadSelector/labels"];
    let wanted = selectors.iter().find_map(|path| resource.pointer(path)?.as_object());
    let namespace = |it: &Value| it.pointer("/metadata/namespace").cloned();
    let is_deployment = |it: &&Value| it.get("kind").is_some_and(|kind| kind == "Deployment");
    all.iter().filter(is_deployment).any(|it| {
        let own = it.pointer("/spec/template/metadata/labels");
        let has_it = |(key, value)| own.and_then(|own| own.get::<&String>(key)) == Some(value);
        let is_near = namespace(it) == namespace(resource)
            || namespace(resource).is_some_and(|it| it == "istio-system");
        is_near && wanted.is_some_and(|wanted| wanted.iter().all(has_it))
    })
}

/// Whether a `WorkloadGroup` of the namespace says nothing of a label that is selected.
fn machines_may_join(resource: &Value, all: &[Value]) -> bool {
    let selectors = ["/spec/selector/matchLabels", "/spec/workloadSelector/labels"];
    let wanted = selectors.iter().find_map(|path| resource.pointer(path)?.as_object());
    let namespace = |it: &Value| it.pointer("/metadata/namespace").cloned();
    let is_group = |it: &&Value| it.get("kind").is_some_and(|kind| kind == "WorkloadGroup");
    let says = |group: &Value, key: &String| {
        ["/spec/template/labels", "/spec/metadata/labels"]
            .iter()
            .any(|path| group.pointer(path).is_some_and(|own| own.get(key).is_some()))
    };
    all.iter().filter(is_group).any(|group| {
        let is_near = namespace(group) == namespace(resource)
            || namespace(resource).is_some_and(|it| it == "istio-system");
        is_near && wanted.is_some_and(|wanted| wanted.keys().any(|key| !says(group, key)))
    })
}

/// Whether there is a name among these that no Gateway has.
fn names_no_gateway(gateways: &Value) -> bool {
    let names = gateways.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.into_iter().any(|name| name.is_empty() || name.matches('/').count() > 1)
}

fn has_gateways_in_matches(resource: &Value, _: &[Value]) -> bool {
    let routes = ["http", "tls", "tcp"].map(|field| resource.pointer(&format!("/spec/{field}")));
    routes.into_iter().flatten().any(|it| has(it, "gateways", |_| true))
}

fn asks_for_methods(resource: &Value, _: &[Value]) -> bool {
    resource.pointer("/spec/http").is_some_and(|it| has(it, "method", |_| true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_may_ask_for_the_resource() {
        let class = Class {
            side: Side::Ours,
            what: What::Noted,
            code: "unknown-gateway".into(),
            kind: "VirtualService".into(),
            text: String::new(),
            reason: None,
        };
        let inner = json!({ "spec": { "http": [{ "match": [{ "gateways": ["a"] }] }] } });
        let outer = json!({ "spec": { "gateways": ["a"], "http": [{}] } });
        assert!(reason(&class, &[&inner], &[]).is_some());
        assert!(reason(&class, &[&outer], &[]).is_none());
        assert!(reason(&Class { side: Side::Istio, ..class }, &[&inner], &[]).is_none());
    }

    #[test]
    fn the_page_names_each() {
        let page = include_str!("../../../docs/differences.md");
        let codes = KNOWN.iter().flat_map(|known| known.codes);
        // What follows a code tells apart what it is said of.
        for code in codes.filter_map(|code| code.split(' ').next()) {
            assert!(page.contains(&format!("`{code}`")), "{code}");
        }
    }

    #[test]
    fn what_explains_nothing_is_unused() {
        let all: BTreeSet<_> = unused(&BTreeSet::new()).collect();
        assert_eq!(all.len(), KNOWN.len());
        assert_eq!(unused(&all).count(), 0);
        let first = all.first().copied().unwrap();
        assert!(!unused(&BTreeSet::from([first])).any(|it| it == first));
        assert_eq!(first.text(), KNOWN[0].reason);
    }
}
