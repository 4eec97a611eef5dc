//! The status of a `Gateway`. Source: Istio, `GatewayCollection`, `reportGatewayStatus`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::address::Address;
use super::condition::{Condition, Fault, Truth, update};
use super::existing::Existing;
use super::listener::{ListenerStatus, is_opened, is_valid};
use super::{Facts, ResourceStatus, Status, material};
use crate::resolve::Held;
use crate::resolve::gateway::{ApiGateway, Class, Listener};

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayStatus {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// `ListenerSet`s of which some listener works. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached_listener_sets: Option<usize>,
    pub conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ListenerStatus>,
}

const INSECURE: &str = "InsecureFrontendValidationMode";

impl Facts<'_, '_> {
    pub(super) fn gateways(&self, all: &mut Vec<ResourceStatus>) {
        for gateway in self.mesh.api_gateways.iter() {
            let status = match gateway.class {
                Class::Mesh | Class::Waypoint | Class::EastWest => self.gateway(gateway),
                Class::Remote => self.remote(gateway),
                Class::Foreign | Class::Unknown => continue,
            };
            all.push(self.of(gateway.resource, "Gateway", Status::Gateway(status)));
        }
    }

    fn gateway(&self, gateway: &ApiGateway<'_>) -> GatewayStatus {
        let existing = self.existing(gateway.resource.id);
        let fronts = self.fronts(gateway.resource, gateway.class);
        // Without a way to it nothing else is looked at.
        let is_lost = fronts.hosts.is_empty() && fronts.fault.is_some();
        let own = || gateway.listeners.iter().filter(|it| it.set.is_none() && !is_lost);
        let valid = own().filter(|it| is_valid(gateway.class, it)).count();
        let instances =
            self.instances(&gateway.resource.namespace, &fronts.hosts, &ports(gateway, is_lost));
        let (programmed, unprogrammed) = instances.programmed(&fronts.hosts);
        let fault = fronts.fault.or_else(|| self.parameters(gateway));
        let mut conditions = vec![
            accepted(fault, valid, gateway.resource.spec.listeners.len()),
            Condition::unless(unprogrammed, "Programmed", "Programmed", programmed),
            Condition::unless(
                client_certificate(gateway),
                "ResolvedRefs",
                "ResolvedRefs",
                "All references resolved",
            ),
        ];
        conditions.extend(insecure(gateway));
        let sets = sets(gateway).len();
        let before = before(&existing, &conditions);
        GatewayStatus {
            addresses: instances.shown(gateway.resource, gateway.class),
            attached_listener_sets: (sets != 0 && !is_lost).then_some(sets),
            conditions: update(before, conditions, existing.generation),
            listeners: own().map(|it| self.listener(gateway, it, &existing)).collect(),
        }
    }

    /// A gateway of another cluster. Source: Istio, `reportUnmanagedGatewayStatus`.
    fn remote(&self, gateway: &ApiGateway<'_>) -> GatewayStatus {
        let existing = self.existing(gateway.resource.id);
        let message = "This Gateway is remote; Istio will not program it";
        let conditions = vec![
            Condition::new("Accepted", Truth::True, "Accepted", "Resource accepted"),
            Condition::new("Programmed", Truth::True, "Programmed", message),
        ];
        let addresses = gateway.resource.spec.addresses.iter();
        GatewayStatus {
            addresses: addresses.filter_map(|it| it.value.clone()).map(Address::from).collect(),
            attached_listener_sets: None,
            conditions: update(existing.conditions(), conditions, existing.generation),
            listeners: Vec::new(),
        }
    }

    /// What the Gateway's own settings are read from. Source: Istio, `validateParametersRef`.
    fn parameters(&self, gateway: &ApiGateway<'_>) -> Option<Fault> {
        let reference = gateway.resource.spec.infrastructure.parameters_ref.as_ref()?;
        let (group, kind, name) = (&reference.group, &reference.kind, &reference.name);
        let namespace = &gateway.resource.namespace;
        let message = if !group.is_empty() || kind != "ConfigMap" {
            format!(
                "Unsupported parametersRef group/kind {group}/{kind}, only ConfigMap is supported"
            )
        } else if self.mesh.holdings.config_map(namespace, name) == Held::Missing {
            format!("parametersRef ConfigMap {namespace}/{name} does not exist")
        } else {
            return None;
        };
        Some(Fault::new("InvalidParameters", message))
    }
}

/// What backends are to be shown. Source: Istio, `validateBackendClientCertificateRef`.
fn client_certificate(gateway: &ApiGateway<'_>) -> Option<Fault> {
    let backend = gateway.resource.spec.tls.backend.as_ref()?;
    let reference = backend.client_certificate_ref.as_ref()?;
    let certificate = gateway.client_certificate.as_ref()?;
    let namespace = &gateway.resource.namespace;
    material::certificate(reference, certificate, "client certificate", namespace)
}

/// The sets that some working listener is of. Source: Istio, `GatewayCollection`.
fn sets(gateway: &ApiGateway<'_>) -> BTreeSet<crate::parse::DocumentId> {
    let valid = |it: &&Listener<'_>| is_valid(gateway.class, it);
    gateway.listeners.iter().filter(valid).filter_map(|it| Some(it.set?.id)).collect()
}

/// Those that the Services are asked for.
fn ports(gateway: &ApiGateway<'_>, is_lost: bool) -> BTreeSet<u16> {
    let asks = |it: &&Listener<'_>| match it.set {
        None => is_opened(it),
        Some(_) => is_valid(gateway.class, it),
    };
    let all = gateway.listeners.iter().filter(asks).filter(|_| !is_lost);
    all.map(|it| it.port).collect()
}

fn accepted(fault: Option<Fault>, valid: usize, count: usize) -> Condition {
    let say = |status, reason, message: &str| Condition::new("Accepted", status, reason, message);
    let (some, none) = (
        "One or more of the Gateway's listeners are invalid",
        "None of the Gateway's listeners are valid",
    );
    match fault {
        Some(fault) => say(Truth::False, fault.reason, &fault.message),
        None if valid >= count => say(Truth::True, "Accepted", "Resource accepted"),
        None if valid == 0 => say(Truth::False, "ListenersNotValid", none),
        None => say(Truth::True, "ListenersNotValid", some),
    }
}

/// That clients are let in whatever they show.
fn insecure(gateway: &ApiGateway<'_>) -> Option<Condition> {
    let frontend = gateway.resource.spec.tls.frontend.as_ref()?;
    let ports = frontend.per_port.iter().map(|it| &it.tls);
    let mut all = ports.chain([&frontend.default]).filter_map(|it| it.validation.as_ref());
    let message = "Gateway is operating in AllowInsecureFallback mode for frontend validation";
    all.any(|it| it.mode == crate::api::gateway_api::FrontendMode::AllowInsecureFallback)
        .then(|| Condition::new(INSECURE, Truth::True, "ConfigurationChanged", message))
}

/// What no longer holds is taken out.
fn before(existing: &Existing, new: &[Condition]) -> Vec<Condition> {
    let mut before = existing.conditions();
    let is_insecure = new.iter().any(|it| it.r#type == INSECURE);
    before.retain(|it| it.r#type != INSECURE || is_insecure);
    before
}
