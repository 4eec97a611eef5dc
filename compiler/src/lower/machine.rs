//! `WorkloadEntry`s that are nobody's endpoint. Those that are stand in the `Service` that has them.

use mesh_snapshot::object::Discovery;

use super::Lowering;
use crate::diagnostic::Place;
use crate::resolve::Selectors;
use crate::resolve::service::{Machine, Service};

/// Why a machine is no endpoint of what selects it.
enum Obstacle {
    /// The world says who its instances are.
    Pods,
    /// Only an address can be dialled.
    Name,
}

impl Lowering<'_, '_> {
    /// Says of each machine that no request reaches why that is so.
    pub(super) fn idle_machines(&self) {
        let mesh = self.mesh;
        let has_address = |it: &&Machine<'_>| !it.resource.spec.address.is_empty();
        let services: Vec<_> = mesh.services.iter().map(|(_, service)| service).collect();
        let selectors = services.iter().enumerate().filter_map(|(place, service)| {
            let labels = service.origin.selector()?;
            Some((Some(service.namespace), place, std::slice::from_ref(labels)))
        });
        let selectors = Selectors::new(selectors);
        for machine in mesh.machines.iter().filter(has_address) {
            let namespace = Some(machine.resource.namespace.as_str());
            let near = selectors.candidates(namespace, &machine.labels);
            let near = near.into_iter().filter_map(|place| services.get(place).copied());
            let selecting: Vec<_> = near.filter(|service| selects(service, machine)).collect();
            if selecting.is_empty() {
                let message =
                    "no Service and no ServiceEntry of its namespace selects it".to_owned();
                let place = Place::resource(machine.resource.id);
                self.unserved(place, message, "no request is sent to it");
            }
            for service in selecting {
                if let Some(obstacle) = obstacle(service, machine) {
                    self.idle(machine, service, &obstacle);
                }
            }
        }
    }

    fn idle(&self, machine: &Machine<'_>, service: &Service<'_>, obstacle: &Obstacle) {
        let (kind, name) = (service.origin.kind(), service.origin.name());
        let at = machine.resource.at();
        match obstacle {
            Obstacle::Pods => {
                let message = format!("the {kind} `{name}` that selects it selects pods, too");
                let consequence = "requests go to the pods alone";
                self.unserved(Place::resource(machine.resource.id), message, consequence);
            }
            Obstacle::Name => {
                let message = format!("the {kind} `{name}` that selects it resolves no names");
                let place = at.field("spec").field("address").value();
                self.unserved(place, message, "no request is sent to this endpoint");
            }
        }
    }
}

fn selects(service: &Service<'_>, machine: &Machine<'_>) -> bool {
    service.origin.selector().is_some_and(|selector| {
        selector.iter().all(|(name, value)| machine.labels.get(name) == Some(value))
    })
}

fn obstacle(service: &Service<'_>, machine: &Machine<'_>) -> Option<Obstacle> {
    let address = &machine.resource.spec.address;
    let is_name = !address.starts_with("unix://") && address.parse::<std::net::IpAddr>().is_err();
    match &service.object.discovery {
        Discovery::World { .. } => Some(Obstacle::Pods),
        Discovery::Declared { .. } if is_name => Some(Obstacle::Name),
        Discovery::Declared { .. } | Discovery::Dns { .. } | Discovery::OriginalDestination => None,
    }
}
