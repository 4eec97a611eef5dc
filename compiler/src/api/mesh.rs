//! All resources of a repository, by kind.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostic::{At, Check, Diagnostic, Place};
use crate::parse::{Document, DocumentId, Faults, Identity, Parsed};
use crate::parts::{Changes, Part, reading};

use super::checks::{
    REMOVED_KIND, RESOURCE_TOO_LARGE, UNENFORCED_KIND, UNKNOWN_KIND, UNSUPPORTED_KIND,
    UNUSED_MESH_CONFIG,
};
use super::decode::is_placeholder;
use super::duplicate::{self, Duplicate};
use super::kept::{self, KeptResources};
use super::kind::{self, Kind, Lookup, Treatment};
use super::project::Project;
use super::promised::Promised;
use super::read::{Outcome, Scope};
use super::resource;
use super::{Resource, gateway_api, istio, kubernetes, mesh_config};

/// A repository whose resources are known. What rules look at is a [`Part`]; of the rest none may be looked at but `project`,
/// with which all is new. Each vector is sorted by namespace and name.
#[derive(Clone, Debug, Default)]
pub struct Mesh {
    pub project: Project,
    pub virtual_services: Part<Vec<Resource<istio::VirtualService>>, 0>,
    pub destination_rules: Part<Vec<Resource<istio::DestinationRule>>, 1>,
    /// Istio's.
    pub gateways: Part<Vec<Resource<istio::Gateway>>, 2>,
    pub service_entries: Part<Vec<Resource<istio::ServiceEntry>>, 3>,
    pub sidecars: Part<Vec<Resource<istio::Sidecar>>, 4>,
    pub workload_entries: Part<Vec<Resource<istio::WorkloadEntry>>, 5>,
    pub workload_groups: Part<Vec<Resource<istio::WorkloadGroup>>, 6>,
    pub proxy_configs: Part<Vec<Resource<istio::ProxyConfig>>, 7>,
    pub envoy_filters: Part<Vec<Resource<istio::EnvoyFilter>>, 8>,
    pub telemetries: Part<Vec<Resource<istio::Telemetry>>, 9>,
    pub wasm_plugins: Part<Vec<Resource<istio::WasmPlugin>>, 10>,
    pub traffic_extensions: Part<Vec<Resource<istio::TrafficExtension>>, 11>,
    pub peer_authentications: Part<Vec<Resource<istio::PeerAuthentication>>, 12>,
    pub request_authentications: Part<Vec<Resource<istio::RequestAuthentication>>, 13>,
    pub authorization_policies: Part<Vec<Resource<istio::AuthorizationPolicy>>, 14>,
    pub gateway_classes: Part<Vec<Resource<gateway_api::GatewayClass>>, 15>,
    /// The Gateway API's.
    pub api_gateways: Part<Vec<Resource<gateway_api::Gateway>>, 16>,
    /// With those that the `GRPCRoute`s are.
    pub http_routes: Part<Vec<Resource<gateway_api::HttpRoute>>, 17>,
    /// As they were written.
    pub grpc_routes: Part<Vec<Resource<gateway_api::GrpcRoute>>, 18>,
    /// As they were written, like the next.
    pub tls_routes: Part<Vec<Resource<gateway_api::TlsRoute>>, 19>,
    pub tcp_routes: Part<Vec<Resource<gateway_api::TcpRoute>>, 20>,
    /// What both are.
    pub stream_routes: Part<Vec<Resource<gateway_api::StreamRoute>>, 21>,
    pub udp_routes: Part<Vec<Resource<gateway_api::UdpRoute>>, 22>,
    pub listener_sets: Part<Vec<Resource<gateway_api::ListenerSet>>, 23>,
    pub backend_tls_policies: Part<Vec<Resource<gateway_api::BackendTlsPolicy>>, 24>,
    pub backend_traffic_policies: Part<Vec<Resource<gateway_api::BackendTrafficPolicy>>, 25>,
    pub reference_grants: Part<Vec<Resource<gateway_api::ReferenceGrant>>, 26>,
    pub backends: Part<Vec<Resource<gateway_api::Backend>>, 27>,
    pub mesh_classes: Part<Vec<Resource<gateway_api::MeshClass>>, 28>,
    pub operators: Part<Vec<Resource<istio::IstioOperator>>, 29>,
    pub namespaces: Part<Vec<Resource<kubernetes::Namespace>>, 30>,
    pub services: Part<Vec<Resource<kubernetes::Service>>, 31>,
    pub service_accounts: Part<Vec<Resource<kubernetes::ServiceAccount>>, 32>,
    pub secrets: Part<Vec<Resource<kubernetes::Secret>>, 33>,
    pub config_maps: Part<Vec<Resource<kubernetes::ConfigMap>>, 34>,
    pub pods: Part<Vec<Resource<kubernetes::Pod>>, 35>,
    pub deployments: Part<Vec<Resource<kubernetes::Deployment>>, 36>,
    pub stateful_sets: Part<Vec<Resource<kubernetes::StatefulSet>>, 37>,
    pub daemon_sets: Part<Vec<Resource<kubernetes::DaemonSet>>, 38>,
    pub rollouts: Part<Vec<Resource<kubernetes::Rollout>>, 39>,
    pub jobs: Part<Vec<Resource<kubernetes::Job>>, 40>,
    pub cron_jobs: Part<Vec<Resource<kubernetes::CronJob>>, 41>,
    pub ingresses: Part<Vec<Resource<kubernetes::Ingress>>, 42>,
    pub ingress_classes: Part<Vec<Resource<kubernetes::IngressClass>>, 43>,
    pub mutating_webhooks: Part<Vec<Resource<kubernetes::MutatingWebhooks>>, 44>,
    pub validating_webhooks: Part<Vec<Resource<kubernetes::ValidatingWebhooks>>, 45>,
    pub custom_resources: Part<Vec<Resource<kubernetes::CustomResourceDefinition>>, 46>,
    /// As they were found; [`Mesh::mesh_config`] is the one that counts.
    pub mesh_configs: Part<Vec<Resource<mesh_config::MeshConfig>>, 47>,
    pub mesh_networks: Part<Vec<Resource<mesh_config::MeshNetworks>>, 48>,
    /// Resources that exist and could not be read, or wait for their placeholders to be filled in.
    pub incomplete: Part<Vec<Incomplete>, 49>,
    /// What other programs will make of the resources that the mesh does not read.
    pub promised: Part<Promised, 50>,
    pub replica_sets: Part<Vec<Resource<kubernetes::ReplicaSet>>, 51>,
    pub replication_controllers: Part<Vec<Resource<kubernetes::ReplicationController>>, 52>,
    pub endpoint_slices: Part<Vec<Resource<kubernetes::EndpointSlice>>, 53>,
    /// How many resources there are of each kind that is not the mesh's business, by `apiVersion` and kind.
    pub skipped: BTreeMap<(String, String), usize>,
    /// How many resources were compiled.
    pub count: usize,
    /// The kinds of which some resource exists that nothing else is known of: what it says may be anything.
    pub(crate) awaited: BTreeSet<String>,
    /// What could not be read, by resource.
    pub faults: BTreeMap<DocumentId, Faults>,
    /// What may be otherwise than the time before.
    pub(crate) changed: Arc<Changes>,
}

