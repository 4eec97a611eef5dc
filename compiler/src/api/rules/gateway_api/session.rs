//! How clients are kept at one endpoint. Source: the CEL rules of `SessionPersistence`, which has other fields after release
//! 1.6 of the Gateway API; those that it has there are taken as well.

use super::super::header::{NO_COOKIE_NAME, is_cookie_name, is_token};
use super::http_route::fault;
use crate::api::gateway_api::{CookieLifetime, SessionPersistence, SessionPersistenceType};
use crate::diagnostic::{At, Diagnostic};

const NAME_MAX: usize = 256;
const PATH_MAX: usize = 1024;
/// Of a `sessionName`.
const SESSION_NAME_MAX: usize = 128;

pub(super) fn check(session: &SessionPersistence, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let is_cookie = session.r#type != Some(SessionPersistenceType::Header);
    let fields = [
        ("cookie", "Cookie", session.cookie.is_some(), is_cookie),
        ("header", "Header", session.header.is_some(), !is_cookie),
    ];
    let is_of_earlier_release = session.session_name.is_some()
        || session.cookie_config.is_some()
        || session.idle_timeout.is_some();
    for (field, kind, is_set, is_due) in fields {
        if is_due && !is_set && !is_of_earlier_release {
            let message = format!("a session of type {kind} lacks its `{field}`");
            out.push(fault(at.field("type").value(), message, &format!("needs `{field}`")));
        } else if is_set && !is_due {
            let message = format!("a `{field}` beside another type than {kind}");
            out.push(fault(at.field(field).key(), message, "not of this type"));
        }
    }
    check_earlier_release(session, is_cookie, at, out);
    if let Some(cookie) = &session.cookie {
        let at_cookie = at.field("cookie");
        check_name(cookie.name.as_deref(), "cookie", &at_cookie, out);
        check_end(cookie.lifetime_type, session, &at_cookie, out);
        if cookie.path.as_deref().is_some_and(|path| path.len() > PATH_MAX) {
            let place = at_cookie.field("path").value();
            out.push(fault(place, "the path of the cookie is too long".into(), "at most 1024"));
        }
    }
    if let Some(header) = &session.header {
        check_name(Some(&header.name), "header", &at.field("header"), out);
    }
}

fn check_earlier_release(
    session: &SessionPersistence,
    is_cookie: bool,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if let Some(config) = &session.cookie_config {
        let at_config = at.field("cookieConfig");
        if !is_cookie {
            let message = "a `cookieConfig` beside another type than Cookie";
            out.push(fault(at_config.key(), message.into(), "not of this type"));
        }
        check_end(config.lifetime_type, session, &at_config, out);
    }
    if session.session_name.as_ref().is_some_and(|name| name.len() > SESSION_NAME_MAX) {
        let place = at.field("sessionName").value();
        out.push(fault(place, "the name of the session is too long".into(), "at most 128"));
    }
    let (what, is_name, label): (_, fn(&str) -> bool, _) = if is_cookie {
        ("cookie", is_cookie_name, NO_COOKIE_NAME)
    } else {
        ("header", is_token, "letters, digits and `-`")
    };
    let name = session.session_name.as_deref().filter(|name| !name.is_empty());
    if let Some(name) = name.filter(|name| !is_name(name)) {
        let message = format!("`{name}` is no name of a {what}");
        out.push(fault(at.field("sessionName").value(), message, label));
    }
}

/// The lifetime stands at `at`.
fn check_end(
    lifetime: Option<CookieLifetime>,
    session: &SessionPersistence,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if lifetime == Some(CookieLifetime::Permanent) && session.absolute_timeout.is_none() {
        let message = "a cookie with the `lifetimeType` Permanent must end some time";
        let place = at.field("lifetimeType").value();
        out.push(fault(place, message.into(), "needs `absoluteTimeout`"));
    }
}

fn check_name(name: Option<&str>, what: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(name) = name.filter(|name| !is_token(name) || name.len() > NAME_MAX) {
        let message = format!("`{name}` is no name of a {what}");
        out.push(fault(at.field("name").value(), message, "letters, digits and `-`"));
    }
}
