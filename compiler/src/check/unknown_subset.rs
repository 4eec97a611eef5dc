//! `unknown-subset`: a route leads to a subset that no `DestinationRule` defines for those who use the route.
//!
//! Source: Istio, `VirtualService.http.route.destination.subset`; which rule counts is [`View::policies`]'s to say.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::unknown_host::viewers;
use crate::api::istio::DestinationRule;
use crate::api::{Resource, nearest};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::destination_rule::Policy;
use crate::resolve::host::{is_within, qualify};
use crate::resolve::route::{Destination, DestinationAt, VirtualService};
use crate::resolve::{Mesh, View};

pub(super) static CHECK: Check =
    Check::lint("unknown-subset", Severity::Error, include_str!("unknown_subset.md"))
        .alias(&["IST0101", "KIA1107"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for it in mesh.virtual_services.written().filter(|it| it.names_subsets()) {
        let mut unknown: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut of_hosts = HashMap::new();
        for (destination, at) in it.destinations() {
            if destination.subset.is_empty() {
                continue;
            }
            let of_host = of_hosts
                .entry(destination.host.clone())
                .or_insert_with(|| policies(mesh, it, &destination.host));
            if is_unknown(mesh, of_host, &destination) {
                let key = (destination.host.to_string(), destination.subset);
                unknown.entry(key).or_default().push((destination, at));
            }
        }
        for destinations in unknown.into_values() {
            let mut destinations = destinations.into_iter();
            let Some((first, at)) = destinations.next() else { continue };
            let found = describe(mesh, it, &first, &at);
            out.push(destinations.fold(found, |found, (_, at)| {
                found.also(Place::value(at.document, at.path().field("subset")), "and here")
            }));
        }
    }
}

/// The policies for a host, as those see it who use the routes of `it`.
fn policies<'m, 'a>(
    mesh: &'m Mesh<'a>,
    it: &VirtualService<'_>,
    host: &str,
) -> Vec<&'m Policy<'a>> {
    let viewers = viewers(mesh, it);
    let of_viewer = |viewer: &&str| {
        let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
        let ids: Vec<_> =
            services.flat_map(|service| View::of(mesh, viewer).policies(service)).collect();
        ids
    };
    let mut ids: Vec<_> = viewers.iter().flat_map(of_viewer).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| mesh.destination_rules.get(id)).collect()
}

/// Where the host itself is unknown, that is what is said.
///
/// `policies` are those for the host.
fn is_unknown(mesh: &Mesh<'_>, policies: &[&Policy<'_>], destination: &Destination<'_>) -> bool {
    let has_subset = |policy: &&Policy<'_>| policy.subset(destination.subset).is_some();
    let is_broken = mesh.source.incomplete.iter().any(|it| it.kind == "DestinationRule");
    if is_broken {
        return false;
    }
    if !mesh.services.of_host(&destination.host).is_empty() {
        return !policies.iter().any(has_subset);
    }
    // The host may be known elsewhere; what its own rules say holds all the same.
    let rules = rules_of(mesh, &destination.host);
    let defines = |rule: &&Resource<DestinationRule>| {
        rule.spec.subsets.iter().any(|subset| subset.name == destination.subset)
    };
    !rules.is_empty() && !rules.iter().any(defines)
}

/// The rules with subsets for exactly this host, whoever sees them.
fn rules_of<'m>(mesh: &'m Mesh<'_>, host: &str) -> Vec<&'m Resource<DestinationRule>> {
    let domain = mesh.settings.cluster_domain;
    let is_own = |rule: &&Resource<DestinationRule>| {
        !rule.spec.subsets.is_empty() && *qualify(&rule.spec.host, &rule.namespace, domain) == *host
    };
    mesh.source.destination_rules.iter().filter(is_own).collect()
}

fn describe(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    destination: &Destination<'_>,
    at: &DestinationAt,
) -> Diagnostic {
    let place = Place::value(at.document, at.path().field("subset"));
    let seen = policies(mesh, it, &destination.host);
    let is_defined = !mesh.services.of_host(&destination.host).is_empty();
    let others = if is_defined { Vec::new() } else { rules_of(mesh, &destination.host) };
    let own = seen.iter().flat_map(|policy| &policy.subsets).map(|(.., it)| it.name.as_str());
    let other = others.iter().flat_map(|rule| &rule.spec.subsets).map(|it| it.name.as_str());
    // Several rules may define one subset.
    let mut met = BTreeSet::new();
    let names: Vec<&str> = own.chain(other).filter(|name| met.insert(*name)).collect();
    // A version apart by one sign is another version, and seldom a slip.
    let near = nearest(destination.subset, names.iter().copied()).filter(|near| near.len() > 3);
    let message = format!("`{}` has no subset `{}`", destination.written.host, destination.subset);
    let mut found = Diagnostic::new(&CHECK, place, message).meant(near, "not defined");
    if let Some(hidden) = hidden(mesh, destination) {
        found =
            found.also(hidden, "it is defined here, and this rule does not count for the route");
    }
    for rule in seen.iter().flat_map(|policy| &policy.from).chain(&others) {
        let (path, text) = match names.is_empty() {
            true => ("host", "its DestinationRule defines no subsets".to_owned()),
            false if names.len() == 1 => ("subsets", format!("there is only {}", list(&names))),
            false => ("subsets", format!("there are {}", list(&names))),
        };
        found =
            found.also(Place::key(rule.id, FieldPath::default().field("spec").field(path)), text);
    }
    if seen.is_empty() && others.is_empty() {
        let host = Place::value(at.document, at.path().field("host"));
        found = found.also(host, "no subsets are defined for this host");
        let services = mesh.services.of_host(&destination.host).iter();
        for service in services.map(|id| mesh.services.get(*id)) {
            found = found.also(service.origin.place(), "no DestinationRule is for this host");
        }
    }
    let effect = if at.is_mirror() {
        "copies of requests that go there are lost"
    } else {
        "requests that take the route are answered with 503: no cluster is there"
    };
    let help = "define the subset, with its labels, in a DestinationRule of the host";
    found.consequence(effect).help(help)
}

/// Where a rule that does not count defines the subset.
fn hidden(mesh: &Mesh<'_>, destination: &Destination<'_>) -> Option<Place> {
    mesh.source.destination_rules.iter().find_map(|rule| {
        let domain = mesh.settings.cluster_domain;
        let host = qualify(&rule.spec.host, &rule.namespace, domain);
        let index = rule.spec.subsets.iter().position(|it| it.name == destination.subset)?;
        let subsets = FieldPath::default().field("spec").field("subsets");
        let place = Place::value(rule.id, subsets.index(index).field("name"));
        is_within(&destination.host, &host).then_some(place)
    })
}

/// `` `v1`, `v2` ``
fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
