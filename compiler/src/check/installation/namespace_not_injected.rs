//! `namespace-not-injected`: nothing says whether pods of a namespace get a proxy, so they get none.
//!
//! Source: Istio, `injection.Analyzer`: a namespace says so by `istio-injection`, `istio.io/rev` or
//! `istio.io/dataplane-mode`.

use super::injected_by_default;
use crate::api::Resource;
use crate::api::kubernetes::Namespace;
use crate::check::injection::{self, DATAPLANE_MODE, INJECTION, REVISION};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "namespace-not-injected",
    Severity::Info,
    include_str!("namespace_not_injected.md"),
)
.alias(&["IST0102"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if injected_by_default::setting(mesh).is_some() {
        return;
    }
    let undecided: Vec<_> = undecided(mesh).collect();
    // Where none of many says anything, that is one habit of whoever wrote them.
    if let [first, second, ..] = undecided.as_slice()
        && undecided.len() == injection::namespaces(mesh).count()
    {
        let message = format!(
            "nothing says whether pods get a proxy in any of the {} namespaces",
            undecided.len()
        );
        let found = describe(first, message).also(Place::resource(second.id), "nor here");
        let shown = undecided.iter().skip(2).take(SHOWN_MAX - 1);
        out.push(shown.fold(found, |found, it| found.also(Place::resource(it.id), "nor here")));
        return;
    }
    for namespace in undecided {
        let message = format!("nothing says whether pods of `{}` get a proxy", namespace.name());
        out.push(describe(namespace, message));
    }
}

/// How many more namespaces are pointed at, where none says anything.
const SHOWN_MAX: usize = 3;

fn describe(namespace: &Resource<Namespace>, message: String) -> Diagnostic {
    Diagnostic::new(&CHECK, Place::resource(namespace.id), message)
        .label("no label about it")
        .consequence(
            "they get none: what they send and take is plain text, and no policy holds for it",
        )
        .help("add the label `istio-injection: enabled`, or `disabled` where that is meant")
}

/// The namespaces that say nothing of injection.
pub(super) fn undecided<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = &'m Resource<Namespace>> {
    injection::namespaces(mesh).filter(|namespace| {
        let label = |name| injection::label(&namespace.metadata, name);
        label(DATAPLANE_MODE) != Some("ambient")
            && label(REVISION).is_none()
            && label(INJECTION).is_none_or(str::is_empty)
    })
}
