//! The annotations that Istio reads. Source: Istio, "Resource Annotations".

/// An annotation, and where it belongs.
pub(super) struct Known {
    pub name: &'static str,
    /// The kinds that it may stand on; `Any`: all of them.
    pub kinds: &'static [&'static str],
    pub is_alpha: bool,
    /// What to use in its place; absent: it is not deprecated.
    pub deprecated: Option<&'static str>,
}

/// What Istio writes by itself, wherever that is.
pub(super) const WRITTEN_BY_ISTIO: &[&str] =
    &["sidecar.istio.io/status", "gateway.istio.io/controller-version", "istio.io/rev"];

/// What Istio's CNI plugin writes into a pod by itself.
pub(super) const WRITTEN_BY_CNI: &[&str] = &[
    "sidecar.istio.io/interceptionMode",
    "traffic.sidecar.istio.io/includeInboundPorts",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
];

/// What Istio's own way to install gateways asks for: nobody could do without.
pub(super) const ASKED_FOR: &[&str] = &["inject.istio.io/templates"];

const POD: &[&str] = &["Pod"];
const SERVICE: &[&str] = &["Service"];
const GATEWAY: &[&str] = &["Gateway"];
const WORKLOAD_ENTRY: &[&str] = &["WorkloadEntry"];
const ANY: &[&str] = &["Any"];

/// By their domains.
pub(super) static KNOWN: &[Known] = &[
    settled("sidecar.istio.io/inject", POD)
        .deprecated("write it as a label, under `metadata.labels`"),
    alpha("sidecar.istio.io/status", POD),
    alpha("sidecar.istio.io/rewriteAppHTTPProbers", POD),
    alpha("sidecar.istio.io/discoveryAddress", POD)
        .deprecated("set `discoveryAddress` in `proxy.istio.io/config`"),
    alpha("sidecar.istio.io/proxyImage", POD),
    alpha("sidecar.istio.io/proxyImageType", POD),
    alpha("sidecar.istio.io/proxyCPU", POD),
    alpha("sidecar.istio.io/proxyCPULimit", POD),
    alpha("sidecar.istio.io/proxyMemory", POD),
    alpha("sidecar.istio.io/proxyMemoryLimit", POD),
    alpha("sidecar.istio.io/interceptionMode", POD),
    alpha("sidecar.istio.io/bootstrapOverride", POD),
    alpha("sidecar.istio.io/statsInclusionPrefixes", POD).deprecated(STATS_MATCHER),
    alpha("sidecar.istio.io/statsInclusionSuffixes", POD).deprecated(STATS_MATCHER),
    alpha("sidecar.istio.io/statsInclusionRegexps", POD).deprecated(STATS_MATCHER),
    alpha("sidecar.istio.io/statsHistogramBuckets", POD),
    alpha("sidecar.istio.io/statsHistogramBins", POD),
    alpha("sidecar.istio.io/statsFlushInterval", POD),
    alpha("sidecar.istio.io/statsEvictionInterval", POD),
    alpha("sidecar.istio.io/statsCompression", POD)
        .deprecated("remove it: clients ask for compression by themselves"),
    alpha("sidecar.istio.io/extraStatTags", POD)
        .deprecated("set `extraStatTags` in `proxy.istio.io/config`"),
    alpha("sidecar.istio.io/userVolume", POD),
    alpha("sidecar.istio.io/userVolumeMount", POD),
    alpha("sidecar.istio.io/logLevel", POD),
    alpha("sidecar.istio.io/componentLogLevel", POD),
    alpha("sidecar.istio.io/agentLogLevel", POD),
    alpha("sidecar.istio.io/nativeSidecar", POD),
    alpha("status.sidecar.istio.io/port", POD),
    alpha("readiness.status.sidecar.istio.io/initialDelaySeconds", POD),
    alpha("readiness.status.sidecar.istio.io/periodSeconds", POD),
    alpha("readiness.status.sidecar.istio.io/failureThreshold", POD),
    alpha("readiness.status.sidecar.istio.io/applicationPorts", POD),
    alpha("traffic.sidecar.istio.io/includeOutboundIPRanges", POD),
    alpha("traffic.sidecar.istio.io/excludeOutboundIPRanges", POD),
    alpha("traffic.sidecar.istio.io/includeInboundPorts", POD),
    alpha("traffic.sidecar.istio.io/excludeInboundPorts", POD),
    alpha("traffic.sidecar.istio.io/includeOutboundPorts", POD),
    alpha("traffic.sidecar.istio.io/excludeOutboundPorts", POD),
    alpha("traffic.sidecar.istio.io/excludeInterfaces", POD),
    alpha("traffic.sidecar.istio.io/kubevirtInterfaces", POD)
        .deprecated("use `istio.io/reroute-virtual-interfaces`"),
    alpha("istio.io/reroute-virtual-interfaces", POD),
    alpha("inject.istio.io/templates", POD),
    settled("proxy.istio.io/config", POD),
    alpha("proxy.istio.io/overrides", POD),
    alpha("prometheus.istio.io/merge-metrics", POD),
    alpha("istio.io/rev", POD),
    settled("ambient.istio.io/redirection", POD),
    alpha("ambient.istio.io/bypass-inbound-capture", POD),
    alpha("ambient.istio.io/dns-capture", POD),
    alpha("networking.istio.io/exportTo", SERVICE),
    settled("traffic.istio.io/nodeSelector", SERVICE),
    alpha("alpha.istio.io/kubernetes-serviceaccounts", SERVICE)
        .deprecated("remove it: accounts are those of the pods"),
    alpha("alpha.istio.io/canonical-serviceaccounts", SERVICE)
        .deprecated("remove it: accounts are those of the pods"),
    alpha("networking.istio.io/traffic-distribution", &["Namespace", "Service", "ServiceEntry"]),
    alpha("istio.io/use-waypoint-canary-weight", &["Namespace", "Service", "ServiceEntry"]),
    alpha("topology.istio.io/controlPlaneClusters", &["Namespace"]),
    alpha("networking.istio.io/service-type", GATEWAY),
    alpha("gateway.istio.io/service-account", GATEWAY),
    alpha("gateway.istio.io/name-override", GATEWAY),
    alpha("ambient.istio.io/waypoint-inbound-binding", &["Gateway", "GatewayClass"]),
    alpha("istio.io/autoRegistrationGroup", WORKLOAD_ENTRY),
    alpha("istio.io/workloadController", WORKLOAD_ENTRY),
    alpha("istio.io/connectedAt", WORKLOAD_ENTRY),
    alpha("istio.io/disconnectedAt", WORKLOAD_ENTRY),
    alpha("istio.io/dry-run", &["AuthorizationPolicy"]),
    settled("kubernetes.io/ingress.class", &["Ingress"]),
    alpha("galley.istio.io/analyze-suppress", ANY),
    alpha("gateway.istio.io/controller-version", ANY),
];

