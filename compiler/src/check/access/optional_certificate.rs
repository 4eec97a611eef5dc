//! `optional-certificate`: clients of a gateway may show a certificate, and nothing asks for one.
//!
//! A certificate that is shown is verified; who shows none is let in, and has no identity. An `AuthorizationPolicy` for the gateway
//! tells the two apart. What is behind may do so too, by a header, so it is a notice. Sources: Istio, `ServerTLSSettings.TLSmode`
//! (`OPTIONAL_MUTUAL`); `gateway.istio.io/tls-terminate-mode`.

use crate::api::istio::{Action, AuthorizationPolicy, ServerTlsMode};
use crate::check::caller::Caller;
use crate::check::identity;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::gateway::{Class, Server, TerminateMode, proxies};
use crate::resolve::policy::Policy;
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check =
    Check::lint("optional-certificate", Severity::Info, include_str!("optional_certificate.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for gateway in mesh.gateways.iter() {
        let is_optional = |it: &&Server<'_>| {
            let mode = it.spec.tls.as_ref().map(|tls| tls.mode);
            it.is_served() && mode == Some(ServerTlsMode::OptionalMutual)
        };
        let modes = gateway.servers.iter().filter(is_optional).map(|server| {
            let at = FieldPath::default().field("spec").field("servers").index(server.index);
            Place::value(gateway.resource.id, at.field("tls").field("mode"))
        });
        out.extend(report(mesh, modes, None, || gateway.proxies(&mesh.workloads)));
    }
    for gateway in mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh) {
        let listeners = gateway.listeners.iter();
        let optional = listeners.filter(|it| it.terminate_mode() == TerminateMode::OptionalMutual);
        let modes =
            optional.map(|it| Place::value(it.document, it.path().field("tls").field("options")));
        let own = Some(gateway.resource.namespace.as_str());
        out.extend(report(mesh, modes, own, || proxies(mesh, gateway.resource)));
    }
}

/// One finding for a gateway, whose `proxies` open the servers; they are in `namespace`, or may be in any.
fn report<'m, 'a>(
    mesh: &'m Mesh<'a>,
    mut modes: impl Iterator<Item = Place>,
    namespace: Option<&str>,
    proxies: impl FnOnce() -> Vec<&'m Workload<'a>>,
) -> Option<Diagnostic> {
    let first = modes.next()?;
    if is_asked(mesh, namespace, &proxies()) {
        return None;
    }
    Some(
        Diagnostic::new(&CHECK, first, "clients without a certificate are let in, too")
            .label("a certificate may be shown")
            .and_here(modes)
            .consequence("who shows none is served as who does, and no policy keeps them out")
            .help("set `MUTUAL`; or add an AuthorizationPolicy for the gateway with `principals: [\"*\"]`"),
    )
}

/// Whether a policy for any of these proxies decides by who somebody is. Where none is known, any policy of the namespace may be for them.
fn is_asked(mesh: &Mesh<'_>, namespace: Option<&str>, proxies: &[&Workload<'_>]) -> bool {
    let all = &mesh.policies.authorization_policies;
    let decides = |it: &&Policy<'_, AuthorizationPolicy>| {
        !it.resource.is_tried() && it.resource.spec.action != Action::Audit
    };
    if proxies.is_empty() {
        let may_be_theirs = |policy: &&Policy<'_, AuthorizationPolicy>| {
            let of = |own: Option<&str>| own.is_none() || namespace.is_none() || own == namespace;
            policy.scope.as_ref().is_ok_and(|scope| of(scope.namespace))
        };
        return all.iter().filter(may_be_theirs).filter(decides).any(looks_at_identities);
    }
    let of = |proxy: &&Workload<'_>| all.for_workload(&proxy.inventory).into_iter();
    proxies.iter().flat_map(of).filter(decides).any(looks_at_identities)
}

