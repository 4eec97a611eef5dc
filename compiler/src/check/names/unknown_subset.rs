//! `unknown-subset`: a route leads to a subset that no `DestinationRule` defines for those who use the route.
//!
//! Of a Service that stands for a host (`ExternalName`) the rules of that host count. Sources: Istio,
//! `VirtualService.http.route.destination.subset`; `GetDestinationCluster`; which rule counts is [`View::policies`]'s to say.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;

use crate::api::istio::DestinationRule;
use crate::api::{Resource, nearest};
use crate::check::alias::Alias;
use crate::check::destinations::is_for;
use crate::check::inventory;
use crate::check::kept::apart;
use crate::check::sight::{clients, rules, viewers};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::destination_rule::Policy;
use crate::resolve::host::{Host, HostMap, qualify};
use crate::resolve::route::{Destination, DestinationAt, GatewayName, VirtualService};
use crate::resolve::service::Service;
use crate::resolve::{Mesh, View};

pub(in crate::check) static CHECK: Check =
    Check::lint("unknown-subset", Severity::Error, include_str!("unknown_subset.md"))
        .alias(&["IST0101", "KIA1107"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // One that could not be read may define it.
    let is_broken = inventory::has_incomplete(mesh, "DestinationRule");
    let clients = LazyCell::new(|| clients(mesh));
    let written = LazyCell::new(|| written(mesh));
    apart::written_virtual_services(mesh, out, |it, out| {
        if !it.names_subsets() {
            return;
        }
        let mut unknown: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let (mut of_hosts, mut met) = (HashMap::new(), BTreeSet::new());
        for (destination, at) in it.destinations() {
            if destination.subset.is_empty() {
                continue;
            }
            let of_host = of_hosts
                .entry(destination.host.clone())
                .or_insert_with(|| policies(mesh, it, &destination.host));
            if !is_broken && is_unknown(mesh, of_host, &destination, &written) {
                let key = (destination.host.to_string(), destination.subset);
                unknown.entry(key).or_default().push((destination, at));
            } else if met.insert((destination.host.clone(), destination.subset)) {
                out.extend(excluded(mesh, it, &destination, &at, (&clients, &written)));
            }
        }
        for destinations in unknown.into_values() {
            let mut destinations = destinations.into_iter();
            let Some((first, at)) = destinations.next() else { continue };
            let found = describe(mesh, it, (&first, &at), &written);
            out.push(destinations.fold(found, |found, (_, at)| {
                found.also(Place::value(at.document, at.path().field("subset")), "and here")
            }));
        }
    });
}

/// The policies for a host, as those see it who use the routes of `it`.
fn policies<'m, 'a>(
    mesh: &'m Mesh<'a>,
    it: &VirtualService<'_>,
    host: &Host,
) -> Vec<&'m Policy<'a>> {
    let viewers = viewers(mesh, it);
    let alias = Alias::of(mesh, host);
    let host = alias.as_ref().map_or(host, |it| it.target);
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

/// The rules with subsets by host, whoever sees them.
type Written<'m> = HostMap<Vec<&'m Resource<DestinationRule>>>;

fn written<'m>(mesh: &'m Mesh<'_>) -> Written<'m> {
    let mut written = Written::default();
    let domain = mesh.settings.cluster_domain;
    for rule in mesh.source.destination_rules.iter().filter(|rule| !rule.spec.subsets.is_empty()) {
        written.entry(&qualify(&rule.spec.host, &rule.namespace, domain)).push(rule);
    }
    written
}

/// Where the host itself is unknown, that is what is said.
///
/// `policies` are those for the host.
fn is_unknown<'m>(
    mesh: &Mesh<'_>,
    policies: &[&Policy<'_>],
    destination: &Destination<'_>,
    written: &impl Deref<Target = Written<'m>>,
) -> bool {
    let has_subset = |policy: &&Policy<'_>| policy.subset(destination.subset).is_some();
    // Of an alias for what is unknown itself `undefined-alias` speaks.
    let alias = Alias::of(mesh, &destination.host);
    if alias.is_some_and(|it| mesh.services.of_host(it.target).is_empty()) {
        return false;
    }
    if !mesh.services.of_host(&destination.host).is_empty() {
        return !policies.iter().any(has_subset);
    }
    // The host may be known elsewhere; what its own rules say holds all the same.
    let rules = written.get(&destination.host).map_or(&[][..], Vec::as_slice);
    !rules.is_empty()
        && !rules.iter().any(|rule| place_of(destination.subset, &rule.spec).is_some())
}

/// The place of a subset in a rule.
fn place_of(subset: &str, rule: &DestinationRule) -> Option<usize> {
    rule.subsets.iter().position(|it| it.name == subset)
}

/// Some of those who use the route do not see the rule that defines its subset, which is not exported to them. That a rule of
/// their own hides it is `shadowed-destination-rule`'s to say.
fn excluded<'m>(
    mesh: &'m Mesh<'_>,
    it: &VirtualService<'_>,
    destination: &Destination<'_>,
    at: &DestinationAt,
    (clients, written): (
        &impl Deref<Target = BTreeSet<&'m str>>,
        &impl Deref<Target = Written<'m>>,
    ),
) -> Option<Diagnostic> {
    let [id] = mesh.services.of_host(&destination.host) else { return None };
    let service = mesh.services.get(*id);
    let lacks = |view: View<'_, '_>| {
        let ids = view.policies(service);
        let mut policies = ids.iter().map(|id| mesh.destination_rules.get(*id));
        !policies.any(|it| {
            it.subset(destination.subset).is_some() || Some(it.namespace) == view.client()
        })
    };
    if service.alias.is_some() || !lacks(View::common(mesh)) {
        return None;
    }
    let rule = of_everybody(mesh, service, destination, written)?;
    let reaches = |namespace: &str| {
        it.visibility.reaches(Some(namespace)) && service.visibility.reaches(Some(namespace))
    };
    let gateways = it.gateways.iter().filter_map(|name| match name {
        GatewayName::Named(full) if is_for(it, at, name) => mesh.gateways.find(full),
        GatewayName::Named(_) | GatewayName::Mesh => None,
    });
    let mut proxies = gateways.flat_map(|gateway| &gateway.proxies_in);
    let gateway = proxies.find(|of| reaches(of) && lacks(View::of_gateways(mesh, of)));
    let (client, severity) = if let Some(namespace) = gateway {
        (namespace.as_str(), Severity::Error)
    } else {
        let uses = |of: &&str| reaches(of) && lacks(View::of(mesh, of)) && rules(mesh, it, of);
        let of_mesh = it.is_for_mesh() && is_for(it, at, &GatewayName::Mesh);
        let found = clients.iter().copied().filter(|_| of_mesh).find(uses)?;
        (found, Severity::Warning)
    };
    let message = format!(
        "`{}` has no subset `{}` for clients in namespace `{client}`",
        destination.written.host, destination.subset
    );
    let place = Place::value(at.document, at.path().field("subset"));
    let effect = if at.is_mirror() {
        "copies of their requests that go there are lost"
    } else {
        "their requests that take the route are answered with 503: no cluster is there"
    };
    let export = Place::key(rule.id, FieldPath::default().field("spec").field("exportTo"));
    let mut found = Diagnostic::new(&CHECK, place, message)
        .label("not defined for them")
        .also(export, format!("they do not see this rule, which defines `{}`", destination.subset))
        .consequence(effect)
        .help("export the DestinationRule to whoever uses the route, or the route to fewer");
    found.severity = severity;
    Some(found)
}

/// The rule which would define the subset for everybody, were it exported to them.
fn of_everybody<'m>(
    mesh: &Mesh<'_>,
    service: &Service<'_>,
    destination: &Destination<'_>,
    written: &Written<'m>,
) -> Option<&'m Resource<DestinationRule>> {
    let homes = [service.namespace, mesh.settings.root_namespace];
    written.holding(&destination.host).flatten().copied().find(|rule| {
        !rule.spec.export_to.is_empty()
            && rule.spec.workload_selector.is_none()
            && homes.contains(&rule.namespace.as_str())
            && place_of(destination.subset, &rule.spec).is_some()
    })
}

