//! Istio's kinds that say where requests go.

use serde_json::{Value, json};

use super::names::{HOSTS, PUBLIC};
use super::{perhaps, resource};
use crate::random::Random;

const API: &str = "networking.istio.io/v1";

fn destination(random: &mut Random) -> Value {
    let mut made = json!({ "host": random.pick(HOSTS) });
    perhaps(&mut made, 40, "subset", json!(random.pick(&["v1", "v2"])), random);
    perhaps(&mut made, 30, "port", json!({ "number": random.pick(&[9080, 80, 9000]) }), random);
    made
}

fn destinations(random: &mut Random) -> Value {
    if random.chance(70) {
        return json!([{ "destination": destination(random) }]);
    }
    let weight = random.pick(&[0, 50, 90, 100]);
    let second = if random.chance(80) { 100 - weight } else { weight };
    json!([
        { "destination": destination(random), "weight": weight },
        { "destination": destination(random), "weight": second },
    ])
}

fn text_match(random: &mut Random) -> Value {
    let kind = random.pick(&["exact", "prefix", "regex"]);
    json!({ kind: random.pick(&["/a", "/", "/a/b", "x"]) })
}

fn http_match(random: &mut Random) -> Value {
    let mut made = json!({});
    perhaps(&mut made, 60, "uri", text_match(random), random);
    perhaps(&mut made, 25, "headers", json!({ "x-user": text_match(random) }), random);
    perhaps(&mut made, 15, "method", json!({ "exact": "GET" }), random);
    perhaps(&mut made, 10, "port", json!(random.pick(&[80, 9080])), random);
    perhaps(&mut made, 10, "sourceLabels", json!({ "app": "ratings" }), random);
    perhaps(
        &mut made,
        10,
        "gateways",
        json!([random.pick(&["mesh", "front", "shop/front"])]),
        random,
    );
    perhaps(&mut made, 10, "sourceNamespace", json!("shop"), random);
    perhaps(&mut made, 10, "queryParams", json!({ "q": text_match(random) }), random);
    perhaps(&mut made, 10, "ignoreUriCase", json!(true), random);
    let claim = json!({ "@request.auth.claims.group": { "exact": "a" } });
    perhaps(&mut made, 6, "headers", claim, random);
    made
}

fn http(random: &mut Random) -> Value {
    let mut made = match random.count(0, 12) {
        0 => json!({ "redirect": { "uri": "/other" } }),
        1 => json!({ "directResponse": { "status": 200 } }),
        2 => json!({ "delegate": { "name": random.pick(&["r0", "r1", "front", "none"]) } }),
        _ => json!({ "route": destinations(random) }),
    };
    let matches: Vec<_> = (0..random.count(1, 2)).map(|_| http_match(random)).collect();
    perhaps(&mut made, 60, "match", json!(matches), random);
    perhaps(&mut made, 15, "timeout", json!(random.pick(&["5s", "0s", "100ms"])), random);
    let retries =
        json!({ "attempts": random.count(0, 3), "perTryTimeout": "2s", "retryOn": "5xx" });
    perhaps(&mut made, 15, "retries", retries, random);
    perhaps(&mut made, 10, "rewrite", json!({ "uri": "/r" }), random);
    perhaps(&mut made, 10, "mirror", destination(random), random);
    let fault = json!({ "abort": { "httpStatus": 503, "percentage": { "value": 50 } } });
    perhaps(&mut made, 10, "fault", fault, random);
    perhaps(&mut made, 10, "name", json!("primary"), random);
    let headers = json!({ "request": { "set": { "x-a": "b" }, "remove": ["x-b"] } });
    perhaps(&mut made, 10, "headers", headers, random);
    made
}

fn stream(matched: &Value, random: &mut Random) -> Value {
    let mut made = json!({ "route": destinations(random) });
    perhaps(&mut made, 85, "match", json!([matched]), random);
    made
}

pub(super) fn virtual_service(index: usize, random: &mut Random) -> Value {
    let mut spec = json!({});
    let hosts = if random.chance(50) { HOSTS } else { PUBLIC };
    let hosts: Vec<_> = (0..random.count(1, 2)).map(|_| random.pick(hosts)).collect();
    perhaps(&mut spec, 95, "hosts", json!(hosts), random);
    let gateways =
        [json!(["front"]), json!(["mesh", "front"]), json!(["shop/front"]), json!(["none"])];
    perhaps(&mut spec, 40, "gateways", random.pick(&gateways), random);
    let routes: Vec<_> = (0..random.count(1, 3)).map(|_| http(random)).collect();
    perhaps(&mut spec, 85, "http", json!(routes), random);
    let sni = json!({ "sniHosts": [random.pick(PUBLIC)], "port": 443 });
    let tls = json!([stream(&sni, random)]);
    perhaps(&mut spec, 15, "tls", tls, random);
    let tcp = json!([stream(&json!({ "port": random.pick(&[5432, 80]) }), random)]);
    perhaps(&mut spec, 15, "tcp", tcp, random);
    perhaps(&mut spec, 10, "exportTo", json!([random.pick(&[".", "*", "pay"])]), random);
    resource(API, "VirtualService", index, &spec, random)
}

