//! `plaintext-to-tls-port`: a route for HTTP leads plain requests to a port that speaks TLS, and nothing begins it.
//!
//! The proxy has read the request, so whatever TLS it came in has ended. A `DestinationRule` of any namespace counts, and one for a
//! subset, too. Of a Kubernetes Service it is a notice: its port may be called so for those outside of the mesh. Source: Istio,
//! "Egress TLS Origination".

use mesh_snapshot::object::Protocol;

use crate::api::istio::{ClientTlsMode, DestinationRule, TrafficPolicy};
use crate::check::{client_tls, destinations};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::{Host, HostMap, qualify};
use crate::resolve::route::{DestinationAt, GatewayName, VirtualService};
use crate::resolve::service::Service;

pub(super) static CHECK: Check = Check::lint(
    "plaintext-to-tls-port",
    Severity::Warning,
    include_str!("plaintext_to_tls_port.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut begun = None;
    let mut judge = |host: &Host, port: Option<u16>, place: Place| {
        let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
        let services: Vec<_> = services.collect();
        let service = services.first().filter(|it| it.alias.is_none())?;
        let port = tls_port(service, port)?;
        let is_tls_everywhere = services.iter().all(|it| tls_port(it, Some(port)).is_some());
        let begun = begun.get_or_insert_with(|| Begun::of(mesh));
        (is_tls_everywhere && !begun.is_at(mesh, host, port)).then(|| report(service, port, place))
    };
    for (_, route) in mesh.virtual_services.iter() {
        for (to, at) in route.destinations() {
            if at.is_mirror() || !is_used(mesh, route, &at) || destinations::is_idle(route, &at) {
                continue;
            }
            let place = Place::value(at.document, at.path().field("host"));
            out.extend(judge(&to.host, to.port, place));
        }
    }
    for (_, route) in mesh.http_routes.iter() {
        for (to, path, is_mirror) in destinations::led(route) {
            if !is_mirror {
                let place = Place::value(route.resource.id, path.field("name"));
                out.extend(judge(&to.host, Some(to.port), place));
            }
        }
    }
}

fn report(service: &Service<'_>, port: u16, place: Place) -> Diagnostic {
    let host = &service.host;
    let message = format!("plain requests go to port {port} of `{host}`, which speaks TLS");
    let mut found = Diagnostic::new(&CHECK, place, message)
        .label("read as HTTP, and sent on in plain text")
        .also(service.origin.place(), format!("port {port} is for TLS"))
        .consequence("the server finds a request where TLS should begin, and closes the connection or answers with 400");
    if service.origin.is_kubernetes() {
        found.severity = Severity::Info;
        return found.help(
            "begin TLS with a `DestinationRule`, `tls: {mode: SIMPLE}`; or let the port's name begin with `http` where it speaks no TLS",
        );
    }
    found.help("begin TLS with a `DestinationRule`, `portLevelSettings` of this port, `tls: {mode: SIMPLE}`")
}

/// The port that is meant, where its clients begin TLS.
fn tls_port(service: &Service<'_>, port: Option<u16>) -> Option<u16> {
    let port = match (&service.object.ports[..], port) {
        (ports, Some(port)) => ports.iter().find(|it| it.number == port)?,
        ([only], None) => only,
        _ => return None,
    };
    matches!(port.protocol, Protocol::Https | Protocol::Tls).then_some(port.number)
}

/// Whether requests take the route: in sidecars it is used where the route's own host is read as HTTP, at ports that it is for.
fn is_used(mesh: &Mesh<'_>, route: &VirtualService<'_>, at: &DestinationAt) -> bool {
    let Some(http) = route.http_at(at) else { return false };
    let ports: Vec<_> = http.spec.r#match.iter().map(|it| u16::try_from(it.port).ok()).collect();
    let is_read = |host: &Host| {
        let services = mesh.services.of_host(host);
        let mut services = services.iter().map(|id| mesh.services.get(*id)).peekable();
        let reads = |it: &Service<'_>, port: u16| it.reads_http(Some(port).filter(|it| *it != 0));
        services.peek().is_none()
            || services.any(|it| match &ports[..] {
                [] => it.reads_http(None),
                ports => ports.iter().flatten().any(|port| reads(it, *port)),
            })
    };
    let is_for_gateways = || {
        let named = route.gateways.iter().filter(|it| **it != GatewayName::Mesh);
        named.into_iter().any(|gateway| http.is_for(gateway))
    };
    is_for_gateways() || (http.is_for_mesh() && route.hosts.iter().any(is_read))
}

/// Where `DestinationRule`s begin TLS.
struct Begun<'m> {
    rules: HostMap<Vec<&'m DestinationRule>>,
}

