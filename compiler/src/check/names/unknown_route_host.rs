//! `unknown-route-host`: the routes of a `VirtualService` of the mesh are for a service that nobody defines.
//!
//! A host of elsewhere need not be defined: clients that call it by HTTP go by its routes. So it is said of names of services alone:
//! those without a dot, those of the cluster's domain, and what was hardly meant for anything else. Source: Istio,
//! `VirtualService.hosts`, `BuildSidecarOutboundVirtualHosts`.

use crate::check::kept::apart;
use crate::check::{inventory, suggestion};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::{Host, is_wildcard};
use crate::resolve::route::{GatewayName, VirtualService};

pub(in crate::check) static CHECK: Check =
    Check::lint("unknown-route-host", Severity::Warning, include_str!("unknown_route_host.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::virtual_services(mesh, out, |it, out| {
        let unknown: Vec<_> = unknown(mesh, it).collect();
        // That routes for bytes alone are for nobody is `unused-stream-route`'s to say, and `unknown-host` says it of a host that they lead to.
        let leads_to = |host: &Host| it.destinations().any(|(to, _)| to.host == *host);
        let is_told = |index: usize| it.hosts.get(index).is_some_and(leads_to);
        if !it.http.is_empty() {
            let unknown = unknown.into_iter().filter(|(index, _)| !is_told(*index));
            out.extend(unknown.map(|(index, near)| report(it, index, near.as_deref())));
        }
    });
}

/// The hosts that are none, by their places, and what may have been meant.
pub(in crate::check) fn unknown<'m>(
    mesh: &'m Mesh<'_>,
    it: &'m VirtualService<'_>,
) -> impl Iterator<Item = (usize, Option<String>)> {
    let is_asked = it.is_for_mesh() && inventory::lists_hosts(mesh);
    let hosts = it.hosts.iter().enumerate().filter(move |_| is_asked);
    let hosts = hosts.filter(|(_, host)| {
        !is_wildcard(host)
            && !inventory::has_host(mesh, host)
            && !inventory::is_of_unseen_services(mesh, host)
    });
    let ending = format!(".svc.{}", mesh.settings.cluster_domain);
    let is_on_gateway = it.gateways.iter().any(|name| *name != GatewayName::Mesh);
    hosts.filter_map(move |(index, host)| {
        let written = it.resource.spec.hosts.get(index)?;
        let near = suggestion::host(mesh, written, it.namespace());
        if host.ends_with(&ending) {
            return Some((index, near));
        }
        // What looks like a service may be a gateway's own name.
        let near = near.filter(|near| near.ends_with(&ending) && !is_on_gateway)?;
        Some((index, Some(near)))
    })
}

fn report(it: &VirtualService<'_>, index: usize, near: Option<&str>) -> Diagnostic {
    let host = it.hosts.get(index).map_or("", |host| &**host);
    let path = FieldPath::default().field("spec").field("hosts").index(index);
    Diagnostic::new(
        &CHECK,
        Place::value(it.resource.id, path),
        format!("there is no host `{host}`"),
    )
    .meant(near, "no Service and no ServiceEntry")
    .consequence("requests for the service that is meant do not take these routes")
    .help("a host that exists outside of this repository goes into `inventory.hosts` of mesh.yaml")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// What is told of a `VirtualService` of the namespace `web` with these hosts and gateways; `reviews` is of `shop`.
    fn told(hosts: &str, gateways: &str) -> Vec<String> {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: reviews, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: web}}\nspec: {{selector: {{a: b}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: web}}\nspec:\n  hosts: [{hosts}]\n  gateways: [{gateways}]\n  http: [{{route: [{{destination: {{host: reviews.shop.svc.cluster.local}}}}]}}]\n"
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path());
        let found = found.into_iter().filter(|it| it.check == &CHECK);
        found.map(|it| it.message).collect()
    }

    #[test]
    fn a_service_that_is_none_is_told_of() {
        for host in [
            "reviews",
            "reviws.shop.svc.cluster.local",
            "reviews.shop",
            "reviews.shop.svc",
            "reviews.shop.svc.svc.local",
        ] {
            assert_eq!(told(host, "mesh").len(), 1, "{host}");
        }
        assert_eq!(told("reviews", "mesh")[0], "there is no host `reviews.web.svc.cluster.local`");
    }

    #[test]
    fn what_may_be_elsewhere_is_not() {
        for host in
            ["reviews.shop.svc.cluster.local", "api.example.com", "'*.example.com'", "10.1.2.3"]
        {
            assert_eq!(told(host, "mesh"), [""; 0], "{host}");
        }
        assert_eq!(told("reviews.shop", "mesh, g"), [""; 0]);
        assert_eq!(told("api.example.com", "g"), [""; 0]);
        // It leads there, too: that is told of the destination.
        let folder = Folder::new();
        folder.write("a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: web}\nspec: {ports: [{name: http, port: 80}]}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v, namespace: web}\nspec:\n  hosts: [nobody]\n  http: [{route: [{destination: {host: nobody}}]}]\n");
        let found: Vec<_> = findings(folder.path()).iter().map(|it| it.check.name).collect();
        assert_eq!(found, ["unknown-host"]);
    }
}
