//! `RequestAuthentication`: whose tokens workloads accept.

use mesh_snapshot::object::{
    ClaimHeader, JwtKeys, JwtRule, Microseconds, Object, RequestAuthentication, TokenHeader,
};
use mesh_snapshot::{Key, Kind};

use super::route::micros;
use super::{Lowering, Written};
use crate::api::istio;
use crate::diagnostic::Place;

/// For fetching keys, where nobody says. Source: Istio, `JWTRule.timeout`.
const FETCH_TIMEOUT: Microseconds = Microseconds::from_secs(5);

impl Lowering<'_, '_> {
    pub(super) fn request_authentications(&self) {
        for policy in &self.mesh.policies.request_authentications {
            let resource = policy.resource;
            let rules = resource.spec.jwt_rules.iter().map(rule).collect();
            let object = Object::RequestAuthentication(RequestAuthentication { rules });
            let mut written = Written::at(object, Place::resource(resource.id));
            let root = resource.at();
            let spec = root.field("spec");
            let list = spec.field("jwtRules");
            for index in 0..resource.spec.jwt_rules.len() {
                written.places.push((format!("rules[{index}]"), list.index(index).value()));
            }
            let key = Key::new(Kind::RequestAuthentication, &*resource.namespace, resource.name());
            self.policy(key, policy, &written, 0);
        }
    }
}

fn rule(rule: &istio::JwtRule) -> JwtRule {
    JwtRule {
        issuer: rule.issuer.clone(),
        audiences: rule.audiences.clone(),
        keys: keys(rule),
        from_headers: rule.from_headers.iter().map(token_header).collect(),
        from_parameters: rule.from_params.clone(),
        from_cookies: rule.from_cookies.clone(),
        payload_header: rule.output_payload_to_header.clone(),
        claim_headers: rule
            .output_claim_to_headers
            .iter()
            .map(|it| ClaimHeader { header: it.header.clone(), claim: it.claim.clone() })
            .collect(),
        forward_token: rule.forward_original_token,
        fetch_timeout: micros(rule.timeout).unwrap_or(FETCH_TIMEOUT),
        space_delimited_claims: rule.space_delimited_claims.clone(),
        required: rule.presence == Some(istio::Presence::Required),
    }
}

/// Keys that are written come before an address; without either, the issuer tells.
fn keys(rule: &istio::JwtRule) -> JwtKeys {
    let addresses = [&rule.jwks_uri, &rule.jwks_uri_by_proto_name];
    let address = addresses.into_iter().find(|address| !address.is_empty());
    match (&rule.jwks, address) {
        (Some(keys), _) if !keys.is_empty() => JwtKeys::Inline(keys.clone()),
        (_, Some(address)) => JwtKeys::Remote(address.clone()),
        (_, None) => JwtKeys::Discovered(rule.issuer.clone()),
    }
}

fn token_header(header: &istio::JwtHeader) -> TokenHeader {
    let name = header.name.to_ascii_lowercase();
    let prefix = match (name.as_str(), header.prefix.as_str()) {
        ("authorization", "") => "Bearer ".to_owned(),
        (_, prefix) => prefix.to_owned(),
    };
    TokenHeader { name, prefix }
}
