//! `port-with-two-protocols`: two Services of one Deployment have a port of the same number, one for TCP and one for UDP.
//!
//! Source: Istio, `deployment.MultiServiceAnalyzer`; of Deployments in the mesh.

use std::collections::BTreeMap;

use crate::api::Resource;
use crate::api::kubernetes::{Service, ServicePort};
use crate::check::injection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Selectors, Workload};

pub(super) static CHECK: Check = Check::lint(
    "port-with-two-protocols",
    Severity::Warning,
    include_str!("port_with_two_protocols.md"),
)
.alias(&["IST0116"]);

/// A port of a Service that a workload serves.
pub(super) struct At<'m> {
    pub service: &'m Resource<Service>,
    pub index: usize,
    pub port: &'m ServicePort,
}

impl At<'_> {
    pub(super) fn place(&self, field: &'static str) -> Place {
        let path = FieldPath::default().field("spec").field("ports").index(self.index);
        Place::value(self.service.id, path.field(field))
    }

    /// Absent: TCP.
    fn protocol(&self) -> &str {
        self.port.protocol.as_deref().filter(|it| !it.is_empty()).unwrap_or("TCP")
    }
}

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let fronts = Fronts::of(mesh);
    for deployment in deployments(mesh) {
        let mut by_number: BTreeMap<i32, Vec<At<'_>>> = BTreeMap::new();
        for at in fronts.ports(deployment) {
            by_number.entry(at.port.port).or_default().push(at);
        }
        for (number, all) in by_number {
            let Some(first) = all.first() else { continue };
            let Some(other) = all.iter().find(|it| it.protocol() != first.protocol()) else {
                continue;
            };
            let name = deployment.name();
            let message = format!("`{name}` has port {number} for two protocols");
            out.push(
                Diagnostic::new(&CHECK, Place::resource(deployment.id), message)
                    .label("served by these pods")
                    .also(first.place("port"), format!("{} here", first.protocol()))
                    .also(other.place("port"), format!("{} here", other.protocol()))
                    .consequence("the proxy listens for one of them: traffic of the other passes it by, without policy")
                    .help("give them different ports, or the other Service different pods"),
            );
        }
    }
}

/// Those with a proxy, but for waypoints.
pub(super) fn deployments<'m, 'a>(mesh: &'m Mesh<'a>) -> impl Iterator<Item = &'m Workload<'a>> {
    let is_waypoint = |it: &Workload<'_>| {
        let manager = it.own.labels.get("gateway.istio.io/managed");
        manager.is_some_and(|it| it == "istio.io-mesh-controller")
    };
    let deployments = mesh.workloads.iter().filter(|it| it.kind == "Deployment");
    deployments.filter(move |it| !is_waypoint(it) && injection::is_meshed(mesh, it))
}

/// The Services of Kubernetes, by what they select.
pub(super) struct Fronts<'m> {
    services: &'m [Resource<Service>],
    selectors: Selectors<'m>,
}

impl<'m> Fronts<'m> {
    pub(super) fn of(mesh: &'m Mesh<'_>) -> Self {
        let services = mesh.source.services.as_slice();
        let selecting = services.iter().enumerate().filter_map(|(place, it)| {
            let labels = Some(&it.spec.selector).filter(|labels| !labels.is_empty())?;
            Some((Some(it.namespace.as_str()), place, std::slice::from_ref(labels)))
        });
        Self { services, selectors: Selectors::new(selecting) }
    }

    /// The ports of all that select a workload's pods.
    pub(super) fn ports(&self, workload: &Workload<'_>) -> Vec<At<'m>> {
        let near =
            self.selectors.candidates(Some(workload.namespace()), &workload.inventory.labels);
        let near = near.into_iter().filter_map(|place| self.services.get(place));
        near.filter(|it| workload.inventory.has(&it.spec.selector))
            .flat_map(|service| {
                let ports = service.spec.ports.iter().enumerate();
                ports.map(move |(index, port)| At { service, index, port })
            })
            .collect()
    }
}
