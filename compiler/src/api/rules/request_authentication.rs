//! Rules of `RequestAuthentication`.

use serde::Deserialize;

use super::address::{inward, is_escaped};
use super::checks::{INVALID_JWT_RULE, OPEN_JWT_RULE, PRIVATE_KEY_IN_JWKS, SYMMETRIC_KEY_IN_JWKS};
use super::{annotation, duration, header, selector};
use crate::api::Resource;
use crate::api::istio::{Attached, JwtRule, RequestAuthentication};
use crate::diagnostic::{At, Diagnostic, Place, Severity};

pub(in crate::api) fn check(
    resource: &Resource<RequestAuthentication>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check_targets(spec.attachment(), &at, out);
    let at = at.field("jwtRules");
    for (index, rule) in spec.jwt_rules.iter().enumerate() {
        check_rule(rule, &at.index(index), out);
    }
}

fn fault(place: Place, message: impl Into<String>, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_JWT_RULE, place, message).label(label)
}

fn check_rule(rule: &JwtRule, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let uris = [("jwksUri", &rule.jwks_uri), ("jwks_uri", &rule.jwks_uri_by_proto_name)];
    let uri = uris.into_iter().find(|(_, uri)| !uri.is_empty());
    if rule.issuer.is_empty() && uri.is_none() {
        let found = fault(at.value(), "the rule names no issuer", "needs `issuer`, or `jwksUri`");
        out.push(found.lacking(at, &["issuer", "jwksUri"]));
    } else if rule.issuer.is_empty() && rule.audiences.is_empty() {
        let message = "the rule takes tokens of every issuer, for every audience";
        out.push(
            Diagnostic::new(&OPEN_JWT_RULE, at.value(), message)
                .label("names neither `issuer` nor `audiences`")
                .supposing(at.field("issuer").value())
                .supposing(at.field("audiences").value())
                .consequence(
                    "whatever these keys have signed lets its bearer in, for whomever it was made",
                )
                .help("name the `issuer`, and the `audiences` that the tokens are for"),
        );
    }
    if uris.iter().all(|(_, uri)| !uri.is_empty()) && rule.jwks_uri != rule.jwks_uri_by_proto_name {
        let message = "`jwksUri` and `jwks_uri` are one field, and differ";
        let found = fault(at.field("jwks_uri").key(), message, "one of them");
        out.push(found.also(at.field("jwksUri").key(), "or this"));
    }
    if let Some((name, uri)) = uri {
        if let Some(reason) = uri_fault(uri) {
            out.push(fault(
                at.field(name).value(),
                format!("`{uri}` is no address of keys"),
                reason,
            ));
        }
        if rule.jwks.is_some() {
            let found = fault(
                at.field("jwks").key(),
                format!("`jwks` and `{name}` are both set"),
                "one of them",
            );
            out.push(found.also(at.field(name).key(), "or this"));
        }
    }
    let keys = rule.jwks.as_deref().filter(|keys| !keys.is_empty());
    if uri.is_none() && keys.is_none() && leads_inward(&rule.issuer) {
        let message = format!("keys of `{}` would be looked for at its address", rule.issuer);
        out.push(fault(at.field("issuer").value(), message, INWARD));
    }
    if let Some(keys) = keys {
        check_keys(keys, &at.field("jwks"), out);
    }
    let lists = [
        ("audiences", &rule.audiences, "an audience"),
        ("fromParams", &rule.from_params, "the name of a parameter"),
        ("fromCookies", &rule.from_cookies, "the name of a cookie"),
        ("spaceDelimitedClaims", &rule.space_delimited_claims, "the name of a claim"),
    ];
    for (field, values, what) in lists {
        let at = at.field(field);
        for (index, _) in values.iter().enumerate().filter(|(_, value)| value.is_empty()) {
            out.push(fault(at.index(index).value(), format!("{what} is empty"), "empty"));
        }
    }
    check_headers(rule, at, out);
    duration::check(rule.timeout, &at.field("timeout"), out);
}

