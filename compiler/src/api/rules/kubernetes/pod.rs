//! What runs in a pod, beside its proxy or in place of it.

use crate::api::Metadata;
use crate::api::kubernetes::{Container, PodSpec};
use crate::api::rules::checks::{AUTO_IMAGE_IN_POD, RESERVED_USER_ID};
use crate::diagnostic::{At, Diagnostic};

/// The user of every proxy, whose traffic is not captured. Source: Istio, "Application Requirements".
const PROXY_USER: i64 = 1337;

const PROXY: &str = "istio-proxy";

/// Applications run as somebody else. `at` leads to the pod or its template, `metadata` is the resource's own.
pub(super) fn check_user(
    metadata: &Metadata,
    pod: &PodSpec,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let is_application =
        |container: &Container| container.name != PROXY && container.name != "istio-operator";
    if is_of_istio(metadata) || !pod.containers.iter().any(is_application) {
        return;
    }
    let at = at.field("spec");
    let is_reserved = |user: Option<i64>| user == Some(PROXY_USER);
    let own = at.field("securityContext");
    let mut places = Vec::new();
    if is_reserved(pod.security_context.run_as_user) {
        places.push(own.field("runAsUser").value());
    }
    let containers = at.field("containers");
    for (index, container) in pod.containers.iter().enumerate() {
        if is_application(container) && is_reserved(container.security_context.run_as_user) {
            let at = containers.index(index);
            places.push(at.field("securityContext").field("runAsUser").value());
        }
    }
    let mut places = places.into_iter();
    let Some(first) = places.next() else { return };
    let found = Diagnostic::new(&RESERVED_USER_ID, first, "user 1337 is reserved for the proxy")
        .label("the proxy's user")
        .consequence(
            "what the application sends is not captured: it leaves in plain text, and no policy holds for it",
        )
        .help("let the application run as another user");
    out.push(places.fold(found, |found, place| found.also(place, "here too")));
}

/// Istio's own workloads know what they do.
fn is_of_istio(metadata: &Metadata) -> bool {
    metadata.labels.contains_key("istio")
        || metadata.labels.get("release").is_some_and(|release| release == "istio")
}

/// A Pod is made once: no controller makes it anew when injection failed. `at` is its root.
pub(super) fn check_image(pod: &PodSpec, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = at.field("spec");
    let at = at.field("containers");
    let is_auto = |it: &Container| it.name == PROXY && it.image.0 == "auto";
    let Some(index) = pod.containers.iter().position(is_auto) else { return };
    let message = "injection is to put an image here, and has not";
    out.push(
        Diagnostic::new(&AUTO_IMAGE_IN_POD, at.index(index).field("image").value(), message)
            .label("no image yet")
            .consequence("a pod that was made like this never starts, and takes no requests")
            .help("let a Deployment make it, in a namespace where proxies are injected"),
    );
}