/// A resource of which no more is known than that it exists.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Incomplete {
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

impl Incomplete {
    /// Whether it is this resource, as far as what stands in its placeholders is known.
    #[must_use]
    pub fn may_be(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.kind == kind && may_say(&self.namespace, namespace) && may_say(&self.name, name)
    }

    /// Whether it is known what it is called and where it stands.
    #[must_use]
    pub fn is_named(&self) -> bool {
        !is_unclear(&self.namespace) && !is_unclear(&self.name)
    }
}

/// What SOPS writes in place of a text.
const ENCRYPTED: &str = "ENC[";

/// Whether a text is not what it will be.
pub(crate) fn is_unclear(text: &str) -> bool {
    is_placeholder(text) || text.starts_with(ENCRYPTED)
}

/// In place of what is not known, for [`may_say`].
pub(crate) const ANY: &str = "{{ }}";

/// What is known of a text that is not what it will be, or is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Said<'t> {
    This(&'t str),
    /// It begins and ends so: with what stands around its placeholders.
    Around(&'t str, &'t str),
}

#[must_use]
pub(crate) fn said(text: &str) -> Said<'_> {
    if !is_unclear(text) {
        return Said::This(text);
    }
    let start = text.find(['$', '{']).filter(|_| is_placeholder(text)).unwrap_or(0);
    let end = text.rfind(['}', ')']).map_or(text.len(), |end| end + 1);
    Said::Around(text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default())
}

