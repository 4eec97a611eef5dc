//! `unknown-registry`: a network of the mesh takes endpoints from a registry that there is not.
//!
//! A registry is called `Kubernetes`, `External` or `Mock`, or as the cluster whose access a Secret with the label
//! `istio/multiCluster` holds. Source: Istio, `meshnetworks.MeshNetworksAnalyzer`.

use std::collections::BTreeSet;

use crate::api::nearest;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("unknown-registry", Severity::Error, include_str!("unknown_registry.md"))
        .alias(&["IST0126"]);

const OWN: &[&str] = &["Kubernetes", "External", "Mock"];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let is_remote = |it: &&crate::api::Resource<crate::api::kubernetes::Secret>| {
        it.metadata.labels.get("istio/multiCluster").is_some_and(|it| it == "true")
    };
    let remote = mesh.source.secrets.iter().filter(is_remote).flat_map(|it| &it.spec.keys);
    let known: BTreeSet<_> = OWN.iter().copied().chain(remote.map(String::as_str)).collect();
    for networks in &mesh.source.mesh_networks {
        for (name, network) in &networks.spec.networks {
            for (index, endpoints) in network.endpoints.iter().enumerate() {
                let registry = endpoints.from_registry.as_deref().unwrap_or_default();
                if registry.is_empty() || known.contains(registry) {
                    continue;
                }
                let path =
                    FieldPath::default().field("networks").field(name.clone()).field("endpoints");
                let place = Place::value(networks.id, path.index(index).field("fromRegistry"));
                let near = nearest(registry, known.iter().copied());
                let message =
                    format!("network `{name}` has endpoints of `{registry}`, which is no registry");
                let found = Diagnostic::new(&CHECK, place, message)
                    .meant(near, "no such registry")
                    .consequence("the network has no such endpoints: proxies send to them directly, and not by the network's gateway")
                    .help("name a cluster whose access a Secret with the label `istio/multiCluster: \"true\"` holds");
                let mut found = found;
                // Secrets are seldom kept in a repository: where there are none, the cluster may be known all the same.
                if known.len() == OWN.len() {
                    found.severity = Severity::Warning;
                }
                out.push(found);
            }
        }
    }
}