/// Whether a policy may keep out who shows no certificate: by letting in some by who they are, or by denying whoever is none of some. What
/// denies some by who they are lets in who is nobody, and so does what lets in all but some.
fn looks_at_identities(policy: &Policy<'_, AuthorizationPolicy>) -> bool {
    let own = policy.resource.namespace.as_str();
    let mut rules = policy.resource.spec.rules.iter().flatten();
    if policy.resource.spec.action == Action::Deny {
        rules.any(|it| identity::is_any_excluded(it) && Caller::NOBODY.may_be_meant(it, own))
    } else {
        rules.any(|it| identity::is_any_asked(it) && !Caller::NOBODY.is_meant(it, own))
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How often it is told of a gateway in `edge` with a server in this mode, beside a policy there with this rule.
    fn count(mode: &str, namespace: &str, rule: &str) -> usize {
        count_beside(mode, namespace, &format!("rules: [{rule}]"))
    }

    fn count_beside(mode: &str, namespace: &str, policy: &str) -> usize {
        let folder = Folder::new();
        folder.write("a.yaml", format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: edge, labels: {{istio: ingress}}}}\nspec: {{containers: [{{name: istio-proxy, image: auto}}]}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: q, namespace: shop}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: edge}}\nspec:\n  selector: {{istio: ingress}}\n  servers: [{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [a.test], tls: {{mode: {mode}, credentialName: c}}}}]\n---\n\
             apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: {namespace}}}\nspec: {{{policy}}}\n"
        ));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn a_policy_for_the_gateway_may_ask() {
        let (asks, other) =
            ("{from: [{source: {principals: ['*']}}]}", "{to: [{operation: {methods: [GET]}}]}");
        assert_eq!(count("OPTIONAL_MUTUAL", "edge", asks), 0);
        assert_eq!(count("OPTIONAL_MUTUAL", "edge", other), 1);
        // Who is nobody is none of those that are denied.
        let denied = |source: &str| {
            let rule = format!("action: DENY, rules: [{{from: [{{source: {{{source}}}}}]}}]");
            count_beside("OPTIONAL_MUTUAL", "edge", &rule)
        };
        assert_eq!(denied("principals: [partner.example.com/ns/a/sa/b]"), 1);
        assert_eq!(denied("notPrincipals: [partner.example.com/ns/a/sa/b]"), 0);
        assert_eq!(denied("notPrincipals: [a/ns/b/sa/c], namespaces: [b]"), 1);
        let denied = |rule: &str| {
            count_beside("OPTIONAL_MUTUAL", "edge", &format!("action: DENY, rules: [{rule}]"))
        };
        let is_none = "when: [{key: source.principal, notValues: [a/ns/b/sa/c]}]";
        assert_eq!(denied(&format!("{{{is_none}}}")), 0);
        assert_eq!(
            denied(&format!("{{from: [{{source: {{namespaces: [shop]}}}}], {is_none}}}")),
            1
        );
        // And who is nobody is none of those that are not allowed.
        for rule in [
            "{from: [{source: {notPrincipals: [a/ns/b/sa/c]}}]}",
            "{from: [{source: {principals: ['*']}}, {source: {notNamespaces: [a]}}]}",
            "{when: [{key: source.principal, notValues: [a/ns/b/sa/c]}]}",
        ] {
            assert_eq!(count("OPTIONAL_MUTUAL", "edge", rule), 1, "{rule}");
        }
        for rule in [
            "{from: [{source: {principals: ['*']}}, {source: {ipBlocks: [10.0.0.0/8]}}]}",
            "{when: [{key: source.principal, values: ['*']}]}",
            "{from: [{source: {notPrincipals: [a/ns/b/sa/c], trustDomains: ['*']}}]}",
        ] {
            assert_eq!(count("OPTIONAL_MUTUAL", "edge", rule), 0, "{rule}");
        }
        assert_eq!(count("OPTIONAL_MUTUAL", "shop", asks), 1);
        // What only notes keeps nobody out.
        assert_eq!(
            count_beside("OPTIONAL_MUTUAL", "edge", &format!("action: AUDIT, rules: [{asks}]")),
            1
        );
        assert_eq!(count("MUTUAL", "shop", asks), 0);
        assert_eq!(count("SIMPLE", "shop", asks), 0);
    }
}
