//! What an `HTTPRoute` does with requests on their way.

use super::super::header::is_token;
use super::super::port;
use super::http_route::fault;
use super::matching::is_field_value;
use super::{name, reference};
use crate::api::gateway_api::{
    Cors, ExternalAuth, ExternalAuthProtocol, HeaderFilter, HttpRouteFilter, HttpRouteFilterType,
    HttpRouteMatch, PathMatchType, PathModifier, PathModifierType, RequestMirror, RequestRedirect,
};
use crate::diagnostic::{At, Diagnostic};

/// All filters of a rule or of a backend.
pub(super) fn check_all(
    filters: &[HttpRouteFilter],
    matches: &[HttpRouteMatch],
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    use HttpRouteFilterType as Type;
    for (index, filter) in filters.iter().enumerate() {
        let at_filter = at.index(index);
        check_type(filter, &at_filter, out);
        check_filter(filter, matches, &at_filter, out);
        let place = |index: usize| at.index(index).field("type").value();
        let may_repeat =
            matches!(filter.r#type, Type::RequestMirror | Type::ExtensionRef | Type::ExternalAuth);
        let earlier = filters.iter().take(index).position(|other| other.r#type == filter.r#type);
        if let Some(first) = earlier.filter(|_| !may_repeat) {
            let found = fault(place(index), "one filter twice".into(), "again");
            out.push(found.also(place(first), "first here"));
        }
        let other = match filter.r#type {
            Type::RequestRedirect => Type::UrlRewrite,
            Type::UrlRewrite => Type::RequestRedirect,
            _ => continue,
        };
        if let Some(first) = filters.iter().take(index).position(|filter| filter.r#type == other) {
            let found = fault(
                place(index),
                "a request is either redirected or rewritten".into(),
                "one of them",
            );
            out.push(found.also(place(first), "or this"));
        }
    }
}

/// The type, and the one field that goes with it.
fn check_type(filter: &HttpRouteFilter, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    use HttpRouteFilterType as Type;
    let fields = [
        (
            Type::RequestHeaderModifier,
            "requestHeaderModifier",
            filter.request_header_modifier.is_some(),
        ),
        (
            Type::ResponseHeaderModifier,
            "responseHeaderModifier",
            filter.response_header_modifier.is_some(),
        ),
        (Type::RequestMirror, "requestMirror", filter.request_mirror.is_some()),
        (Type::RequestRedirect, "requestRedirect", filter.request_redirect.is_some()),
        (Type::UrlRewrite, "urlRewrite", filter.url_rewrite.is_some()),
        (Type::Cors, "cors", filter.cors.is_some()),
        (Type::ExternalAuth, "externalAuth", filter.external_auth.is_some()),
        (Type::ExtensionRef, "extensionRef", filter.extension_ref.is_some()),
    ];
    for (of, name, is_set) in fields {
        let place = at.field("type").value();
        if of == filter.r#type && !is_set {
            out.push(fault(
                place,
                format!("the filter lacks its `{name}`"),
                &format!("needs `{name}`"),
            ));
        } else if of != filter.r#type && is_set {
            let found = fault(
                at.field(name).key(),
                format!("the filter is of another type than `{name}`"),
                "not of this type",
            );
            out.push(found.also(place, "its type"));
        }
    }
}

fn check_filter(
    filter: &HttpRouteFilter,
    matches: &[HttpRouteMatch],
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for (name, headers) in [
        ("requestHeaderModifier", &filter.request_header_modifier),
        ("responseHeaderModifier", &filter.response_header_modifier),
    ] {
        if let Some(headers) = headers {
            check_headers(headers, &at.field(name), out);
        }
    }
    if let Some(mirror) = &filter.request_mirror {
        check_mirror(mirror, &at.field("requestMirror"), out);
    }
    if let Some(redirect) = &filter.request_redirect {
        check_redirect(redirect, matches, &at.field("requestRedirect"), out);
    }
    if let Some(rewrite) = &filter.url_rewrite {
        let at = at.field("urlRewrite");
        if let Some(hostname) = &rewrite.hostname {
            name::check_hostname(hostname, false, &at.field("hostname"), out);
        }
        check_path(rewrite.path.as_ref(), matches, &at.field("path"), out);
    }
    if let Some(cors) = &filter.cors {
        check_cors(cors, &at.field("cors"), out);
    }
    if let Some(authorizer) = &filter.external_auth {
        check_authorizer(authorizer, &at.field("externalAuth"), out);
    }
}

