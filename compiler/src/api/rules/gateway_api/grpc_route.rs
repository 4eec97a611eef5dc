//! Rules of `GRPCRoute`: those of every route of requests, and of what a call is known by.

use super::super::checks::INVALID_GRPC_ROUTE;
use super::super::expression;
use super::http_route::{check_spec, fault};
use super::said_of;
use crate::api::Resource;
use crate::api::gateway_api::{GrpcMethodMatch, GrpcRoute, MatchType};
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<GrpcRoute>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let at = root.field("spec");
    let mut found = Vec::new();
    check_spec(&resource.spec.as_http(), &at, &mut found);
    let rules = at.field("rules");
    for (index, rule) in resource.spec.rules.iter().enumerate() {
        let rule_at = rules.index(index);
        let matches = rule_at.field("matches");
        for (place, test) in rule.matches.iter().enumerate() {
            if let Some(method) = &test.method {
                check_method(method, &matches.index(place).field("method"), &mut found);
            }
        }
    }
    out.extend(said_of(&INVALID_GRPC_ROUTE, found));
}

/// The patterns that the schema holds names to.
const SERVICE: &str = r"^(?i)\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$";
const METHOD: &str = "^[A-Za-z_][A-Za-z_0-9]*$";

/// Source: the CEL rules of `GRPCMethodMatch`.
fn check_method(test: &GrpcMethodMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if test.service.is_none() && test.method.is_none() {
        let message = "the match asks for neither a `service` nor a `method`";
        out.push(fault(at.value(), message.into(), "needs one or both"));
    }
    let parts = [
        ("service", &test.service, is_service as fn(&str) -> bool, (SERVICE, ", `_` and `.`")),
        ("method", &test.method, is_identifier, (METHOD, " and `_`")),
    ];
    let before = out.len();
    for (field, name, is_fit, (pattern, more)) in parts {
        let Some(name) = name else { continue };
        let at = at.field(field);
        if test.r#type == Some(MatchType::RegularExpression) {
            expression::check(name, &at, out);
        } else if !is_fit(name) {
            let message = format!("no {field} of gRPC is called `{name}`");
            let label = format!("its characters are letters, digits{more}");
            let found = fault(at.value(), message, &label);
            out.push(found.help(format!("names match `{pattern}`")));
        }
    }
    if out.len() == before
        && let Some(expression) = test.expression()
    {
        expression::check(&expression, at, out);
    }
}

/// Names with dots, perhaps with one in front.
fn is_service(text: &str) -> bool {
    text.strip_prefix('.').unwrap_or(text).split('.').all(is_identifier)
}

fn is_identifier(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty()
        && text.bytes().all(is_inner)
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_names_with_dots() {
        assert!(is_service("shop.v1.Reviews") && is_service(".Reviews") && is_service("_a"));
        for text in ["", ".", "shop..Reviews", "shop/Reviews", "1shop", "shop.*"] {
            assert!(!is_service(text), "{text}");
        }
    }
}
