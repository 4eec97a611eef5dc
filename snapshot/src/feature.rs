//! What a proxy must be able to do to serve an object.
//!
//! A proxy announces the names it knows; what its slice needs beyond them it refuses by name, before
//! anything changes. A name, once given, keeps its meaning. Whatever is added to an object's type later is
//! a feature; what stood there from the start and is not named here, every proxy serves.

use crate::object::{
    Accepts, Action, AuthorizationPolicy, ClientPolicy, Egress, FilterStep, Host, HostSet,
    HttpAction, JwtKeys, LoadBalancer, Object, PortPolicies, RequestFilters, RouteTable, Rule,
    Test, TextPattern,
};

/// The features that the proxy of this release serves. What needs another is refused by the proxy, so the compiler refuses it
/// first.
pub const SERVED: &[&str] = &[
    "consistent-hash",
    "cors",
    "egress-proxy",
    "fault-injection",
    "header-filter",
    "host-bundles",
    "inbound-ports",
    "listener-ports",
    "local-rate-limit",
    "mirroring",
    "remote-jwks",
    "route-headers",
    "text-globs",
    "trusted-proxies",
];

/// The features that `object` needs beyond the basics, each with the item that needs it (`http[2]`,
/// `rules[0]`, as in [`crate::source_map`]; empty: the object as a whole).
#[must_use]
pub fn of(object: &Object) -> Vec<(&'static str, String)> {
    match object {
        Object::RouteTable(table) => routes(table),
        Object::ClientPolicy(policy) => client_policy(policy),
        Object::AuthorizationPolicy(policy) => match &policy.action {
            Action::Custom { .. } => vec![("external-authorization", String::new())],
            Action::Allow | Action::Deny | Action::Audit => globs(policy),
        },
        Object::RequestAuthentication(policy) => policy
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| !matches!(rule.keys, JwtKeys::Inline(_)))
            .map(|(index, _)| ("remote-jwks", format!("rules[{index}]")))
            .collect(),
        Object::InboundPorts(_) => vec![("inbound-ports", String::new())],
        Object::RequestFilters(filters) => request_filters(filters),
        Object::Egress(egress) => outbound(egress),
        Object::HostSet(set) => hosts(set),
        Object::HostSets(_) => vec![("host-bundles", String::new())],
        Object::MeshDefaults(_)
        | Object::Service(_)
        | Object::Gateway(_)
        | Object::PeerAuthentication(_) => Vec::new(),
    }
}

fn globs(policy: &AuthorizationPolicy) -> Vec<(&'static str, String)> {
    let is_glob = |test: &Test| match &test.accepts {
        Accepts::Text(patterns) => patterns.iter().any(|it| matches!(it, TextPattern::Glob(_))),
        Accepts::Addresses(_) | Accepts::Ports(_) => false,
    };
    let has_globs = |rule: &Rule| {
        let groups = rule.from.iter().chain(&rule.to).chain([&rule.when]);
        groups.flatten().any(is_glob)
    };
    let rules = policy.rules.iter().enumerate().filter(|(_, rule)| has_globs(rule));
    rules.map(|(index, _)| ("text-globs", format!("rules[{index}]"))).collect()
}

/// Each part by itself, so that a proxy that limits rates and does not edit headers says just that.
fn request_filters(object: &RequestFilters) -> Vec<(&'static str, String)> {
    let filters = object.filters.iter().enumerate().map(|(index, filter)| {
        let feature = match &filter.step {
            FilterStep::RateLimit(_) => "local-rate-limit",
            FilterStep::HeaderEdits { .. } => "header-filter",
        };
        (feature, format!("filters[{index}]"))
    });
    let settings =
        (0..object.settings.len()).map(|at| ("local-rate-limit", format!("settings[{at}]")));
    let headers = object.route_headers.iter().enumerate();
    let headers = headers.map(|(index, _)| ("route-headers", format!("routeHeaders[{index}]")));
    let trusted = object.trusted_proxies.map(|_| ("trusted-proxies", "trustedProxies".to_owned()));
    filters.chain(settings).chain(headers).chain(trusted).collect()
}

fn outbound(egress: &Egress) -> Vec<(&'static str, String)> {
    let proxy = egress.proxy.is_some().then(|| ("egress-proxy", "proxy".to_owned()));
    let is_listening = !egress.listening.is_empty();
    let listening = is_listening.then(|| ("listener-ports", "listening".to_owned()));
    proxy.into_iter().chain(listening).collect()
}

fn hosts(set: &HostSet) -> Vec<(&'static str, String)> {
    let is_of_ports = |host: &Host| host.shown_ports.is_some() || host.routed_ports.is_some();
    let named = set.hosts.iter().filter(|(_, host)| is_of_ports(host));
    named.map(|(name, _)| ("listener-ports", format!("hosts.{name}"))).collect()
}

fn client_policy(policy: &ClientPolicy) -> Vec<(&'static str, String)> {
    let hashes = |ports: &PortPolicies| {
        ports
            .iter()
            .any(|policy| matches!(policy.load_balancer, LoadBalancer::ConsistentHash { .. }))
    };
    let whole = std::iter::once((String::new(), &policy.ports));
    let subsets = policy.subsets.iter().map(|(name, it)| (format!("subsets.{name}"), &it.ports));
    whole
        .chain(subsets)
        .filter(|(_, ports)| hashes(ports))
        .map(|(item, _)| ("consistent-hash", item))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::of;
    use crate::object::{Egress, EgressProxy, Host, HostSet, Object};

    #[test]
    fn what_was_added_to_the_view_of_a_workload_is_needed_where_it_is_used() {
        let proxy = EgressProxy { host: "out.example.com".into(), port: 80, subset: String::new() };
        let plain = Object::Egress(Egress::default());
        let egress = Egress { proxy: Some(proxy), listening: vec![80], ..Egress::default() };
        assert_eq!(of(&plain), []);
        assert_eq!(
            of(&Object::Egress(egress)),
            [("egress-proxy", "proxy".to_owned()), ("listener-ports", "listening".to_owned())]
        );

        let shown = Host { shown_ports: Some(vec![80]), ..Host::default() };
        let routed = Host { routed_ports: Some(Vec::new()), ..Host::default() };
        let hosts = [("plain", Host::default()), ("routed", routed), ("shown", shown)]
            .map(|(name, it)| (name.to_owned(), it));
        let set = HostSet { hosts: hosts.into(), ..HostSet::default() };
        let needed =
            ["hosts.routed", "hosts.shown"].map(|item| ("listener-ports", item.to_owned()));
        assert_eq!(of(&Object::HostSet(set)), needed);
    }
}
