//! `unverified-server`: a `DestinationRule` begins TLS to a host and does not say who vouches for it.
//!
//! A Secret counts where the rule has a `workloadSelector`: ours read any, but Istio's sidecars read no other. Source: Istio,
//! `destinationrule.CaCertificateAnalyzer`. What Istio's message says is of old: today the system's authorities vouch.

use crate::api::istio::{ClientTlsMode, ClientTlsSettings, DestinationRule};
use crate::api::{Resource, istio};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("unverified-server", Severity::Warning, include_str!("unverified_server.md"))
        .alias(&["IST0128"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for rule in &mesh.source.destination_rules {
        let policy = rule.spec.traffic_policy.as_ref();
        let Some(tls) = policy.and_then(|policy| policy.tls.as_ref()) else { continue };
        if is_unverified(&rule.spec, tls) {
            let path = FieldPath::default().field("spec").field("trafficPolicy").field("tls");
            let host = &rule.spec.host;
            out.push(report(
                &CHECK,
                rule,
                tls,
                path,
                format!("nothing says who vouches for `{host}`"),
            ));
        }
    }
}

pub(super) fn is_unverified(rule: &DestinationRule, tls: &ClientTlsSettings) -> bool {
    let has_secret = !tls.credential_name.is_empty() && rule.workload_selector.is_some();
    matches!(tls.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual)
        && tls.ca_certificates.is_empty()
        && !has_secret
}

/// `path` leads to `tls`.
pub(super) fn report(
    check: &'static Check,
    rule: &Resource<istio::DestinationRule>,
    tls: &ClientTlsSettings,
    path: FieldPath,
    message: String,
) -> Diagnostic {
    let found = Diagnostic::new(check, Place::value(rule.id, path.clone().field("mode")), message);
    let effect = if tls.insecure_skip_verify == Some(true) {
        "any certificate will do: whoever gets in between reads and changes the traffic"
    } else {
        "every authority of the proxy's system is trusted, so a certificate from any of them will do; older proxies take any at all"
    };
    let found = found.label("TLS without `caCertificates`");
    if tls.credential_name.is_empty() {
        return found
            .consequence(effect)
            .help("name the authorities with `caCertificates`, a file at the proxy");
    }
    let secret = Place::value(rule.id, path.field("credentialName"));
    found
        .also(secret, "Istio's sidecars read it only where the rule has a `workloadSelector`")
        .consequence(
            "here the Secret's CA alone vouches; with Istio's sidecars every authority of their system does, too",
        )
        .help("select the clients with `workloadSelector`, or name the authorities with `caCertificates`")
}
