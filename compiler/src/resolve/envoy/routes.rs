//! Which routes a patch is for.
//!
//! Source: Istio, `routeConfigurationMatch`, `virtualHostMatch`, `routeMatch`.

use mesh_snapshot::object::{RouteAction, RouteLevel, RouteSelector};

use super::{Change, place};
use crate::api::istio::{ApplyTo, PatchOperation, RouteAction as Written};

/// The routes that a patch changes; else why that cannot be said.
pub(super) fn of(change: &Change<'_>) -> Result<RouteSelector, String> {
    if change.operation != PatchOperation::Merge {
        return Err("it replaces what it does not name".to_owned());
    }
    let mut selector = RouteSelector {
        traffic: place::traffic(change.config)?,
        port: None,
        virtual_host: String::new(),
        level: match change.config.apply_to {
            ApplyTo::RouteConfiguration => RouteLevel::Port,
            ApplyTo::VirtualHost => RouteLevel::VirtualHost,
            _ => RouteLevel::Route,
        },
        route: String::new(),
        action: None,
    };
    let matched = change.config.r#match.as_ref().and_then(|it| it.route_configuration.as_ref());
    let Some(matched) = matched else { return Ok(selector) };
    for (name, text) in
        [("portName", &matched.port_name), ("gateway", &matched.gateway), ("name", &matched.name)]
    {
        if !text.is_empty() {
            return Err(format!(
                "it is for routes whose `{name}` is `{text}`, which is not looked at"
            ));
        }
    }
    selector.port = place::port(matched.port_number)?;
    let Some(host) = matched.vhost.as_ref().filter(|_| selector.level != RouteLevel::Port) else {
        return Ok(selector);
    };
    if !host.domain_name.is_empty() {
        let name = &host.domain_name;
        return Err(format!("it is for virtual hosts by a domain, `{name}`, and not by name"));
    }
    selector.virtual_host.clone_from(&host.name);
    if let Some(route) = host.route.as_ref().filter(|_| selector.level == RouteLevel::Route) {
        selector.route.clone_from(&route.name);
        selector.action = match route.action {
            Written::Any => None,
            Written::Route => Some(RouteAction::Forward),
            Written::Redirect => Some(RouteAction::Redirect),
            Written::DirectResponse => Some(RouteAction::Respond),
        };
    }
    Ok(selector)
}
