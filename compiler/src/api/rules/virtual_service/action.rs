//! Redirects, answers of the proxy's own, and rewrites.

use base64::Engine as _;
use mesh_engine::program::Fault;
use mesh_engine::route::Substitution;

use super::super::checks::{
    INVALID_DIRECT_RESPONSE, INVALID_REDIRECT, INVALID_REWRITE, LARGE_DIRECT_RESPONSE,
    UNSERVED_STATUS,
};
use super::super::header::{is_authority, is_authority_of_request};
use super::super::{expression, port};
use crate::api::istio::{DirectResponse, HttpRedirect, HttpRewrite, HttpRoute};
use crate::diagnostic::{At, Check, Diagnostic};

/// Above this many bytes an answer costs every proxy memory.
const BODY_LARGE: usize = 100 << 10;
const BODY_MAX: usize = 1 << 20;

/// `at` is the redirect.
pub(super) fn check_redirect(route: &HttpRoute, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(redirect) = &route.redirect else { return };
    if !redirect.uri.is_empty() && !redirect.prefix_rewrite.is_empty() {
        let message = "a redirect cannot have both `uri` and `prefixRewrite`";
        let found = Diagnostic::new(&INVALID_REDIRECT, at.field("prefixRewrite").key(), message);
        out.push(found.label("one of them").also(at.field("uri").key(), "or this"));
    }
    let is_prefix = |test: &crate::api::istio::HttpMatch| {
        test.uri.as_ref().is_none_or(|uri| uri.prefix.is_some())
    };
    if !redirect.prefix_rewrite.is_empty() && !route.r#match.iter().all(is_prefix) {
        let message = "`prefixRewrite` needs a prefix in every match";
        let found = Diagnostic::new(&INVALID_REDIRECT, at.field("prefixRewrite").key(), message);
        out.push(found.label("there is no prefix to replace"));
    }
    if is_empty(redirect) {
        let found = Diagnostic::new(
            &INVALID_REDIRECT,
            at.key(),
            "the redirect leads to where the request already is",
        );
        out.push(
            found
                .label("needs `uri`, `authority`, `scheme` or `port`")
                .lacking(at, &["uri", "authority", "scheme", "port", "derivePort"]),
        );
    }
    if redirect.redirect_code != 0 && !(300..=399).contains(&redirect.redirect_code) {
        let message = format!("`{}` is no status of a redirect", redirect.redirect_code);
        out.push(
            Diagnostic::new(&INVALID_REDIRECT, at.field("redirectCode").value(), message)
                .label("300 to 399"),
        );
    }
    if !matches!(redirect.scheme.as_str(), "" | "http" | "https") {
        let message = format!("`{}` is no scheme of HTTP", redirect.scheme);
        out.push(
            Diagnostic::new(&INVALID_REDIRECT, at.field("scheme").value(), message)
                .label("`http` or `https`"),
        );
    }
    if !is_authority_of_request(&redirect.authority) {
        let message = format!("`{}` cannot be the authority of a request", redirect.authority);
        let found = Diagnostic::new(&INVALID_REDIRECT, at.field("authority").value(), message);
        out.push(found.label("a host, perhaps with a port"));
    }
    if let Some(number) = redirect.port.filter(|number| *number != 0) {
        port::check_number(number, &at.field("port"), out);
    }
}

fn is_empty(redirect: &HttpRedirect) -> bool {
    let texts = [&redirect.uri, &redirect.prefix_rewrite, &redirect.authority, &redirect.scheme];
    texts.iter().all(|text| text.is_empty())
        && redirect.port.is_none()
        && redirect.derive_port.is_none()
}

pub(super) fn check_response(
    response: Option<&DirectResponse>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(response) = response else { return };
    if let Some(body) = &response.body {
        // Three bytes stand in four characters of base64.
        let bytes = body.bytes.as_ref().map_or(0, |text| text.len() / 4 * 3);
        let size = body.string.as_ref().map_or(bytes, String::len);
        let is_base64 =
            |text: &String| base64::engine::general_purpose::STANDARD.decode(text).is_ok();
        if body.bytes.is_some() && body.string.is_some() {
            let message = "`string` and `bytes` are both set";
            let found = Diagnostic::new(
                &INVALID_DIRECT_RESPONSE,
                at.field("body").field("bytes").key(),
                message,
            );
            out.push(
                found.label("one of them").also(at.field("body").field("string").key(), "or this"),
            );
        } else if !body.bytes.as_ref().is_none_or(is_base64) {
            let place = at.field("body").field("bytes").value();
            let found = Diagnostic::new(&INVALID_DIRECT_RESPONSE, place, "`bytes` is no base64");
            out.push(found.label("what would be answered is unknown"));
        } else if size > BODY_MAX {
            let found = Diagnostic::new(
                &INVALID_DIRECT_RESPONSE,
                at.field("body").key(),
                "the body has more than 1 MiB",
            );
            out.push(found.label("every proxy would hold it"));
        } else if size > BODY_LARGE {
            let found = Diagnostic::new(
                &LARGE_DIRECT_RESPONSE,
                at.field("body").key(),
                "the body has more than 100 KiB",
            );
            let effect = "the answer is given, and each proxy's memory and updates grow by it";
            out.push(found.label("every proxy holds it").consequence(effect));
        }
    }
    check_status(i64::from(response.status), &at.field("status"), out);
}