impl Said<'_> {
    /// Whether it may become `meant` when the placeholders are filled in.
    pub(crate) fn may_be(self, meant: &str) -> bool {
        match self {
            Self::This(text) => text == meant,
            Self::Around(before, after) => {
                meant.strip_prefix(before).is_some_and(|rest| rest.ends_with(after))
            }
        }
    }
}

/// Whether a text may become `meant` when its placeholders are filled in.
#[must_use]
pub(crate) fn may_say(text: &str, meant: &str) -> bool {
    said(text).may_be(meant)
}

/// Reads all resources. It never fails: what is wrong goes to `out`, and the rest is there.
#[must_use]
pub fn decode(parsed: &Parsed, out: &mut Vec<Diagnostic>) -> Mesh {
    decode_by(parsed, None, out)
}

/// Where nobody says otherwise. Source: Istio, `MeshConfig.rootNamespace`.
pub(super) const DEFAULT_ROOT_NAMESPACE: &str = "istio-system";

/// The same; those that are `known` and have not changed since are not read again.
#[must_use]
pub(crate) fn decode_by(
    parsed: &Parsed,
    known: Option<&mut KeptResources>,
    out: &mut Vec<Diagnostic>,
) -> Mesh {
    let mut mesh = Mesh::default();
    if let Some(id) = parsed.project() {
        mesh.project = Project::read(parsed, id, out);
    }
    let scope = Scope { default_namespace: mesh.project.default_namespace().to_owned() };
    let look = |id, document: &Document| look_at(parsed, id, &document.identity, &scope);
    let (looks, mut changed) = match known {
        Some(known) => known.looks(parsed, &scope, look),
        None => (kept::looks(parsed, look), Changes::all()),
    };
    let mut known = HashMap::with_capacity(looks.len());
    let mut duplicates = Vec::new();
    let mut inert: BTreeMap<_, Inert> = BTreeMap::new();
    for ((id, document), look) in parsed.documents().zip(looks) {
        let identity = &*document.identity;
        match &look.value {
            Look::Read(kind, outcome) => {
                if let Some(consequence) = outcome.unenforced {
                    Inert::add(&mut inert, &UNENFORCED_KIND, kind, consequence, id);
                }
                let seen = (&mut known, &mut duplicates);
                out.extend(
                    outcome.diagnostics.iter().map(|found| look.told(found, id, document.file)),
                );
                mesh.add(kind, id, identity, outcome, &scope, seen);
                if outcome.insert.is_none() {
                    mesh.awaited.insert(identity.kind.to_string());
                    mesh.promised.read_held(parsed, id, &scope);
                }
            }
            Look::Unsupported(kind, consequence) => {
                Inert::add(&mut inert, &UNSUPPORTED_KIND, kind, consequence, id);
            }
            Look::Say(diagnostic) => out.push(look.told(diagnostic, id, document.file)),
            Look::Skip => {
                let key = (identity.api_version.to_string(), identity.kind.to_string());
                *mesh.skipped.entry(key).or_default() += 1;
                mesh.promised.read(parsed, id, &scope);
            }
            Look::Project => {}
        }
    }
    out.extend(duplicate::report(parsed, &duplicates));
    out.extend(inert.into_values().filter_map(|kind| kind.diagnostic()));
    for broken in parsed.broken() {
        let resource = incomplete(&broken.identity, &scope);
        if !broken.is_patch {
            mesh.promised.add_held(&resource.kind, &resource.namespace);
            mesh.awaited.insert(resource.kind.clone());
        }
        mesh.incomplete.push(resource);
    }
    let made = parsed.kustomizations().made();
    mesh.incomplete.extend(made.map(|identity| incomplete(identity, &scope)));
    let ((), routes) = reading(|| mesh.unite_routes());
    kind::sort_all(&mut mesh);
    mesh.incomplete.sort();
    let ((), promised) = reading(|| mesh.promise());
    // Fewer promises are another part, too, though nothing is put into it.
    let promised = promised | mesh.promised.unnoted().1;
    for made in [routes, promised] {
        if changed.parts.meet(made) {
            changed.parts = changed.parts | made;
        }
    }
    mesh.changed = Arc::new(changed);
    mesh.check_mesh_configs(out);
    mesh
}

