//! Rules of `PeerAuthentication`.

use super::checks::INVALID_PORT_LEVEL_MTLS;
use super::{annotation, selector};
use crate::api::Resource;
use crate::api::istio::PeerAuthentication;
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<PeerAuthentication>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check(spec.selector.as_ref(), &at.field("selector"), out);
    let at = at.field("portLevelMtls");
    let Some(ports) = &spec.port_level_mtls else { return };
    let selects_all =
        spec.selector.as_ref().is_none_or(|selector| selector.match_labels.is_empty());
    if ports.is_empty() {
        let found =
            Diagnostic::new(&INVALID_PORT_LEVEL_MTLS, at.key(), "`portLevelMtls` names no port");
        out.push(found.label("empty"));
    } else if selects_all {
        let message = "ports are those of a workload, and no workload is selected";
        let found = Diagnostic::new(&INVALID_PORT_LEVEL_MTLS, at.key(), message);
        let found = found.label("needs `selector.matchLabels`");
        let selector = root.field("spec");
        let selector = selector.field("selector");
        out.push(found.supposing(selector.value()).lacking(&selector, &["matchLabels"]));
    }
    for port in ports.keys() {
        if !port.parse::<u32>().is_ok_and(|port| (1..=65535).contains(&port)) {
            let found = Diagnostic::new(
                &INVALID_PORT_LEVEL_MTLS,
                at.field(port).key(),
                format!("`{port}` is no port"),
            );
            out.push(found.label("a port is 1 to 65535"));
        }
    }
}
