//! What an author may have meant who wrote a name that is none.

use crate::api::nearest;
use crate::check::inventory;
use crate::resolve::Mesh;
use crate::resolve::host::of_service;

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
    of_service_near(mesh, written)
        .or_else(|| mesh.services.outside().nearest(written).map(str::to_owned))
}

/// For `name.namespace`, with what follows it of the cluster's domain, more or less: of name and namespace one is right.
fn of_service_near(mesh: &Mesh<'_>, written: &str) -> Option<String> {
    let domain = mesh.settings.cluster_domain;
    let whole = format!("svc.{domain}");
    let mut parts = written.splitn(3, '.');
    let (name, namespace) = (parts.next()?, parts.next()?);
    let tail = parts.next().unwrap_or("svc");
    if !tail.starts_with("svc") && nearest(tail, [whole.as_str()]).is_none() {
        return None;
    }
    let own = mesh.services.of_namespace(namespace).iter().map(|id| mesh.services.get(*id));
    let mut own = own.filter(|it| it.origin.is_kubernetes()).map(|it| it.origin.name());
    if own.clone().any(|it| it == name) {
        return Some(of_service(name, namespace, domain).to_string());
    }
    if let Some(near) = nearest(name, own.by_ref()) {
        return Some(of_service(near, namespace, domain).to_string());
    }
    let others = mesh.services.namespaces();
    let others = others.filter(|it| mesh.services.kubernetes(it, name).is_some());
    let near = nearest(namespace, others)?;
    Some(of_service(name, near, domain).to_string())
}

/// The Gateway that may have been meant: the nearest name of the namespace, or the same name in another one.
pub(super) fn gateway<'m>(
    mesh: &'m Mesh<'_>,
    namespace: &str,
    name: &str,
) -> Option<(&'m str, &'m str)> {
    let all: Vec<_> = mesh.gateways.names().iter().filter_map(|it| it.split_once('/')).collect();
    let own = all.iter().filter(|(of, _)| *of == namespace);
    if let Some(near) = nearest(name, own.map(|(_, name)| *name)) {
        return all.iter().find(|(of, it)| *of == namespace && *it == near).copied();
    }
    all.iter().find(|(_, it)| *it == name).copied()
}