/// The settings are those of the protocol.
fn check_authorizer(authorizer: &ExternalAuth, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    use ExternalAuthProtocol as Protocol;
    let settings = [
        (Protocol::Grpc, "grpc", authorizer.grpc.is_some()),
        (Protocol::Http, "http", authorizer.http.is_some()),
    ];
    for (of, name, is_set) in settings {
        let place = at.field("protocol").value();
        let is_meant = of == authorizer.protocol;
        if is_meant && !is_set {
            let message = format!("the authorizer lacks its `{name}`");
            out.push(fault(place, message, &format!("needs `{name}`")));
        } else if !is_meant && is_set {
            let message = format!("the authorizer speaks another protocol than `{name}`");
            let found = fault(at.field(name).key(), message, "not of this protocol");
            out.push(found.also(place, "its protocol"));
        }
    }
}

fn check_headers(headers: &HeaderFilter, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (verb, list) in [("set", &headers.set), ("add", &headers.add)] {
        let at = at.field(verb);
        for (index, header) in list.iter().enumerate() {
            let place = |index: usize| at.index(index).field("name").value();
            if !is_token(&header.name) {
                out.push(fault(
                    place(index),
                    format!("`{}` is no name of a header", header.name),
                    "letters, digits and `-`",
                ));
            }
            if !is_field_value(&header.value) {
                let value = at.index(index).field("value").value();
                out.push(fault(
                    value,
                    "no header can have this value".into(),
                    "printable characters, single spaces",
                ));
            }
            let is_same = |other: &crate::api::gateway_api::HttpHeader| {
                other.name.eq_ignore_ascii_case(&header.name)
            };
            if let Some(first) = list.iter().take(index).position(is_same) {
                let found = fault(
                    place(index),
                    format!("the header `{}` stands here twice", header.name),
                    "again",
                );
                out.push(found.also(place(first), "first here"));
            }
        }
    }
    let at = at.field("remove");
    for (index, name) in headers.remove.iter().enumerate() {
        if !is_token(name) {
            let message = format!("`{name}` is no name of a header");
            out.push(fault(at.index(index).value(), message, "letters, digits and `-`"));
        }
        let earlier = headers.remove.iter().take(index).position(|other| other == name);
        if let Some(first) = earlier {
            let message = format!("the header `{name}` stands here twice");
            let found = fault(at.index(index).value(), message, "again");
            out.push(found.also(at.index(first).value(), "first here"));
        }
    }
}

fn check_mirror(mirror: &RequestMirror, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    reference::check_backend(&mirror.backend_ref.object(), &at.field("backendRef"), out);
    if mirror.percent.is_some() && mirror.fraction.is_some() {
        let found = fault(
            at.field("fraction").key(),
            "`percent` and `fraction` are both set".into(),
            "one of them",
        );
        out.push(found.also(at.field("percent").key(), "or this"));
    }
    if let Some(percent) = mirror.percent.filter(|percent| !(0..=100).contains(percent)) {
        out.push(fault(
            at.field("percent").value(),
            format!("`{percent}` is no percentage"),
            "0 to 100",
        ));
    }
    if let Some(fraction) = &mirror.fraction {
        let denominator = fraction.denominator.unwrap_or(100);
        let (at, numerator) = (at.field("fraction"), fraction.numerator);
        if denominator < 1 {
            let message = format!("the denominator `{denominator}` is less than 1");
            out.push(fault(at.field("denominator").value(), message, "1 or more"));
        }
        if numerator < 0 {
            let message = format!("the numerator `{numerator}` is less than 0");
            out.push(fault(at.field("numerator").value(), message, "0 or more"));
        } else if numerator > denominator && denominator > 0 {
            let message = format!(
                "the numerator `{numerator}` is greater than the denominator {denominator}"
            );
            out.push(fault(at.field("numerator").value(), message, "at most all of it"));
        }
    }
}

