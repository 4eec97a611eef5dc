//! `unknown-rule-host`: a `DestinationRule` is for a host that nobody defines.
//!
//! Source: Istio, `DestinationRule.host`.

use super::{inventory, suggestion};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::qualify;

pub(super) static CHECK: Check =
    Check::lint("unknown-rule-host", Severity::Warning, include_str!("unknown_rule_host.md"))
        .alias(&["IST0174", "KIA0202"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !inventory::lists_hosts(mesh) {
        return;
    }
    for rule in &mesh.source.destination_rules {
        let host = qualify(&rule.spec.host, &rule.namespace, mesh.settings.cluster_domain);
        if inventory::has_host(mesh, &host) {
            continue;
        }
        let place = Place::value(rule.id, FieldPath::default().field("spec").field("host"));
        let near = suggestion::host(mesh, &rule.spec.host, &rule.namespace);
        let label = match &near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "no Service and no ServiceEntry".to_owned(),
        };
        let found = Diagnostic::new(&CHECK, place.clone(), format!("there is no host `{host}`"))
            .label(label)
            .consequence("the rule has no effect")
            .help("a host that exists outside of this repository goes into `inventory.hosts` of mesh.yaml");
        out.push(suggestion::offer(found, place, near.as_deref()));
    }
}