fn check_status(status: i64, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    report_status(status, &INVALID_DIRECT_RESPONSE, at, out);
}

/// What a proxy cannot answer with: `check` says so, or that only Istio would take it. Source: Istio,
/// `validateHTTPStatus`; Envoy, `DirectResponseAction.status`.
pub(super) fn report_status(
    status: i64,
    check: &'static Check,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let check = match status {
        200..600 => return,
        600 => &UNSERVED_STATUS,
        _ => check,
    };
    let message = format!("`{status}` is no status of an answer");
    out.push(Diagnostic::new(check, at.value(), message).label("200 to 599"));
}

pub(super) fn check_rewrite(rewrite: Option<&HttpRewrite>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(rewrite) = rewrite else { return };
    if !is_authority_of_request(&rewrite.authority) {
        let message = format!("`{}` cannot be the authority of a request", rewrite.authority);
        let found = Diagnostic::new(&INVALID_REWRITE, at.field("authority").value(), message);
        out.push(found.label("a host, perhaps with a port"));
    }
    match &rewrite.uri_regex_rewrite {
        Some(_) if !rewrite.uri.is_empty() => {
            let message = "a rewrite cannot have both `uri` and `uriRegexRewrite`";
            let found =
                Diagnostic::new(&INVALID_REWRITE, at.field("uriRegexRewrite").key(), message);
            out.push(found.label("one of them").also(at.field("uri").key(), "or this"));
        }
        Some(regex) => {
            let at = at.field("uriRegexRewrite");
            if regex.r#match.is_empty() || regex.rewrite.is_empty() {
                let missing = if regex.r#match.is_empty() { "match" } else { "rewrite" };
                let found = Diagnostic::new(
                    &INVALID_REWRITE,
                    at.key(),
                    "`uriRegexRewrite` needs `match` and `rewrite`",
                );
                out.push(
                    found.label(format!("needs `{missing}`")).lacking(&at, &["match", "rewrite"]),
                );
            } else {
                check_substitution(&regex.r#match, &regex.rewrite, &at, out);
            }
        }
        None if rewrite.uri.is_empty() && rewrite.authority.is_empty() => {
            let found = Diagnostic::new(&INVALID_REWRITE, at.key(), "the rewrite changes nothing");
            out.push(
                found
                    .label("needs `uri`, `uriRegexRewrite` or `authority`")
                    .lacking(at, &["uri", "uriRegexRewrite", "authority"]),
            );
        }
        None => {}
    }
}

/// `at` is the pair of them.
fn check_substitution(pattern: &str, text: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let before = out.len();
    expression::check(pattern, &at.field("match"), out);
    if out.len() > before {
        return;
    }
    match Substitution::new(pattern, text) {
        Err(Fault::Pattern { error, .. }) => {
            out.push(expression::refused(&error, &at.field("match")));
        }
        Err(Fault::Substitution { reason, .. }) => {
            let message = format!("no proxy can put `{text}` in place of what it finds");
            let found = Diagnostic::new(&INVALID_REWRITE, at.field("rewrite").value(), message);
            out.push(found.label(reason).also(at.field("match").value(), "the expression"));
        }
        Err(fault) => out.push(
            Diagnostic::new(&INVALID_REWRITE, at.key(), "no proxy can rewrite like this")
                .label(fault.to_string()),
        ),
        Ok(_) => {}
    }
}

/// The authority can be set in three ways, and only in one of them at once; `at` is the route.
pub(super) fn check_authority(route: &HttpRoute, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let rewritten = route.rewrite.as_ref().is_some_and(|rewrite| !rewrite.authority.is_empty());
    let Some(request) = route.headers.as_ref().and_then(|headers| headers.request.as_ref()) else {
        return;
    };
    let (headers, rewrite) = (at.field("headers"), at.field("rewrite"));
    let headers = headers.field("request");
    let mut first = rewritten.then(|| rewrite.field("authority").key());
    for (verb, values) in [("set", &request.set), ("add", &request.add)] {
        let at = headers.field(verb);
        for name in values.keys().filter(|name| is_authority(name)) {
            let place = at.field(name).key();
            match &first {
                Some(first) => {
                    let found =
                        Diagnostic::new(&INVALID_REWRITE, place, "the authority is set twice")
                            .label("again");
                    out.push(found.also(first.clone(), "first here"));
                }
                None => first = Some(place),
            }
        }
    }
}