impl<'m> Begun<'m> {
    fn of(mesh: &'m Mesh<'_>) -> Self {
        let mut rules = HostMap::<Vec<&DestinationRule>>::default();
        for rule in &mesh.source.destination_rules {
            let host = qualify(&rule.spec.host, &rule.namespace, mesh.settings.cluster_domain);
            rules.entry(&host).push(&rule.spec);
        }
        Self { rules }
    }

    fn is_at(&self, mesh: &Mesh<'_>, host: &Host, port: u16) -> bool {
        let begins = |policy: &TrafficPolicy| {
            let tls = client_tls::of_port(policy, FieldPath::default(), port);
            tls.is_some_and(|(tls, _)| {
                matches!(tls.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual)
            })
        };
        let of_rule = |rule: &DestinationRule| {
            let of_subsets = rule.subsets.iter().filter_map(|it| it.traffic_policy.as_ref());
            of_subsets.chain(&rule.traffic_policy).any(begins)
        };
        mesh.unread.has_any("DestinationRule")
            || mesh.backend_tls.of_host(host).is_some()
            || self.rules.holding(host).flatten().any(|rule| of_rule(rule))
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    const ENTRY: &str = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: bank, namespace: shop}\nspec: {hosts: [bank.example.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: HTTPS}]}\n";

    fn told(route: &str, rule: &str) -> usize {
        let folder = Folder::new();
        folder.write("a.yaml", format!(
            "{ENTRY}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: bank, namespace: shop}}\nspec:\n  hosts: [bank.example.com]\n  http: [{route}]\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: bank, namespace: shop}}\nspec: {rule}\n"
        ));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn tls_is_begun_where_a_server_waits_for_it() {
        let to = |port: u16, more: &str| {
            format!(
                "{{route: [{{destination: {{host: bank.example.com, port: {{number: {port}}}}}}}]{more}}}"
            )
        };
        let simple = "tls: {mode: SIMPLE}";
        let of_port = |port: u16| {
            format!(
                "{{host: bank.example.com, trafficPolicy: {{portLevelSettings: [{{port: {{number: {port}}}, {simple}}}]}}}}"
            )
        };
        let other = "{host: other.example.com}";
        for (route, rule, count) in [
            (to(443, ""), other.to_owned(), 1),
            (to(80, ""), other.to_owned(), 0),
            (to(443, ""), of_port(443), 0),
            (to(443, ""), of_port(80), 1),
            (to(443, ""), format!("{{host: '*.example.com', trafficPolicy: {{{simple}}}}}"), 0),
            (
                to(443, ""),
                format!(
                    "{{host: bank.example.com, subsets: [{{name: a, trafficPolicy: {{{simple}}}}}]}}"
                ),
                0,
            ),
            (to(443, ", match: [{port: 80}]"), other.to_owned(), 1),
            // Sidecars read no requests there.
            (to(443, ", match: [{port: 443}]"), other.to_owned(), 0),
        ] {
            assert_eq!(told(&route, &rule), count, "{route} {rule}");
        }
    }

    #[test]
    fn routes_of_the_gateway_api_lead_there_too() {
        let folder = Folder::new();
        folder.write(
            "a.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {name: sec, namespace: shop}\nspec: {ports: [{name: https, port: 443}]}\n---\n\
             apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: shop}\nspec:\n  parentRefs: [{group: '', kind: Service, name: web}]\n  rules: [{backendRefs: [{name: sec, port: 443}]}]\n",
        );
        let found = findings(folder.path());
        let found: Vec<_> = found.iter().filter(|it| it.check == &CHECK).collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, crate::diagnostic::Severity::Info);
    }
}
