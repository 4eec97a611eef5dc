//! A JSON Web Token, taken apart and verified. Source: RFC 7515, 7519; the order of the checks and the words of
//! the errors are those of Envoy's `jwt_verify_lib`.

use std::str::FromStr;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::keys::{KeySet, Verified};

/// How far clocks may be apart, in seconds. Source: Envoy, `JwtProvider.clock_skew_seconds`.
const LEEWAY_SECONDS: u64 = 60;

/// Why a token is not accepted. The text is what Envoy answers with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    #[error("Jwt is missing")]
    Missing,
    #[error("Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections")]
    Form,
    #[error("Jwt header is an invalid Base64url encoded")]
    HeaderEncoding,
    #[error("Jwt header is an invalid JSON")]
    HeaderJson,
    #[error("Jwt header [alg] field is required and must be a string")]
    AlgorithmMissing,
    #[error("Jwt header [alg] is not supported")]
    AlgorithmUnknown,
    #[error("Jwt header [kid] field is not a string")]
    KeyId,
    #[error("Jwt payload is an invalid Base64url encoded")]
    PayloadEncoding,
    #[error("Jwt payload is an invalid JSON")]
    PayloadJson,
    #[error("Jwt payload [{0}] field is not a string")]
    NoString(&'static str),
    #[error("Jwt payload [{0}] field is not a positive integer")]
    NoTime(&'static str),
    #[error("Jwt payload [aud] field is not a string or string list")]
    NoAudience,
    #[error("Jwt issuer is not configured")]
    UnknownIssuer,
    #[error("Jwt is expired")]
    Expired,
    #[error("Jwt not yet valid")]
    NotYetValid,
    #[error("Audiences in Jwt are not allowed")]
    Audience,
    #[error("Jwks remote fetch is failed")]
    NoKeys,
    #[error("Jwks doesn't have key to match kid or alg from Jwt")]
    NoKey,
    #[error("Jwt verification fails")]
    Signature,
}

impl TokenError {
    /// What to answer: a token for others is forbidden, any other is not authorised.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Audience => 403,
            _ => 401,
        }
    }
}

/// A token whose form is right; nothing is verified yet.
pub(super) struct Token<'t> {
    algorithm: Algorithm,
    key_id: Option<String>,
    signed: &'t str,
    signature: &'t str,
    /// In base64url, as it came.
    pub(super) encoded_payload: &'t str,
    pub(super) payload: Map<String, Value>,
}

impl<'t> Token<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, TokenError> {
        let mut sections = text.split('.').filter(|section| !section.is_empty());
        let (Some(header), Some(payload), Some(signature), None) =
            (sections.next(), sections.next(), sections.next(), sections.next())
        else {
            return Err(TokenError::Form);
        };
        let signed = text.rsplit_once('.').map_or("", |(signed, _)| signed);
        // Empty sections between would be signed with the rest, but not read.
        if signed.len() != header.len() + 1 + payload.len() {
            return Err(TokenError::Form);
        }
        let (algorithm, key_id) = parse_header(header)?;
        let encoded_payload = payload;
        let payload = base64url(payload).ok_or(TokenError::PayloadEncoding)?;
        let payload = serde_json::from_slice(&payload).map_err(|_| TokenError::PayloadJson)?;
        check_payload(&payload)?;
        Ok(Self { algorithm, key_id, signed, signature, encoded_payload, payload })
    }

    pub(super) fn issuer(&self) -> &str {
        self.payload.get("iss").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether `now`, in seconds since 1970, is within the token's time.
    pub(super) fn check_time(&self, now: u64) -> Result<(), TokenError> {
        let seconds = |name| self.payload.get(name).and_then(seconds).unwrap_or_default();
        if now.saturating_add(LEEWAY_SECONDS) < seconds("nbf") {
            return Err(TokenError::NotYetValid);
        }
        let expires = seconds("exp");
        if expires != 0 && now > expires.saturating_add(LEEWAY_SECONDS) {
            return Err(TokenError::Expired);
        }
        Ok(())
    }

    /// Whether the token is for one of `allowed`; for whomever when there are none.
    pub(super) fn check_audience(&self, allowed: &[Box<str>]) -> Result<(), TokenError> {
        let is_allowed =
            |audience: &str| allowed.iter().any(|one| **one == *bare_audience(audience));
        let found = match self.payload.get("aud") {
            Some(Value::String(audience)) => is_allowed(audience),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(is_allowed),
            _ => false,
        };
        if allowed.is_empty() || found { Ok(()) } else { Err(TokenError::Audience) }
    }

    pub(super) fn check_signature(&self, keys: &KeySet) -> Result<(), TokenError> {
        let key_id = self.key_id.as_deref().filter(|id| !id.is_empty());
        match keys.verify(key_id, self.algorithm, self.signed, self.signature) {
            Verified::Yes => Ok(()),
            Verified::No => Err(TokenError::Signature),
            Verified::NoKey => Err(TokenError::NoKey),
        }
    }
}

/// An audience without scheme and last slash, which do not count. Source: `jwt_verify_lib`, `check_audience.cc`.
pub(super) fn bare_audience(audience: &str) -> &str {
    let bare = audience.strip_prefix("https://").or_else(|| audience.strip_prefix("http://"));
    let bare = bare.unwrap_or(audience);
    bare.strip_suffix('/').unwrap_or(bare)
}

