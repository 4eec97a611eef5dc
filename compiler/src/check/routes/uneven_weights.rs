//! `uneven-weights`: the weights of a route do not add up to 100, or all of them are zero.
//!
//! A weight is a share of the sum, whatever the sum; who writes 90 and 1 hardly means 98.9 %. Sources: Istio,
//! `HTTPRouteDestination.weight`; Gateway API, `HTTPBackendRef.weight`, by which a sum of zero is answered with 500.

use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::route::MergedHttp;

pub(super) static CHECK: Check =
    Check::lint("uneven-weights", Severity::Warning, include_str!("uneven_weights.md"))
        .alias(&["KIA1104"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::virtual_services(mesh, out, |it, out| {
        out.extend(it.http.iter().filter_map(split));
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
fn split(route: &MergedHttp<'_>) -> Option<Diagnostic> {
    let weights: Vec<_> = route.spec.route.iter().map(|it| it.weight).collect();
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
    let path = FieldPath::default().field("spec").field("http").index(route.index).field("route");
    let mut found = Diagnostic::new(
        &CHECK,
        Place::value(route.resource.id, path.clone().index(0).field("weight")),
        format!("the weights add up to {sum}"),
    )
    .label("not to 100");
    for index in 1..weights.len() {
        let path = path.clone().index(index).field("weight");
        found = found.also(Place::value(route.resource.id, path), "with this");
    }
    found.severity = Severity::Info;
    Some(found.consequence(format!("requests are shared {shares}")).help("let them add up to 100"))
}
