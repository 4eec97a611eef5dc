//! Every kind that is known by name, and what is done with it.

use crate::parse::{self, DocumentId, Identity, Parsed};

use super::decode::nearest;
use super::read::{Outcome, Scope, read};
use super::{gateway_api, istio, kubernetes, mesh_config};

/// A kind of resource.
pub struct Kind {
    /// Empty for Kubernetes' core group.
    pub group: &'static str,
    pub name: &'static str,
    /// Those that an API server serves or has served with the same fields.
    pub versions: &'static [&'static str],
    pub has_namespace: bool,
    pub(crate) treatment: Treatment,
}

/// What is done with the resources of a kind.
pub(crate) enum Treatment {
    /// They are decoded, checked and compiled.
    Compiled(fn(&Parsed, DocumentId, &Scope) -> Outcome),
    /// They are known and have no effect yet: what will not happen.
    Unsupported(&'static str),
    /// The kind is gone: what took its place.
    Removed(&'static str),
}

const NETWORKING: &str = "networking.istio.io";
const EXTENSIONS: &str = "extensions.istio.io";
const SECURITY: &str = "security.istio.io";
const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// All kinds: those that are compiled first.
pub static KINDS: &[Kind] = &[
    compiled(
        NETWORKING,
        "VirtualService",
        &["v1", "v1beta1", "v1alpha3"],
        read::<istio::VirtualService>,
    ),
    compiled(
        NETWORKING,
        "DestinationRule",
        &["v1", "v1beta1", "v1alpha3"],
        read::<istio::DestinationRule>,
    ),
    compiled(NETWORKING, "Gateway", &["v1", "v1beta1", "v1alpha3"], read::<istio::Gateway>),
    compiled(
        NETWORKING,
        "ServiceEntry",
        &["v1", "v1beta1", "v1alpha3"],
        read::<istio::ServiceEntry>,
    ),
    compiled(NETWORKING, "Sidecar", &["v1", "v1beta1", "v1alpha3"], read::<istio::Sidecar>),
    compiled(
        NETWORKING,
        "WorkloadEntry",
        &["v1", "v1beta1", "v1alpha3"],
        read::<istio::WorkloadEntry>,
    ),
    compiled(
        NETWORKING,
        "WorkloadGroup",
        &["v1", "v1beta1", "v1alpha3"],
        read::<istio::WorkloadGroup>,
    ),
    compiled(NETWORKING, "ProxyConfig", &["v1beta1"], read::<istio::ProxyConfig>),
    compiled(NETWORKING, "EnvoyFilter", &["v1alpha3"], read::<istio::EnvoyFilter>),
    compiled("telemetry.istio.io", "Telemetry", &["v1", "v1alpha1"], read::<istio::Telemetry>),
    compiled(EXTENSIONS, "WasmPlugin", &["v1alpha1"], read::<istio::WasmPlugin>),
    compiled(EXTENSIONS, "TrafficExtension", &["v1alpha1"], read::<istio::TrafficExtension>),
    compiled(SECURITY, "PeerAuthentication", &["v1", "v1beta1"], read::<istio::PeerAuthentication>),
    compiled(
        SECURITY,
        "RequestAuthentication",
        &["v1", "v1beta1"],
        read::<istio::RequestAuthentication>,
    ),
    compiled(
        SECURITY,
        "AuthorizationPolicy",
        &["v1", "v1beta1"],
        read::<istio::AuthorizationPolicy>,
    ),
    compiled(GATEWAY_API, "GatewayClass", &["v1", "v1beta1"], read::<gateway_api::GatewayClass>)
        .cluster_wide(),
    compiled(GATEWAY_API, "Gateway", &["v1", "v1beta1"], read::<gateway_api::Gateway>),
    compiled(GATEWAY_API, "HTTPRoute", &["v1", "v1beta1"], read::<gateway_api::HttpRoute>),
    compiled(GATEWAY_API, "GRPCRoute", &["v1", "v1alpha2"], read::<gateway_api::GrpcRoute>),
    compiled(
        GATEWAY_API,
        "TLSRoute",
        &["v1", "v1alpha3", "v1alpha2"],
        read::<gateway_api::TlsRoute>,
    ),
    compiled(GATEWAY_API, "TCPRoute", &["v1", "v1alpha2"], read::<gateway_api::TcpRoute>),
    compiled(GATEWAY_API, "UDPRoute", &["v1", "v1alpha2"], read::<gateway_api::UdpRoute>),
    compiled(GATEWAY_API, "ListenerSet", &["v1"], read::<gateway_api::ListenerSet>),
    compiled(
        GATEWAY_API,
        "BackendTLSPolicy",
        &["v1", "v1alpha3"],
        read::<gateway_api::BackendTlsPolicy>,
    ),
    compiled(
        "gateway.networking.x-k8s.io",
        "XBackendTrafficPolicy",
        &["v1alpha1"],
        read::<gateway_api::BackendTrafficPolicy>,
    ),
    compiled(
        GATEWAY_API,
        "ReferenceGrant",
        &["v1", "v1beta1"],
        read::<gateway_api::ReferenceGrant>,
    ),
    compiled("", "Namespace", &["v1"], read::<kubernetes::Namespace>).cluster_wide(),
    compiled("", "Service", &["v1"], read::<kubernetes::Service>),
    compiled("", "ServiceAccount", &["v1"], read::<kubernetes::ServiceAccount>),
    compiled("", "Secret", &["v1"], read::<kubernetes::Secret>),
    compiled("", "ConfigMap", &["v1"], read::<kubernetes::ConfigMap>),
    compiled("", "Pod", &["v1"], read::<kubernetes::Pod>),
    compiled("apps", "Deployment", &["v1"], read::<kubernetes::Deployment>),
    compiled("apps", "StatefulSet", &["v1"], read::<kubernetes::StatefulSet>),
    compiled("apps", "DaemonSet", &["v1"], read::<kubernetes::DaemonSet>),
    compiled("networking.k8s.io", "Ingress", &["v1"], read::<kubernetes::Ingress>),
    compiled("networking.k8s.io", "IngressClass", &["v1"], read::<kubernetes::IngressClass>)
        .cluster_wide(),
    compiled(
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        &["v1", "v1beta1"],
        read::<kubernetes::MutatingWebhooks>,
    )
    .cluster_wide(),
    compiled(
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        &["v1", "v1beta1"],
        read::<kubernetes::ValidatingWebhooks>,
    )
    .cluster_wide(),
    compiled(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &["v1", "v1beta1"],
        read::<kubernetes::CustomResourceDefinition>,
    )
    .cluster_wide(),
    unsupported(
        "install.istio.io",
        "IstioOperator",
        &["v1alpha1"],
        "nothing is installed, and its `meshConfig` is not read; put that into `mesh.yaml`",
    ),
    unsupported(
        "gateway.networking.x-k8s.io",
        "XBackend",
        &["v1alpha1"],
        "no route can lead to it",
    ),
    unsupported(
        "gateway.networking.x-k8s.io",
        "XListenerSet",
        &["v1alpha1"],
        "its listeners are not opened",
    ),
    unsupported(
        "gateway.networking.x-k8s.io",
        "XMesh",
        &["v1alpha1"],
        "the mesh has the settings of `mesh.yaml`",
    ),
    removed("extensions", "Ingress", "write `networking.k8s.io/v1`"),
    removed(
        "authentication.istio.io",
        "Policy",
        "write a PeerAuthentication and a RequestAuthentication",
    ),
    removed(
        "authentication.istio.io",
        "MeshPolicy",
        "write a PeerAuthentication in the root namespace",
    ),
    removed(
        "rbac.istio.io",
        "ClusterRbacConfig",
        "write AuthorizationPolicies; an empty one in the root namespace denies by default",
    ),
    removed(
        "rbac.istio.io",
        "RbacConfig",
        "write AuthorizationPolicies; an empty one in the root namespace denies by default",
    ),
    removed("rbac.istio.io", "ServiceRole", "write an AuthorizationPolicy with `rules[].to`"),
    removed(
        "rbac.istio.io",
        "ServiceRoleBinding",
        "write an AuthorizationPolicy with `rules[].from`",
    ),
    removed("config.istio.io", "attributemanifest", "remove it: Mixer is gone"),
    removed(
        "config.istio.io",
        "handler",
        "remove it: Mixer is gone; Telemetry and AuthorizationPolicy took its place",
    ),
    removed(
        "config.istio.io",
        "instance",
        "remove it: Mixer is gone; Telemetry and AuthorizationPolicy took its place",
    ),
    removed(
        "config.istio.io",
        "rule",
        "remove it: Mixer is gone; Telemetry and AuthorizationPolicy took its place",
    ),
    removed("config.istio.io", "HTTPAPISpec", "remove it: Mixer is gone"),
    removed("config.istio.io", "HTTPAPISpecBinding", "remove it: Mixer is gone"),
    removed("config.istio.io", "QuotaSpec", "remove it: Mixer is gone"),
    removed("config.istio.io", "QuotaSpecBinding", "remove it: Mixer is gone"),
    removed("config.istio.io", "EgressRule", "write a ServiceEntry"),
    removed("config.istio.io", "RouteRule", "write a VirtualService"),
    removed("config.istio.io", "DestinationPolicy", "write a DestinationRule"),
    removed("networking.x-k8s.io", "GatewayClass", "write `gateway.networking.k8s.io/v1`"),
    removed(
        "networking.x-k8s.io",
        "Gateway",
        "write `gateway.networking.k8s.io/v1`, with `allowedRoutes` in place of `routes`",
    ),
    removed(
        "networking.x-k8s.io",
        "HTTPRoute",
        "write `gateway.networking.k8s.io/v1`, with `parentRefs` and `backendRefs`",
    ),
    removed(
        "networking.x-k8s.io",
        "TCPRoute",
        "write `gateway.networking.k8s.io/v1`, with `parentRefs` and `backendRefs`",
    ),
    removed(
        "networking.x-k8s.io",
        "TLSRoute",
        "write `gateway.networking.k8s.io/v1`, with `parentRefs` and `backendRefs`",
    ),
    removed(
        "networking.x-k8s.io",
        "UDPRoute",
        "write `gateway.networking.k8s.io/v1`, with `parentRefs` and `backendRefs`",
    ),
    removed(
        "networking.x-k8s.io",
        "BackendPolicy",
        "write a BackendTLSPolicy of `gateway.networking.k8s.io/v1`",
    ),
];

const fn compiled(
    group: &'static str,
    name: &'static str,
    versions: &'static [&'static str],
    read: fn(&Parsed, DocumentId, &Scope) -> Outcome,
) -> Kind {
    Kind { group, name, versions, has_namespace: true, treatment: Treatment::Compiled(read) }
}

const fn unsupported(
    group: &'static str,
    name: &'static str,
    versions: &'static [&'static str],
    consequence: &'static str,
) -> Kind {
    Kind {
        group,
        name,
        versions,
        has_namespace: true,
        treatment: Treatment::Unsupported(consequence),
    }
}