fn check_headers(rule: &JwtRule, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let headers = at.field("fromHeaders");
    for (index, _) in
        rule.from_headers.iter().enumerate().filter(|(_, header)| header.name.is_empty())
    {
        out.push(fault(
            headers.index(index).field("name").value(),
            "the name of a header is empty",
            "empty",
        ));
    }
    for (index, from) in rule.from_headers.iter().enumerate() {
        if !from.name.is_empty() && !header::is_token(&from.name) {
            let message = format!("`{}` is no name of a header", from.name);
            let place = headers.index(index).field("name").value();
            out.push(fault(place, message, "letters, digits and `-`"));
        }
    }
    let payload = &rule.output_payload_to_header;
    if !payload.is_empty() && !header::is_token(payload) {
        let message = format!("`{payload}` is no name of a header");
        let place = at.field("outputPayloadToHeader").value();
        out.push(fault(place, message, "letters, digits and `-`"));
    } else if is_reserved(payload) {
        let message = format!("`{payload}` is a header that the connection depends on");
        let found = fault(at.field("outputPayloadToHeader").value(), message, "not for a payload");
        out.push(found.consequence(RESERVED_EFFECT));
    }
    let claims = at.field("outputClaimToHeaders");
    for (index, output) in rule.output_claim_to_headers.iter().enumerate() {
        let at = claims.index(index);
        if output.claim.is_empty() {
            out.push(fault(at.field("claim").value(), "the name of a claim is empty", "empty"));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if output.header.is_empty() || !output.header.bytes().all(is_name) {
            let message = format!("`{}` is no name of a header", output.header);
            out.push(fault(at.field("header").value(), message, "letters, digits, `-` and `_`"));
        } else if is_reserved(&output.header) {
            let message = format!("`{}` is a header that the connection depends on", output.header);
            let found = fault(at.field("header").value(), message, "not for a claim");
            out.push(found.consequence(RESERVED_EFFECT));
        }
    }
}

const RESERVED_EFFECT: &str =
    "whoever makes the tokens would say for which host a request is, or where it ends";

/// Whether a header says how a message is framed, for whom it is, or from where. Source: RFC 9110 §7.6.1, RFC 9112 §6.
fn is_reserved(header: &str) -> bool {
    let header = header.to_ascii_lowercase();
    header.starts_with("x-forwarded-")
        || matches!(
            header.as_str(),
            "host"
                | "content-length"
                | "transfer-encoding"
                | "connection"
                | "upgrade"
                | "te"
                | "trailer"
                | "keep-alive"
                | "proxy-connection"
        )
}

/// Why a text is no URI from which keys can be fetched. An address that is another machine for each client is refused: it
/// leads to the proxy's own administration, or to a cloud's credentials. Source: Istio, `BLOCKED_CIDRS_IN_JWKS_URIS`.
fn uri_fault(uri: &str) -> Option<&'static str> {
    let Some(rest) = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://")) else {
        return Some("the URL must have the scheme `https` or `http`");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || uri.contains(|c: char| c.is_ascii_control() || c == ' ') {
        return Some("names no host");
    }
    if !is_escaped(rest) {
        return Some("a `%` must be followed by two digits (RFC 3986 §2.1)");
    }
    let after_brackets = authority.rsplit(']').next().unwrap_or_default();
    let port = after_brackets.rsplit_once(':').map(|(_, port)| port);
    let host = port.map_or(authority, |port| {
        authority.strip_suffix(port).and_then(|rest| rest.strip_suffix(':')).unwrap_or(authority)
    });
    if inward(host.trim_start_matches('[').trim_end_matches(']')).is_some() {
        return Some(INWARD);
    }
    let port = port?;
    (!port.is_empty() && port.parse::<u16>().is_err()).then_some("its port is no number")
}

const INWARD: &str = "another machine for each client: its own, or a cloud's service";

/// Of an issuer whose keys are found by discovery.
fn leads_inward(issuer: &str) -> bool {
    uri_fault(issuer) == Some(INWARD)
}

/// Of a JSON Web Key Set (RFC 7517), what tells keys apart.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    d: Option<serde_json::Value>,
}

/// A set of keys, or a single one. Source: RFC 7517 §5, §4.
fn check_keys(jwks: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let set = serde_json::from_str::<KeySet>(jwks).or_else(|error| {
        serde_json::from_str::<Key>(jwks).map(|key| KeySet { keys: vec![key] }).map_err(|_| error)
    });
    let keys = match set {
        Ok(set) => set.keys,
        Err(error) => {
            let label =
                if error.is_data() { "JSON, but not `{\"keys\": […]}`" } else { "not JSON" };
            return out.push(fault(at.value(), "this is no JSON Web Key Set", label));
        }
    };
    let before = out.len();
    for (index, key) in keys.iter().enumerate() {
        if !matches!(key.kty.as_str(), "RSA" | "EC" | "OKP" | "oct") {
            out.push(fault(
                at.value(),
                format!("key {index} is of the unknown type `{}`", key.kty),
                "RSA, EC, OKP or oct",
            ));
        } else if key.kty == "oct" {
            let message = format!("key {index} is symmetric");
            let found = Diagnostic::new(&SYMMETRIC_KEY_IN_JWKS, at.key(), message);
            out.push(known_key(found, "sign with a key that has a public half (RSA, EC, OKP)"));
        } else if key.d.is_some() {
            let message = format!("key {index} is private");
            let found = Diagnostic::new(&PRIVATE_KEY_IN_JWKS, at.key(), message);
            let help = "write the public key alone, and make a new one: this one is known";
            out.push(known_key(found, help));
        }
    }
    let is_fault = |found: &Diagnostic| found.severity == Severity::Error;
    if out.get(before..).is_some_and(|said| said.iter().any(is_fault)) {
        return;
    }
    if let Err(error) = mesh_engine::policy::KeySet::parse(jwks) {
        let found = fault(
            at.value(),
            "no signature can be verified with this JSON Web Key Set",
            &error.to_string(),
        );
        out.push(found.consequence("every proxy that the policy is for would refuse it"));
    }
}

fn known_key(found: Diagnostic, help: &str) -> Diagnostic {
    found
        .label("whoever reads this can make tokens")
        .consequence(
            "anybody who can read the repository or the cluster's resources can sign a token that passes",
        )
        .help(help)
}

#[cfg(test)]
mod tests {
    use super::{leads_inward, uri_fault};

    #[test]
    fn keys_come_over_http() {
        for uri in [
            "https://a/b",
            "http://a:80/x?y",
            "https://[2001:db8::1]:443/",
            "https://[2001:db8::1]/k",
        ] {
            assert_eq!(uri_fault(uri), None, "{uri}");
        }
        for uri in [
            "",
            "a",
            "file:///x",
            "https://",
            "https://a:b/c",
            "https://a:99999/",
            "http://localhost:15000/",
            "http://[::1]/k",
            "http://[::ffff:169.254.169.254]/",
        ] {
            assert!(uri_fault(uri).is_some(), "{uri}");
        }
        assert!(leads_inward("http://169.254.169.254"));
        assert!(!leads_inward("testing@example.com") && !leads_inward("https://issuer.example"));
    }
}
