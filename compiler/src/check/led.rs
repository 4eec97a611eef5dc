//! Where routes for HTTP lead to at gateways: what they send there are requests, in plain text unless clients are told otherwise.

use std::collections::{BTreeMap, HashMap};

use mesh_snapshot::object::Protocol;

use crate::check::destinations::{self, is_idle};
use crate::diagnostic::Place;
use crate::resolve::Mesh;
use crate::resolve::host::Host;

/// By the host of a Service, its port and a subset, which is empty where none is named: the first route that leads there.
#[derive(Default)]
pub(super) struct Led(BTreeMap<Host, BTreeMap<(u16, String), Place>>);

impl Led {
    pub(super) fn to_gateways(mesh: &Mesh<'_>) -> Self {
        let services = mesh.workloads.gateways().flat_map(|it| mesh.services.served_by(it));
        let ports = services.map(|it| {
            let mut ports = it.object.ports.iter().filter(|it| it.protocol != Protocol::Udp);
            let first = ports.next().map(|it| it.number);
            (it.host.clone(), first.filter(|_| ports.next().is_none()))
        });
        // By the host, the port of those who name none.
        let ports: HashMap<Host, Option<u16>> = ports.collect();
        let mut led = Self::default();
        if ports.is_empty() {
            return led;
        }
        for (_, route) in mesh.virtual_services.iter() {
            for (to, at) in route.destinations() {
                let Some(only) = ports.get(&to.host) else { continue };
                let is_for_requests = at.route().0 == "http" && !at.is_mirror();
                let is_led = is_for_requests && !is_idle(route, &at);
                if let Some(port) = to.port.or(*only).filter(|_| is_led) {
                    let place = || Place::value(at.document, at.path().field("host"));
                    led.add(&to.host, (port, to.subset), place);
                }
            }
        }
        for (_, route) in mesh.http_routes.iter() {
            let backends = destinations::led(route).filter(|(.., is_mirror)| !is_mirror);
            for (to, path, _) in backends.filter(|(to, ..)| ports.contains_key(&to.host)) {
                let place = || Place::value(route.resource.id, path.field("name"));
                led.add(&to.host, (to.port, ""), place);
            }
        }
        led
    }

    fn add(&mut self, host: &Host, (port, subset): (u16, &str), place: impl FnOnce() -> Place) {
        let of_host = self.0.entry(host.clone()).or_default();
        of_host.entry((port, subset.to_owned())).or_insert_with(place);
    }

    pub(super) fn at(&self, host: &Host, port: u16, subset: &str) -> Option<&Place> {
        self.0.get(host)?.get(&(port, subset.to_owned()))
    }

    /// The ports and subsets of a host to which they lead.
    pub(super) fn of_host(&self, host: &Host) -> impl Iterator<Item = (u16, &str, &Place)> {
        let all = self.0.get(host).into_iter().flatten();
        all.map(|((port, subset), place)| (*port, subset.as_str(), place))
    }
}