/// In any version.
const fn removed(group: &'static str, name: &'static str, instead: &'static str) -> Kind {
    Kind { group, name, versions: &[], has_namespace: true, treatment: Treatment::Removed(instead) }
}

impl Kind {
    const fn cluster_wide(self) -> Self {
        Self { has_namespace: false, ..self }
    }
}

/// What took the place of a kind that is gone.
pub(crate) fn replacement(group: &str, name: &str) -> Option<&'static str> {
    let found = KINDS.iter().find(|kind| kind.group == group && kind.name == name)?;
    match found.treatment {
        Treatment::Removed(instead) => Some(instead),
        Treatment::Compiled(_) | Treatment::Unsupported(_) => None,
    }
}

/// What is known of a resource's kind.
pub(crate) enum Lookup {
    Found(&'static Kind),
    /// The kind exists, in another version or group: what to write for `apiVersion`.
    OtherVersion(&'static Kind),
    /// Nobody has heard of it, but its name is almost that of a kind.
    Misspelt(&'static Kind),
    /// Nobody has heard of it, in a group that is the mesh's own.
    Unknown,
    /// Other programs' business.
    Foreign,
}

/// What stands inside of another resource, whose `apiVersion` it has: kinds only to the compiler.
static EMBEDDED: &[Kind] = &[
    compiled("", parse::MESH_CONFIG, &[], read::<mesh_config::MeshConfig>),
    compiled("", parse::MESH_NETWORKS, &[], read::<mesh_config::MeshNetworks>),
];

/// Looks a kind up by what a resource says of itself.
pub(crate) fn lookup(identity: &Identity) -> Lookup {
    if let Some(kind) = EMBEDDED.iter().find(|kind| *kind.name == *identity.kind) {
        return Lookup::Found(kind);
    }
    let (group, version) = (identity.group(), identity.version());
    let is_group = |kind: &&Kind| kind.group == group;
    let named = KINDS.iter().filter(is_group).find(|kind| *kind.name == *identity.kind);
    match named {
        Some(kind) if kind.versions.is_empty() || kind.versions.contains(&version) => {
            Lookup::Found(kind)
        }
        Some(kind) => Lookup::OtherVersion(kind),
        None => misspelt(identity),
    }
}

/// In the mesh's own groups any unknown kind is a mistake; elsewhere only one that is almost a known one.
fn misspelt(identity: &Identity) -> Lookup {
    let in_group = |kind: &&Kind| kind.group == identity.group();
    if let Some(name) = nearest(&identity.kind, KINDS.iter().filter(in_group).map(|kind| kind.name))
        && let Some(kind) = KINDS.iter().filter(in_group).find(|kind| kind.name == name)
    {
        return Lookup::Misspelt(kind);
    }
    // A kind whose name no other group has: `VirtualService` under `networking.k8s.io`.
    let elsewhere = |kind: &&Kind| *kind.name == *identity.kind && kind.group.ends_with("istio.io");
    match KINDS.iter().find(elsewhere) {
        Some(kind) if is_mistaken_group(identity.group()) => Lookup::OtherVersion(kind),
        _ if identity.group().ends_with(".istio.io") => Lookup::Unknown,
        _ if identity.group() == "gateway.networking.k8s.io" => Lookup::Unknown,
        _ => Lookup::Foreign,
    }
}

/// Whether a group is Istio's, Kubernetes' own, or missing, so that one of Istio's kinds in it is a mistake.
fn is_mistaken_group(group: &str) -> bool {
    group.is_empty() || group.ends_with("istio.io") || group.ends_with("k8s.io")
}
