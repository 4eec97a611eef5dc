//! Names of workloads. Source: SPIFFE-ID, X509-SVID; the path is Istio's.

use std::fmt;
use std::str::FromStr;

use rustls_pki_types::CertificateDer;

/// `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identity {
    pub trust_domain: String,
    pub namespace: String,
    pub service_account: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust_domain, namespace, service_account } = self;
        write!(f, "spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}")
    }
}

/// Text or a certificate that names no workload of a mesh.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAnIdentity {
    #[error("not `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`")]
    Form,
    #[error("a certificate must have exactly one URI as its name")]
    Names,
}

/// SPIFFE-ID §2.
const LENGTH_MAX: usize = 2048;

impl FromStr for Identity {
    type Err = NotAnIdentity;

    fn from_str(text: &str) -> Result<Self, NotAnIdentity> {
        let rest = text.strip_prefix("spiffe://").filter(|_| text.len() <= LENGTH_MAX);
        let mut parts = rest.ok_or(NotAnIdentity::Form)?.split('/');
        let mut next = || parts.next().ok_or(NotAnIdentity::Form);
        let (trust_domain, ns, namespace) = (next()?, next()?, next()?);
        let (sa, service_account) = (next()?, next()?);
        let segments = [namespace, service_account];
        let valid = (ns, sa, parts.next()) == ("ns", "sa", None)
            && is_trust_domain(trust_domain)
            && segments.into_iter().all(is_segment);
        if !valid {
            return Err(NotAnIdentity::Form);
        }
        Ok(Self {
            trust_domain: trust_domain.to_owned(),
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
        })
    }
}

/// SPIFFE-ID §2.1.
pub(super) fn is_trust_domain(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    !text.is_empty() && text.chars().all(allowed)
}

/// SPIFFE-ID §2.2.
pub(crate) fn is_segment(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty() && text != "." && text != ".." && text.chars().all(allowed)
}

impl Identity {
    /// The identity that a certificate is for. Whether anybody vouches for it is another question.
    ///
    /// # Errors
    ///
    /// When it is for none, or for several.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Self, NotAnIdentity> {
        let parsed =
            webpki::EndEntityCert::try_from(certificate).map_err(|_| NotAnIdentity::Names)?;
        let mut names = parsed.valid_uri_names();
        match (names.next(), names.next()) {
            (Some(name), None) => name.parse(),
            _ => Err(NotAnIdentity::Names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = "spiffe://cluster.local/ns/shop/sa/reviews";
        assert_eq!(text.parse::<Identity>().unwrap().to_string(), text);
    }

    /// SPIFFE-ID §2: what validators must reject.
    #[test]
    fn what_is_no_spiffe_id_of_a_workload_is_rejected() {
        for text in [
            "",
            "https://cluster.local/ns/shop/sa/reviews",
            "spiffe://Cluster.local/ns/shop/sa/reviews",
            "spiffe://cluster.local:80/ns/shop/sa/reviews",
            "spiffe://user@cluster.local/ns/shop/sa/reviews",
            "spiffe:///ns/shop/sa/reviews",
            "spiffe://cluster.local/ns/shop/sa/",
            "spiffe://cluster.local/ns/shop/sa/reviews/",
            "spiffe://cluster.local/ns//sa/reviews",
            "spiffe://cluster.local/ns/../sa/reviews",
            "spiffe://cluster.local/ns/shop/sa/re%76iews",
            "spiffe://cluster.local/ns/shop/sa/reviews?a=b",
            "spiffe://cluster.local/ns/shop/sa/reviews#a",
            "spiffe://cluster.local/sa/shop/ns/reviews",
        ] {
            assert_eq!(text.parse::<Identity>(), Err(NotAnIdentity::Form), "{text}");
        }
        let long = format!("spiffe://cluster.local/ns/shop/sa/{}", "a".repeat(LENGTH_MAX));
        assert_eq!(long.parse::<Identity>(), Err(NotAnIdentity::Form));
    }
}
