//! The status of a `GatewayClass`. Source: Istio, `GetClassStatus`.

use serde::Serialize;

use super::condition::{Condition, Truth, update};
use super::{Facts, ResourceStatus, Status};
use crate::resolve::gateway::Class;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassStatus {
    pub conditions: Vec<Condition>,
}

impl Facts<'_, '_> {
    pub(super) fn classes(&self, all: &mut Vec<ResourceStatus>) {
        for class in &self.mesh.source.gateway_classes {
            if Class::of_controller(&class.spec.controller_name) == Class::Foreign {
                continue;
            }
            let existing = self.existing(class.id);
            let message = "Handled by Istio controller";
            let accepted = Condition::new("Accepted", Truth::True, "Accepted", message);
            let conditions = update(existing.conditions(), vec![accepted], existing.generation);
            let status = self.of(class, "GatewayClass", Status::Class(ClassStatus { conditions }));
            all.push(ResourceStatus { namespace: String::new(), ..status });
        }
    }
}
