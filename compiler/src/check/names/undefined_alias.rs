//! `undefined-alias`: a route leads to a Service that stands for a host (`ExternalName`), and the mesh knows nothing of that host, or
//! shows it to nobody who uses the route.
//!
//! Whoever asks for such a Service by its name is told another name by DNS; a route does not ask, and needs what the host is served by.
//! That what it stands for has other ports is `missing-port`'s and `unknown-port`'s to say. Source: Istio,
//! `ENABLE_EXTERNAL_NAME_ALIAS`.

use crate::check::alias::Alias;
use crate::check::destinations::{is_idle, led};
use crate::check::inventory;
use crate::check::sight::{viewers, whom};
use crate::diagnostic::{Cause, Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::Host;
use crate::resolve::route::{HttpRoute, Parent};
use crate::resolve::service::Service;

pub(in crate::check) static CHECK: Check =
    Check::lint("undefined-alias", Severity::Warning, include_str!("undefined_alias.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // Most repositories have none, and then no route is looked at.
    if !mesh.services.iter().any(|(_, it)| it.alias.is_some()) {
        return;
    }
    let mut lead = |host: &Host, viewers: &dyn Fn() -> Vec<String>, place: Place| {
        let Some(alias) = Alias::of(mesh, host) else { return };
        let Some(lack) = Lack::of(&alias, mesh, viewers) else { return };
        out.push(report(mesh, host, &alias, &lack, place));
    };
    for (_, route) in mesh.virtual_services.iter() {
        for (destination, at) in route.destinations() {
            if !is_idle(route, &at) {
                let place = Place::value(at.document, at.path().field("host"));
                lead(&destination.host, &|| owned(viewers(mesh, route)), place);
            }
        }
    }
    let is_foreign = |parent: &Parent<'_>| matches!(parent, Parent::Foreign);
    let routes = mesh.http_routes.iter().map(|(_, it)| it);
    for route in routes.filter(|it| !it.parents.iter().all(is_foreign)) {
        for (backend, path, _) in led(route) {
            let place = Place::value(route.resource.id, path.field("name"));
            lead(&backend.host, &|| owned(users(route)), place);
        }
    }
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// The namespaces of those who use a route of the Gateway API.
fn users<'m>(route: &HttpRoute<'m>) -> Vec<&'m str> {
    let parents = route.parents.iter().filter_map(|parent| match parent {
        Parent::Gateway { gateway, .. } => Some(gateway.namespace.as_str()),
        Parent::Mesh(_) => Some(route.resource.namespace.as_str()),
        Parent::Refused(_) | Parent::Foreign => None,
    });
    parents.collect()
}

/// Why nothing serves what an alias stands for.
enum Lack<'m> {
    Unnamed,
    Loop,
    Unknown,
    /// From all who use the route, with one of these.
    Hidden(&'m Service<'m>, String),
}

impl<'m> Lack<'m> {
    fn of(
        alias: &Alias<'m>,
        mesh: &'m Mesh<'_>,
        viewers: &dyn Fn() -> Vec<String>,
    ) -> Option<Self> {
        if alias.target.is_empty() || &**alias.target == "." {
            return Some(Self::Unnamed);
        }
        if alias.is_loop {
            return Some(Self::Loop);
        }
        let known = alias.concrete(mesh);
        let Some(first) = known.first() else {
            // What is within a wildcard stands for nothing by itself.
            let is_known = inventory::may_have_host(mesh, alias.target)
                || inventory::is_of_unseen_services(mesh, alias.target);
            return (!is_known).then_some(Self::Unknown);
        };
        let viewers = viewers();
        let is_seen = |viewer: &str| known.iter().any(|it| it.visibility.reaches(Some(viewer)));
        let viewer = viewers.first().filter(|_| !viewers.iter().any(|it| is_seen(it)))?;
        Some(Self::Hidden(first, viewer.clone()))
    }
}

