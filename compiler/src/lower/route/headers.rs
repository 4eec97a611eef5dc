//! What a route does to headers.

use std::collections::BTreeMap;

use mesh_snapshot::object::HeaderOperations;

use crate::api::istio;

pub(super) fn operations(headers: Option<&istio::Headers>) -> HeaderOperations {
    let request = headers.and_then(|it| it.request.as_ref());
    let response = headers.and_then(|it| it.response.as_ref());
    let pairs = |of: Option<&BTreeMap<String, String>>| -> Vec<(String, String)> {
        of.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let names = |of: Option<&Vec<String>>| of.cloned().unwrap_or_default();
    HeaderOperations {
        request_set: pairs(request.map(|it| &it.set)),
        request_add: pairs(request.map(|it| &it.add)),
        request_remove: names(request.map(|it| &it.remove)),
        response_set: pairs(response.map(|it| &it.set)),
        response_add: pairs(response.map(|it| &it.add)),
        response_remove: names(response.map(|it| &it.remove)),
    }
}