fn check_redirect(
    redirect: &RequestRedirect,
    matches: &[HttpRouteMatch],
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if let Some(scheme) =
        redirect.scheme.as_deref().filter(|scheme| !matches!(*scheme, "http" | "https"))
    {
        out.push(fault(
            at.field("scheme").value(),
            format!("`{scheme}` is no scheme of HTTP"),
            "`http` or `https`",
        ));
    }
    if let Some(hostname) = &redirect.hostname {
        name::check_hostname(hostname, false, &at.field("hostname"), out);
    }
    if let Some(number) = redirect.port {
        port::check_number(number, &at.field("port"), out);
    }
    if let Some(status) =
        redirect.status_code.filter(|status| !matches!(status, 301 | 302 | 303 | 307 | 308))
    {
        let message = format!("`{status}` is no status of a redirect");
        out.push(fault(at.field("statusCode").value(), message, "301, 302, 303, 307 or 308"));
    }
    check_path(redirect.path.as_ref(), matches, &at.field("path"), out);
}

/// The type, the one field that goes with it, and for a prefix the match that says which.
fn check_path(
    path: Option<&PathModifier>,
    matches: &[HttpRouteMatch],
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(path) = path else { return };
    let is_prefix = path.r#type == PathModifierType::ReplacePrefixMatch;
    let fields = [
        ("replaceFullPath", path.replace_full_path.is_some(), !is_prefix),
        ("replacePrefixMatch", path.replace_prefix_match.is_some(), is_prefix),
    ];
    for (name, is_set, is_due) in fields {
        if is_due && !is_set {
            out.push(fault(
                at.field("type").value(),
                format!("the path lacks its `{name}`"),
                &format!("needs `{name}`"),
            ));
        } else if is_set && !is_due {
            let found = fault(
                at.field(name).key(),
                format!("the path is of another type than `{name}`"),
                "not of this type",
            );
            out.push(found.also(at.field("type").value(), "its type"));
        }
    }
    let is_path_prefix = |test: &HttpRouteMatch| {
        test.path
            .as_ref()
            .is_some_and(|path| path.r#type.is_none_or(|kind| kind == PathMatchType::PathPrefix))
    };
    // Without matches there is one, the prefix `/`.
    let has_one_prefix = matches.len() <= 1 && matches.iter().all(is_path_prefix);
    if is_prefix && path.replace_prefix_match.is_some() && !has_one_prefix {
        let message = "a prefix is replaced, and the rule does not match exactly one";
        out.push(fault(at.field("replacePrefixMatch").key(), message.into(), "which prefix?"));
    }
}

fn check_cors(cors: &Cors, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let lists = [
        ("allowOrigins", &cors.allow_origins),
        ("allowMethods", &cors.allow_methods),
        ("allowHeaders", &cors.allow_headers),
        ("exposeHeaders", &cors.expose_headers),
    ];
    for (name, values) in lists {
        let at = at.field(name);
        let star = values.iter().position(|value| value == "*");
        if let Some(index) = star.filter(|_| values.len() > 1 && name != "exposeHeaders") {
            out.push(fault(
                at.index(index).value(),
                "`*` is all, so nothing can stand beside it".into(),
                "must stand alone",
            ));
        }
        for (index, value) in values.iter().enumerate() {
            let is_fit = match name {
                "allowOrigins" => is_origin(value),
                "allowMethods" => METHODS.contains(&value.as_str()),
                _ => is_token(value),
            };
            if !is_fit {
                let message = match name {
                    "allowOrigins" => format!("`{value}` is no origin"),
                    "allowMethods" => format!("unknown method `{value}`"),
                    _ => format!("`{value}` is no name of a header"),
                };
                out.push(fault(at.index(index).value(), message, "cannot be allowed"));
            }
        }
    }
    if let Some(age) = cors.max_age.filter(|age| *age < 1) {
        out.push(fault(
            at.field("maxAge").value(),
            format!("`{age}` seconds are none"),
            "1 or more",
        ));
    }
}

const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*"];

/// `*`, or a scheme, `://`, a host that may begin with `*.` or be `*`, and perhaps a port.
fn is_origin(origin: &str) -> bool {
    if origin == "*" {
        return true;
    }
    let Some(rest) = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))
    else {
        return false;
    };
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_port = |port: &str| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    (host == "*" || name.split('.').all(is_label)) && port.is_none_or(is_port)
}
