//! What is wrong with a certificate or an authority, in Istio's words. Source: Istio, `buildTLS`, `buildSecretReference`,
//! `buildCaCertificateReference`, `ExtractCertInfo`.

use std::collections::BTreeSet;

use super::condition::Fault;
use crate::api::gateway_api::{ObjectReference, SecretReference};
use crate::resolve::Held;
use crate::resolve::gateway::{Authority, Certificate, Listener, MaterialFault, TlsFault};

/// What is wrong with how a listener speaks TLS. `owner`: the namespace of the Gateway, or of the `ListenerSet`.
pub(super) fn listener(listener: &Listener<'_>, owner: &str) -> Option<Fault> {
    match listener.fault()? {
        TlsFault::NoCertificate => {
            let references = listener.spec.tls.iter().flat_map(|tls| &tls.certificate_refs);
            let both = references.zip(&listener.certificates);
            both.filter_map(|(reference, it)| certificate(reference, it, "certificate", owner))
                .reduce(|all, it| all.and(&it))
        }
        TlsFault::Authorities => {
            Some(Fault::new("InvalidCACertificateRef", "only one caCertificateRef is supported"))
        }
        TlsFault::NoAuthority => {
            let check = listener.client.as_ref()?;
            let references = check.validation.ca_certificate_refs.iter();
            let mut both = references.zip(&check.authorities);
            both.find_map(|(reference, it)| authority(reference, it, owner))
        }
    }
}

/// `what`: `certificate`, or `client certificate`.
pub(super) fn certificate(
    reference: &SecretReference,
    it: &Certificate,
    what: &str,
    owner: &str,
) -> Option<Fault> {
    let (noun, field, reason) = if what == "certificate" {
        ("certificate reference", "certificateRef", "InvalidCertificateRef")
    } else {
        ("clientCertificateRef", "clientCertificateRef", "InvalidClientCertificateRef")
    };
    let shown = shown(
        reference.group.as_deref().unwrap_or_default(),
        reference.kind.as_deref().unwrap_or("Secret"),
        &reference.name,
        reference.namespace.as_deref(),
    );
    let credential = &it.credential;
    let (namespace, name) = (&credential.namespace, &credential.name);
    let invalid = |rest: String| Fault::new(reason, format!("invalid {noun} {shown}, {rest}"));
    Some(match it.fault()? {
        MaterialFault::Kind => invalid("only secret is allowed".into()),
        MaterialFault::Missing => invalid(format!("secret {namespace}/{name} not found")),
        MaterialFault::Keys => {
            invalid(without_keys("(cert and key) or (tls.crt and tls.key)", &it.held))
        }
        MaterialFault::NotGranted => not_granted(field, &format!("{name}/{namespace}"), owner),
    })
}

fn authority(reference: &ObjectReference, it: &Authority, owner: &str) -> Option<Fault> {
    let (group, kind) = (reference.group.as_str(), reference.kind.as_str());
    let shown = shown(group, kind, &reference.name, reference.namespace.as_deref());
    let message = |rest: String| format!("invalid CA certificate reference {shown}, {rest}");
    let (namespace, name) = (&it.credential.namespace, &it.credential.name);
    Some(match it.fault()? {
        MaterialFault::Kind => Fault::new(
            "InvalidCACertificateKind",
            message("only secret and configmap are allowed".into()),
        ),
        MaterialFault::Missing => {
            let rest = format!("{} {namespace}/{name} not found", kind.to_ascii_lowercase());
            Fault::new("InvalidCACertificateRef", message(rest))
        }
        MaterialFault::Keys => Fault::new(
            "InvalidCACertificateRef",
            message(without_keys("cacert or ca.crt", &it.held)),
        ),
        MaterialFault::NotGranted => {
            not_granted("caCertificateRef", &format!("{namespace}/{name}"), owner)
        }
    })
}

fn not_granted(field: &str, name: &str, owner: &str) -> Fault {
    let message = format!(
        "{field} {name} not accessible to a Gateway in namespace {owner:?} (missing a ReferenceGrant?)"
    );
    Fault::new("RefNotPermitted", message)
}

fn shown(group: &str, kind: &str, name: &str, namespace: Option<&str>) -> String {
    format!("{group}/{kind}/{name}.{}", namespace.unwrap_or_default())
}

/// What is there in place of the keys that are needed: some of them.
pub(super) fn without_keys(needed: &str, held: &Held) -> String {
    let none = BTreeSet::new();
    let keys = if let Held::Keys(keys) = held { keys } else { &none };
    let mut found = keys.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    if keys.len() >= 3 {
        found = format!("{found}, and {} more...", keys.len() - 3);
    }
    format!("found secret, but didn't have expected keys {needed}; found: {found}")
}