fn traffic_policy(random: &mut Random) -> Value {
    let mut made = json!({});
    let balancer = [
        json!({ "simple": "ROUND_ROBIN" }),
        json!({ "simple": "LEAST_CONN" }),
        json!({ "consistentHash": { "httpHeaderName": "x-user" } }),
        json!({ "consistentHash": { "httpCookie": { "name": "c", "ttl": "0s" } } }),
        json!({ "simple": "RANDOM", "warmup": { "duration": "10s" } }),
        json!({ "localityLbSetting": { "failover": [{ "from": "a", "to": "b" }] } }),
    ];
    perhaps(&mut made, 40, "loadBalancer", random.pick(&balancer), random);
    let pool = json!({ "tcp": { "maxConnections": random.pick(&[1, 100]) }, "http": { "http1MaxPendingRequests": 1 } });
    perhaps(&mut made, 30, "connectionPool", pool, random);
    let outlier = json!({ "consecutive5xxErrors": 3, "interval": "5s", "baseEjectionTime": "30s" });
    perhaps(&mut made, 30, "outlierDetection", outlier, random);
    let tls = [
        json!({ "mode": "ISTIO_MUTUAL" }),
        json!({ "mode": "SIMPLE" }),
        json!({ "mode": "SIMPLE", "caCertificates": "/ca.pem", "subjectAltNames": ["a"] }),
        json!({ "mode": "MUTUAL", "clientCertificate": "/c.pem", "privateKey": "/k.pem" }),
        json!({ "mode": "DISABLE" }),
        json!({ "mode": "MUTUAL", "credentialName": "cert" }),
    ];
    perhaps(&mut made, 40, "tls", random.pick(&tls), random);
    made
}

pub(super) fn destination_rule(index: usize, random: &mut Random) -> Value {
    let mut spec = json!({ "host": random.pick(HOSTS) });
    perhaps(&mut spec, 60, "trafficPolicy", traffic_policy(random), random);
    if random.chance(20) {
        let mut port = traffic_policy(random);
        port["port"] = json!({ "number": random.pick(&[9080, 80]) });
        spec["trafficPolicy"]["portLevelSettings"] = json!([port]);
    }
    let subset = |name: &str| json!({ "name": name, "labels": { "version": name } });
    let subsets =
        [json!([subset("v1")]), json!([subset("v1"), subset("v2")]), json!([subset("v9")])];
    perhaps(&mut spec, 60, "subsets", random.pick(&subsets), random);
    perhaps(&mut spec, 10, "exportTo", json!([random.pick(&[".", "*", "pay"])]), random);
    let selector = json!({ "matchLabels": { "app": random.pick(&["reviews", "nobody"]) } });
    perhaps(&mut spec, 15, "workloadSelector", selector, random);
    resource(API, "DestinationRule", index, &spec, random)
}

fn server(index: usize, random: &mut Random) -> Value {
    let ports = [
        (json!({ "number": 80, "name": format!("http{index}"), "protocol": "HTTP" }), None),
        (json!({ "number": 8080, "name": format!("web{index}"), "protocol": "HTTP2" }), None),
        (
            json!({ "number": 443, "name": format!("https{index}"), "protocol": "HTTPS" }),
            Some(json!({ "mode": "SIMPLE", "credentialName": random.pick(&["cert", "none"]) })),
        ),
        (
            json!({ "number": 443, "name": format!("tls{index}"), "protocol": "TLS" }),
            Some(json!({ "mode": "PASSTHROUGH" })),
        ),
        (json!({ "number": 5432, "name": format!("tcp{index}"), "protocol": "TCP" }), None),
    ];
    let (port, tls) = random.pick(&ports);
    let hosts =
        ["*", "shop.example.com", "*.example.com", "shop/pay.example.com", "./shop.example.com"];
    let mut made = json!({ "port": port, "hosts": [random.pick(&hosts)] });
    if let Some(tls) = tls {
        made["tls"] = tls;
    }
    perhaps(&mut made, 10, "tls", json!({ "httpsRedirect": true }), random);
    perhaps(&mut made, 5, "bind", json!("10.0.0.1"), random);
    made
}

