//! What is asked for.

use mesh_engine::pattern::Pattern;

use super::super::checks::{EMPTY_RULE_PART, INVALID_PATH_TEMPLATE, INVALID_PORT};
use super::source::empty;
use crate::api::istio::Operation;
use crate::diagnostic::{At, Diagnostic};

/// `at` is the element of `to`.
pub(super) fn check(operation: Option<&Operation>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(operation) = operation else {
        let found = Diagnostic::new(&EMPTY_RULE_PART, at.value(), "`to` without an `operation`");
        return out.push(found.label("needs `operation`").lacking(at, &["operation"]));
    };
    let at = at.field("operation");
    let lists = [
        ("hosts", &operation.hosts),
        ("notHosts", &operation.not_hosts),
        ("ports", &operation.ports),
        ("notPorts", &operation.not_ports),
        ("methods", &operation.methods),
        ("notMethods", &operation.not_methods),
        ("paths", &operation.paths),
        ("notPaths", &operation.not_paths),
    ];
    if lists.iter().all(|(_, values)| values.is_empty()) {
        let found = Diagnostic::new(&EMPTY_RULE_PART, at.key(), "the `operation` says nothing");
        let found = found.label("empty").help("remove it where every operation shall match");
        out.push(found.supposing(at.value()));
    }
    for (name, values) in lists {
        let at = at.field(name);
        for (index, value) in values.iter().enumerate() {
            let at = at.index(index);
            match name {
                "ports" | "notPorts" => check_port(value, &at, out),
                _ if value.is_empty() => out.push(empty(name, &at)),
                "paths" | "notPaths" => check_path(value, &at, out),
                _ => {}
            }
        }
    }
}

pub(super) fn check_port(value: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if !value.parse::<u16>().is_ok_and(|_| !value.starts_with('+')) {
        out.push(
            Diagnostic::new(&INVALID_PORT, at.value(), format!("`{value}` is no port"))
                .label("a number from 0 to 65535"),
        );
    }
}

/// A path may hold `{*}` and `{**}` as whole segments, `{**}` last of them, and braces nowhere else.
/// Source: Istio, "AuthorizationPolicy, path templates"; RFC 3986, `pchar`.
fn check_path(path: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let is_template = path.contains("{*}") || path.contains("{**}");
    let trimmed = path.trim_matches('/');
    let mut start = path.len() - path.trim_start_matches('/').len();
    let mut is_open = false;
    for segment in trimmed.split('/') {
        let reason = match segment {
            "{*}" | "{**}" if is_open => Some("nothing can follow `{**}` but plain segments"),
            "{**}" => {
                is_open = true;
                None
            }
            "{*}" => None,
            _ if segment.contains(['{', '}']) => Some("`{*}` and `{**}` stand for whole segments"),
            _ if is_template && !is_literal(segment) => Some("no plain segment"),
            _ => None,
        };
        if let Some(reason) = reason {
            let place = if segment.is_empty() {
                at.value()
            } else {
                at.within(start..start + segment.len())
            };
            let found = Diagnostic::new(
                &INVALID_PATH_TEMPLATE,
                place,
                format!("`{path}` is no path template"),
            );
            return out.push(found.label(reason));
        }
        start += segment.len() + 1;
    }
    if is_template && let Err(error) = Pattern::template(path) {
        let message = format!("no proxy can match the path template `{}`", shortened(path));
        let found = Diagnostic::new(&INVALID_PATH_TEMPLATE, at.value(), message);
        out.push(found.label(error.to_string()));
    }
}

/// Enough of a long text to know it by.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn is_literal(segment: &str) -> bool {
    let is_pchar = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=".contains(&byte);
    !segment.is_empty() && segment.bytes().all(is_pchar)
}
