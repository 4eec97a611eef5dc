//! SPIFFE IDs: names that a certificate proves. Source: SPIFFE-ID, sections 2 and 3.
//!
//! An ID is parsed once and compared by its parts; no pattern is ever searched for in its text.

use std::fmt;

/// `spiffe://trust-domain/path`, well-formed: a trust domain of `[a-z0-9._-]`, and at least one path segment of
/// `[A-Za-z0-9._-]`, none of them `.` or `..`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpiffeId {
    uri: Box<str>,
    /// Where the path begins in `uri`.
    path: usize,
}

/// Why a text is no SPIFFE ID.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SpiffeIdError {
    #[error("it does not begin with `spiffe://`")]
    Scheme,
    #[error("its trust domain is empty or has a character that none may have")]
    TrustDomain,
    #[error("its path is absent, or has a segment that is empty, relative, or of other characters")]
    Path,
    #[error("it is longer than 2048 bytes")]
    Length,
}

const SCHEME: &str = "spiffe://";
const BYTES_MAX: usize = 2048;

impl SpiffeId {
    /// # Errors
    ///
    /// When `uri` is not a SPIFFE ID, to the letter.
    pub fn parse(uri: &str) -> Result<Self, SpiffeIdError> {
        if BYTES_MAX < uri.len() {
            return Err(SpiffeIdError::Length);
        }
        let rest = uri.strip_prefix(SCHEME).ok_or(SpiffeIdError::Scheme)?;
        let (domain, path) = rest.split_once('/').ok_or(SpiffeIdError::Path)?;
        if domain.is_empty() || !domain.bytes().all(is_domain_byte) {
            return Err(SpiffeIdError::TrustDomain);
        }
        if !path.split('/').all(is_segment) {
            return Err(SpiffeIdError::Path);
        }
        Ok(Self { uri: uri.into(), path: SCHEME.len() + domain.len() })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.uri.get(SCHEME.len()..self.path).unwrap_or_default()
    }

    /// With its leading slash.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.get(self.path..).unwrap_or_default()
    }

    /// The namespace in Istio's form of path, `/ns/NAMESPACE/sa/SERVICE-ACCOUNT`; `None` for another form.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        let mut segments = self.path().split('/').skip(1);
        match (segments.next(), segments.next(), segments.next(), segments.next(), segments.next())
        {
            (Some("ns"), Some(namespace), Some("sa"), Some(_), None) => Some(namespace),
            _ => None,
        }
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

fn is_domain_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte)
}

fn is_segment(segment: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::{SpiffeId, SpiffeIdError};

    #[test]
    fn the_parts_of_an_id() {
        let id = SpiffeId::parse("spiffe://cluster.local/ns/shop/sa/reviews").unwrap();
        assert_eq!(id.trust_domain(), "cluster.local");
        assert_eq!(id.path(), "/ns/shop/sa/reviews");
        assert_eq!(id.namespace(), Some("shop"));
        let other = SpiffeId::parse("spiffe://cluster.local/ns/shop/sa/reviews/more").unwrap();
        assert_eq!(other.namespace(), None);
    }

    /// SPIFFE-ID §2.1 to §2.4.
    #[test]
    fn what_only_looks_like_an_id_is_none() {
        use SpiffeIdError::{Length, Path, Scheme, TrustDomain};
        let long = format!("spiffe://a/{}", "b".repeat(2048));
        let cases = [
            ("https://cluster.local/a", Scheme),
            ("SPIFFE://cluster.local/a", Scheme),
            ("spiffe:///a", TrustDomain),
            ("spiffe://Cluster.local/a", TrustDomain),
            ("spiffe://cluster.local:8080/a", TrustDomain),
            ("spiffe://evil@cluster.local/a", TrustDomain),
            ("spiffe://cluster.local", Path),
            ("spiffe://cluster.local/", Path),
            ("spiffe://cluster.local/a/", Path),
            ("spiffe://cluster.local//a", Path),
            ("spiffe://cluster.local/../a", Path),
            ("spiffe://cluster.local/a%2Fb", Path),
            ("spiffe://cluster.local/a?b", Path),
            ("spiffe://cluster.local/a#b", Path),
            (&long, Length),
        ];
        for (uri, error) in cases {
            assert_eq!(SpiffeId::parse(uri), Err(error), "{uri}");
        }
    }
}
