//! `import-of-nothing`: a host that a `Sidecar` imports is none of the namespace that it is looked for in.
//!
//! It is said of namespaces of which the repository knows services; of all that a namespace has, where there is no such namespace. Source: Istio, `IstioEgressListener.hosts`.

use crate::api::nearest;
use crate::check::inventory;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::{is_within, lower, overlap};

pub(in crate::check) static CHECK: Check =
    Check::lint("import-of-nothing", Severity::Warning, include_str!("import_of_nothing.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for sidecar in &mesh.source.sidecars {
        for (listener, egress) in sidecar.spec.egress.iter().enumerate() {
            for (index, text) in egress.hosts.iter().enumerate() {
                let at = FieldPath::default().field("spec").field("egress").index(listener);
                let place = Place::value(sidecar.id, at.field("hosts").index(index));
                out.extend(check(mesh, text, &sidecar.namespace, place));
            }
        }
    }
}

fn check(mesh: &Mesh<'_>, text: &str, own: &str, place: Place) -> Option<Diagnostic> {
    let (of, host) = text.split_once('/')?;
    let host = lower(host);
    if &*host == "*" {
        return all_of(mesh, of, own, place);
    }
    // What it leaves out need not be there.
    if of.starts_with('~') || inventory::may_have_host(mesh, &host) {
        return None;
    }
    let namespace = if of == "." { own } else { of };
    let services: Vec<_> = if of == "*" {
        mesh.services.iter().map(|(_, it)| it).collect()
    } else {
        let ids = mesh.services.of_namespace(namespace);
        ids.iter().map(|id| mesh.services.get(*id)).collect()
    };
    if services.is_empty()
        || services.iter().any(|it| is_within(&it.host, &host) || overlap(&it.host, &host))
        || routes(mesh, of, namespace, &host)
    {
        return None;
    }
    let elsewhere = mesh.services.of_host(&host).first().map(|id| mesh.services.get(*id));
    let whose = if of == "*" { "the mesh".to_owned() } else { format!("namespace `{namespace}`") };
    let near = nearest(&host, services.iter().map(|it| &*it.host));
    let written = match (elsewhere, near) {
        (Some(service), _) => Some(format!("{}/{host}", service.namespace)),
        (None, Some(near)) => Some(format!("{of}/{near}")),
        (None, None) => None,
    };
    let found = Diagnostic::new(&CHECK, place, format!("{whose} has no host `{host}`"))
        .meant(written.as_deref(), "imports nothing")
        .consequence("workloads of the Sidecar do not see the host that is meant")
        .help("before the `/` stands the namespace of the service, and behind it the host in full");
    Some(found)
}

/// All of a namespace, which may be nothing, but not the host of a service: of a namespace that nobody knows, where the
/// repository declares namespaces, or has a service that goes by its name.
fn all_of(mesh: &Mesh<'_>, of: &str, own: &str, place: Place) -> Option<Diagnostic> {
    if matches!(of, "." | "*") || of.starts_with('~') || mesh.namespaces.contains(of) {
        return None;
    }
    let named = |namespace: &str| Some(mesh.services.kubernetes(namespace, of)?.1);
    let service = named(own).or_else(|| mesh.services.namespaces().find_map(named));
    if service.is_none() && !mesh.namespaces.are_declared() {
        return None;
    }
    let near = nearest(of, mesh.namespaces.names()).map(|near| format!("{near}/*"));
    let meant = service.map(|it| format!("{}/{}", it.namespace, it.host)).or(near);
    let found = Diagnostic::new(&CHECK, place, format!("there is no namespace `{of}`"))
        .meant(meant.as_deref(), "imports nothing")
        .consequence("workloads of the Sidecar see no host by this, and do not reach what is meant")
        .help("before the `/` stands the namespace of the service, and behind it the host in full");
    Some(match service {
        Some(it) => found.also(
            it.origin.place(),
            format!("this is a service of the namespace `{}`", it.namespace),
        ),
        None => found,
    })
}

/// Whether a `VirtualService` is imported so: its hosts need not be services.
fn routes(mesh: &Mesh<'_>, of: &str, namespace: &str, host: &str) -> bool {
    mesh.virtual_services.iter().any(|(_, it)| {
        (of == "*" || it.namespace() == namespace) && it.hosts.iter().any(|own| overlap(own, host))
    })
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn count(host: &str, others: &str) -> usize {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: reviews, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: default, namespace: shop}}\nspec: {{egress: [{{hosts: ['{host}']}}]}}\n---\n{others}"
        );
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn all_of_a_namespace_that_is_none_is_nothing() {
        assert_eq!(count("reviews/*", ""), 1);
        for host in ["./*", "*/*", "shop/*", "istio-system/*"] {
            assert_eq!(count(host, ""), 0, "{host}");
        }
        // What else there is nobody knows, until somebody says.
        assert_eq!(count("web/*", ""), 0);
        let declared = "apiVersion: v1\nkind: Namespace\nmetadata: {name: pay}\n";
        assert_eq!(count("web/*", declared), 1);
        assert_eq!(count("pay/*", declared), 0);
    }
}