fn parse_header(text: &str) -> Result<(Algorithm, Option<String>), TokenError> {
    let header = base64url(text).ok_or(TokenError::HeaderEncoding)?;
    let header: Map<String, Value> =
        serde_json::from_slice(&header).map_err(|_| TokenError::HeaderJson)?;
    let algorithm =
        header.get("alg").and_then(Value::as_str).ok_or(TokenError::AlgorithmMissing)?;
    let algorithm = Algorithm::from_str(algorithm).map_err(|_| TokenError::AlgorithmUnknown)?;
    match header.get("kid") {
        None => Ok((algorithm, None)),
        Some(Value::String(id)) => Ok((algorithm, Some(id.clone()))),
        Some(_) => Err(TokenError::KeyId),
    }
}

fn check_payload(payload: &Map<String, Value>) -> Result<(), TokenError> {
    for name in ["iss", "sub", "jti"] {
        if payload.get(name).is_some_and(|value| !value.is_string()) {
            return Err(TokenError::NoString(name));
        }
    }
    for name in ["iat", "nbf", "exp"] {
        if payload.get(name).is_some_and(|value| seconds(value).is_none()) {
            return Err(TokenError::NoTime(name));
        }
    }
    let is_audience = match payload.get("aud") {
        None | Some(Value::String(_)) => true,
        Some(Value::Array(all)) => all.iter().all(Value::is_string),
        Some(_) => false,
    };
    if is_audience { Ok(()) } else { Err(TokenError::NoAudience) }
}

/// A `NumericDate`; what is less than a second is dropped.
fn seconds(value: &Value) -> Option<u64> {
    let fraction = || value.as_f64().filter(|seconds| (0.0..9e15).contains(seconds));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and less than 2^53"
    )]
    value.as_u64().or_else(|| fraction().map(|seconds| seconds as u64))
}

/// As lenient as Envoy about padding and white space: what is signed is the text itself.
pub(super) fn base64url(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let bare: String = text.chars().filter(|symbol| !symbol.is_ascii_whitespace()).collect();
    GeneralPurpose::new(&URL_SAFE, LENIENT).decode(bare).ok()
}

#[cfg(test)]
mod tests {
    use super::{Token, TokenError, bare_audience};
    use crate::policy::authenticate::tests::{sign, unsigned};

    fn error(text: &str) -> TokenError {
        Token::parse(text).err().unwrap()
    }

    fn payload(payload: &str) -> Result<(), TokenError> {
        Token::parse(&sign(r#"{"alg":"HS256"}"#, payload)).map(|_| ())
    }

    #[test]
    fn a_token_has_three_sections() {
        for text in ["", "a", "a.b", "a.b.", ".a.b.c", "a..b.c", "a.b..c", "a.b.c.d", "a.b.c."] {
            assert_eq!(error(text), TokenError::Form, "{text}");
        }
    }

    #[test]
    fn a_header_names_an_algorithm_that_exists() {
        assert_eq!(error("$.e30.x"), TokenError::HeaderEncoding);
        assert_eq!(error("not.a.token"), TokenError::HeaderJson);
        for (header, expected) in [
            ("{}", TokenError::AlgorithmMissing),
            (r#"{"alg":3}"#, TokenError::AlgorithmMissing),
            (r#"{"alg":"none"}"#, TokenError::AlgorithmUnknown),
            (r#"{"alg":"HS256","kid":3}"#, TokenError::KeyId),
        ] {
            assert_eq!(error(&unsigned(header, "{}")), expected, "{header}");
        }
    }

    #[test]
    fn registered_claims_have_their_types() {
        assert_eq!(payload("[]"), Err(TokenError::PayloadJson));
        assert_eq!(payload(r#"{"iss":3}"#), Err(TokenError::NoString("iss")));
        assert_eq!(payload(r#"{"sub":null}"#), Err(TokenError::NoString("sub")));
        assert_eq!(payload(r#"{"exp":"1"}"#), Err(TokenError::NoTime("exp")));
        assert_eq!(payload(r#"{"nbf":-1}"#), Err(TokenError::NoTime("nbf")));
        assert_eq!(payload(r#"{"aud":["a",3]}"#), Err(TokenError::NoAudience));
        assert_eq!(payload(r#"{"aud":["a"],"exp":1.5,"x":{}}"#), Ok(()));
    }

    #[test]
    fn time_has_a_leeway_of_a_minute() {
        let token = sign(r#"{"alg":"HS256"}"#, r#"{"nbf":1000,"exp":2000}"#);
        let token = Token::parse(&token).unwrap();
        assert_eq!(token.check_time(939), Err(TokenError::NotYetValid));
        assert_eq!(token.check_time(940), Ok(()));
        assert_eq!(token.check_time(2060), Ok(()));
        assert_eq!(token.check_time(2061), Err(TokenError::Expired));
        let eternal = sign(r#"{"alg":"HS256"}"#, "{}");
        assert_eq!(Token::parse(&eternal).unwrap().check_time(u64::MAX), Ok(()));
    }

    #[test]
    fn an_audience_is_one_without_scheme_and_slash() {
        assert_eq!(bare_audience("https://shop.test/"), "shop.test");
        assert_eq!(bare_audience("http://shop.test"), "shop.test");
        assert_eq!(bare_audience("shop/a"), "shop/a");
    }
}
