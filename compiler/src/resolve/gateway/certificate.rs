//! What a listener shows its clients, and what it asks of them. Source: Istio, `buildTLS`.

use mesh_snapshot::object::Credential;

use super::listener::Home;
use crate::api::Resource;
use crate::api::gateway_api::{
    self, FrontendMode, FrontendTls, FrontendValidation, ObjectReference, SecretReference,
};
use crate::diagnostic::FieldPath;
use crate::resolve::grant::Grants;
use crate::resolve::held::{Held, Holdings};

/// A certificate that a listener names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    pub credential: Credential,
    /// It is a Secret, which is all that can be used.
    pub is_secret: bool,
    /// It stands in another namespace, which does not allow it.
    pub lacks_grant: bool,
    /// What the repository tells of the Secret.
    pub held: Held,
}

impl Certificate {
    pub(super) fn of(
        reference: &SecretReference,
        home: &Home<'_>,
        grants: &Grants<'_>,
        holdings: &Holdings<'_>,
    ) -> Self {
        let own = home.namespace;
        let group = reference.group.as_deref().unwrap_or_default();
        let kind = reference.kind.as_deref().unwrap_or("Secret");
        let namespace = reference.namespace.as_deref().unwrap_or(own);
        let credential =
            Credential { namespace: namespace.to_owned(), name: reference.name.clone() };
        Self {
            is_secret: (group, kind) == ("", "Secret"),
            lacks_grant: namespace != own
                && !grants.allow(home.kind, own, (group, kind), namespace, &reference.name),
            held: holdings.secret(namespace, &reference.name),
            credential,
        }
    }

    /// What is wrong with it, as far as the repository tells.
    #[must_use]
    pub fn fault(&self) -> Option<MaterialFault> {
        let pairs: &[&[&str]] = &[&["cert", "key"], &["tls.crt", "tls.key"]];
        fault(self.is_secret, &self.held, pairs, self.lacks_grant)
    }

    /// Whether it is tried: a Secret that nobody knows of may be there when it is needed.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        self.is_secret && !self.lacks_grant
    }
}

/// Why a certificate or an authority cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MaterialFault {
    Kind,
    Missing,
    /// It is there without the keys that it needs.
    Keys,
    NotGranted,
}

/// `needed`: any of these sets of keys.
fn fault(
    is_readable: bool,
    held: &Held,
    needed: &[&[&str]],
    lacks_grant: bool,
) -> Option<MaterialFault> {
    if !is_readable {
        return Some(MaterialFault::Kind);
    }
    match held {
        Held::Missing => Some(MaterialFault::Missing),
        Held::Keys(keys) if !needed.iter().any(|all| all.iter().all(|key| keys.contains(*key))) => {
            Some(MaterialFault::Keys)
        }
        Held::Keys(_) | Held::Unsaid => lacks_grant.then_some(MaterialFault::NotGranted),
    }
}

/// That clients are asked for certificates.
#[derive(Clone, Debug)]
pub struct ClientCheck<'a> {
    pub validation: &'a FrontendValidation,
    /// Where it is written, in the Gateway's document.
    pub path: FieldPath,
    /// By place in `caCertificateRefs`.
    pub authorities: Vec<Authority>,
}

/// Whose certificates of clients are believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority {
    pub credential: Credential,
    /// A `ConfigMap` or a Secret, which are all that can be used.
    pub is_readable: bool,
    pub lacks_grant: bool,
    pub held: Held,
}

impl<'a> ClientCheck<'a> {
    /// What a Gateway asks of the clients of a port: what is said of it alone, or else of all.
    pub(super) fn of(
        gateway: &'a Resource<gateway_api::Gateway>,
        port: i32,
        grants: &Grants<'_>,
        holdings: &Holdings<'_>,
    ) -> Option<Self> {
        let frontend = gateway.spec.tls.frontend.as_ref()?;
        let (tls, path) = of_port(frontend, port);
        let validation = tls.validation.as_ref()?;
        if validation.ca_certificate_refs.is_empty() {
            return None;
        }
        let authority = |it| Authority::of(it, &gateway.namespace, grants, holdings);
        let authorities = validation.ca_certificate_refs.iter().map(authority).collect();
        Some(Self { validation, path: path.field("validation"), authorities })
    }

    /// Whether somebody is there to be believed. Istio reads one authority and no more.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.authorities.as_slice(), [it] if it.is_readable && !it.lacks_grant)
    }

    /// Whether clients without a certificate, or with one that nobody believes, are let in all the same.
    #[must_use]
    pub fn is_waived(&self) -> bool {
        self.validation.mode == FrontendMode::AllowInsecureFallback
    }
}

fn of_port(frontend: &FrontendTls, port: i32) -> (&gateway_api::PortTls, FieldPath) {
    let path = FieldPath::default().field("spec").field("tls").field("frontend");
    let own = frontend.per_port.iter().enumerate().find(|(_, it)| it.port == port);
    match own {
        Some((index, it)) => (&it.tls, path.field("perPort").index(index).field("tls")),
        None => (&frontend.default, path.field("default")),
    }
}

impl Authority {
    /// What is wrong with it, as far as the repository tells.
    #[must_use]
    pub fn fault(&self) -> Option<MaterialFault> {
        fault(self.is_readable, &self.held, &[&["cacert"], &["ca.crt"]], self.lacks_grant)
    }

    fn of(
        reference: &ObjectReference,
        own: &str,
        grants: &Grants<'_>,
        holdings: &Holdings<'_>,
    ) -> Self {
        let namespace = reference.namespace.as_deref().unwrap_or(own);
        let (group, kind) = (reference.group.as_str(), reference.kind.as_str());
        let held = match kind {
            "ConfigMap" => holdings.config_map(namespace, &reference.name),
            _ => holdings.secret(namespace, &reference.name),
        };
        Self {
            credential: Credential {
                namespace: namespace.to_owned(),
                name: reference.name.clone(),
            },
            is_readable: group.is_empty() && matches!(kind, "ConfigMap" | "Secret"),
            lacks_grant: namespace != own
                && !grants.allow("Gateway", own, (group, kind), namespace, &reference.name),
            held,
        }
    }
}
