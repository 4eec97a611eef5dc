//! `double-tls`: a `DestinationRule` begins TLS to a port to which clients speak TLS already.
//!
//! Whoever routes plain requests or bytes to the port, as an egress gateway does that ends TLS first, needs it. Rules for many
//! hosts and for some clients are not judged, nor what subsets set. Source: Istio, "Double TLS (TLS origination for a TLS request)".

use std::collections::HashSet;

use mesh_snapshot::object::Protocol;

use crate::api::istio::{ClientTlsMode, ClientTlsSettings, TrafficPolicy};
use crate::check::{client_tls, destinations};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::{Host, qualify};
use crate::resolve::ingress::Backend;

pub(super) static CHECK: Check =
    Check::lint("double-tls", Severity::Warning, include_str!("double_tls.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let domain = mesh.settings.cluster_domain;
    let mut plain = None;
    for rule in
        mesh.source.destination_rules.iter().filter(|it| it.spec.workload_selector.is_none())
    {
        let Some(policy) = &rule.spec.traffic_policy else { continue };
        let host = qualify(&rule.spec.host, &rule.namespace, domain);
        let services = mesh.services.of_host(&host).iter().map(|id| mesh.services.get(*id));
        let mut told = HashSet::new();
        for service in services.filter(|it| it.alias.is_none()) {
            for port in service.object.ports.iter().filter(|it| is_tls(it.protocol)) {
                let Some((path, _)) = begun(policy, port.number) else { continue };
                let plain = plain.get_or_insert_with(|| Plain::of(mesh));
                if plain.leads_to(&service.host, port.number) || !told.insert(path.clone()) {
                    continue;
                }
                let message = format!(
                    "clients speak TLS to port {} of `{}`, and this begins it once more",
                    port.number, rule.spec.host
                );
                out.push(
                    Diagnostic::new(&CHECK, Place::value(rule.id, path.field("mode")), message)
                        .label("TLS within TLS")
                        .also(
                            service.origin.place(),
                            format!("the port `{}` is for what clients encrypt", port.name),
                        )
                        .consequence(
                            "the server finds TLS where it expects a request, and closes the connection",
                        )
                        .help(
                            "remove `tls`; or let clients speak plain text to a port for HTTP, whose `targetPort` is this one",
                        ),
                );
            }
        }
    }
}

fn is_tls(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Https | Protocol::Tls)
}

/// The TLS that clients begin by a policy to a port, and where it stands: what is set for the port replaces what is set for all.
fn begun(policy: &TrafficPolicy, port: u16) -> Option<(FieldPath, &ClientTlsSettings)> {
    let at = FieldPath::default().field("spec").field("trafficPolicy");
    let (tls, path) = client_tls::of_port(policy, at, port)?;
    let is_begun = matches!(tls.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual);
    is_begun.then_some((path, tls))
}

/// Where routes lead that read what they carry, or know nothing of it: a gateway may have ended the clients' TLS.
#[derive(Default)]
struct Plain {
    ports: HashSet<(Host, u16)>,
    /// Hosts that routes lead to without a port.
    hosts: HashSet<Host>,
}

impl Plain {
    fn of(mesh: &Mesh<'_>) -> Self {
        let mut plain = Self::default();
        for (_, route) in mesh.virtual_services.iter() {
            for (to, _) in route.destinations().filter(|(_, at)| at.route().0 != "tls") {
                plain.add(&to.host, to.port);
            }
        }
        for (_, route) in mesh.http_routes.iter() {
            for (to, ..) in destinations::led(route) {
                plain.add(&to.host, Some(to.port));
            }
        }
        for to in mesh.stream_routes.iter().flat_map(|it| &it.rules).flatten() {
            plain.add(&to.host, Some(to.port));
        }
        for path in mesh.ingresses.hosts().iter().flat_map(|it| &it.paths) {
            if let Backend::Port(host, port) = &path.backend {
                plain.add(host, Some(*port));
            }
        }
        plain
    }

    fn add(&mut self, host: &Host, port: Option<u16>) {
        match port {
            Some(port) => _ = self.ports.insert((host.clone(), port)),
            None => _ = self.hosts.insert(host.clone()),
        }
    }

    fn leads_to(&self, host: &Host, port: u16) -> bool {
        self.hosts.contains(host) || self.ports.contains(&(host.clone(), port))
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn told(protocol: &str, policy: &str, routes: &str) -> usize {
        let folder = Folder::new();
        folder.write("a.yaml", format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: bank, namespace: shop}}\nspec: {{hosts: [bank.example.com], resolution: DNS, ports: [{{number: 443, name: a, protocol: {protocol}}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: bank, namespace: shop}}\nspec: {{host: bank.example.com, trafficPolicy: {policy}}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: bank, namespace: shop}}\nspec:\n  hosts: [bank.example.com]\n  {routes}\n"
        ));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    const NONE: &str = "tls: [{match: [{port: 443, sniHosts: [bank.example.com]}], route: [{destination: {host: bank.example.com, port: {number: 443}}}]}]";

    #[test]
    fn what_clients_encrypt_is_wrapped_once_more() {
        let of_port = |mode: &str| {
            format!(
                "{{portLevelSettings: [{{port: {{number: 443}}, tls: {{mode: {mode}}}}}], tls: {{mode: SIMPLE}}}}"
            )
        };
        for (protocol, policy, count) in [
            ("HTTPS", "{tls: {mode: SIMPLE}}", 1),
            ("TLS", "{tls: {mode: MUTUAL}}", 1),
            ("HTTP", "{tls: {mode: SIMPLE}}", 0),
            ("TCP", "{tls: {mode: SIMPLE}}", 0),
            ("HTTPS", "{tls: {mode: DISABLE}}", 0),
            ("HTTPS", "{tls: {mode: ISTIO_MUTUAL}}", 0),
            ("HTTPS", &of_port("SIMPLE"), 1),
            ("HTTPS", &of_port("DISABLE"), 0),
        ] {
            assert_eq!(told(protocol, policy, NONE), count, "{protocol} {policy}");
        }
    }

    #[test]
    fn who_ends_tls_first_begins_it_again() {
        let policy = "{tls: {mode: SIMPLE}}";
        let http = "http: [{match: [{port: 80}], route: [{destination: {host: bank.example.com, port: {number: PORT}}}]}]";
        assert_eq!(told("HTTPS", policy, &http.replace("PORT", "443")), 0);
        assert_eq!(told("HTTPS", policy, &http.replace("PORT", "80")), 1);
        let of_one_port = http.replace(", port: {number: PORT}", "");
        assert_eq!(told("HTTPS", policy, &of_one_port), 0);
        let tcp = "tcp: [{route: [{destination: {host: bank.example.com, port: {number: 443}}}]}]";
        assert_eq!(told("HTTPS", policy, tcp), 0);
    }
}