/// How many more resources a finding about all of a kind points at.
const SHOWN_MAX: usize = 3;

/// What is done with a document.
pub(super) enum Look {
    Read(&'static Kind, Outcome),
    Unsupported(&'static Kind, &'static str),
    Say(Box<Diagnostic>),
    Skip,
    Project,
}

fn look_at(parsed: &Parsed, id: DocumentId, identity: &Identity, scope: &Scope) -> Look {
    if parsed.project() == Some(id) {
        return Look::Project;
    }
    match kind::lookup(identity) {
        Lookup::Found(kind) => match &kind.treatment {
            Treatment::Compiled(_) if is_too_large(parsed, id) => {
                let diagnostics = vec![too_large(id)];
                Look::Read(kind, Outcome { diagnostics, ..Outcome::default() })
            }
            Treatment::Compiled(compile) => Look::Read(kind, (compile.read)(parsed, id, scope)),
            Treatment::Unsupported(consequence) => Look::Unsupported(kind, consequence),
            Treatment::Removed(instead) => Look::Say(Box::new(removed(id, identity, instead))),
        },
        Lookup::OtherVersion(kind) => Look::Say(Box::new(other_version(id, identity, kind))),
        Lookup::Misspelt(kind) => Look::Say(Box::new(misspelt(id, identity, kind))),
        Lookup::Unknown => Look::Say(Box::new(unknown(id, identity))),
        Lookup::Foreign => Look::Skip,
    }
}

/// What an API server takes of one resource. Source: Kubernetes, `MaxRequestBodyBytes`; etcd takes half of it.
const RESOURCE_BYTES_MAX: usize = 3 << 20;

fn is_too_large(parsed: &Parsed, id: DocumentId) -> bool {
    let document = parsed.document(id);
    parsed.tree(document.tree).span(document.root).range().len() > RESOURCE_BYTES_MAX
}

fn too_large(id: DocumentId) -> Diagnostic {
    let limit = RESOURCE_BYTES_MAX >> 20;
    Diagnostic::new(
        &RESOURCE_TOO_LARGE,
        kind_of(id),
        format!("the resource has more than {limit} MiB"),
    )
    .label("is not read")
    .consequence("no API server takes it, and it is left out of what is compiled")
    .help("write several resources, each with a part of it")
}

/// Kind, namespace, name → the first resource that is called so.
type Known<'p> = HashMap<(*const Kind, &'p str, &'p str), DocumentId>;

impl Mesh {
    /// The mesh configuration: that of `mesh.yaml`, or of the `ConfigMap` named `istio`, or of the first revision or operator.
    #[must_use]
    pub fn mesh_config(&self) -> Option<&Resource<mesh_config::MeshConfig>> {
        let named = |name: &str| self.mesh_configs.iter().find(|config| config.name() == name);
        named("").or_else(|| named("istio")).or_else(|| self.mesh_configs.first())
    }

    /// The SPIFFE trust domain of the mesh's identities.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        let configured = self.mesh_config().map(|config| config.spec.trust_domain.as_str());
        let own = self.project.trust_domain.as_deref().or(configured);
        own.filter(|domain| !domain.is_empty()).unwrap_or("cluster.local")
    }