fn describe(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    (destination, at): (&Destination<'_>, &DestinationAt),
    written: &Written<'_>,
) -> Diagnostic {
    let place = Place::value(at.document, at.path().field("subset"));
    let seen = policies(mesh, it, &destination.host);
    let is_defined = !mesh.services.of_host(&destination.host).is_empty();
    let others = written.get(&destination.host).filter(|_| !is_defined);
    let others = others.map_or(&[][..], Vec::as_slice);
    let own = seen.iter().flat_map(|policy| &policy.subsets).map(|(.., it)| it.name.as_str());
    let other = others.iter().flat_map(|rule| &rule.spec.subsets).map(|it| it.name.as_str());
    // Several rules may define one subset.
    let mut met = BTreeSet::new();
    let names: Vec<&str> = own.chain(other).filter(|name| met.insert(*name)).collect();
    // A version apart by one sign is another version, and seldom a slip.
    let near = nearest(destination.subset, names.iter().copied()).filter(|near| near.len() > 3);
    let message = format!("`{}` has no subset `{}`", destination.written.host, destination.subset);
    let found = Diagnostic::new(&CHECK, place.clone(), message).meant(near, "not defined");
    // What cannot be the name of a subset is no misspelt one.
    let mut found = found.supposing(place);
    let hidden = hidden(destination, written);
    let is_hidden = hidden.is_some();
    if let Some(hidden) = hidden {
        found =
            found.also(hidden, "it is defined here, and this rule does not count for the route");
    }
    for rule in seen.iter().flat_map(|policy| &policy.from).chain(others) {
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
            let text = match (&service.alias, is_hidden) {
                (Some(target), _) => {
                    format!("it stands for `{target}`, whose DestinationRules count")
                }
                (None, true) => "no DestinationRule for this host counts here".to_owned(),
                (None, false) => "no DestinationRule is for this host".to_owned(),
            };
            found = found.also(service.origin.place(), text);
        }
    }
    let effect = if at.is_mirror() {
        "copies of requests that go there are lost"
    } else {
        "requests that take the route are answered with 503: no cluster is there"
    };
    let whose = match Alias::of(mesh, &destination.host) {
        Some(alias) => format!("`{}`", alias.target),
        None => "the host".to_owned(),
    };
    let help = format!("define the subset, with its labels, in a DestinationRule of {whose}");
    found.consequence(effect).help(help)
}

