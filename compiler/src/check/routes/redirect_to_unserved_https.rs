//! `redirect-to-unserved-https`: a gateway sends clients of a host to HTTPS, where it has other hosts and not this one.
//!
//! It is said of a Gateway that ends TLS itself for others, where no server of any Gateway has the host but such as redirect.
//! Who trusts proxies before it may be told by them that TLS is over. Source: Istio, `ServerTLSSettings.httpsRedirect`.

use std::cell::LazyCell;

use mesh_snapshot::object::ServerProtocol;

use crate::check::{inventory, trusted_proxies};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::gateway::{IstioGateway, Server};
use crate::resolve::host::{is_wildcard, overlap};
use crate::resolve::{Meeting, Mesh};

pub(super) static CHECK: Check = Check::lint(
    "redirect-to-unserved-https",
    Severity::Warning,
    include_str!("redirect_to_unserved_https.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // A server of automatic passing on takes any name.
    let passes = || mesh.gateways.iter().flat_map(|it| &it.servers).any(|it| !it.is_served());
    if inventory::may_have_gateways(mesh) || trusted_proxies::are_set(mesh) || passes() {
        return;
    }
    let answering = LazyCell::new(|| Answering::of(mesh));
    for gateway in mesh.gateways.iter() {
        let Some(secure) = gateway.servers.iter().find(|it| is_secure(it)) else { continue };
        let told = gateway.proxies(&mesh.workloads);
        if told.iter().any(|it| trusted_proxies::are_set_at(it)) {
            continue;
        }
        for server in gateway.servers.iter().filter(|it| redirects(it) && it.is_served()) {
            check(&answering, gateway, server, secure, out);
        }
    }
}

fn check(
    answering: &Answering<'_, '_>,
    gateway: &IstioGateway<'_>,
    server: &Server<'_>,
    secure: &Server<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let servers = FieldPath::default().field("spec").field("servers");
    for (index, own) in server.hosts.iter().enumerate() {
        if is_wildcard(&own.host) || answering.has(&own.host, gateway, server) {
            continue;
        }
        let at = servers.clone().index(server.index).field("hosts").index(index);
        let message =
            format!("no server has `{}` for HTTPS, to which this one redirects", own.host);
        let others = servers.clone().index(secure.index).field("hosts");
        out.push(
            Diagnostic::new(&CHECK, Place::value(gateway.resource.id, at), message)
                .label("is sent to HTTPS")
                .also(Place::key(gateway.resource.id, others), "these are served there")
                .consequence("clients are sent to where nobody answers for the host")
                .help("add the host to the server for HTTPS, or take it away here"),
        );
    }
}

/// What answers for hosts.
struct Answering<'m, 'a> {
    mesh: &'m Mesh<'a>,
    /// The servers that do not redirect, and listeners.
    servers: Meeting<Option<(&'m IstioGateway<'a>, &'m Server<'a>)>>,
}

impl<'m, 'a> Answering<'m, 'a> {
    fn of(mesh: &'m Mesh<'a>) -> Self {
        let mut servers = Meeting::default();
        for gateway in mesh.gateways.iter() {
            for server in gateway.servers.iter().filter(|it| it.is_served() && !redirects(it)) {
                for own in &server.hosts {
                    servers.add(&own.host, Some((gateway, server)));
                }
            }
        }
        for listener in mesh.api_gateways.iter().flat_map(|it| &it.listeners) {
            servers.add(&listener.hostname, None);
        }
        Self { mesh, servers }
    }

    /// Whether some server but those beside `from`, at its port, has names of a host.
    fn has(&self, host: &str, gateway: &IstioGateway<'_>, from: &Server<'_>) -> bool {
        let is_beside = |it: &IstioGateway<'_>, server: &Server<'_>| {
            it.resource.spec.selector == gateway.resource.spec.selector && server.port == from.port
        };
        let is_other = |it: &Option<_>| it.is_none_or(|(it, server)| !is_beside(it, server));
        let is_meant = |own: &String| own.is_empty() || overlap(&own.to_ascii_lowercase(), host);
        let mut tls = self.mesh.source.ingresses.iter().flat_map(|it| &it.spec.tls);
        self.servers.with(host).any(|(_, it)| is_other(it))
            || tls.any(|it| it.hosts.is_empty() || it.hosts.iter().any(is_meant))
    }
}

fn redirects(server: &Server<'_>) -> bool {
    server.spec.tls.as_ref().is_some_and(|tls| tls.https_redirect)
}

fn is_secure(server: &Server<'_>) -> bool {
    server.protocol == Some(ServerProtocol::Https) && server.is_served()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    const HTTPS: &str =
        "    hosts: [www.example.com]\n    tls: {mode: SIMPLE, credentialName: www}\n";

    fn is_told(change: (&str, &str), others: &str) -> bool {
        let page = CHECK.docs.split("```yaml fails\n").nth(1).unwrap();
        let text = page.split("```").next().unwrap();
        assert!(text.contains(change.0), "{}", change.0);
        let folder = Folder::new();
        folder.write("a.yaml", text.replace(change.0, change.1));
        folder.write("b.yaml", others);
        findings(folder.path()).iter().any(|it| it.check == &CHECK)
    }

    #[test]
    fn a_host_may_be_served_by_others() {
        let as_it_is = (HTTPS, HTTPS);
        assert!(is_told(as_it_is, ""));
        assert!(!is_told((HTTPS, &HTTPS.replace("[www", "['*'")), ""));
        assert!(!is_told(
            (HTTPS, &HTTPS.replace("[www", "['*.").replace(".example", "example")),
            ""
        ));
        assert!(
            !is_told(("[shop.example.com, www", "['*', www"), ""),
            "of a wildcard nothing is said"
        );
        assert!(!is_told(("{httpsRedirect: true}", "{httpsRedirect: false}"), ""));
        let gateway = |server: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: other, namespace: edge}}\nspec: {{selector: {{app: other}}, servers: [{{port: {server}, hosts: [shop.example.com]}}]}}\n"
            )
        };
        // A balancer may end TLS, and lead to a port of its own.
        for server in [
            "{number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}",
            "{number: 8080, name: http, protocol: HTTP}",
        ] {
            assert!(!is_told(as_it_is, &gateway(server)), "{server}");
        }
        // A wildcard beside it takes no request of the host.
        let beside = gateway("{number: 80, name: other, protocol: HTTP}")
            .replace("app: other", "istio: ingress")
            .replace("[shop.example.com]", "['*']");
        assert!(is_told(as_it_is, &beside));
        let other = gateway("{number: 80, name: http, protocol: HTTP}, tls: {httpsRedirect: true}");
        assert!(is_told(as_it_is, &other));
        let trusting = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: 'defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}'}\n";
        assert!(!is_told(as_it_is, trusting));
    }
}
