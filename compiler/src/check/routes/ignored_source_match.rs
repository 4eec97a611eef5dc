//! `ignored-source-match`: a match asks for callers by label or namespace, and names gateways, so that callers do not count.
//!
//! Source: Istio, `sourceMatchHTTP`, `matchTLS`, `matchTCP`: they look at the caller where the match names no gateway.

use crate::check::any_match;
use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("ignored-source-match", Severity::Warning, include_str!("ignored_source_match.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::resources(&mesh.source.virtual_services, out, |resource, out| {
        for asked in any_match::of(resource).into_iter().filter(|it| !it.gateways.is_empty()) {
            let labels = (!asked.source_labels.is_empty()).then_some("sourceLabels");
            let namespace = (!asked.source_namespace.is_empty()).then_some("sourceNamespace");
            let Some(field) = labels.or(namespace) else { continue };
            let place = |field| Place::key(resource.id, asked.at.clone().field(field));
            out.push(
                Diagnostic::new(&CHECK, place(field), format!("`{field}` beside `gateways` is not looked at"))
                    .label("does not narrow the match")
                    .also(place("gateways"), "because the match names gateways")
                    .consequence("whoever calls takes the route, if all else matches")
                    .help("make two matches of it: one with `gateways`, and one for callers in the mesh without it"),
            );
        }
    });
}
