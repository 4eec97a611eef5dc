//! `namespace-not-injected`: nothing says whether pods of a namespace get a proxy, so they get none.
//!
//! Source: Istio, `injection.Analyzer`: a namespace says so by `istio-injection`, `istio.io/rev` or
//! `istio.io/dataplane-mode`.

use super::injected_by_default;
use crate::api::Resource;
use crate::api::kubernetes::Namespace;
use crate::check::injection::{self, DATAPLANE_MODE, INJECTION, REVISION};
use crate::diagnostic::{Cause, Check, Diagnostic, Place, Severity};
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
    out.extend(undecided(mesh).map(report));
}

const CONSEQUENCE: &str =
    "they get none: what they send and take is plain text, and no policy holds for it";

/// Where many say nothing, that is one habit of whoever wrote them.
fn report(namespace: &Resource<Namespace>) -> Diagnostic {
    let message = format!("nothing says whether pods of `{}` get a proxy", namespace.name());
    Diagnostic::new(&CHECK, Place::resource(namespace.id), message)
        .label("no label about it")
        .consequence(CONSEQUENCE)
        .help("add the label `istio-injection: enabled`, or `disabled` where that is meant")
        .cause(Cause::Together {
            message: "namespaces do not say whether their pods get a proxy".to_owned(),
            consequence: CONSEQUENCE.to_owned(),
        })
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
