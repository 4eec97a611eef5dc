//! What a proxy must be able to do to serve an object.
//!
//! A proxy announces the names it knows; what a snapshot needs beyond them is refused by name, before
//! anything changes. A name, once given, keeps its meaning.

use crate::object::{Action, HttpAction, JwtKeys, LoadBalancer, Object, RouteTable};

/// The features that `object` needs beyond the basics, each with the item that needs it (`http[2]`,
/// `rules[0]`, as in [`crate::source_map`]; empty: the object as a whole).
#[must_use]
pub fn of(object: &Object) -> Vec<(&'static str, String)> {
    match object {
        Object::RouteTable(table) => routes(table),
        Object::Service(service) => match &service.policy.load_balancer {
            LoadBalancer::ConsistentHash { .. } => vec![("consistent-hash", String::new())],
            LoadBalancer::Simple(_) => Vec::new(),
        },
        Object::AuthorizationPolicy(policy) => match &policy.action {
            Action::Custom { .. } => vec![("external-authorization", String::new())],
            Action::Allow | Action::Deny | Action::Audit => Vec::new(),
        },
        Object::RequestAuthentication(policy) => policy
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| matches!(rule.keys, JwtKeys::Remote(_)))
            .map(|(index, _)| ("remote-jwks", format!("rules[{index}]")))
            .collect(),
        _ => Vec::new(),
    }
}

fn routes(table: &RouteTable) -> Vec<(&'static str, String)> {
    let mut needed = Vec::new();
    for (index, route) in table.http.iter().enumerate() {
        let item = || format!("http[{index}]");
        if route.fault != crate::object::Fault::default() {
            needed.push(("fault-injection", item()));
        }
        if route.cors.is_some() {
            needed.push(("cors", item()));
        }
        if let HttpAction::Forward { mirrors, .. } = &route.action
            && !mirrors.is_empty()
        {
            needed.push(("mirroring", item()));
        }
    }
    needed
}