/// Where a rule that does not count defines the subset.
fn hidden(destination: &Destination<'_>, written: &Written<'_>) -> Option<Place> {
    written.holding(&destination.host).flatten().find_map(|rule| {
        let index = place_of(destination.subset, &rule.spec)?;
        let subsets = FieldPath::default().field("spec").field("subsets");
        Some(Place::value(rule.id, subsets.index(index).field("name")))
    })
}

/// `` `v1`, `v2` ``
fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// What is told of a route of `shop` to a subset, with these in the spec of its VirtualService and of the rule that defines it.
    fn told(routes: &str, rule: &str, others: &str) -> Vec<String> {
        let folder = Folder::new();
        let pod = |name: &str, namespace: &str, container: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}}}}}\nspec: {{containers: [{{name: {container}, image: a}}]}}\n---\n"
            )
        };
        let pods = [
            pod("reviews", "shop", "a"),
            pod("ui", "web", "a"),
            pod("ingress", "istio-system", "istio-proxy"),
        ];
        let text = format!(
            "{}apiVersion: v1\nkind: Service\nmetadata: {{name: reviews, namespace: shop}}\nspec: {{selector: {{app: reviews}}, ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{selector: {{app: ingress}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec:\n  {routes}\n  http: [{{route: [{{destination: {{host: reviews, subset: v1}}}}]}}]\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec:\n  host: reviews\n  {rule}\n  subsets: [{{name: v1, labels: {{app: reviews}}}}]\n---\n{others}",
            pods.concat()
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path());
        let found = found.into_iter().filter(|it| it.check == &CHECK);
        found.map(|it| format!("{}: {}", it.severity.name(), it.message)).collect()
    }

    #[test]
    fn a_rule_that_is_not_exported_defines_nothing_for_others() {
        let private = "exportTo: ['.']";
        let all = "hosts: [reviews]";
        let of_web = "warning: `reviews` has no subset `v1` for clients in namespace `web`";
        assert_eq!(told(all, private, ""), [of_web]);
        assert_eq!(told(all, "exportTo: ['.', istio-system]", ""), [of_web]);
        assert_eq!(told(all, "exportTo: ['.', web]", ""), [""; 0]);
        assert_eq!(told(all, "exportTo: ['*']", ""), [""; 0]);
        assert_eq!(told("hosts: [reviews]\n  exportTo: ['.']", private, ""), [""; 0]);
        let at_gateway = "hosts: [a.example.com]\n  gateways: [g]";
        let of_gateway =
            "error: `reviews` has no subset `v1` for clients in namespace `istio-system`";
        assert_eq!(told(at_gateway, private, ""), [of_gateway]);
        assert_eq!(told(at_gateway, "exportTo: ['.', istio-system]", ""), [""; 0]);
    }

    /// As Istio names the cluster: by what it stands for.
    #[test]
    fn of_an_alias_the_rules_of_what_it_stands_for_count() {
        let told = |host: &str, target: &str| {
            let folder = Folder::new();
            let text = format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: reviews, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\n\
                 apiVersion: v1\nkind: Service\nmetadata: {{name: alias, namespace: shop}}\nspec: {{type: ExternalName, externalName: {target}, ports: [{{name: http, port: 80}}]}}\n---\n\
                 apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec: {{host: {host}, trafficPolicy: {{tls: {{mode: DISABLE}}}}, subsets: [{{name: v1, labels: {{app: reviews}}}}]}}\n---\n\
                 apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{hosts: [web.test], http: [{{route: [{{destination: {{host: alias, subset: v1}}}}]}}]}}\n"
            );
            folder.write("a.yaml", text);
            let found = findings(folder.path()).into_iter();
            let found = found.filter(|it| it.severity > crate::diagnostic::Severity::Info);
            found.map(|it| it.check.name).collect::<Vec<_>>()
        };
        let inside = "reviews.shop.svc.cluster.local";
        assert_eq!(told("reviews", inside), [""; 0]);
        assert_eq!(told("alias", inside), ["unknown-subset"]);
        // What there is not has no subsets either.
        assert_eq!(told("alias", "reviews.test"), ["undefined-alias"]);
    }

    /// What rules there in place of these routes, and in place of this rule.
    #[test]
    fn clients_with_routes_or_rules_of_their_own_need_no_other() {
        let own = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: w, namespace: web}\nspec:\n  hosts: [reviews.shop.svc.cluster.local]\n  exportTo: ['.']\n  http: [{route: [{destination: {host: reviews.shop.svc.cluster.local}}]}]\n";
        assert_eq!(told("hosts: [reviews]", "exportTo: ['.']", own), [""; 0]);
        let own = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: w, namespace: web}\nspec: {host: reviews.shop.svc.cluster.local, subsets: [{name: v1, labels: {app: reviews}}]}\n";
        assert_eq!(told("hosts: [reviews]", "exportTo: ['.']", own), [""; 0]);
    }
}
