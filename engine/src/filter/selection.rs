//! Which routes something is for.

use mesh_snapshot::object::{RouteLevel, RouteSelector, Traffic};

use crate::route::{Action, Outcome};

pub use mesh_snapshot::object::RouteAction;

/// The route that takes a request, by the names that Istio's proxies know it under.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OnRoute<'p> {
    /// That its table is for: a workload's own port, or the one that the request was addressed to.
    pub port: u16,
    pub virtual_host: &'p str,
    pub name: &'p str,
    pub action: RouteAction,
    /// What tells routes of one name apart: the item, and the place of the match that held.
    pub place: (&'p str, usize),
}

impl<'p> OnRoute<'p> {
    /// Absent where no route takes the request. Source of the names that nobody wrote: Istio,
    /// `buildCatchAllVirtualHost`.
    #[must_use]
    pub fn of(outcome: &Outcome<'p>, port: u16) -> Option<Self> {
        let (virtual_host, action) = match outcome {
            Outcome::Route(selected) => {
                let route = selected.route;
                let action = match route.action {
                    Action::Forward(_) => RouteAction::Forward,
                    Action::Redirect(_) => RouteAction::Redirect,
                    Action::Respond { .. } => RouteAction::Respond,
                };
                let place = (&*route.item, selected.matching.unwrap_or_default());
                let (virtual_host, name) = (selected.virtual_host, &*route.name);
                return Some(Self { port, virtual_host, name, action, place });
            }
            Outcome::Passthrough => ("allow_any", RouteAction::Forward),
            Outcome::Blackhole => ("block_all", RouteAction::Respond),
            Outcome::NoHost | Outcome::NoRoute(_) | Outcome::HttpsRedirect => return None,
        };
        Some(Self { port, virtual_host, name: virtual_host, action, place: ("", 0) })
    }

    /// The one route of what arrives at a port of the workload. Source: Istio, `buildSidecarInboundHTTPRouteConfig`.
    #[must_use]
    pub const fn inbound(port: u16, virtual_host: &'p str) -> Self {
        let action = RouteAction::Forward;
        Self { port, virtual_host, name: "default", action, place: ("", 0) }
    }
}

/// See [`RouteSelector`].
#[derive(Clone, Debug)]
pub(super) struct Selection {
    traffic: Vec<Traffic>,
    port: Option<u16>,
    virtual_host: Box<str>,
    pub(super) level: RouteLevel,
    route: Box<str>,
    action: Option<RouteAction>,
}

impl Selection {
    pub(super) fn new(selector: &RouteSelector) -> Self {
        Self {
            traffic: selector.traffic.iter().copied().collect(),
            port: selector.port,
            virtual_host: selector.virtual_host.as_str().into(),
            level: selector.level,
            route: selector.route.as_str().into(),
            action: selector.action,
        }
    }

    pub(super) fn has(&self, traffic: Traffic, on: &OnRoute<'_>) -> bool {
        let is_named = |wanted: &str, name: &str| wanted.is_empty() || wanted == name;
        self.traffic.contains(&traffic)
            && self.port.is_none_or(|port| port == on.port)
            && is_named(&self.virtual_host, on.virtual_host)
            && is_named(&self.route, on.name)
            && self.action.is_none_or(|action| action == on.action)
    }
}
