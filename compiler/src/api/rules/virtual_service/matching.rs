//! What a route for HTTP matches.

use super::super::checks::INVALID_MATCH;
use super::super::label::{self, is_dns_label};
use super::super::{expression, header, port};
use super::check_gateways;
use crate::api::istio::HttpMatch;
use crate::diagnostic::{At, Diagnostic};

pub(super) fn check(test: &HttpMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(uri) = &test.uri {
        // An empty prefix is every path, and is taken.
        expression::check_regex(uri, &at.field("uri"), out);
    }
    for (name, part) in
        [("scheme", &test.scheme), ("method", &test.method), ("authority", &test.authority)]
    {
        if let Some(part) = part {
            expression::check_match(part, &at.field(name), out);
        }
    }
    check_headers(test, at, out);
    let parameters = at.field("queryParams");
    for (name, value) in &test.query_params {
        expression::check_match(value, &parameters.field(name), out);
    }
    if test.port != 0 {
        port::check_number(test.port, &at.field("port"), out);
    }
    label::check(&test.source_labels, &at.field("sourceLabels"), out);
    check_gateways(&test.gateways, &at.field("gateways"), out);
    if !test.source_namespace.is_empty() && !is_dns_label(&test.source_namespace) {
        let message = format!("`{}` is no namespace", test.source_namespace);
        out.push(
            Diagnostic::new(&INVALID_MATCH, at.field("sourceNamespace").value(), message)
                .label("matches nobody"),
        );
    }
}

fn check_headers(test: &HttpMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let headers = at.field("headers");
    for (name, value) in &test.headers {
        let at = headers.field(name);
        header::check_matched(name, at.key(), out);
        expression::check_match(value, &at, out);
    }
    let headers = at.field("withoutHeaders");
    for (name, value) in &test.without_headers {
        let at = headers.field(name);
        header::check_matched(name, at.key(), out);
        // `*` is no expression, but means that the header must be absent.
        if value.regex.as_deref() != Some("*") {
            expression::check_match(value, &at, out);
        }
    }
}
