//! What matches of all three sorts of routes have in common: where a request comes from, and where it goes in.

use std::collections::BTreeMap;

use crate::api::Resource;
use crate::api::istio;
use crate::diagnostic::FieldPath;

/// A match of a route for HTTP, TLS or TCP.
pub(super) struct AnyMatch<'m> {
    pub at: FieldPath,
    pub is_http: bool,
    pub port: u32,
    pub gateways: &'m [String],
    pub source_namespace: &'m str,
    pub source_labels: &'m BTreeMap<String, String>,
}

macro_rules! any_match {
    ($at:expr, $is_http:expr, $test:expr) => {
        AnyMatch {
            at: $at,
            is_http: $is_http,
            port: $test.port,
            gateways: &$test.gateways,
            source_namespace: &$test.source_namespace,
            source_labels: &$test.source_labels,
        }
    };
}

impl<'m> AnyMatch<'m> {
    /// One for HTTP that stands at `at`.
    pub(super) fn of_http(test: &'m istio::HttpMatch, at: FieldPath) -> Self {
        any_match!(at, true, test)
    }
}

/// Those that are written in the resource itself, without what delegates inherit.
pub(super) fn of(resource: &Resource<istio::VirtualService>) -> Vec<AnyMatch<'_>> {
    let spec = &resource.spec;
    let at = |list: &'static str, route, index| {
        let at = FieldPath::default().field("spec").field(list).index(route);
        at.field("match").index(index)
    };
    let mut all = Vec::new();
    for (route, http) in spec.http.iter().enumerate().filter(|(_, it)| it.delegate.is_none()) {
        let tests = http.r#match.iter().enumerate();
        all.extend(tests.map(|(index, test)| AnyMatch::of_http(test, at("http", route, index))));
    }
    for (route, tls) in spec.tls.iter().enumerate() {
        let tests = tls.r#match.iter().enumerate();
        all.extend(tests.map(|(index, test)| any_match!(at("tls", route, index), false, test)));
    }
    for (route, tcp) in spec.tcp.iter().enumerate() {
        let tests = tcp.r#match.iter().enumerate();
        all.extend(tests.map(|(index, test)| any_match!(at("tcp", route, index), false, test)));
    }
    all
}
