//! `unknown-rule-host`: a `DestinationRule` is for a host that nobody defines.
//!
//! Source: Istio, `DestinationRule.host`.

use crate::check::{inventory, suggestion};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::qualify;

pub(in crate::check) static CHECK: Check =
    Check::lint("unknown-rule-host", Severity::Warning, include_str!("unknown_rule_host.md"))
        .alias(&["IST0174", "KIA0202"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !inventory::lists_hosts(mesh) {
        return;
    }
    for rule in &mesh.source.destination_rules {
        let host = qualify(&rule.spec.host, &rule.namespace, mesh.settings.cluster_domain);
        if inventory::has_host(mesh, &host) || inventory::is_of_unseen_services(mesh, &host) {
            continue;
        }
        let place = Place::value(rule.id, FieldPath::default().field("spec").field("host"));
        let near = suggestion::host(mesh, &rule.spec.host, &rule.namespace);
        let found = Diagnostic::new(&CHECK, place, format!("there is no host `{host}`"))
            .meant(near.as_deref(), "no Service and no ServiceEntry")
            .consequence("the rule has no effect")
            .help("a host that exists outside of this repository goes into `inventory.hosts` of mesh.yaml");
        out.push(found);
    }
}
