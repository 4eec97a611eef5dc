//! Every kind that is known by name, and what is done with it.

use crate::parse::{self, DocumentId, Identity, Parsed};

use super::decode::nearest;
use super::field::FieldTable;
use super::read::{Outcome, Read, Scope, read, sort};
use super::{Mesh, gateway_api, istio, kubernetes, mesh_config};

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
    Compiled(Compile),
    /// They are known and have no effect yet: what will not happen.
    Unsupported(&'static str),
    /// The kind is gone: what took its place.
    Removed(&'static str),
}

/// What is needed to compile a kind.
pub(crate) struct Compile {
    pub(crate) read: fn(&Parsed, DocumentId, &Scope) -> Outcome,
    /// Puts those of a mesh in order.
    sort: fn(&mut Mesh),
    fields: fn() -> &'static FieldTable,
}

const NETWORKING: &str = "networking.istio.io";
const EXTENSIONS: &str = "extensions.istio.io";
const SECURITY: &str = "security.istio.io";
const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// All kinds: those that are compiled first.
pub static KINDS: &[Kind] = &[
    compiled::<istio::VirtualService>(NETWORKING, "VirtualService", &["v1", "v1beta1", "v1alpha3"]),
    compiled::<istio::DestinationRule>(
        NETWORKING,
        "DestinationRule",
        &["v1", "v1beta1", "v1alpha3"],
    ),
    compiled::<istio::Gateway>(NETWORKING, "Gateway", &["v1", "v1beta1", "v1alpha3"]),
    compiled::<istio::ServiceEntry>(NETWORKING, "ServiceEntry", &["v1", "v1beta1", "v1alpha3"]),
    compiled::<istio::Sidecar>(NETWORKING, "Sidecar", &["v1", "v1beta1", "v1alpha3"]),
    compiled::<istio::WorkloadEntry>(NETWORKING, "WorkloadEntry", &["v1", "v1beta1", "v1alpha3"]),
    compiled::<istio::WorkloadGroup>(NETWORKING, "WorkloadGroup", &["v1", "v1beta1", "v1alpha3"]),
    compiled::<istio::ProxyConfig>(NETWORKING, "ProxyConfig", &["v1beta1"]),
    compiled::<istio::EnvoyFilter>(NETWORKING, "EnvoyFilter", &["v1alpha3"]),
    compiled::<istio::Telemetry>("telemetry.istio.io", "Telemetry", &["v1", "v1alpha1"]),
    compiled::<istio::WasmPlugin>(EXTENSIONS, "WasmPlugin", &["v1alpha1"]),
    compiled::<istio::TrafficExtension>(EXTENSIONS, "TrafficExtension", &["v1alpha1"]),
    compiled::<istio::PeerAuthentication>(SECURITY, "PeerAuthentication", &["v1", "v1beta1"]),
    compiled::<istio::RequestAuthentication>(SECURITY, "RequestAuthentication", &["v1", "v1beta1"]),
    compiled::<istio::AuthorizationPolicy>(SECURITY, "AuthorizationPolicy", &["v1", "v1beta1"]),
    compiled::<gateway_api::GatewayClass>(GATEWAY_API, "GatewayClass", &["v1", "v1beta1"])
        .cluster_wide(),
    compiled::<gateway_api::Gateway>(GATEWAY_API, "Gateway", &["v1", "v1beta1"]),
    compiled::<gateway_api::HttpRoute>(GATEWAY_API, "HTTPRoute", &["v1", "v1beta1"]),
    compiled::<gateway_api::GrpcRoute>(GATEWAY_API, "GRPCRoute", &["v1", "v1alpha2"]),
    compiled::<gateway_api::TlsRoute>(GATEWAY_API, "TLSRoute", &["v1", "v1alpha3", "v1alpha2"]),
    compiled::<gateway_api::TcpRoute>(GATEWAY_API, "TCPRoute", &["v1", "v1alpha2"]),
    compiled::<gateway_api::UdpRoute>(GATEWAY_API, "UDPRoute", &["v1", "v1alpha2"]),
    compiled::<gateway_api::ListenerSet>(GATEWAY_API, "ListenerSet", &["v1"]),
    compiled::<gateway_api::BackendTlsPolicy>(GATEWAY_API, "BackendTLSPolicy", &["v1", "v1alpha3"]),
    compiled::<gateway_api::BackendTrafficPolicy>(
        "gateway.networking.x-k8s.io",
        "XBackendTrafficPolicy",
        &["v1alpha1"],
    ),
    compiled::<gateway_api::ReferenceGrant>(GATEWAY_API, "ReferenceGrant", &["v1", "v1beta1"]),
    compiled::<gateway_api::Backend>("gateway.networking.x-k8s.io", "XBackend", &["v1alpha1"]),
    compiled::<gateway_api::MeshClass>("gateway.networking.x-k8s.io", "XMesh", &["v1alpha1"])
        .cluster_wide(),
    compiled::<istio::IstioOperator>("install.istio.io", "IstioOperator", &["v1alpha1"]),
    compiled::<kubernetes::Namespace>("", "Namespace", &["v1"]).cluster_wide(),
    compiled::<kubernetes::Service>("", "Service", &["v1"]),
    compiled::<kubernetes::ServiceAccount>("", "ServiceAccount", &["v1"]),
    compiled::<kubernetes::Secret>("", "Secret", &["v1"]),
    compiled::<kubernetes::ConfigMap>("", "ConfigMap", &["v1"]),
    compiled::<kubernetes::Pod>("", "Pod", &["v1"]),
    compiled::<kubernetes::Deployment>("apps", "Deployment", &["v1"]),
    compiled::<kubernetes::StatefulSet>("apps", "StatefulSet", &["v1"]),
    compiled::<kubernetes::DaemonSet>("apps", "DaemonSet", &["v1"]),
    compiled::<kubernetes::ReplicaSet>("apps", "ReplicaSet", &["v1"]),
    compiled::<kubernetes::ReplicationController>("", "ReplicationController", &["v1"]),
    compiled::<kubernetes::Rollout>("argoproj.io", "Rollout", &["v1alpha1"]),
    compiled::<kubernetes::Job>("batch", "Job", &["v1"]),
    compiled::<kubernetes::CronJob>("batch", "CronJob", &["v1", "v1beta1"]),
    compiled::<kubernetes::EndpointSlice>("discovery.k8s.io", "EndpointSlice", &["v1", "v1beta1"]),
    compiled::<kubernetes::Ingress>("networking.k8s.io", "Ingress", &["v1"]),
    compiled::<kubernetes::IngressClass>("networking.k8s.io", "IngressClass", &["v1"])
        .cluster_wide(),
    compiled::<kubernetes::MutatingWebhooks>(
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        &["v1", "v1beta1"],
    )
    .cluster_wide(),
    compiled::<kubernetes::ValidatingWebhooks>(
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        &["v1", "v1beta1"],
    )
    .cluster_wide(),
    compiled::<kubernetes::CustomResourceDefinition>(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &["v1", "v1beta1"],
    )
    .cluster_wide(),
    unsupported(
        "gateway.networking.x-k8s.io",
        "XListenerSet",
        &["v1alpha1"],
        "its listeners are not opened",
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

/// Any other kind of the group of Mixer, which had one for each adapter and each template.
static OF_MIXER: Kind = removed(
    "config.istio.io",
    "",
    "remove it: Mixer is gone; Telemetry and AuthorizationPolicy took its place",
);

const fn compiled<T: Read>(
    group: &'static str,
    name: &'static str,
    versions: &'static [&'static str],
) -> Kind
where
    T::Document: serde::de::DeserializeOwned,
{
    let treatment =
        Treatment::Compiled(Compile { read: read::<T>, sort: sort::<T>, fields: T::fields });
    Kind { group, name, versions, has_namespace: true, treatment }
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
    /// What becomes of each of its fields. Absent: it is not looked into.
    #[must_use]
    pub fn fields(&self) -> Option<&'static FieldTable> {
        match &self.treatment {
            Treatment::Compiled(compile) => Some((compile.fields)()),
            Treatment::Unsupported(_) | Treatment::Removed(_) => None,
        }
    }

    /// Whether it is gone from the API.
    pub(crate) fn is_removed(&self) -> bool {
        matches!(self.treatment, Treatment::Removed(_))
    }

    const fn cluster_wide(self) -> Self {
        Self { has_namespace: false, ..self }
    }
}

/// What took the place of a kind that is gone.
pub(crate) fn replacement(group: &str, name: &str) -> Option<&'static str> {
    let found = KINDS.iter().find(|kind| kind.group == group && kind.name == name);
    let found = found.or_else(|| (group == OF_MIXER.group).then_some(&OF_MIXER))?;
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
pub(in crate::api) static EMBEDDED: &[Kind] = &[
    compiled::<mesh_config::MeshConfig>("", parse::MESH_CONFIG, &[]),
    compiled::<mesh_config::MeshNetworks>("", parse::MESH_NETWORKS, &[]),
];

/// What becomes of the fields of a kind, `MeshConfig` and `MeshNetworks` of no group among them. Absent: nobody looks into it.
#[must_use]
pub fn fields_of(group: &str, name: &str) -> Option<&'static FieldTable> {
    let mut kinds = KINDS.iter().chain(EMBEDDED);
    kinds.find(|kind| (kind.group, kind.name) == (group, name))?.fields()
}

