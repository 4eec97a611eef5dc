//! Rules of `WasmPlugin`, and of the programs of a `TrafficExtension`.

use super::address::is_escaped;
use super::checks::{INVALID_EXTENSION, INVALID_PORT};
use super::label::is_dns_label;
use super::{annotation, selector};
use crate::api::Resource;
use crate::api::istio::{Attached, EnvValueSource, EnvVar, TrafficSelector, VmConfig, WasmPlugin};
use crate::diagnostic::{At, Diagnostic, Place};

/// Limits of Istio's resource definition, in bytes and elements.
const NAME_MAX: usize = 256;
const SECRET_NAME_MAX: usize = 253;
const VALUE_MAX: usize = 2048;
const VARIABLES_MAX: usize = 256;

/// What is common to all ways to say which program is meant.
pub(super) struct Program<'a> {
    pub url: &'a str,
    pub sha256: &'a str,
    pub image_pull_secret: Option<&'a str>,
    pub plugin_name: Option<&'a str>,
    pub vm_config: Option<&'a VmConfig>,
}

pub(in crate::api) fn check(
    resource: &Resource<WasmPlugin>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check_targets(spec.attachment(), &at, out);
    let program = Program {
        url: &spec.url,
        sha256: &spec.sha256,
        image_pull_secret: spec.image_pull_secret.as_deref(),
        plugin_name: spec.plugin_name.as_deref(),
        vm_config: spec.vm_config.as_ref(),
    };
    check_program(&program, &at, out);
    check_match(&spec.r#match, &at.field("match"), out);
}

fn fault(place: Place, message: impl Into<String>, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_EXTENSION, place, message).label(label)
}

pub(super) fn check_program(program: &Program<'_>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(reason) = url_fault(program.url) {
        let message = match program.url {
            "" => "`url` says from where the program comes, and is empty".to_owned(),
            url => format!("`{url}` is no URL of a program"),
        };
        out.push(fault(at.field("url").value(), message, reason));
    }
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !matches!(program.sha256.len(), 0 | 64) || !program.sha256.bytes().all(is_digit) {
        let message = format!("`{}` is no value of `sha256`", program.sha256);
        let label = "must be 64 characters long, of the pattern `[a-f0-9]{64}`";
        out.push(fault(at.field("sha256").value(), message, label));
    }
    let texts = [
        ("imagePullSecret", program.image_pull_secret, SECRET_NAME_MAX),
        ("pluginName", program.plugin_name, NAME_MAX),
    ];
    for (name, text, max) in
        texts.iter().filter_map(|(name, text, max)| Some((name, (*text)?, max)))
    {
        if text.is_empty() || text.len() > *max {
            let message = format!("`{name}` must be 1 to {max} characters long");
            let label = if text.is_empty() { "empty" } else { "too long" };
            out.push(fault(at.field(name).value(), message, label));
        }
    }
    if let Some(vm) = program.vm_config {
        let at = at.field("vmConfig");
        check_variables(&vm.env, &at.field("env"), out);
    }
}

/// Schemes that Istio fetches programs by.
const SCHEMES: &[&str] = &["http", "https", "oci", "file"];

/// Why a text is no URL of a program. Without a scheme it is an image.
fn url_fault(url: &str) -> Option<&'static str> {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    if url.is_empty() {
        return Some("the `url` field needs to be set");
    }
    if !scheme.is_empty() && !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) {
        return Some(
            "unsupported scheme: url must have schema one of `http`, `https`, `file`, `oci`",
        );
    }
    if url.starts_with("://") || !is_escaped(rest) {
        return Some("url must have schema one of `http`, `https`, `file`, `oci`");
    }
    if scheme == "file" {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_literal = |host: &str| host.starts_with('[') && host.ends_with(']');
    let is_name = |host: &str| host.split('.').all(|label| is_dns_label(&label.replace('_', "-")));
    let (host, port) = match host.rsplit_once(':') {
        Some((before, port)) if !is_literal(host) => (before, port),
        _ => (host, "0"),
    };
    let is_valid = (is_literal(host) || is_name(host)) && port.parse::<u16>().is_ok();
    (!is_valid).then_some("names no host")
}

fn check_variables(variables: &[EnvVar], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if variables.len() > VARIABLES_MAX {
        out.push(fault(at.key(), "`vmConfig.env` has too many variables", "at most 256"));
    }
    for (index, variable) in variables.iter().enumerate() {
        let at_variable = at.index(index);
        let name = at_variable.field("name");
        if variable.name.is_empty() || variable.name.len() > NAME_MAX {
            let message =
                "the name of a variable of `vmConfig.env` must be 1 to 256 characters long";
            out.push(fault(name.value(), message, "invalid name"));
        } else if let Some(first) =
            variables.iter().take(index).position(|other| other.name == variable.name)
        {
            let message = format!("`vmConfig.env` has a duplicate variable `{}`", variable.name);
            let found = fault(name.value(), message, "again");
            out.push(found.also(at.index(first).field("name").value(), "first here"));
        }
        let Some(value) = &variable.value else { continue };
        let value_at = at_variable.field("value");
        if variable.value_from == EnvValueSource::Host {
            let message = "a `value` may only be set when `valueFrom` is `INLINE`";
            let found = fault(value_at.key(), message, "remove this");
            out.push(found.also(at_variable.field("valueFrom").value(), "the proxy's own"));
        }
        if value.len() > VALUE_MAX {
            let message =
                format!("the value of `{}` has {} characters", variable.name, value.len());
            out.push(fault(value_at.value(), message, "at most 2048"));
        }
    }
}

pub(super) fn check_match(selectors: &[TrafficSelector], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, selector) in selectors.iter().enumerate() {
        let at = at.index(index);
        let ports = at.field("ports");
        for (index, port) in selector.ports.iter().enumerate() {
            let place = |index: usize| ports.index(index).field("number").value();
            let first = selector.ports.iter().take(index).position(|other| other == port);
            if !(1..=65535).contains(&port.number) {
                let message = format!("the port `{}` of `match` is out of range", port.number);
                let found = Diagnostic::new(&INVALID_PORT, place(index), message);
                out.push(found.label("a port is 1 to 65535"));
            } else if let Some(first) = first {
                let found = fault(place(index), "a port stands here twice", "again");
                out.push(found.also(place(first), "first here"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::url_fault;

    #[test]
    fn programs_come_from_registries_servers_and_files() {
        for url in [
            "oci://ghcr.io/a/b:v1",
            "https://a.test:8443/x.wasm",
            "http://[::1]/x",
            "ghcr.io/a/b:v1",
            "localhost:5000/a",
            "file:///opt/x.wasm",
            "test",
            "https://u:p@a.test/x%20y",
        ] {
            assert_eq!(url_fault(url), None, "{url}");
        }
        for url in ["", "ftp://a.test", "#%blah$#@", "http://", "://a", "http://a b", "a.test/%zz"]
        {
            assert!(url_fault(url).is_some(), "{url}");
        }
    }
}
