//! `unknown-export-namespace`: something is exported to a namespace that there is not.
//!
//! Said where the repository declares namespaces, so that one which it does not know is a mistake. Source: Istio, `exportTo`;
//! `MeshConfig.defaultServiceExportTo` and its like.

use crate::api::nearest;
use crate::diagnostic::{At, Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check = Check::lint(
    "unknown-export-namespace",
    Severity::Warning,
    include_str!("unknown_export_namespace.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !mesh.namespaces.are_declared() {
        return;
    }
    let source = mesh.source;
    for it in &source.virtual_services {
        of_resource(mesh, &it.at(), &it.spec.export_to, out);
    }
    for it in &source.destination_rules {
        of_resource(mesh, &it.at(), &it.spec.export_to, out);
    }
    for it in &source.service_entries {
        of_resource(mesh, &it.at(), &it.spec.export_to, out);
    }
    let Some(config) = mesh.settings.config else { return };
    let (root, spec) = (config.at(), &config.spec);
    let defaults = [
        ("defaultServiceExportTo", &spec.default_service_export_to),
        ("defaultVirtualServiceExportTo", &spec.default_virtual_service_export_to),
        ("defaultDestinationRuleExportTo", &spec.default_destination_rule_export_to),
    ];
    for (field, names) in defaults {
        check(mesh, &root.field(field), names, out);
    }
}

fn of_resource(mesh: &Mesh<'_>, root: &At<'_>, names: &[String], out: &mut Vec<Diagnostic>) {
    let spec = root.field("spec");
    check(mesh, &spec.field("exportTo"), names, out);
}

fn check(mesh: &Mesh<'_>, list: &At<'_>, names: &[String], out: &mut Vec<Diagnostic>) {
    let is_known = |name: &str| matches!(name, "." | "*" | "~") || mesh.namespaces.contains(name);
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_known(name)) {
        let near = nearest(name, mesh.namespaces.names());
        let place = list.index(index).value();
        let found =
            Diagnostic::new(&CHECK, place, format!("there is no namespace `{name}`"))
                .meant(near, "no such namespace")
                .consequence("nobody sees it there, and whoever was meant does not")
                .help("a namespace that exists outside of this repository goes into `inventory.namespaces` of mesh.yaml");
        out.push(found);
    }
}