/// Puts the resources of all kinds in order.
pub(in crate::api) fn sort_all(mesh: &mut Mesh) {
    for kind in KINDS.iter().chain(EMBEDDED) {
        if let Treatment::Compiled(compile) = &kind.treatment {
            (compile.sort)(mesh);
        }
    }
}

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
        None if group == OF_MIXER.group => Lookup::Found(&OF_MIXER),
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

#[cfg(test)]
mod tests {
    use super::{KINDS, Kind, sort_all};
    use crate::testing::Compiled;

    /// Its group had a kind for each adapter and each template.
    #[test]
    fn all_of_mixer_is_gone() {
        for kind in ["rule", "denier", "checknothing", "stackdriver"] {
            let said = Compiled::text(&format!(
                "apiVersion: config.istio.io/v1alpha2\nkind: {kind}\nmetadata: {{name: a}}\n"
            ))
            .said();
            let [only] = said.as_slice() else { panic!("{said:?}") };
            assert_eq!(
                only,
                &format!(
                    "warning[removed-kind] 2:7 {kind}: {kind} of config.istio.io is gone from the API"
                )
            );
        }
    }

    /// Of every kind that is compiled; what could be left out is none.
    #[test]
    fn resources_are_in_order() {
        let text = |kind: &Kind, name: &str| {
            let version = kind.versions.first().unwrap();
            let group = if kind.group.is_empty() { "" } else { "/" };
            format!(
                "apiVersion: {}{group}{version}\nkind: {}\nmetadata: {{name: {name}}}\nspec: {{}}\n---\n",
                kind.group, kind.name
            )
        };
        for kind in KINDS.iter().filter(|kind| kind.fields().is_some()) {
            let both = text(kind, "b") + &text(kind, "a");
            let mut mesh = Compiled::text(&both).mesh;
            let sorted = format!("{mesh:?}");
            sort_all(&mut mesh);
            assert_eq!(sorted, format!("{mesh:?}"), "{}", kind.name);
            let places = ["\"b\"", "\"a\""].map(|name| sorted.find(&format!("name: {name}")));
            assert!(mesh.count < 2 || places[1] < places[0], "{}: {sorted}", kind.name);
        }
    }
}