pub(super) fn gateway(index: usize, random: &mut Random) -> Value {
    let servers: Vec<_> = (0..random.count(1, 3)).map(|index| server(index, random)).collect();
    let mut spec = json!({ "servers": servers });
    let selector =
        [json!({ "istio": "edge" }), json!({ "istio": "edge" }), json!({ "app": "none" })];
    perhaps(&mut spec, 95, "selector", random.pick(&selector), random);
    let mut made = resource(API, "Gateway", index, &spec, random);
    if random.chance(60) {
        made["metadata"]["name"] = json!("front");
    }
    made
}

pub(super) fn service_entry(index: usize, random: &mut Random) -> Value {
    let port = json!({
        "number": random.pick(&[80, 443, 5432]),
        "name": random.pick(&["http", "https", "tcp", "tls"]),
        "protocol": random.pick(&["HTTP", "HTTPS", "TCP", "TLS"]),
    });
    let hosts = [
        "api.example.com",
        "*.wild.example.com",
        "reviews.shop.svc.cluster.local",
        "db.example.com",
    ];
    let mut spec = json!({ "hosts": [random.pick(&hosts)], "ports": [port] });
    let resolution = random.pick(&["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN"]);
    perhaps(&mut spec, 85, "resolution", json!(resolution), random);
    perhaps(
        &mut spec,
        50,
        "location",
        json!(random.pick(&["MESH_EXTERNAL", "MESH_INTERNAL"])),
        random,
    );
    perhaps(&mut spec, 40, "addresses", json!([random.pick(&["10.9.0.1", "10.9.0.0/16"])]), random);
    let endpoint = json!({ "address": random.pick(&["10.1.1.1", "b.example.com"]) });
    perhaps(&mut spec, 40, "endpoints", json!([endpoint]), random);
    perhaps(&mut spec, 10, "workloadSelector", json!({ "labels": { "app": "vm" } }), random);
    perhaps(&mut spec, 10, "exportTo", json!([random.pick(&[".", "*", "pay"])]), random);
    resource(API, "ServiceEntry", index, &spec, random)
}

pub(super) fn workload_entry(index: usize, random: &mut Random) -> Value {
    let mut spec = json!({ "address": random.pick(&["10.1.1.1", "vm.example.com", "unix:///a"]) });
    perhaps(&mut spec, 60, "labels", json!({ "app": "vm" }), random);
    perhaps(&mut spec, 30, "ports", json!({ "http": random.pick(&[80, 8080]) }), random);
    perhaps(&mut spec, 20, "weight", json!(random.pick(&[0, 1, 100])), random);
    perhaps(&mut spec, 20, "locality", json!("region/zone"), random);
    perhaps(&mut spec, 20, "serviceAccount", json!("vm"), random);
    resource(API, "WorkloadEntry", index, &spec, random)
}

pub(super) fn workload_group(index: usize, random: &mut Random) -> Value {
    let mut spec = json!({ "template": { "serviceAccount": "vm" } });
    perhaps(&mut spec, 60, "metadata", json!({ "labels": { "app": "vm" } }), random);
    let probe = [
        json!({ "httpGet": { "path": "/", "port": 80 } }),
        json!({ "tcpSocket": { "port": 80 }, "periodSeconds": 5 }),
        json!({ "exec": { "command": ["true"] } }),
    ];
    perhaps(&mut spec, 50, "probe", random.pick(&probe), random);
    resource(API, "WorkloadGroup", index, &spec, random)
}

pub(super) fn sidecar(index: usize, random: &mut Random) -> Value {
    let hosts =
        ["./*", "*/*", "shop/reviews.shop.svc.cluster.local", "istio-system/*", "~/*", "./nobody"];
    let mut spec = json!({ "egress": [{ "hosts": [random.pick(&hosts)] }] });
    let selector = json!({ "labels": { "app": random.pick(&["reviews", "nobody"]) } });
    perhaps(&mut spec, 50, "workloadSelector", selector, random);
    let port = json!({ "number": 9080, "protocol": "HTTP", "name": "http" });
    let ingress = json!([{ "port": port, "defaultEndpoint": random.pick(&["127.0.0.1:8080", "10.0.0.1:80", "unix:///a"]) }]);
    perhaps(&mut spec, 20, "ingress", ingress, random);
    let outbound = json!({ "mode": random.pick(&["ALLOW_ANY", "REGISTRY_ONLY"]) });
    perhaps(&mut spec, 20, "outboundTrafficPolicy", outbound, random);
    resource(API, "Sidecar", index, &spec, random)
}

pub(super) fn proxy_config(index: usize, random: &mut Random) -> Value {
    let mut spec = json!({ "concurrency": random.pick(&[0, 2]) });
    perhaps(&mut spec, 30, "selector", json!({ "matchLabels": { "app": "reviews" } }), random);
    perhaps(&mut spec, 30, "environmentVariables", json!({ "A": "b" }), random);
    resource("networking.istio.io/v1beta1", "ProxyConfig", index, &spec, random)
}
