//! `injected-by-default`: a namespace says nothing of injection, and the injector takes that for a yes.
//!
//! Source: Istio, `injection.Analyzer`; the injector's setting `sidecarInjectorWebhook.enableNamespacesByDefault`.

use super::namespace_not_injected;
use crate::api::Resource;
use crate::api::kubernetes::ConfigMap;
use crate::check::injection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("injected-by-default", Severity::Info, include_str!("injected_by_default.md"))
        .alias(&["IST0148"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let Some(setting) = setting(mesh) else { return };
    for namespace in namespace_not_injected::undecided(mesh) {
        let values = FieldPath::default().field("data").field("values");
        let message =
            format!("pods of `{}` get a proxy although nothing says so", namespace.name());
        out.push(
            Diagnostic::new(&CHECK, Place::resource(namespace.id), message)
                .label("no label about it")
                .also(
                    Place::key(setting.id, values),
                    "`enableNamespacesByDefault` is set for this injector",
                )
                .consequence("all that they send and take goes through proxies")
                .help("add the label `istio-injection: disabled` where that is not meant"),
        );
    }
}

/// Where the injector of namespaces without a revision is told to take silence for a yes.
pub(in crate::check) fn setting<'m>(mesh: &'m Mesh<'_>) -> Option<&'m Resource<ConfigMap>> {
    let (found, values) = injection::settings(mesh, None)?;
    let setting = values.pointer("/sidecarInjectorWebhook/enableNamespacesByDefault");
    (setting == Some(&true.into())).then_some(found)
}
