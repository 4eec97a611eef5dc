//! `conflicting-injection-labels`: a namespace says in more than one way how its pods are meshed.
//!
//! Source: Istio, `injection.Analyzer`. `istio-injection` with another value than `enabled` goes with everything.

use crate::check::injection::{self, DATAPLANE_MODE, INJECTION, REVISION};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "conflicting-injection-labels",
    Severity::Warning,
    include_str!("conflicting_injection_labels.md"),
)
.alias(&["IST0123"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for namespace in injection::namespaces(mesh) {
        let label = |name| injection::label(&namespace.metadata, name);
        if label(INJECTION).is_some_and(|choice| choice != "enabled") {
            continue;
        }
        let names = [INJECTION, REVISION, DATAPLANE_MODE];
        let mut set = names.into_iter().filter(|name| label(name).is_some());
        let (Some(first), Some(second)) = (set.next(), set.next()) else { continue };
        let labels = FieldPath::default().field("metadata").field("labels");
        let place = |name: &'static str| Place::key(namespace.id, labels.clone().field(name));
        let message =
            format!("namespace `{}` says twice how its pods are meshed", namespace.name());
        let found = Diagnostic::new(&CHECK, place(second), message)
            .label("and so does this")
            .also(place(first), "this says it")
            .consequence(
                "which one counts depends on the webhooks that are installed: pods get the proxy of the one, of the other, or none",
            )
            .help("keep one of them");
        out.push(set.fold(found, |found, third| found.also(place(third), "and this")));
    }
}