const STATS_MATCHER: &str = "set `proxyStatsMatcher` in `proxy.istio.io/config`";

const fn alpha(name: &'static str, kinds: &'static [&'static str]) -> Known {
    Known { name, kinds, is_alpha: true, deprecated: None }
}

const fn settled(name: &'static str, kinds: &'static [&'static str]) -> Known {
    Known { name, kinds, is_alpha: false, deprecated: None }
}

impl Known {
    const fn deprecated(self, instead: &'static str) -> Self {
        Self { deprecated: Some(instead), ..self }
    }

    pub(super) fn may_stand_on(&self, kind: &str) -> bool {
        self.kinds.iter().any(|known| *known == "Any" || *known == kind)
    }
}

pub(super) fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// Whether an annotation lies in a domain of Istio's, or is the one of Kubernetes' that Istio reads.
pub(super) fn is_istios(name: &str) -> bool {
    let domain = name.split('/').next().unwrap_or_default();
    domain.ends_with("istio.io") || name == "kubernetes.io/ingress.class"
}

/// Whether anybody asks what an annotation says, and not just whether it is there.
pub(in crate::api) fn is_read(name: &str) -> bool {
    is_istios(name)
        || matches!(
            name,
            "ingressclass.kubernetes.io/is-default-class"
                | "gateway.networking.k8s.io/bundle-version"
        )
}
