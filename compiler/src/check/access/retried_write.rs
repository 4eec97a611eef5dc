//! `retried-write`: a request that changes something is sent again after it may have been carried out.
//!
//! Source: RFC 9110 §9.2.2: only idempotent methods may be repeated by themselves.

use crate::api::istio::HttpRoute;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("retried-write", Severity::Warning, include_str!("retried_write.md"));

/// Conditions that may hold when the upstream has done what it was asked.
const AFTERWARDS: &[&str] = &["5xx", "gateway-error", "reset", "retriable-4xx"];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for it in mesh.virtual_services.written() {
        for (index, route) in it.resource.spec.http.iter().enumerate() {
            let (Some(method), Some(condition)) = (writes(route), repeats(route)) else { continue };
            let at = FieldPath::default().field("spec").field("http").index(index);
            let place = at.clone().field("retries").field("retryOn");
            let method_at = at.field("match").index(method).field("method");
            let message = format!("`{condition}` may come after the request was carried out");
            out.push(
                Diagnostic::new(&CHECK, Place::value(it.resource.id, place), message)
                    .label("sent again")
                    .also(Place::value(it.resource.id, method_at), "such a request changes something")
                    .consequence("what it does may be done twice")
                    .help("retry on `connect-failure,refused-stream` alone, which come before anything is done"),
            );
        }
    }
}

/// The match for a method that is not idempotent.
fn writes(route: &HttpRoute) -> Option<usize> {
    route.r#match.iter().position(|it| {
        let method = it.method.as_ref().and_then(|method| method.exact.as_deref());
        matches!(method, Some("POST" | "PATCH"))
    })
}

fn repeats(route: &HttpRoute) -> Option<&str> {
    let retries = route.retries.as_ref().filter(|retries| retries.attempts > 0)?;
    let mut conditions = retries.retry_on.split(',').map(str::trim);
    conditions.find(|condition| AFTERWARDS.contains(condition))
}
