//! Whose tokens are believed. Source: Istio `RequestAuthentication`; Envoy, `jwt_authn`.
//!
//! A request without a token passes, unauthenticated, unless some rule requires one. One with a token must satisfy some rule: all tokens at that
//! rule's places are its issuer's, and valid. The first rule that is satisfied says what the claims are.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use mesh_snapshot::Key;
use mesh_snapshot::object::{ClaimHeader, JwtKeys, JwtRule, RequestAuthentication};
use serde_json::{Map, Value};

use super::claims::{Claims, lookup};
use super::keys::{KeySet, KeySets};
use super::location::{self, Location};
use super::token::{Token, TokenError, bare_audience};
use crate::program::{BuildError, Fault};
use crate::request::Request;

/// Claims whose text is a list with spaces, whatever a rule says. Source: Istio, `JwtAuthentication`.
const SPACE_DELIMITED: [&str; 2] = ["scope", "permission"];

#[derive(Clone, Debug, Default)]
pub(super) struct Authentication {
    rules: Vec<Rule>,
    reserved: Vec<HeaderName>,
}

#[derive(Clone, Debug)]
struct Rule {
    issuer: Box<str>,
    audiences: Box<[Box<str>]>,
    keys: Keys,
    locations: Vec<Location>,
    payload_header: Option<HeaderName>,
    claim_headers: Vec<(HeaderName, Vec<String>)>,
    forward_token: bool,
    space_delimited: Vec<String>,
    required: bool,
}

#[derive(Clone, Debug)]
enum Keys {
    Inline(Arc<KeySet>),
    Remote(Box<str>),
}

/// How a request fares under one rule.
enum Fared {
    /// Nothing at its places.
    Missing,
    Satisfied(Claims),
    Failed(TokenError),
}

impl Authentication {
    pub(super) fn push(
        &mut self,
        policy: &RequestAuthentication,
        key: &Key,
    ) -> Result<(), BuildError> {
        for (index, rule) in policy.rules.iter().enumerate() {
            let at = |fault| BuildError::at(key, &format!("rules[{index}]"), fault);
            let rule = Rule::compile(rule).map_err(at)?;
            let claimed = rule.claim_headers.iter().map(|(name, _)| name);
            self.reserved.extend(rule.payload_header.iter().chain(claimed).cloned());
            self.rules.push(rule);
        }
        Ok(())
    }

    pub(super) fn reserved(&self) -> &[HeaderName] {
        &self.reserved
    }

    pub(super) fn remote_keys(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(|rule| match &rule.keys {
            Keys::Remote(name) => Some(&**name),
            Keys::Inline(_) => None,
        })
    }

    pub(super) fn authenticate(
        &self,
        request: &Request<'_>,
        keys: &impl KeySets,
        now: u64,
    ) -> Result<Claims, TokenError> {
        // Browsers send no credentials with a preflight. Source: Istio sets `bypass_cors_preflight`.
        if request.is_preflight() {
            return Ok(Claims::default());
        }
        let mut failure = None;
        for rule in &self.rules {
            match rule.judge(request, keys, now) {
                Fared::Satisfied(claims) => return Ok(claims),
                Fared::Missing => {}
                Fared::Failed(error) => failure = Some(worse(failure, error)),
            }
        }
        match failure {
            Some(error) => Err(error),
            None if self.rules.iter().any(|rule| rule.required) => Err(TokenError::Missing),
            None => Ok(Claims::default()),
        }
    }
}

/// What is told of several failures: the last, though a strange issuer only when there is nothing else to tell.
/// Source: Envoy, `AnyVerifierImpl`.
fn worse(so_far: Option<TokenError>, error: TokenError) -> TokenError {
    match so_far {
        Some(so_far) if error == TokenError::UnknownIssuer => so_far,
        _ => error,
    }
}

