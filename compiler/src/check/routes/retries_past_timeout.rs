//! `retries-past-timeout`: a route's timeout ends its requests before the tries are made that it asks for.
//!
//! Where a try may take as long as all of them together, none follows one that hangs, which is a warning. Where only the last
//! tries do not fit, that is told: most failures take less than their time. Source: Istio, `HTTPRoute.timeout`,
//! `HTTPRetry.perTryTimeout`.

use crate::api::scalar::Duration;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("retries-past-timeout", Severity::Warning, include_str!("retries_past_timeout.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for resource in &mesh.source.virtual_services {
        for (index, route) in resource.spec.http.iter().enumerate() {
            let Some(retries) = route.retries.as_ref().filter(|it| it.attempts > 0) else {
                continue;
            };
            let (Some(all), Some(each)) = (span(route.timeout), span(retries.per_try_timeout))
            else {
                continue;
            };
            let wanted = i64::from(retries.attempts) + 1;
            let fit = (all.nanos() + each.nanos() - 1) / each.nanos();
            if fit >= wanted {
                continue;
            }
            let at = FieldPath::default().field("spec").field("http").index(index);
            let place = |path: FieldPath| Place::value(resource.id, path);
            let message = if fit == 1 {
                format!("one try may take {}, and all of them together {}", shown(each), shown(all))
            } else {
                format!(
                    "of {wanted} tries that take {} each, {fit} begin within {}",
                    shown(each),
                    shown(all)
                )
            };
            let mut found = Diagnostic::new(
                &CHECK,
                place(at.clone().field("retries").field("perTryTimeout")),
                message,
            )
            .label(if fit == 1 { "never runs out" } else { "too long for that many tries" })
            .also(place(at.clone().field("timeout")), "the request ends here")
            .also(place(at.field("retries").field("attempts")), "tries after the first");
            found.severity = if fit == 1 { Severity::Warning } else { Severity::Info };
            out.push(
                found
                    .consequence(if fit == 1 {
                        "a request that hangs is answered with 504 and never tried again"
                    } else {
                        "requests that hang are answered with 504 before the last tries"
                    })
                    .help("the timeout is for all tries together: make it longer, or the tries shorter"),
            );
        }
    }
}

/// Zero is none.
fn span(duration: Option<Duration>) -> Option<Duration> {
    duration.filter(|it| it.nanos() > 0)
}

fn shown(duration: Duration) -> String {
    let millis = duration.nanos() / 1_000_000;
    if millis % 1000 == 0 { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}
