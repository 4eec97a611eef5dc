//! What a repository says that its snapshot does not hold.

mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use mesh_snapshot::Location;

use crate::api::Resource;
use crate::api::kubernetes::Service;
use crate::check::{Capture, WithoutProxy, captures, without_proxy};
use crate::diagnostic::Place;
use crate::lower::Locator;
use crate::resolve::gateway::{ApiGateway, is_managed};
use crate::resolve::service::{Origin, export_to};
use crate::resolve::{Mesh, Pods, Visibility};

/// Of workloads by `namespace/name`, of resources by their kinds and names: `VirtualService shop/reviews`.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The workloads that Istio gives no proxy to.
    pub without_proxy: BTreeMap<String, WithoutProxy>,
    /// Those whose proxies may not take every port.
    pub captures: BTreeMap<String, Capture>,
    /// What their pods may have as labels that no template has.
    pub pods: BTreeMap<String, Pods>,
    /// The Gateways for which Istio makes pods, by `namespace/account` of those. Whether others serve them is not told.
    pub gateways: BTreeMap<String, String>,
    /// The addresses that authors have the cluster give to Services, by their hosts. Those that it chooses nobody tells.
    pub addresses: BTreeMap<Arc<str>, BTreeSet<IpAddr>>,
    /// Who sees resources.
    pub exports: BTreeMap<Arc<str>, Export>,
    /// Who sees those that do not say it, by the field of the `MeshConfig` that says so. Everybody, where none does.
    pub default_exports: BTreeMap<&'static str, String>,
    /// The hosts that resources are for, which a snapshot has only where they are known: of `VirtualService`s,
    /// `DestinationRule`s, `HTTPRoute`s and `GRPCRoute`s, in lower case, short ones in full.
    pub hosts: BTreeMap<Arc<str>, Named>,
    /// Where routes apply, which a snapshot has only where it is known: of `VirtualService`s `mesh` and `shop/public`, of routes
    /// of the Gateway API `Gateway shop/public`.
    pub parents: BTreeMap<Arc<str>, Named>,
}

/// What a resource names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// The field that does: `hosts`, `host`, `hostnames`, `gateways`, `parentRefs`.
    pub field: &'static str,
    /// The same however it is written.
    pub names: BTreeSet<Arc<str>>,
    /// Where the resource is.
    pub place: Location,
}

/// `exportTo`, which a snapshot has looked up for every namespace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Export {
    /// `*`, `~`, or the names of namespaces, a resource's own as a dot.
    pub to: String,
    /// Whether the resource says so. It is the mesh's default otherwise.
    pub is_own: bool,
    /// Where the resource is.
    pub place: Location,
}

impl Beside {
    pub(crate) fn of(mesh: &Mesh<'_>, locator: &Locator<'_>) -> Self {
        Self {
            without_proxy: without_proxy(mesh),
            captures: captures(mesh),
            pods: pods(mesh),
            gateways: gateways(mesh),
            addresses: addresses(mesh),
            exports: exports(mesh, locator),
            default_exports: default_exports(mesh),
            hosts: names::hosts(mesh, locator),
            parents: names::parents(mesh, locator),
        }
    }
}

fn pods(mesh: &Mesh<'_>) -> BTreeMap<String, Pods> {
    let mut pods = BTreeMap::new();
    for it in &*mesh.workloads {
        let name = format!("{}/{}", it.namespace(), it.name());
        pods.entry(name).or_insert_with(|| it.pods.clone());
    }
    pods
}

fn gateways(mesh: &Mesh<'_>) -> BTreeMap<String, String> {
    let is_made = |it: &&ApiGateway<'_>| it.class.has_routes() && is_managed(&it.resource.spec);
    let named = mesh.api_gateways.iter().filter(is_made).map(|it| {
        let (namespace, name) = (&it.resource.namespace, it.resource.name());
        (format!("{namespace}/{}", it.account()), format!("Gateway {namespace}/{name}"))
    });
    named.collect()
}

fn addresses(mesh: &Mesh<'_>) -> BTreeMap<Arc<str>, BTreeSet<IpAddr>> {
    let mut addresses = BTreeMap::new();
    for (_, service) in mesh.services.iter() {
        if let Origin::Kubernetes(resource) = service.origin
            && let Some(own) = cluster_addresses(&resource.spec)
        {
            // Of two Services of one name the first counts, as for everybody who asks for it by its name.
            addresses.entry(Arc::clone(&service.host)).or_insert(own);
        }
    }
    addresses
}

/// None where one of them is no address, as that of a headless Service: its clients call others, too, or others alone.
fn cluster_addresses(spec: &Service) -> Option<BTreeSet<IpAddr>> {
    let written = spec.cluster_ip.iter().chain(&spec.cluster_i_ps).filter(|text| !text.is_empty());
    let read: BTreeSet<IpAddr> = written.map(|text| text.parse().ok()).collect::<Option<_>>()?;
    Some(read).filter(|read| !read.is_empty())
}

fn exports(mesh: &Mesh<'_>, locator: &Locator<'_>) -> BTreeMap<Arc<str>, Export> {
    let (source, settings) = (mesh.source, &mesh.settings);
    let mut exports = BTreeMap::new();
    for it in &source.virtual_services {
        let default = settings.virtual_service_export_to;
        note(it, it.spec.export_to.iter().map(String::as_str), default, locator, &mut exports);
    }
    for it in &source.destination_rules {
        let default = settings.destination_rule_export_to;
        note(it, it.spec.export_to.iter().map(String::as_str), default, locator, &mut exports);
    }
    for it in &source.service_entries {
        let default = settings.service_export_to;
        note(it, it.spec.export_to.iter().map(String::as_str), default, locator, &mut exports);
    }
    for it in &source.services {
        note::<Service>(it, export_to(it), settings.service_export_to, locator, &mut exports);
    }
    exports
}

fn note<'a, T>(
    resource: &'a Resource<T>,
    written: impl Iterator<Item = &'a str>,
    default: &'a [String],
    locator: &Locator<'_>,
    exports: &mut BTreeMap<Arc<str>, Export>,
) {
    let mut written = written.peekable();
    let is_own = written.peek().is_some();
    let own = resource.namespace.as_str();
    let to = Visibility::of(written, own, default).written(own);
    let place = locator.location(&Place::resource(resource.id));
    exports.insert(Arc::clone(&place.resource), Export { to, is_own, place });
}

fn default_exports(mesh: &Mesh<'_>) -> BTreeMap<&'static str, String> {
    let settings = &mesh.settings;
    let fields = [
        ("defaultServiceExportTo", settings.service_export_to),
        ("defaultVirtualServiceExportTo", settings.virtual_service_export_to),
        ("defaultDestinationRuleExportTo", settings.destination_rule_export_to),
    ];
    // Whose own namespace a dot is, only a resource can tell.
    let said =
        |names: &[String]| Visibility::of(names.iter().map(String::as_str), ".", &[]).written(".");
    let fields = fields.into_iter().filter(|(_, names)| !names.is_empty());
    fields.map(|(field, names)| (field, said(names))).collect()
}