    /// The namespace whose policies hold for the whole mesh.
    #[must_use]
    pub fn root_namespace(&self) -> &str {
        let configured = self.mesh_config().map(|config| config.spec.root_namespace.as_str());
        configured.filter(|namespace| !namespace.is_empty()).unwrap_or(DEFAULT_ROOT_NAMESPACE)
    }

    /// Says so where there are several mesh configurations.
    fn check_mesh_configs(&self, out: &mut Vec<Diagnostic>) {
        let Some(used) = self.mesh_config() else { return };
        for other in self.mesh_configs.iter().filter(|config| config.id != used.id) {
            let message = "there are several mesh configurations, and this one is not used";
            out.push(
                Diagnostic::new(&UNUSED_MESH_CONFIG, Place::first_key(other.id), message)
                    .label("not used")
                    .also(Place::first_key(used.id), "this one is")
                    .consequence("what it sets has no effect")
                    .help("keep one of them"),
            );
        }
    }

    fn add<'p>(
        &mut self,
        kind: &'static Kind,
        id: DocumentId,
        identity: &'p Identity,
        outcome: &Outcome,
        scope: &'p Scope,
        (known, duplicates): (&mut Known<'p>, &mut Vec<Duplicate>),
    ) {
        if !outcome.faults.is_empty() {
            self.faults.insert(id, outcome.faults.clone());
        }
        let name = identity.name.as_deref().unwrap_or_default();
        let namespace = if kind.has_namespace { namespace_of(identity, scope) } else { "" };
        let first = known.entry((std::ptr::from_ref(kind), namespace, name)).or_insert(id);
        if *first != id && !name.is_empty() {
            duplicates.push((id, *first));
            return;
        }
        match &outcome.insert {
            Some(insert) => {
                insert(self, id);
                self.count += 1;
            }
            None => self.incomplete.push(incomplete(identity, scope)),
        }
    }

    /// What the resources that are read let other programs make.
    fn promise(&mut self) {
        let annotated = self.ingresses.iter().map(|it| (&it.namespace, &it.metadata, &it.spec));
        for (namespace, metadata, ingress) in annotated {
            let names = ingress.tls.iter().map(|it| it.secret_name.as_str());
            self.promised.certify(namespace, metadata, names);
        }
        for gateway in &self.api_gateways {
            let all = gateway.spec.listeners.iter().filter_map(|it| it.tls.as_ref());
            let names = all.flat_map(|it| &it.certificate_refs).map(|it| it.name.as_str());
            self.promised.certify(&gateway.namespace, &gateway.metadata, names);
        }
        for secret in &self.secrets {
            self.promised.copied.read("Secret", &secret.metadata, &secret.namespace);
        }
        for map in &self.config_maps {
            self.promised.copied.read("ConfigMap", &map.metadata, &map.namespace);
        }
        // Looked at where there is anything to look for: what is made depends on what was looked at.
        let deployments = OnceCell::new();
        let is_there = |namespace: &str, name: &str| {
            let all = deployments.get_or_init(|| {
                let all = self.deployments.iter().map(|it| (it.namespace.as_str(), it.name()));
                all.collect::<HashSet<_>>()
            });
            all.contains(&(namespace, name))
        };
        for rollout in &self.rollouts {
            let Some(named) = &rollout.spec.workload_ref else { continue };
            if named.kind != "Deployment" || !is_there(&rollout.namespace, &named.name) {
                self.promised.add_pods(&rollout.namespace, None);
            }
        }
    }

    /// Brings routes that are alike into one form.
    fn unite_routes(&mut self) {
        let calls = self.grpc_routes.iter().map(|it| it.map(gateway_api::GrpcRoute::as_http));
        self.http_routes.extend(calls);
        let tls = self.tls_routes.iter().map(|it| it.map(gateway_api::TlsRoute::as_stream));
        let tcp = self.tcp_routes.iter().map(|it| it.map(gateway_api::TcpRoute::as_stream));
        self.stream_routes.extend(tls.chain(tcp));
        resource::sort(&mut self.stream_routes);
    }
}

fn namespace_of<'p>(identity: &'p Identity, scope: &'p Scope) -> &'p str {
    identity.namespace.as_deref().unwrap_or(&scope.default_namespace)
}