fn report(
    mesh: &Mesh<'_>,
    host: &Host,
    alias: &Alias<'_>,
    lack: &Lack<'_>,
    place: Place,
) -> Diagnostic {
    let target = alias.target;
    let message = match lack {
        Lack::Unnamed => format!("`{host}` stands for nothing: it has no `externalName`"),
        Lack::Loop => format!("`{host}` stands for itself"),
        Lack::Unknown => format!("`{host}` stands for `{target}`, which is no host of the mesh"),
        Lack::Hidden(_, viewer) => {
            format!("`{host}` stands for `{target}`, which is not exported to namespace `{viewer}`")
        }
    };
    let found = Diagnostic::new(&CHECK, place, message)
        .label("leads to nothing")
        .also(alias.service.origin.place(), "this Service is another name alone")
        .consequence("requests that take the route are answered with 503")
        .cause(Cause::Same);
    match lack {
        Lack::Unnamed => found.help("write the host in its `externalName`"),
        Lack::Loop => found.help("write another host in its `externalName`"),
        Lack::Unknown => {
            let wide = mesh.services.ends.overlapping(target).into_iter();
            let wide = wide.flat_map(|wide| mesh.services.of_host(wide)).next();
            let found = match wide.map(|id| mesh.services.get(*id)) {
                Some(wide) => found.also(
                    wide.origin.place(),
                    "it is within this, by which no single host is served",
                ),
                None => found,
            };
            found.help(format!("add a ServiceEntry for `{target}`"))
        }
        Lack::Hidden(hidden, viewer) => found
            .also(
                hidden.origin.place(),
                format!("this {} is for {}", hidden.origin.kind(), whom(hidden)),
            )
            .help(format!("add `{viewer}` to its `exportTo`")),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    /// What is told of a route to an alias, with these definitions beside it.
    fn told(alias: &str, others: &str, destination: &str) -> Vec<(&'static str, String)> {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: al, namespace: shop}}\nspec: {{type: ExternalName, {alias}ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{hosts: [web], http: [{{route: [{destination}]}}]}}\n---\n{others}"
        );
        folder.write("a.yaml", text);
        let about = ["undefined-alias", "missing-port", "unknown-port"];
        let found = findings(folder.path()).into_iter();
        let found = found.filter(|it| about.contains(&it.check.name));
        found.map(|it| (it.check.name, it.message)).collect()
    }

    #[test]
    fn what_an_alias_stands_for_is_served_or_not() {
        let entry = |namespace: &str, spec: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: s, namespace: {namespace}}}\nspec: {{resolution: DNS, {spec}}}\n"
            )
        };
        let (to, of) = ("{destination: {host: al}}", "externalName: a.example, ");
        let http = |port: u16| format!("ports: [{{number: {port}, name: http, protocol: HTTP}}]");
        let public = entry("web", &format!("hosts: [a.example], {}", http(80)));
        let private = entry("web", &format!("hosts: [a.example], exportTo: ['.'], {}", http(80)));
        let named = entry("web", &format!("hosts: [a.example], exportTo: [shop], {}", http(80)));
        let wide =
            entry("shop", &format!("hosts: ['*.example'], {}", http(80))).replace("DNS", "NONE");
        let elsewhere = entry("shop", &format!("hosts: [a.example], {}", http(8080)));
        let stands = |rest: &str| {
            vec![("undefined-alias", format!("`al.shop.svc.cluster.local` stands for {rest}"))]
        };
        assert_eq!(told("", "", to), stands("nothing: it has no `externalName`"));
        assert_eq!(told("externalName: al.shop.svc.cluster.local, ", "", to), stands("itself"));
        let unknown = stands("`a.example`, which is no host of the mesh");
        assert_eq!(told(of, "", to), unknown);
        assert_eq!(told(of, &wide, to), unknown);
        let hidden = stands("`a.example`, which is not exported to namespace `shop`");
        assert_eq!(told(of, &private, to), hidden);
        let message = "`a.example` has no port 80, by which requests come, and none is named";
        assert_eq!(told(of, &elsewhere, to), [("missing-port", message.to_owned())]);
        let port =
            |number: u16| format!("{{destination: {{host: al, port: {{number: {number}}}}}}}");
        let message = "`a.example` has no port 80";
        assert_eq!(told(of, &elsewhere, &port(80)), [("unknown-port", message.to_owned())]);
        for (others, to) in [
            (&public, to),
            (&named, to),
            (&elsewhere, &port(8080)),
            // Nothing is led there.
            (
                &private,
                "{destination: {host: al}, weight: 0}, {destination: {host: web}, weight: 1}",
            ),
        ] {
            assert!(told(of, others, to).is_empty(), "{others}{to}");
        }
    }
}
