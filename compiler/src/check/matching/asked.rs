//! What matches of the Gateway API ask, told alike of all that ask the same, however it is written.

use std::collections::BTreeMap;

use crate::api::gateway_api::{HttpRouteMatch, MatchType, PathMatchType};

/// In one form for all that ask the same.
pub(in crate::check) type Asked = String;

pub(in crate::check) fn asked(test: &HttpRouteMatch) -> Asked {
    let kind = |it: Option<MatchType>| it.unwrap_or(MatchType::Exact);
    let path = test.path.as_ref();
    let path_kind = path.and_then(|it| it.r#type).unwrap_or(PathMatchType::PathPrefix);
    let value = path.and_then(|it| it.value.as_deref()).unwrap_or("/");
    // Prefixes are of whole segments.
    let value = match path_kind {
        PathMatchType::PathPrefix => value.trim_end_matches('/'),
        PathMatchType::Exact | PathMatchType::RegularExpression => value,
    };
    let mut headers = BTreeMap::new();
    for header in &test.headers {
        let name = header.name.to_ascii_lowercase();
        headers.entry(name).or_insert((format!("{:?}", kind(header.r#type)), &header.value));
    }
    let mut parameters = BTreeMap::new();
    for it in &test.query_params {
        parameters.entry(&it.name).or_insert((format!("{:?}", kind(it.r#type)), &it.value));
    }
    let grpc = test.grpc.as_ref().map(|it| (kind(it.r#type), &it.service, &it.method));
    format!("{:?}", (path_kind, value, headers, parameters, test.method, grpc))
}