fn incomplete(identity: &Identity, scope: &Scope) -> Incomplete {
    Incomplete {
        kind: identity.kind.to_string(),
        namespace: namespace_of(identity, scope).to_owned(),
        name: identity.name.as_deref().unwrap_or_default().to_owned(),
    }
}

fn kind_of(id: DocumentId) -> Place {
    At::root(id).field("kind").value()
}

/// The resources of a kind that has no effect.
struct Inert {
    check: &'static Check,
    kind: &'static Kind,
    /// What will not happen.
    consequence: &'static str,
    all: Vec<DocumentId>,
}

impl Inert {
    fn add(
        inert: &mut BTreeMap<(&'static str, &'static str), Self>,
        check: &'static Check,
        kind: &'static Kind,
        consequence: &'static str,
        id: DocumentId,
    ) {
        let known = inert.entry((kind.group, kind.name));
        let new = || Self { check, kind, consequence, all: Vec::new() };
        known.or_insert_with(new).all.push(id);
    }

    /// One finding for all resources of a kind: each would say the same.
    fn diagnostic(&self) -> Option<Diagnostic> {
        let (first, others) = self.all.split_first()?;
        let fault = if *self.check == UNENFORCED_KIND {
            "is accepted and has no effect yet"
        } else {
            "is not compiled yet"
        };
        let message = match others.len() {
            0 => format!("{} {fault}", self.kind.name),
            more => format!("{} {fault}, and there are {}", self.kind.name, more + 1),
        };
        let found = Diagnostic::new(self.check, kind_of(*first), message);
        let found = others
            .iter()
            .take(SHOWN_MAX)
            .fold(found, |found, id| found.also(Place::resource(*id), "neither has this one"));
        let found = match others.len().saturating_sub(SHOWN_MAX) {
            0 => found,
            more => found.help(format!("{more} more are not shown")),
        };
        Some(found.label("has no effect").consequence(self.consequence))
    }
}

fn removed(id: DocumentId, identity: &Identity, instead: &str) -> Diagnostic {
    let message = format!("{} of {} is gone from the API", identity.kind, identity.group());
    Diagnostic::new(&REMOVED_KIND, kind_of(id), message)
        .label("has no effect")
        .consequence("no version of Istio that is supported reads it")
        .help(instead)
}

fn other_version(id: DocumentId, identity: &Identity, kind: &Kind) -> Diagnostic {
    let versions: Vec<_> =
        kind.versions.iter().map(|version| format!("`{}/{version}`", kind.group)).collect();
    let message = format!("there is no {} in `{}`", identity.kind, identity.api_version);
    Diagnostic::new(&UNKNOWN_KIND, At::root(id).field("apiVersion").value(), message)
        .label("unknown version")
        .consequence("the resource is not read, so nothing of it takes effect")
        .help(format!("its versions are {}", versions.join(", ")))
}

fn misspelt(id: DocumentId, identity: &Identity, kind: &Kind) -> Diagnostic {
    let message = format!("there is no kind `{}` in `{}`", identity.kind, identity.api_version);
    Diagnostic::new(&UNKNOWN_KIND, kind_of(id), message)
        .meant(Some(kind.name), "")
        .consequence("the resource is not read, so nothing of it takes effect")
}

fn unknown(id: DocumentId, identity: &Identity) -> Diagnostic {
    let message = format!("there is no kind `{}` in `{}`", identity.kind, identity.api_version);
    Diagnostic::new(&UNKNOWN_KIND, kind_of(id), message)
        .label("unknown kind")
        .consequence("the resource is not read, so nothing of it takes effect")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Nothing compares the constants of types, so their text is read.
    #[test]
    fn parts_have_numbers_of_their_own() {
        let text = include_str!("mesh.rs");
        let fields = text.split("pub ").filter(|field| field.contains(": Part<"));
        let numbers: Vec<u32> = fields
            .filter_map(|field| field.split_once(">,\n")?.0.rsplit(' ').next())
            .map(|number| number.parse().unwrap())
            .collect();
        assert!(numbers.len() > 50, "{numbers:?}");
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len(), "{numbers:?}");
    }
}
