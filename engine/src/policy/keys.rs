//! The keys that tokens are verified with. Source: RFC 7517, 7518, 8037.

use std::str::FromStr;

use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

/// The keys of one issuer, ready to verify with.
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<SigningKey>,
}

/// Where key sets come from that policy names by address: the world.
pub trait KeySets {
    /// The set behind an address, or, behind `issuer:`, of an issuer. `None`: it could not be fetched, and nothing is
    /// known of before.
    fn keys(&self, uri: &str) -> Option<&KeySet>;
}

impl KeySets for () {
    fn keys(&self, _: &str) -> Option<&KeySet> {
        None
    }
}

/// Why a text holds no keys.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeySetError {
    #[error("it is not JSON: {0}")]
    NotJson(String),
    #[error("it has no list `keys`")]
    NoList,
    #[error("none of its keys can verify a signature")]
    NoKeys,
}

/// What came of looking for a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verified {
    Yes,
    No,
    /// There is no key of that ID that allows that algorithm.
    NoKey,
}

#[derive(Clone)]
struct SigningKey {
    id: Option<Box<str>>,
    /// A key decides what it is used for: the token's header can only choose among these.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl std::fmt::Debug for KeySet {
    /// The keys' names; never the keys, one of which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| key.id.as_deref().unwrap_or("-")))
            .finish()
    }
}

impl KeySet {
    /// Reads a JSON Web Key Set. Keys for other uses, of other kinds or malformed are passed over.
    ///
    /// # Errors
    ///
    /// When no usable key is left.
    pub fn parse(text: &str) -> Result<Self, KeySetError> {
        let set: Value =
            serde_json::from_str(text).map_err(|error| KeySetError::NotJson(error.to_string()))?;
        let list = set.get("keys").and_then(Value::as_array).ok_or(KeySetError::NoList)?;
        let keys: Vec<_> = list.iter().filter_map(SigningKey::parse).collect();
        if keys.is_empty() { Err(KeySetError::NoKeys) } else { Ok(Self { keys }) }
    }

    /// Verifies `signature` (base64url) over `message`. Without an ID all keys are tried, and so are keys without one.
    pub(super) fn verify(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        message: &str,
        signature: &str,
    ) -> Verified {
        let named = |key: &&SigningKey| match (id, key.id.as_deref()) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        let mut result = Verified::NoKey;
        for key in self.keys.iter().filter(named) {
            if !key.algorithms.contains(&algorithm) {
                continue;
            }
            let valid = crypto::verify(signature, message.as_bytes(), &key.key, algorithm);
            if valid.unwrap_or(false) {
                return Verified::Yes;
            }
            result = Verified::No;
        }
        result
    }
}

impl SigningKey {
    fn parse(key: &Value) -> Option<Self> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let (mut algorithms, decoding) = match text("kty")? {
            "RSA" => {
                let key = DecodingKey::from_rsa_components(text("n")?, text("e")?).ok()?;
                let all = [
                    Algorithm::RS256,
                    Algorithm::RS384,
                    Algorithm::RS512,
                    Algorithm::PS256,
                    Algorithm::PS384,
                    Algorithm::PS512,
                ];
                (all.to_vec(), key)
            }
            "EC" => {
                let (algorithm, bytes) = match text("crv")? {
                    "P-256" => (Algorithm::ES256, 32),
                    "P-384" => (Algorithm::ES384, 48),
                    _ => return None,
                };
                let (x, y) = (text("x")?, text("y")?);
                // A coordinate has the length of the curve's field, zeros in front included. Source: RFC 7518 §6.2.1.2.
                let is_whole = |text| Some(super::token::base64url(text)?.len() == bytes);
                if !is_whole(x)? || !is_whole(y)? {
                    return None;
                }
                let key = DecodingKey::from_ec_components(x, y).ok()?;
                (vec![algorithm], key)
            }
            "OKP" if text("crv")? == "Ed25519" => {
                (vec![Algorithm::EdDSA], DecodingKey::from_ed_components(text("x")?).ok()?)
            }
            "oct" => {
                let secret = super::token::base64url(text("k")?)?;
                let all = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
                (all.to_vec(), DecodingKey::from_secret(&secret))
            }
            _ => return None,
        };
        if let Some(only) = text("alg") {
            let only = Algorithm::from_str(only).ok()?;
            algorithms.retain(|&algorithm| algorithm == only);
        }
        let usable = !algorithms.is_empty();
        usable.then(|| Self { id: text("kid").map(Into::into), algorithms, key: decoding })
    }
}

#[cfg(test)]
mod tests {
    use super::{KeySet, KeySetError};

    fn error(text: &str) -> KeySetError {
        KeySet::parse(text).unwrap_err()
    }

    #[test]
    fn a_set_without_a_usable_key_is_refused() {
        assert!(matches!(error("{"), KeySetError::NotJson(_)));
        assert_eq!(error("{}"), KeySetError::NoList);
        assert_eq!(error(r#"{"keys":[]}"#), KeySetError::NoKeys);
        for key in [
            r#"{"kty":"RSA","n":"AQAB"}"#,
            r#"{"kty":"oct","k":"c2VjcmV0","use":"enc"}"#,
            r#"{"kty":"oct","k":"c2VjcmV0","alg":"RS256"}"#,
            r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            r#"{"kty":"XYZ"}"#,
            "3",
        ] {
            assert_eq!(error(&format!(r#"{{"keys":[{key}]}}"#)), KeySetError::NoKeys, "{key}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let set = KeySet::parse(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}"#).unwrap();
        assert_eq!(format!("{set:?}"), r#"["a"]"#);
    }
}
