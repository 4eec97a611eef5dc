//! `removed-definition`: a kind is defined that Istio no longer reads.
//!
//! Source: Istio, `deprecation.DeprecationAnalyzer`.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("removed-definition", Severity::Warning, include_str!("removed_definition.md"))
        .alias(&["IST0002"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for definition in &mesh.source.custom_resources {
        let (group, kind) = (definition.spec.group.as_str(), definition.spec.names.kind.as_str());
        let Some(instead) = crate::api::replacement(group, kind) else { continue };
        let path = FieldPath::default().field("spec").field("names").field("kind");
        let message = format!("{kind} of {group} is gone from the API");
        out.push(
            Diagnostic::new(&CHECK, Place::value(definition.id, path), message)
                .label("nobody reads it")
                .consequence("resources of this kind are stored and have no effect")
                .help(instead),
        );
    }
}