impl Rule {
    fn compile(rule: &JwtRule) -> Result<Self, Fault> {
        let keys = match &rule.keys {
            JwtKeys::Inline(text) => {
                Keys::Inline(Arc::new(KeySet::parse(text).map_err(Fault::Keys)?))
            }
            JwtKeys::Remote(uri) => Keys::Remote(uri.as_str().into()),
            JwtKeys::Discovered(issuer) => Keys::Remote(format!("issuer:{issuer}").into()),
        };
        let header =
            |name: &str| name.parse::<HeaderName>().map_err(|_| Fault::HeaderName(name.to_owned()));
        let claim_header = |claim: &ClaimHeader| {
            let path = claim.claim.split('.').map(str::to_owned).collect();
            Ok((header(&claim.header)?, path))
        };
        let payload_header = Some(&*rule.payload_header).filter(|name| !name.is_empty());
        let space_delimited = rule.space_delimited_claims.iter().map(String::as_str);
        Ok(Self {
            issuer: rule.issuer.as_str().into(),
            audiences: rule.audiences.iter().map(|one| bare_audience(one).into()).collect(),
            keys,
            locations: location::of(rule)?,
            payload_header: payload_header.map(header).transpose()?,
            claim_headers: rule.claim_headers.iter().map(claim_header).collect::<Result<_, _>>()?,
            forward_token: rule.forward_token,
            required: rule.required,
            space_delimited: SPACE_DELIMITED
                .into_iter()
                .chain(space_delimited)
                .map(str::to_owned)
                .collect(),
        })
    }

    /// All tokens must be good: an upstream might read another than the one that was verified.
    fn judge(&self, request: &Request<'_>, keys: &impl KeySets, now: u64) -> Fared {
        let mut claims = None;
        for location in &self.locations {
            let Some(text) = location.token(request) else { continue };
            match self.verify(&text, keys, now) {
                Ok(token) => self.grant(&token, location, claims.get_or_insert_default()),
                Err(error) => return Fared::Failed(error),
            }
        }
        claims.map_or(Fared::Missing, Fared::Satisfied)
    }

    fn verify<'t>(
        &self,
        text: &'t str,
        keys: &impl KeySets,
        now: u64,
    ) -> Result<Token<'t>, TokenError> {
        let token = Token::parse(text)?;
        if !self.issuer.is_empty() && token.issuer() != &*self.issuer {
            return Err(TokenError::UnknownIssuer);
        }
        token.check_time(now)?;
        token.check_audience(&self.audiences)?;
        let keys = match &self.keys {
            Keys::Inline(keys) => keys,
            Keys::Remote(uri) => keys.keys(uri).ok_or(TokenError::NoKeys)?,
        };
        token.check_signature(keys)?;
        Ok(token)
    }

    /// Notes what a good token brings.
    fn grant(&self, token: &Token<'_>, location: &Location, claims: &mut Claims) {
        if !self.forward_token {
            claims.strip.extend(location.place());
        }
        if let Some(name) = &self.payload_header
            && let Ok(value) = HeaderValue::from_str(token.encoded_payload)
        {
            claims.set.push((name.clone(), value));
        }
        for (name, path) in &self.claim_headers {
            let text = lookup(&token.payload, path).map(claim_text);
            // A claim that no header can hold is left out, as one that is absent.
            let value = text
                .filter(|text| !text.is_empty())
                .and_then(|text| HeaderValue::from_str(&text).ok());
            claims.set.extend(value.map(|value| (name.clone(), value)));
        }
        claims.payload = self.normal(token.payload.clone());
    }

    /// Lists with spaces become lists.
    fn normal(&self, mut payload: Map<String, Value>) -> Map<String, Value> {
        for name in &self.space_delimited {
            if let Some(Value::String(text)) = payload.get(name) {
                let list =
                    text.split(' ').filter(|item| !item.is_empty()).map(Value::from).collect();
                payload.insert(name.clone(), Value::Array(list));
            }
        }
        payload
    }
}

