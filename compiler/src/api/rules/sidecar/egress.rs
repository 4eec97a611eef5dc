//! Which hosts a sidecar sees.

use super::super::checks::{
    DUPLICATE_PORT, INEFFECTIVE_EGRESS_HOST, INVALID_HOST, INVALID_SIDECAR,
};
use super::super::label::is_dns_label;
use super::super::{address, host, port};
use crate::api::istio::{CaptureMode, EgressListener, SidecarPort};
use crate::diagnostic::{At, Diagnostic};

/// `namespace` is what `.` stands for.
pub(super) fn check(
    listeners: &[EgressListener],
    namespace: &str,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for (index, listener) in listeners.iter().enumerate() {
        let at_listener = at.index(index);
        match &listener.port {
            None if index + 1 < listeners.len() => {
                let message =
                    "a listener without a port takes all that is left, so it must be the last";
                let found = Diagnostic::new(&INVALID_SIDECAR, at_listener.value(), message);
                out.push(found.label("has no `port`"));
            }
            None => {}
            Some(own) => {
                check_port(listener, own, &at_listener, out);
                check_unique(listeners, index, own, at, out);
            }
        }
        let at_hosts = at_listener.field("hosts");
        if listener.hosts.is_empty() {
            let message = "the listener has no hosts";
            let found = Diagnostic::new(&INVALID_SIDECAR, at_hosts.value(), message);
            out.push(found.label("needs `hosts`").help("`~/*` is nothing, `*/*` everything"));
        }
        for (index, text) in listener.hosts.iter().enumerate() {
            check_host(text, &at_hosts.index(index), out);
        }
        check_repeated(&listener.hosts, namespace, &at_hosts, out);
    }
}

/// `at` is the listener.
fn check_port(
    listener: &EgressListener,
    own: &SidecarPort,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    super::check_port(own, &at.field("port"), out);
    if own.number != 0 {
        let at_port = at.field("port");
        port::check_number(own.number, &at_port.field("number"), out);
        return super::check_bind(&listener.bind, at, out);
    }
    let path = listener.bind.strip_prefix(address::UNIX).unwrap_or(&listener.bind);
    if let Some(reason) = address::socket_path_fault(path) {
        let message = "a listener without a port number is at a Unix domain socket";
        let found = Diagnostic::new(&INVALID_SIDECAR, at.field("bind").value(), message);
        out.push(found.label(reason).help("give the port a `number`, or `bind: unix:///path`"));
    }
    if listener.capture_mode == CaptureMode::Iptables {
        let message = "what goes to a socket cannot be captured";
        let found = Diagnostic::new(&INVALID_SIDECAR, at.field("captureMode").value(), message);
        out.push(found.label("`DEFAULT` or `NONE`"));
    }
}

/// Says so where an earlier listener is at the same port or socket; `at` is the list.
fn check_unique(
    listeners: &[EgressListener],
    index: usize,
    own: &SidecarPort,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let bind = listeners.get(index).map(|listener| listener.bind.as_str());
    let is_same = |other: &EgressListener| {
        let same_port = other.port.as_ref().is_some_and(|port| port.number == own.number);
        same_port && (own.number != 0 || Some(other.bind.as_str()) == bind)
    };
    let Some(first) = listeners.iter().take(index).position(is_same) else { return };
    let place = |index: usize| match own.number {
        0 => at.index(index).field("bind").value(),
        _ => at.index(index).field("port").field("number").value(),
    };
    let what = if own.number == 0 { "socket" } else { "port" };
    let found = Diagnostic::new(
        &DUPLICATE_PORT,
        place(index),
        format!("two listeners have the same {what}"),
    );
    out.push(found.label("again").also(place(first), "first here"));
}

/// `namespace/host`, perhaps with `~` in front.
fn check_host(text: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let mut fault = |place, message: String, label: &str| {
        out.push(Diagnostic::new(&INVALID_HOST, place, message).label(label));
    };
    let Some((first, name)) = text.split_once('/') else {
        let label = "`namespace/host`, `./host`, or `*/host`";
        return fault(at.value(), format!("`{text}` does not say whose host is meant"), label);
    };
    let namespace = first.strip_prefix('~').unwrap_or(first);
    let is_any = first == "~" || matches!(namespace, "*" | ".");
    if !is_any && !is_dns_label(namespace) {
        let place = at.within(0..first.len().max(1));
        fault(place, format!("`{namespace}` is no namespace"), "a namespace, `.` or `*`");
    }
    let offset = first.len() + 1;
    if name == "*" {
        return;
    }
    if let Err(fault) = host::wildcard(name) {
        return host::report_from(name, offset, &fault, at, out);
    }
    let place = at.within(offset..text.len());
    if host::is_partial_wildcard(name) {
        let label = "a `*` stands for whole labels: `*.example.com`";
        fault(place, format!("`{name}` is a part of a label"), label);
    } else if !name.contains('.') {
        let label = "write the whole name, such as `shop.default.svc.cluster.local`";
        fault(place, format!("`{name}` is a short name"), label);
    }
}

/// What an earlier entry has imported already.
fn check_repeated(hosts: &[String], namespace: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let import = |text: &str| {
        let (first, name) = text.split_once('/')?;
        let first = if first == "." { namespace } else { first };
        (!first.starts_with('~')).then(|| (first.to_owned(), name.to_owned()))
    };
    let imports: Vec<_> = hosts.iter().map(|text| import(text)).collect();
    let everything = ("*".to_owned(), "*".to_owned());
    for (index, own) in imports.iter().enumerate() {
        let Some(own) = own else { continue };
        let covers = |(at, other): (usize, &Option<(String, String)>)| {
            let other = other.as_ref()?;
            let is_wider = *other == everything && *own != everything;
            let is_same = other.0 == own.0 && (other.1 == own.1 || other.1 == "*");
            let counts = if *other == *own { at < index } else { is_same || is_wider };
            counts.then_some(at)
        };
        let Some(first) = imports.iter().enumerate().find_map(covers) else { continue };
        let message = "the host is imported twice";
        let found = Diagnostic::new(&INEFFECTIVE_EGRESS_HOST, at.index(index).value(), message);
        out.push(
            found
                .label("changes nothing")
                .also(at.index(first).value(), "this imports it too")
                .consequence("none: workloads see the host once"),
        );
    }
}
