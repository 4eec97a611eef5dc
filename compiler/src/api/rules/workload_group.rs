//! Rules of `WorkloadGroup`.

use super::checks::INVALID_PROBE;
use super::workload_entry::check_entry;
use super::{annotation, label, port};
use crate::api::Resource;
use crate::api::istio::{HttpProbe, ReadinessProbe, WorkloadGroup};
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<WorkloadGroup>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    if let Some(metadata) = &spec.metadata {
        let at = at.field("metadata");
        label::check(&metadata.labels, &at.field("labels"), out);
    }
    check_entry(&spec.template, &at.field("template"), out);
    if let Some(probe) = &spec.probe {
        check_probe(probe, &at.field("probe"), out);
    }
}

fn check_probe(probe: &ReadinessProbe, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let numbers = [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ];
    for (name, _) in numbers.iter().filter(|(_, number)| *number < 0) {
        let message = format!("`{name}` is negative");
        out.push(
            Diagnostic::new(&INVALID_PROBE, at.field(name).value(), message).label("0 or more"),
        );
    }
    let ways = [
        ("httpGet", probe.http_get.is_some()),
        ("tcpSocket", probe.tcp_socket.is_some()),
        ("exec", probe.exec.is_some()),
        ("grpc", probe.grpc.is_some()),
    ];
    let ways: Vec<_> = ways.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
    if let [first, second, ..] = ways.as_slice() {
        let message = format!("`{first}` and `{second}` are both set");
        let found = Diagnostic::new(&INVALID_PROBE, at.field(second).key(), message);
        out.push(found.label("one of them").also(at.field(first).key(), "or this"));
    }
    if ways.is_empty() {
        let found = Diagnostic::new(&INVALID_PROBE, at.key(), "the probe asks nothing");
        let found = found.label("needs `httpGet`, `tcpSocket`, `exec` or `grpc`");
        out.push(found.supposing(at.value()));
    }
    if let Some(http) = &probe.http_get {
        check_http(http, &at.field("httpGet"), out);
    }
    if let Some(tcp) = &probe.tcp_socket {
        port::check_number(tcp.port, &at.field("tcpSocket").field("port"), out);
    }
    if let Some(grpc) = &probe.grpc {
        port::check_number(grpc.port, &at.field("grpc").field("port"), out);
    }
    if let Some(exec) = &probe.exec {
        let at = at.field("exec");
        let command = at.field("command");
        let blank = exec.command.iter().position(String::is_empty);
        let place = match blank {
            Some(index) => command.index(index).value(),
            None => command.value(),
        };
        if exec.command.is_empty() || blank.is_some() {
            out.push(
                Diagnostic::new(&INVALID_PROBE, place, "the probe has an empty command")
                    .label("needs a command"),
            );
        }
    }
}

fn check_http(http: &HttpProbe, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    port::check_number(http.port, &at.field("port"), out);
    if !matches!(http.scheme.as_str(), "" | "HTTP" | "HTTPS") {
        let message = format!("`{}` is no scheme of a probe", http.scheme);
        let found = Diagnostic::new(&INVALID_PROBE, at.field("scheme").value(), message);
        out.push(found.label("`HTTP` or `HTTPS`"));
    }
    let headers = at.field("httpHeaders");
    for (index, header) in http.http_headers.iter().enumerate() {
        let is_name = !header.name.is_empty()
            && header
                .name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !is_name {
            let place = headers.index(index).field("name").value();
            let message = format!("`{}` is no `name` of a header in `httpHeaders`", header.name);
            out.push(
                Diagnostic::new(&INVALID_PROBE, place, message)
                    .label("letters, digits, `-` and `_`"),
            );
        }
    }
}