/// What a header gets of a claim. Source: Envoy, `Authenticator::addJWTClaimToHeader`.
fn claim_text(claim: &Value) -> String {
    use base64::Engine as _;
    match claim {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => claim.to_string(),
        Value::Array(_) | Value::Object(_) => {
            base64::engine::general_purpose::STANDARD.encode(claim.to_string())
        }
        Value::Null => String::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use http::{HeaderMap, HeaderName};
    use jsonwebtoken::{Algorithm, EncodingKey};
    use mesh_snapshot::object::{
        ClaimHeader, JwtKeys, JwtRule, Microseconds, RequestAuthentication, TokenHeader,
    };
    use mesh_snapshot::{Key, Kind};

    use super::Authentication;
    use crate::policy::{Claims, KeySet, KeySets, TokenError, TokenPlace};
    use crate::program::BuildError;
    use crate::request::Request;
    use crate::request::tests::{get, headers};

    /// A key set of one secret, `secret`, named `k`.
    const JWKS: &str = r#"{"keys":[{"kty":"oct","kid":"k","k":"c2VjcmV0"}]}"#;
    const NOW: u64 = 1000;

    pub(crate) fn unsigned(header: &str, payload: &str) -> String {
        format!("{}.{}.x", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
    }

    /// By the key of [`JWKS`], whatever the header says.
    pub(crate) fn sign(header: &str, payload: &str) -> String {
        let unsigned = unsigned(header, payload);
        let signed = unsigned.strip_suffix(".x").unwrap();
        let key = EncodingKey::from_secret(b"secret");
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{signed}.{signature}")
    }

    fn token(payload: &str) -> String {
        sign(r#"{"alg":"HS256","kid":"k"}"#, payload)
    }

    fn rule(issuer: &str) -> JwtRule {
        JwtRule {
            issuer: issuer.to_owned(),
            audiences: Vec::new(),
            keys: JwtKeys::Inline(JWKS.to_owned()),
            from_headers: Vec::new(),
            from_parameters: Vec::new(),
            from_cookies: Vec::new(),
            payload_header: String::new(),
            claim_headers: Vec::new(),
            forward_token: false,
            fetch_timeout: Microseconds::from_secs(5),
            space_delimited_claims: Vec::new(),
            required: false,
        }
    }

    fn compile(rules: Vec<JwtRule>) -> Result<Authentication, BuildError> {
        let key = Key::new(Kind::RequestAuthentication, "shop", "jwt");
        let mut authentication = Authentication::default();
        authentication.push(&RequestAuthentication { rules }, &key)?;
        Ok(authentication)
    }

    fn judge(rules: Vec<JwtRule>, request: &Request<'_>) -> Result<Claims, TokenError> {
        compile(rules).unwrap().authenticate(request, &(), NOW)
    }

    fn bearer(token: &str) -> HeaderMap {
        headers(&[("authorization", &format!("Bearer {token}"))])
    }

    fn with_token(rules: Vec<JwtRule>, token: &str) -> Result<Claims, TokenError> {
        judge(rules, &get("/", &bearer(token)))
    }

    #[test]
    fn a_request_without_a_token_passes_without_claims() {
        assert!(judge(vec![rule("a")], &get("/", &HeaderMap::new())).unwrap().is_empty());
        let basic = headers(&[("authorization", "Basic x")]);
        assert!(judge(vec![rule("a")], &get("/", &basic)).unwrap().is_empty());
    }

    /// Source: Istio, `JWTRule.presence`.
    #[test]
    fn where_a_token_is_required_none_is_refused() {
        let required = || JwtRule { required: true, ..rule("a") };
        let nothing = HeaderMap::new();
        let refused = judge(vec![rule("b"), required()], &get("/", &nothing)).unwrap_err();
        assert_eq!((refused.to_string(), refused.status()), ("Jwt is missing".to_owned(), 401));
        assert!(with_token(vec![required()], &token(r#"{"iss":"a"}"#)).is_ok());
    }

    #[test]
    fn a_good_token_tells_its_claims_and_is_stripped() {
        let good = token(r#"{"iss":"a","sub":"jo"}"#);
        let claims = with_token(vec![rule("a")], &good).unwrap();
        assert_eq!((claims.issuer(), claims.subject()), (Some("a"), Some("jo")));
        assert_eq!(claims.strip, [TokenPlace::Header(http::header::AUTHORIZATION)]);
        let forwarding = JwtRule { forward_token: true, ..rule("a") };
        assert_eq!(with_token(vec![forwarding], &good).unwrap().strip, []);
        let target = format!("/?access_token={good}");
        let claims = judge(vec![rule("a")], &get(&target, &HeaderMap::new())).unwrap();
        assert_eq!(claims.strip, [TokenPlace::Parameter("access_token".into())]);
    }

    #[test]
    fn a_bad_token_is_refused_in_the_order_of_the_checks() {
        let refusal = |payload| with_token(vec![rule("a")], &token(payload)).unwrap_err();
        assert_eq!(refusal(r#"{"iss":"b","exp":1}"#), TokenError::UnknownIssuer);
        assert_eq!(refusal(r#"{"sub":"jo"}"#), TokenError::UnknownIssuer);
        assert_eq!(refusal(r#"{"iss":"a","exp":1}"#), TokenError::Expired);
        let shop = JwtRule { audiences: vec!["https://shop.test".to_owned()], ..rule("a") };
        let other = with_token(vec![shop.clone()], &token(r#"{"iss":"a","aud":"x"}"#)).unwrap_err();
        assert_eq!((other, other.status()), (TokenError::Audience, 403));
        assert!(with_token(vec![shop], &token(r#"{"iss":"a","aud":["x","shop.test/"]}"#)).is_ok());
        let forged = unsigned(r#"{"alg":"HS256","kid":"k"}"#, r#"{"iss":"a"}"#);
        let forged = with_token(vec![rule("a")], &forged).unwrap_err();
        assert_eq!((forged, forged.status()), (TokenError::Signature, 401));
    }

    #[test]
    fn the_key_decides_the_algorithm() {
        let confused = sign(r#"{"alg":"RS256","kid":"k"}"#, r#"{"iss":"a"}"#);
        assert_eq!(with_token(vec![rule("a")], &confused).unwrap_err(), TokenError::NoKey);
        let unknown = sign(r#"{"alg":"HS256","kid":"z"}"#, r#"{"iss":"a"}"#);
        assert_eq!(with_token(vec![rule("a")], &unknown).unwrap_err(), TokenError::NoKey);
        let unnamed = sign(r#"{"alg":"HS256"}"#, r#"{"iss":"a"}"#);
        assert!(with_token(vec![rule("a")], &unnamed).is_ok());
    }

    #[test]
    fn any_rule_may_be_satisfied_and_the_first_tells_the_claims() {
        let rules = || vec![rule("a"), rule("b")];
        let claims = with_token(rules(), &token(r#"{"iss":"b","sub":"jo"}"#)).unwrap();
        assert_eq!(claims.subject(), Some("jo"));
        let expired = with_token(rules(), &token(r#"{"iss":"a","exp":1}"#)).unwrap_err();
        assert_eq!(expired, TokenError::Expired);
    }

    #[test]
    fn of_several_tokens_of_a_rule_all_must_be_good() {
        let header = TokenHeader { name: "x-token".to_owned(), prefix: String::new() };
        let two = JwtRule {
            from_headers: vec![header],
            from_parameters: vec!["token".to_owned()],
            ..rule("a")
        };
        let good = token(r#"{"iss":"a"}"#);
        let with = |target: &str, value: &str| {
            judge(vec![two.clone()], &get(target, &headers(&[("x-token", value)]))).map(|_| ())
        };
        assert_eq!(with(&format!("/?token={good}"), &good), Ok(()));
        assert_eq!(with("/?token=bad", &good), Err(TokenError::Form));
    }

    #[test]
    fn a_preflight_needs_no_token() {
        let asking = headers(&[
            ("origin", "https://a.test"),
            ("access-control-request-method", "PUT"),
            ("authorization", "Bearer bad"),
        ]);
        let preflight = Request { method: "OPTIONS", ..get("/", &asking) };
        assert!(judge(vec![rule("a")], &preflight).is_ok());
    }

    #[test]
    fn claims_become_headers_which_no_client_may_set() {
        let claim_header = |header: &str, claim: &str| ClaimHeader {
            header: header.to_owned(),
            claim: claim.to_owned(),
        };
        let rule = JwtRule {
            payload_header: "X-Payload".to_owned(),
            claim_headers: vec![
                claim_header("x-sub", "sub"),
                claim_header("x-level", "level"),
                claim_header("x-deep", "nested.key"),
                claim_header("x-list", "list"),
                claim_header("x-none", "none"),
                claim_header("x-bad", "bad"),
            ],
            ..rule("a")
        };
        let payload =
            r#"{"iss":"a","sub":"jo","level":3,"nested":{"key":true},"list":["a"],"bad":"a\nb"}"#;
        let authentication = compile(vec![rule]).unwrap();
        let reserved: Vec<_> = authentication.reserved().iter().map(HeaderName::as_str).collect();
        assert_eq!(
            reserved,
            ["x-payload", "x-sub", "x-level", "x-deep", "x-list", "x-none", "x-bad"]
        );
        let claims =
            authentication.authenticate(&get("/", &bearer(&token(payload))), &(), NOW).unwrap();
        let set: HeaderMap = claims.set.into_iter().collect();
        assert_eq!(set["x-payload"], URL_SAFE_NO_PAD.encode(payload));
        assert_eq!(
            (&set["x-sub"], &set["x-level"], &set["x-deep"]),
            (&"jo".parse().unwrap(), &"3".parse().unwrap(), &"true".parse().unwrap())
        );
        assert_eq!(set["x-list"], base64::engine::general_purpose::STANDARD.encode(r#"["a"]"#));
        assert_eq!(set.len(), 5);
    }

    #[test]
    fn scopes_are_lists() {
        let claims =
            with_token(vec![rule("a")], &token(r#"{"iss":"a","scope":"read write"}"#)).unwrap();
        assert_eq!(claims.texts(&["scope"]).collect::<Vec<_>>(), ["read", "write"]);
    }

    #[test]
    fn remote_keys_are_the_worlds() {
        struct World(KeySet);
        impl KeySets for World {
            fn keys(&self, uri: &str) -> Option<&KeySet> {
                (uri == "https://keys.test").then_some(&self.0)
            }
        }
        let remote = |uri: &str| {
            compile(vec![JwtRule { keys: JwtKeys::Remote(uri.to_owned()), ..rule("a") }]).unwrap()
        };
        let world = World(KeySet::parse(JWKS).unwrap());
        let good = bearer(&token(r#"{"iss":"a"}"#));
        let request = get("/", &good);
        assert!(remote("https://keys.test").authenticate(&request, &world, NOW).is_ok());
        let unknown = remote("https://other.test").authenticate(&request, &world, NOW);
        assert_eq!(unknown.unwrap_err(), TokenError::NoKeys);
    }

    #[test]
    fn discovered_keys_go_by_their_issuer() {
        struct World(KeySet);
        impl KeySets for World {
            fn keys(&self, uri: &str) -> Option<&KeySet> {
                (uri == "issuer:a").then_some(&self.0)
            }
        }
        let rule = JwtRule { keys: JwtKeys::Discovered("a".to_owned()), ..rule("a") };
        let good = bearer(&token(r#"{"iss":"a"}"#));
        let world = World(KeySet::parse(JWKS).unwrap());
        let claims = compile(vec![rule]).unwrap().authenticate(&get("/", &good), &world, NOW);
        assert!(!claims.unwrap().is_empty());
    }

    #[test]
    fn keys_that_are_none_are_refused_with_their_place() {
        let broken = JwtRule { keys: JwtKeys::Inline("{}".to_owned()), ..rule("a") };
        let error = compile(vec![rule("a"), broken]).unwrap_err();
        assert_eq!(error.place().1, "rules[1]");
    }
}
