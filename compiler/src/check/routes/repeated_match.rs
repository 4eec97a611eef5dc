//! `repeated-match`: of two rules of `HTTPRoute`s or `GRPCRoute`s that match the same requests of one host at one place, only the
//! first is used.
//!
//! The more specific match decides, whoever wrote it; of equal ones that of the older route, of the route whose namespace and name
//! come first, and of the rule that stands first. That routes of both kinds are at one listener is `conflicting-route-kinds`'s.
//! Source: Gateway API, `HTTPRouteRule.matches`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::api::gateway_api::HttpRouteMatch;
use crate::check::matching::asked::{Asked, asked};
use crate::check::matching::dead_texts;
use crate::check::overlap::why_first;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::Host;
use crate::resolve::route::{HttpRoute, HttpRouteId};

pub(super) static CHECK: Check =
    Check::lint("repeated-match", Severity::Warning, include_str!("repeated_match.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut met = BTreeSet::new();
    for (host, routes) in groups(mesh) {
        check(mesh, &host, &routes, &mut met, out);
    }
}

/// The routes of one host at one place, the oldest first, wherever there are any.
fn groups(mesh: &Mesh<'_>) -> Vec<(Host, Vec<HttpRouteId>)> {
    let mut groups = Vec::new();
    for gateway in mesh.api_gateways.iter() {
        for listener in gateway.listeners.iter().filter(|it| it.is_served()) {
            let by_host = mesh.http_routes.by_host_at(gateway, listener);
            groups.extend(by_host.into_iter().flat_map(|(host, ids)| {
                by_kind(mesh, ids).map(move |ids| (Arc::clone(&host), ids))
            }));
        }
    }
    for host in mesh.http_routes.mesh_hosts() {
        for (_, attached) in mesh.http_routes.of_mesh_host(host) {
            let mut by_port: BTreeMap<_, Vec<HttpRouteId>> = BTreeMap::new();
            for (id, port) in attached {
                by_port.entry(port).or_default().push(*id);
            }
            groups.extend(by_port.into_values().map(|ids| (Arc::clone(host), ids)));
        }
    }
    groups
}

/// One kind is as if the other were not there.
fn by_kind(
    mesh: &Mesh<'_>,
    ids: Vec<HttpRouteId>,
) -> impl Iterator<Item = Vec<HttpRouteId>> + use<> {
    let mut by_kind: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for id in ids {
        by_kind.entry(mesh.http_routes.get(id).resource.spec.kind).or_default().push(id);
    }
    by_kind.into_values()
}

/// Where a match stands: the route, its rule, and the match of that; absent: the rule has none.
type At = (HttpRouteId, usize, Option<usize>);

fn check(
    mesh: &Mesh<'_>,
    host: &str,
    routes: &[HttpRouteId],
    met: &mut BTreeSet<(HttpRouteId, usize)>,
    out: &mut Vec<Diagnostic>,
) {
    let mode = mesh.settings.path_normalization;
    let mut first: HashMap<Asked, At> = HashMap::new();
    for id in routes {
        let route = mesh.http_routes.get(*id);
        for (rule, spec) in route.resource.spec.rules.iter().enumerate() {
            let any = [HttpRouteMatch::default()];
            let is_written = !spec.matches.is_empty();
            let matches = if is_written { spec.matches.as_slice() } else { &any };
            let mut taken = Vec::new();
            for (index, test) in matches.iter().enumerate() {
                let at = (*id, rule, is_written.then_some(index));
                let by = *first.entry(asked(test)).or_insert(at);
                // A rule that repeats itself loses nothing.
                if (by.0, by.1) != (*id, rule) {
                    taken.push((at, by));
                }
            }
            // What no request has is `match-never-holds`'s, and keeps no rule alive.
            let never = |test: &HttpRouteMatch| {
                dead_texts::of_route_match(test, mode, &FieldPath::default).next().is_some()
            };
            let test_at = |at: &At| at.2.and_then(|index| matches.get(index));
            let is_alive = |(index, test): (usize, &HttpRouteMatch)| {
                !never(test) && !taken.iter().any(|(at, _)| at.2.unwrap_or_default() == index)
            };
            let is_dead = !taken.is_empty() && !matches.iter().enumerate().any(is_alive);
            taken.retain(|(at, _)| test_at(at).is_none_or(|test| !never(test)));
            if !taken.is_empty() && met.insert((*id, rule)) {
                out.extend(report(mesh, host, &taken, is_dead));
            }
        }
    }
}

fn report(mesh: &Mesh<'_>, host: &str, taken: &[(At, At)], is_dead: bool) -> Option<Diagnostic> {
    let (at, by) = taken.first()?;
    let (own, other) = (mesh.http_routes.get(at.0), mesh.http_routes.get(by.0));
    let of = if host == "*" { "all hosts".to_owned() } else { format!("`{host}`") };
    let message = if is_dead {
        format!("this rule can never be selected for {of}")
    } else {
        format!("a match of this rule adds nothing for {of}")
    };
    let why = if at.0 == by.0 { "it stands first" } else { why_first(&other.age, &own.age) };
    let others = taken.iter().skip(1).map(|(at, _)| place(mesh.http_routes.get(at.0), *at));
    let mut found = Diagnostic::new(&CHECK, place(own, *at), message)
        .label("never selected")
        .also(place(other, *by), format!("this matches the same requests, and is used: {why}"))
        .consequence("requests that both match go where the other rule leads")
        .help("let it match other requests, or put what both do into one rule")
        .and_here(others);
    if !is_dead {
        found.severity = Severity::Info;
    }
    Some(found)
}

/// The path of a match, or what stands for it.
fn place(route: &HttpRoute<'_>, (_, rule, index): At) -> Place {
    let at = FieldPath::default().field("spec").field("rules").index(rule);
    let Some(index) = index else { return Place::value(route.resource.id, at) };
    let spec = route.resource.spec.rules.get(rule).and_then(|rule| rule.matches.get(index));
    let at = at.field("matches").index(index);
    match spec.and_then(|it| it.path.as_ref()).filter(|path| path.value.is_some()) {
        Some(_) => Place::value(route.resource.id, at.field("path").field("value")),
        None => Place::value(route.resource.id, at),
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Severity;
    use crate::testing::{Folder, findings};

    /// How severe is what is said of routes `a` and `b` with these rules, after one Service that both are for.
    fn said(a: &str, b: &str) -> Vec<Severity> {
        let route = |name: &str, rules: &str| {
            format!(
                "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  parentRefs: [{{group: \"\", kind: Service, name: shop}}]\n  rules: {rules}\n"
            )
        };
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n";
        let folder = Folder::new();
        folder.write("a.yaml", format!("{service}{}{}", route("a", a), route("b", b)));
        let found = findings(folder.path());
        let of_rule = found.iter().filter(|it| it.check.name == "repeated-match");
        of_rule.map(|found| found.severity).collect()
    }

    #[test]
    fn equal_matches_are_told_and_others_are_not() {
        const TO: &str = "backendRefs: [{name: shop, port: 80}]";
        let rule = |matches: &str| format!("[{{matches: [{matches}], {TO}}}]");
        let x = "{path: {value: /a}, headers: [{name: X-User, value: b}]}";
        let same = "{path: {type: PathPrefix, value: /a/}, headers: [{name: x-user, value: b}]}";
        assert_eq!(said(&rule(x), &rule(same)), [Severity::Warning]);
        for other in [
            "{path: {value: /a}}",
            "{path: {type: Exact, value: /a}, headers: [{name: x-user, value: b}]}",
            "{path: {value: /a}, headers: [{name: x-user, value: c}]}",
            "{path: {value: /a}, headers: [{name: x-user, value: b}], method: GET}",
        ] {
            assert!(said(&rule(x), &rule(other)).is_empty(), "{other}");
        }
        let twice = rule(&format!("{x}, {x}"));
        assert!(said(&twice, &rule("{path: {value: /b}}")).is_empty(), "a rule repeats itself");
        let partly = said(&rule(x), &rule(&format!("{x}, {{path: {{value: /b}}}}")));
        assert_eq!(partly, [Severity::Info]);
    }

    #[test]
    fn of_routes_of_both_kinds_their_conflict_is_told() {
        let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: shop}\nspec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n";
        let names = |kinds: &[&str]| {
            let folder = Folder::new();
            folder.write("g.yaml", gateway);
            for (index, kind) in kinds.iter().enumerate() {
                let text = format!(
                    "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: r{index}, namespace: shop}}\nspec: {{parentRefs: [{{name: g}}], hostnames: [a.example.com], rules: [{{backendRefs: [{{name: shop, port: 80}}]}}]}}\n"
                );
                folder.write(&format!("{index}.yaml"), text);
            }
            let found = findings(folder.path()).into_iter().map(|it| it.check.name);
            let ours = ["conflicting-route-kinds", "repeated-match"];
            found.filter(|name| ours.contains(name)).collect::<Vec<_>>()
        };
        let conflict = "conflicting-route-kinds";
        assert_eq!(names(&["HTTPRoute", "GRPCRoute"]), [conflict]);
        assert_eq!(names(&["HTTPRoute", "HTTPRoute"]), ["repeated-match"]);
        assert_eq!(names(&["HTTPRoute", "GRPCRoute", "HTTPRoute"]), [conflict, "repeated-match"]);
    }
}
