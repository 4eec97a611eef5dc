//! What scripts of other origins may do. Source: Istio, `TranslateCORSPolicy`.

use mesh_snapshot::object::{Cors, StringMatch};

use super::matching::text;
use super::unit::micros;
use crate::api::istio::{CorsPolicy, UnmatchedPreflights};

pub(super) fn lower(policy: &CorsPolicy) -> Cors {
    let exact = policy.allow_origin.iter().map(|origin| StringMatch::Exact(origin.clone()));
    let own: Vec<_> = policy.allow_origins.iter().filter_map(text).collect();
    // The older field counts only where the newer is not set.
    let origins = if own.is_empty() { exact.collect() } else { own };
    Cors {
        allow_origins: origins.into_iter().map(any).collect(),
        allow_methods: policy.allow_methods.clone(),
        allow_headers: policy.allow_headers.clone(),
        expose_headers: policy.expose_headers.clone(),
        max_age_seconds: micros(policy.max_age).map(|age| age.0 / 1_000_000),
        allow_credentials: policy.allow_credentials == Some(true),
        answer_unmatched_preflights: policy.unmatched_preflights == UnmatchedPreflights::Ignore,
    }
}

/// To Envoy, `*` is every origin.
pub(super) fn any(origin: StringMatch) -> StringMatch {
    match origin {
        StringMatch::Exact(text) if text == "*" => StringMatch::Prefix(String::new()),
        other => other,
    }
}
