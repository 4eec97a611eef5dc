//! Who a peer has proved to be.
//!
//! A SPIFFE ID is parsed, never searched by pattern: whoever may choose a path segment must not be able to
//! make it look like another namespace. Source: SPIFFE-ID.md §2; Istio's form is `ns/<namespace>/sa/<account>`.

/// A SPIFFE ID in two views: its text without `spiffe://`, and, where it has the mesh's form, its parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SpiffeId<'a> {
    text: &'a str,
    trust_domain: &'a str,
    account: Option<(&'a str, &'a str)>,
}

/// Why a text is no SPIFFE ID.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SpiffeIdError {
    #[error("it does not begin with `spiffe://`")]
    Scheme,
    #[error("it has more than 2,048 bytes")]
    TooLong,
    #[error("its trust domain is not of 1 to 255 lower-case letters, digits, `.`, `-` and `_`")]
    TrustDomain,
    #[error("its path has an empty or relative segment, or a character that is not allowed")]
    Path,
}

impl<'a> SpiffeId<'a> {
    /// Reads `spiffe://trust-domain/path`.
    ///
    /// # Errors
    ///
    /// When it is not a SPIFFE ID. One of another form than the mesh's is one nonetheless.
    pub fn parse(uri: &'a str) -> Result<Self, SpiffeIdError> {
        let text = uri.strip_prefix("spiffe://").ok_or(SpiffeIdError::Scheme)?;
        Self::from_text(text)
    }

    /// Reads the text after `spiffe://`.
    ///
    /// # Errors
    ///
    /// As [`SpiffeId::parse`].
    pub fn from_text(text: &'a str) -> Result<Self, SpiffeIdError> {
        if text.len() > 2048 - "spiffe://".len() {
            return Err(SpiffeIdError::TooLong);
        }
        let (trust_domain, path) = match text.split_once('/') {
            Some((trust_domain, path)) => (trust_domain, Some(path)),
            None => (text, None),
        };
        if !is_trust_domain(trust_domain) {
            return Err(SpiffeIdError::TrustDomain);
        }
        if !path.is_none_or(|path| path.split('/').all(is_segment)) {
            return Err(SpiffeIdError::Path);
        }
        Ok(Self { text, trust_domain, account: path.and_then(account) })
    }

    /// Without `spiffe://`: what `principals` of an `AuthorizationPolicy` are compared with.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.text
    }

    #[must_use]
    pub const fn trust_domain(&self) -> &'a str {
        self.trust_domain
    }

    /// Absent where the ID has not the mesh's form.
    #[must_use]
    pub fn namespace(&self) -> Option<&'a str> {
        self.account.map(|(namespace, _)| namespace)
    }

    /// Absent where the ID has not the mesh's form.
    #[must_use]
    pub fn service_account(&self) -> Option<&'a str> {
        self.account.map(|(_, account)| account)
    }
}

fn is_trust_domain(text: &str) -> bool {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    (1..=255).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_segment(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(text, "" | "." | "..") && text.bytes().all(allowed)
}

/// `(namespace, service account)` of `ns/<namespace>/sa/<account>`.
fn account(path: &str) -> Option<(&str, &str)> {
    let (namespace, account) = path.strip_prefix("ns/")?.split_once("/sa/")?;
    (!namespace.contains('/') && !account.contains('/')).then_some((namespace, account))
}

#[cfg(test)]
mod tests {
    use super::{SpiffeId, SpiffeIdError};

    #[test]
    fn an_identity_of_the_mesh_has_parts() {
        let id = SpiffeId::parse("spiffe://cluster.local/ns/shop/sa/reviews").unwrap();
        assert_eq!(id.text(), "cluster.local/ns/shop/sa/reviews");
        assert_eq!(id.trust_domain(), "cluster.local");
        assert_eq!(id.namespace(), Some("shop"));
        assert_eq!(id.service_account(), Some("reviews"));
    }

    #[test]
    fn parts_are_not_found_by_searching() {
        for text in [
            "td/x/ns/shop/sa/a",
            "td/ns/shop/x/sa/a",
            "td/ns/shop/sa/a/b",
            "td/ns/shop",
            "td",
            "td/workload",
        ] {
            let id = SpiffeId::from_text(text).unwrap();
            assert_eq!((id.namespace(), id.service_account()), (None, None), "{text}");
        }
    }

    #[test]
    fn what_is_no_spiffe_id_is_refused() {
        let long = format!("spiffe://td/{}", "a".repeat(2048));
        for (uri, error) in [
            ("https://td/ns/a/sa/b", SpiffeIdError::Scheme),
            ("SPIFFE://td/ns/a/sa/b", SpiffeIdError::Scheme),
            ("spiffe:///ns/a/sa/b", SpiffeIdError::TrustDomain),
            ("spiffe://TD/ns/a/sa/b", SpiffeIdError::TrustDomain),
            ("spiffe://user@td/a", SpiffeIdError::TrustDomain),
            ("spiffe://td:443/a", SpiffeIdError::TrustDomain),
            ("spiffe://td/", SpiffeIdError::Path),
            ("spiffe://td/ns/a/sa/b/", SpiffeIdError::Path),
            ("spiffe://td/ns//sa/b", SpiffeIdError::Path),
            ("spiffe://td/ns/../sa/b", SpiffeIdError::Path),
            ("spiffe://td/ns/a%2f/sa/b", SpiffeIdError::Path),
            ("spiffe://td/a?b", SpiffeIdError::Path),
            ("spiffe://td/a#b", SpiffeIdError::Path),
            (long.as_str(), SpiffeIdError::TooLong),
        ] {
            assert_eq!(SpiffeId::parse(uri), Err(error), "{uri}");
        }
    }
}
