//! The status of a `ListenerSet`. Source: Istio, `ListenerSetCollection`, `ReportListenerSetStatus`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::condition::{Condition, Fault, update};
use super::listener::{ListenerStatus, is_opened, is_valid};
use super::{Facts, ResourceStatus, Status};
use crate::api::{Resource, gateway_api};
use crate::resolve::gateway::{ApiGateway, Listener, SetState};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListenerSetStatus {
    pub conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ListenerStatus>,
}

impl<'a> Facts<'_, 'a> {
    pub(super) fn listener_sets(&self, all: &mut Vec<ResourceStatus>) {
        for set in &self.mesh.source.listener_sets {
            let state = self.mesh.api_gateways.set(&set.namespace, set.name());
            let status = match state {
                Some(SetState::Added(gateway)) => {
                    let added = self.mesh.api_gateways.find(&gateway.namespace, gateway.name());
                    added.map(|gateway| self.added(set, gateway))
                }
                Some(SetState::NotAllowed(_)) => Some(self.refused(
                    set,
                    "The parent Gateway does not allow this reference; check the 'spec.allowedRoutes'"
                        .to_owned(),
                )),
                Some(SetState::Unsupported(gateway)) => {
                    let class = &gateway.spec.gateway_class_name;
                    let message = format!("The {class:?} GatewayClass does not support ListenerSet");
                    Some(self.refused(set, message))
                }
                Some(SetState::Missing | SetState::Foreign) | None => None,
            };
            all.extend(status.map(|it| self.of(set, "ListenerSet", Status::ListenerSet(it))));
        }
    }

    fn refused(
        &self,
        set: &Resource<gateway_api::ListenerSet>,
        message: String,
    ) -> ListenerSetStatus {
        let fault = Fault::new("NotAllowed", message);
        let conditions = vec![
            Condition::unless(Some(fault.clone()), "Accepted", "", ""),
            Condition::unless(Some(fault), "Programmed", "", ""),
        ];
        let existing = self.existing(set.id);
        let conditions = update(existing.conditions(), conditions, existing.generation);
        ListenerSetStatus { conditions, listeners: Vec::new() }
    }

    fn added(
        &self,
        set: &'a Resource<gateway_api::ListenerSet>,
        gateway: &ApiGateway<'a>,
    ) -> ListenerSetStatus {
        let existing = self.existing(set.id);
        let fronts = self.fronts(gateway.resource, gateway.class);
        let is_lost = fronts.hosts.is_empty() && fronts.fault.is_some();
        let is_own = |it: &&Listener<'_>| it.set.is_some_and(|of| of.id == set.id) && !is_lost;
        let own: Vec<_> = gateway.listeners.iter().filter(is_own).collect();
        let is_valid = is_lost || own.iter().any(|it| is_valid(gateway.class, it));
        let opened = own.iter().filter(|it| is_opened(it));
        let ports: BTreeSet<u16> = opened.map(|it| it.port).collect();
        let instances = self.instances(&gateway.resource.namespace, &fronts.hosts, &ports);
        let (programmed, mut unprogrammed) = instances.programmed(&fronts.hosts);
        let invalid = (!is_valid).then(|| {
            Fault::new("ListenersNotValid", "None of the ListenerSet's listeners are valid")
        });
        let of_parent = fronts.fault.map(|fault| {
            Fault::new(fault.reason, format!("Parent not accepted: {}", fault.message))
        });
        if invalid.is_some() {
            unprogrammed.clone_from(&invalid);
        }
        let unaccepted = of_parent.or(invalid);
        let conditions = vec![
            Condition::unless(unaccepted, "Accepted", "Accepted", "Resource accepted"),
            Condition::unless(unprogrammed, "Programmed", "Programmed", programmed),
        ];
        let listeners = own.iter().map(|it| self.listener(gateway, it, &existing)).collect();
        let conditions = update(existing.conditions(), conditions, existing.generation);
        ListenerSetStatus { conditions, listeners }
    }
}
