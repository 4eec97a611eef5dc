//! `open-listener`: a listener admits the routes of selected namespaces, and does not say which.
//!
//! Source: Gateway API, `RouteNamespaces.selector`: "must be specified when From is set to Selector"; Istio admits all.

use crate::api::gateway_api::NamespacesFrom;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::{Class, Listener};

pub(super) static CHECK: Check =
    Check::lint("open-listener", Severity::Warning, include_str!("open_listener.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let gateways = mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh);
    out.extend(gateways.flat_map(|it| &it.listeners).filter_map(check));
}

fn check(listener: &Listener<'_>) -> Option<Diagnostic> {
    let namespaces = &listener.spec.allowed_routes.namespaces;
    if namespaces.from != NamespacesFrom::Selector || namespaces.selector.is_some() {
        return None;
    }
    let at = listener.path().field("allowedRoutes").field("namespaces").field("from");
    Some(
        Diagnostic::new(
            &CHECK,
            Place::value(listener.document, at),
            "namespaces are selected, and no `selector` says which",
        )
        .label("needs `selector` beside it")
        .consequence("routes of every namespace are admitted")
        .help("add `selector: {matchLabels: …}`, or write what is meant: `Same` or `All`"),
    )
}
