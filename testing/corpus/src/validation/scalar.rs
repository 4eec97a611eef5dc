//! One value, and the rule that it keeps or breaks: it is put into a resource, at a field that has that rule.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Expectation;
use crate::case::{Case, Mismatch};
use crate::subject::Files;

/// A row of the index.
#[derive(Deserialize)]
pub(super) struct Row {
    id: String,
    rule: String,
    value: Value,
    /// Whether the host is served by server name.
    #[serde(default)]
    sni: bool,
    #[serde(flatten)]
    expectation: Expectation,
}

impl Row {
    pub(super) fn case(self) -> Case {
        let Self { id, rule, value, sni, expectation } = self;
        let document = document(&rule, &value, sni);
        let is_address = rule.contains("domain") && text(&value).parse::<IpAddr>().is_ok();
        Case::new(id, move || {
            let Some((name, document)) = &document else {
                let got = format!("no field of a resource has the rule `{rule}`");
                let mismatch = Mismatch::new(expectation.to_string(), got);
                if !OF_THE_PROCESS.contains(&&*rule) {
                    return Err(mismatch);
                }
                return Err(mismatch.because("a setting of Istio's own process, and no field"));
            };
            let files = Files::default().with(*name, document.to_string());
            // The value stands for itself: what else the message says is the field's.
            let verdict = Expectation { error_contains: None, ..expectation.clone() };
            let why = |it: Mismatch| if is_address { it.because(BESIDES) } else { it };
            verdict.judge(&files.validate()).map_err(why)
        })
    }
}

const BESIDES: &str = "an address is no domain, and whoever asks for one takes addresses besides: Istio refuses no resource for it";

/// What is given to Istio's control plane when it is started.
const OF_THE_PROCESS: &[&str] = &["maxConnectionAge"];

/// A file in which the rule is applied to `value`, and its name. JSON is YAML.
fn document(rule: &str, value: &Value, sni: bool) -> Option<(&'static str, Value)> {
    let mesh = |config: Value| ("mesh.yaml", json!({ "meshConfig": config }));
    let http = |fields: Value| ("a.yaml", virtual_service(fields));
    Some(match rule {
        "http header name (strict: add/set/remove)" => {
            http(json!({ "headers": { "request": { "remove": [value] } } }))
        }
        "http match header name" => {
            http(json!({ "match": [{ "headers": { text(value): { "exact": "x" } } }] }))
        }
        "http header value" => {
            http(json!({ "headers": { "request": { "set": { "x-a": value } } } }))
        }
        "http status (fault/direct response)" => {
            let abort = json!({ "httpStatus": value, "percentage": { "value": 100 } });
            let answer = json!({ "match": [{ "uri": { "exact": "/" } }], "directResponse": { "status": value } });
            let faulty = json!({ "fault": { "abort": abort }, "route": [{ "destination": { "host": "a.test" } }] });
            let spec = json!({ "hosts": ["a.test"], "http": [answer, faulty] });
            ("a.yaml", resource("VirtualService", &spec))
        }
        "duration (>=1ms, ms precision)" => http(json!({ "timeout": value })),
        "port number" => {
            let destination = json!({ "host": "a.test", "port": { "number": value } });
            let routes = json!([{ "route": [{ "destination": destination }] }]);
            ("a.yaml", resource("VirtualService", &json!({ "hosts": ["a.test"], "http": routes })))
        }
        "IP subnet" => {
            let routes = json!([{ "match": [{ "destinationSubnets": [value] }], "route": [{ "destination": { "host": "a.test" } }] }]);
            ("a.yaml", resource("VirtualService", &json!({ "hosts": ["a.test"], "tcp": routes })))
        }
        "port name" => service_entry(value, "DNS", &json!("b.test")),
        "FQDN" => service_entry(&json!("http"), "DNS", value),
        "IP address" => service_entry(&json!("http"), "STATIC", value),
        "wildcard domain" => {
            let policy = json!({ "loadBalancer": { "simple": "RANDOM" } });
            (
                "a.yaml",
                resource("DestinationRule", &json!({ "host": value, "trafficPolicy": policy })),
            )
        }
        "wildcard domain (gateway-bound VS)" => ("a.yaml", bound_to_gateway(value, sni)),
        "locality list (distribute)" => ("a.yaml", distribute(value)),
        "trust domain" => mesh(json!({ "trustDomainAliases": [value] })),
        "proxy address" => mesh(json!({ "defaultConfig": { "discoveryAddress": value } })),
        "drain duration" => mesh(json!({ "defaultConfig": { "drainDuration": value } })),
        "connect timeout" => mesh(json!({ "connectTimeout": value })),
        "protocol detection timeout" => mesh(json!({ "protocolDetectionTimeout": value })),
        "extension provider service" => {
            let provider = json!({ "service": value, "port": 9000 });
            mesh(json!({ "extensionProviders": [{ "name": "a", "envoyExtAuthzGrpc": provider }] }))
        }
        "MeshConfig.serviceSettings[].hosts" => mesh(
            json!({ "serviceSettings": [{ "settings": { "clusterLocal": true }, "hosts": value }] }),
        ),
        _ => return None,
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn resource(kind: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": { "name": "a", "namespace": "shop" },
        "spec": spec,
    })
}

/// With one route that has `fields` besides its destination.
fn virtual_service(fields: Value) -> Value {
    let mut route = json!({ "route": [{ "destination": { "host": "a.test" } }] });
    if let (Some(route), Value::Object(fields)) = (route.as_object_mut(), fields) {
        route.extend(fields);
    }
    resource("VirtualService", &json!({ "hosts": ["a.test"], "http": [route] }))
}

fn service_entry(port: &Value, resolution: &str, address: &Value) -> (&'static str, Value) {
    let spec = json!({
        "hosts": ["a.test"],
        "ports": [{ "number": 80, "name": port, "protocol": "HTTP" }],
        "resolution": resolution,
        "endpoints": [{ "address": address }],
    });
    ("a.yaml", resource("ServiceEntry", &spec))
}

/// A VirtualService takes addresses beside domains, so that an address is no domain shows at a Gateway's server.
fn bound_to_gateway(host: &Value, sni: bool) -> Value {
    if text(host).parse::<IpAddr>().is_ok() {
        let port = json!({ "number": 80, "name": "http", "protocol": "HTTP" });
        let servers = json!([{ "port": port, "hosts": [host] }]);
        return resource("Gateway", &json!({ "selector": { "app": "a" }, "servers": servers }));
    }
    let route = json!([{ "destination": { "host": "b.test" } }]);
    let (kind, routes) = if sni {
        let matched = json!({ "port": 443, "sniHosts": [host] });
        ("tls", json!([{ "match": [matched], "route": route }]))
    } else {
        ("http", json!([{ "route": route }]))
    };
    let spec = json!({ "hosts": [host], "gateways": ["edge"], kind: routes });
    resource("VirtualService", &spec)
}

fn distribute(localities: &Value) -> Value {
    let from = localities.as_array().into_iter().flatten();
    let all: Vec<_> =
        from.map(|from| json!({ "from": from, "to": { "elsewhere": 100 } })).collect();
    let policy = json!({
        "outlierDetection": { "interval": "1s" },
        "loadBalancer": { "localityLbSetting": { "distribute": all } },
    });
    resource("DestinationRule", &json!({ "host": "a.test", "trafficPolicy": policy }))
}
