//! `uneven-weights`: the weights of a route do not add up to 100, or all of them are zero.
//!
//! A weight is a share of the sum, whatever the sum; who writes 90 and 1 hardly means 98.9 %. Sources: Istio,
//! `HTTPRouteDestination.weight`, `RouteDestination.weight`; Gateway API, `HTTPBackendRef.weight`, by which a sum of zero is answered with 500.

use crate::api::istio::RouteDestination;
use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("uneven-weights", Severity::Warning, include_str!("uneven_weights.md"))
        .alias(&["KIA1104"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::virtual_services(mesh, out, |it, out| {
        let (id, spec) = (it.resource.id, &it.resource.spec);
        let at = |list, index| FieldPath::default().field("spec").field(list).index(index);
        let weights =
            |route: &[RouteDestination]| route.iter().map(|it| it.weight).collect::<Vec<_>>();
        for route in &it.http {
            let weights: Vec<_> = route.spec.route.iter().map(|it| it.weight).collect();
            out.extend(split(route.resource.id, &at("http", route.index), &weights, "requests"));
        }
        let tls = spec.tls.iter().enumerate().map(|(index, it)| (at("tls", index), &it.route));
        let tcp = spec.tcp.iter().enumerate().map(|(index, it)| (at("tcp", index), &it.route));
        for (at, route) in tls.chain(tcp) {
            out.extend(split(id, &at, &weights(route), "connections"));
        }
    });
    for route in &mesh.source.http_routes {
        for (index, rule) in route.spec.rules.iter().enumerate() {
            let backends = &rule.backend_refs;
            if backends.is_empty() || backends.iter().any(|it| it.weight != Some(0)) {
                continue;
            }
            let path = FieldPath::default().field("spec").field("rules").index(index);
            let path = path.field("backendRefs").index(0).field("weight");
            out.push(
                Diagnostic::new(&CHECK, Place::value(route.id, path), "all weights are zero")
                    .label("no backend has a share")
                    .consequence("requests that take the rule are answered with 500")
                    .help("give one backend a weight"),
            );
        }
    }
}

/// Proportions that look like percentages and are none. Small numbers, 1 to 2, are proportions on purpose.
fn split(
    id: DocumentId,
    at: &FieldPath,
    weights: &[i32],
    what: &'static str,
) -> Option<Diagnostic> {
    let sum: i32 = weights.iter().try_fold(0i32, |sum, weight| sum.checked_add(*weight))?;
    let looks_like_percent = sum >= 50 && sum != 100 && sum % 100 != 0;
    if weights.len() < 2 || weights.iter().any(|weight| *weight < 0) || !looks_like_percent {
        return None;
    }
    let shares = weights.iter().map(|weight| {
        let tenths = (i64::from(*weight) * 1000 + i64::from(sum) / 2) / i64::from(sum);
        format!("{}.{} %", tenths / 10, tenths % 10)
    });
    let shares = shares.collect::<Vec<_>>().join(", ");
    let path = at.clone().field("route");
    let mut found = Diagnostic::new(
        &CHECK,
        Place::value(id, path.clone().index(0).field("weight")),
        format!("the weights add up to {sum}"),
    )
    .label("not to 100");
    for index in 1..weights.len() {
        let path = path.clone().index(index).field("weight");
        found = found.also(Place::value(id, path), "with this");
    }
    found.severity = Severity::Info;
    Some(found.consequence(format!("{what} are shared {shares}")).help("let them add up to 100"))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    #[test]
    fn shares_of_connections_are_looked_at_too() {
        for (list, weights, is_told) in [
            ("tcp: [{", [50, 20], true),
            ("tcp: [{", [50, 50], false),
            ("tcp: [{", [1, 3], false),
            ("tls: [{match: [{sniHosts: [db]}], ", [60, 30], true),
        ] {
            let to = |name: &str, weight: i32| {
                format!("{{destination: {{host: {name}}}, weight: {weight}}}")
            };
            let folder = Folder::new();
            folder.write(
                "a.yaml",
                format!(
                    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: db, namespace: shop}}\n\
                     spec: {{hosts: [db], {list}route: [{}, {}]}}]}}\n",
                    to("db", weights[0]),
                    to("other", weights[1])
                ),
            );
            let found = findings(folder.path());
            let told = found.iter().find(|it| it.check.name == "uneven-weights");
            assert_eq!(told.is_some(), is_told, "{list}{weights:?}");
            assert!(told.is_none_or(|it| {
                it.consequence.as_ref().is_some_and(|it| it.starts_with("connections "))
            }));
        }
    }
}
