//! What an author may have meant who wrote a name that is none.

use super::inventory;
use crate::diagnostic::{Applicability, Diagnostic, Fix, Place};
use crate::resolve::Mesh;
use crate::resolve::host::of_service;

/// Offers `name` in place of what stands at `place`. Nobody but the author knows whether it is right.
pub(super) fn offer(found: Diagnostic, place: Place, name: Option<&str>) -> Diagnostic {
    let Some(name) = name else { return found };
    let fix = Fix::new(Applicability::Unsafe, format!("write `{name}`")).replace(place, name);
    found.fix(fix)
}

/// A host that is known, spelt as it would be in a resource of `namespace`, for one that is not.
pub(super) fn host(mesh: &Mesh<'_>, written: &str, namespace: &str) -> Option<String> {
    let domain = mesh.settings.cluster_domain;
    let is_known = |host: &str| inventory::has_host(mesh, host);
    if written.contains('.') {
        let completed = [format!("{written}.svc.{domain}"), format!("{written}.{domain}")];
        if let Some(host) = completed.into_iter().find(|host| is_known(host)) {
            return Some(host);
        }
    } else {
        if let Some(near) = mesh.services.names_in(namespace).nearest(written) {
            return Some(near.to_owned());
        }
        let elsewhere = mesh.services.namespaces().map(|it| of_service(written, it, domain));
        if let Some(host) = elsewhere.into_iter().find(|host| is_known(host)) {
            return Some(host.to_string());
        }
    }
    mesh.services.names().nearest(written).map(str::to_owned)
}
