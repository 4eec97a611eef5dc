//! What the resources of a repository are called, and what else their fields may hold, by the names of the fields.
//!
//! Most names are those of something that the repository has, so that resources meet each other.

use serde_json::{Value, json};

pub(super) const NAMESPACES: &[&str] = &["shop", "shop", "pay", "istio-system"];

/// Services of the repository, with the namespace of each and one port.
pub(super) const SERVICES: &[(&str, &str, &str, u16)] = &[
    ("reviews", "shop", "http", 9080),
    ("ratings", "shop", "grpc-api", 9000),
    ("db", "shop", "tcp-db", 5432),
    ("ledger", "pay", "http-web", 8080),
];

pub(super) const HOSTS: &[&str] = &[
    "reviews",
    "reviews",
    "ratings",
    "db",
    "reviews.shop",
    "reviews.shop.svc.cluster.local",
    "ledger.pay.svc.cluster.local",
    "ledger.pay",
    "api.example.com",
    "a.wild.example.com",
    "nobody",
    "nobody.shop.svc.cluster.local",
];

pub(super) const PUBLIC: &[&str] = &[
    "shop.example.com",
    "*.example.com",
    "pay.example.com",
    "reviews.shop.svc.cluster.local",
    "*",
];

const SUBSETS: &[&str] = &["v1", "v1", "v2", "v9"];
pub(super) const DURATIONS: &[&str] = &[
    "1s",
    "5s",
    "0s",
    "100ms",
    "1.5s",
    "1h",
    "-1s",
    "0.0001s",
    "9999h",
    "1",
    "",
    "1ms",
    "1us",
    "1d",
    "1h1m1s",
    "0.5s",
    "10m",
    "999999999s",
    "315576000001s",
    "1.0000000001s",
    "1 s",
    "+1s",
    "1S",
];
/// A bound of something, and one past it.
pub(super) const NUMBERS: &[i64] = &[
    0,
    1,
    2,
    10,
    50,
    99,
    100,
    101,
    -1,
    599,
    600,
    1023,
    1024,
    65_535,
    65_536,
    70_000,
    2_147_483_647,
    2_147_483_648,
    4_294_967_296,
];
const HOST_NAMES: &[&str] = &[
    "*.com",
    "**.example.com",
    "a.*.com",
    "*a.com",
    "a..com",
    "-a.com",
    "a_b.com",
    "a.com.",
    "UPPER.com",
    "a.com:80",
    "shop/a.com",
    "10.0.0.1",
    "[::1]",
    "::1",
    "1.2.3",
    "*.",
    ".",
    "~/a.com",
    "./a.com",
    "*/*",
    "a-",
    "a.123",
    "a b",
    "*.*.com",
    "a123456789-123456789-123456789-123456789-123456789-123456789-1234.com",
];
const PORTS: &[i64] = &[80, 9080, 443, 8080, 9000, 5432, 0, 65535, 65536, -1];
const REGEXES: &[&str] = &[
    "a.*b",
    "^/v[0-9]+$",
    "",
    "(",
    "a{1,2000}",
    "[a-z]+",
    "(?i)x",
    "[",
    "*",
    "a**",
    "(?=a)",
    r"\d+",
    r"\pL",
    r"\p{Greek}",
    "(?P<x>a)",
    "(?<x>a)",
    r"(a)\1",
    r"\Q.\E",
    "[[:alpha:]]",
    r"\z",
    "(?s).",
    r"\C",
    r"\Z",
    "a{,3}",
    "a{2,1}",
    "[b-a]",
    "(?x)a b",
    "a++",
    "x{1000}",
    "x{1001}",
    "(x{1000}){2}",
    "[^]",
    "[]a]",
    "[a",
    r"\u0041",
    r"\x41",
    r"\x{41}",
    r"[\w&&a]",
    "(?i",
    "()",
    "|",
    "^*",
    r"\h",
    r"\",
    r"\b{start}",
];
const HEADERS: &[&str] = &["x-user", "X-User", ":authority", "host", "a b", "", "cookie", ":path"];
const LABELS: &[&str] = &["reviews", "ratings", "edge", "v1", "v2", "", "no such", "nobody"];
const GATEWAYS: &[&str] =
    &["mesh", "front", "shop/front", "pay/front", "none", "istio-system/front", "a/b/c", ""];
const ADDRESSES: &[&str] = &[
    "10.0.0.1",
    "10.0.0.0/8",
    "192.168.1.1/24",
    "::1",
    "not-an-address",
    "a.example.com",
    "",
    "unix:///a",
    "10.0.0.0/33",
    "0.0.0.0/0",
    "2001:db8::/32",
    "::/129",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.1",
    "01.2.3.4",
    "::ffff:10.0.0.1",
    "10.0.0.1/",
    "10.0.0.1:80",
    "unix://a",
    "fe80::1%eth0",
];
const WORDS: &[&str] = &["a", "", "shop", "A-b", "a_b", "*", "a*", "x/y", "a.b", "%A%", " "];
const PATHS: &[&str] = &["/", "/a", "a", "", "/a/*", "*", "/{*}/b", "/{**}", "/{a}", "/a?b"];
const URLS: &[&str] = &[
    "https://keys.example.com/jwks",
    "http://a",
    "ftp://a",
    "",
    "a b",
    "https://a:99999/x",
    "https://",
    "a",
    "oci://a/b:c",
    "https://a:b@c/d",
    "https://a/%zz",
    "file:///a",
    "HTTPS://a",
    "http://[::1]:80/",
    "//a",
];
const PRINCIPALS: &[&str] = &[
    "cluster.local/ns/shop/sa/reviews",
    "*",
    "*/sa/reviews",
    "",
    "a*b",
    "cluster.local/ns/shop/sa/none",
];

/// What a field of this name may hold, if the name says so.
pub(super) fn values(field: &str) -> Option<Vec<Value>> {
    let texts = |texts: &[&str]| Some(texts.iter().map(|it| json!(it)).collect());
    let mixed = |some: &[&str], others: &[&str]| texts(&[some, some, others].concat());
    let numbers = |numbers: &[i64]| Some(numbers.iter().map(|it| json!(it)).collect());
    match field {
        "host" | "address" | "sourceHost" | "sniHosts" => mixed(HOSTS, HOST_NAMES),
        "hosts" | "hostnames" | "subjectAltNames" | "hostname" => mixed(PUBLIC, HOST_NAMES),
        "value" | "randomSamplingPercentage" | "samplingPercentage" => Some(
            [
                json!(0),
                json!(100),
                json!(0.5),
                json!(100.1),
                json!(-0.5),
                json!(0.000_01),
                json!("a"),
            ]
            .to_vec(),
        ),
        "subset" => texts(SUBSETS),
        "namespace" | "sourceNamespace" | "namespaces" | "notNamespaces" => {
            texts(&["shop", "pay", "istio-system", "nowhere", "", "*"])
        }
        "timeout"
        | "perTryTimeout"
        | "fixedDelay"
        | "interval"
        | "baseEjectionTime"
        | "maxAge"
        | "connectTimeout"
        | "idleTimeout"
        | "ttl"
        | "maxConnectionDuration"
        | "warmup"
        | "drainDuration"
        | "terminationDrainDuration"
        | "duration"
        | "reportingInterval"
        | "request"
        | "backendRequest"
        | "keepaliveTime"
        | "time"
        | "backoff" => texts(DURATIONS),
        "number" | "port" | "targetPort" => numbers(PORTS),
        "ports" | "notPorts" => texts(&["80", "9080", "0", "65536", "http", ""]),
        "weight" | "percent" => numbers(&[0, 1, 50, 100, 101, -1]),
        "httpStatus" | "status" | "statusCode" | "redirectCode" => {
            numbers(&[200, 301, 302, 404, 503, 599, 600, 199, 0, 99, 999])
        }
        "regex" => texts(REGEXES),
        "gateways" => texts(GATEWAYS),
        "ipBlocks" | "notIpBlocks" | "remoteIpBlocks" | "notRemoteIpBlocks" | "addresses"
        | "destinationSubnets" | "bind" | "cidr" => texts(ADDRESSES),
        "paths" | "notPaths" | "uri" | "prefix" | "exact" => texts(PATHS),
        "jwksUri" | "url" => texts(URLS),
        "principals" | "notPrincipals" | "requestPrincipals" | "notRequestPrincipals" => {
            texts(PRINCIPALS)
        }
        "exportTo" => texts(&[".", "*", "shop", "nowhere", "~", ""]),
        "protocol" => {
            texts(&["HTTP", "HTTPS", "TCP", "TLS", "GRPC", "HTTP2", "http", "UDP", "FOO", ""])
        }
        "methods" | "notMethods" | "allowMethods" | "method" => {
            texts(&["GET", "POST", "get", "", "*", "FOO"])
        }
        "credentialName" | "credentialNames" => texts(&["cert", "none", ""]),
        "retryOn" => {
            texts(&["5xx", "connect-failure,reset", "503", "nonsense", "", "5xx, gateway-error"])
        }
        "attempts" => numbers(&[0, 1, 3, -1]),
        "key" => texts(&[
            "request.headers[x-user]",
            "source.ip",
            "request.auth.claims[iss]",
            "destination.port",
            "nonsense",
            "",
            "source.namespace",
            "connection.sni",
            "source.principal",
            "experimental.envoy.filters.a",
        ]),
        "from" | "to" => texts(&["region/zone", "region/*", "region", "*", "", "a/b/c", "a/*/c"]),
        "remove"
        | "allowHeaders"
        | "exposeHeaders"
        | "httpHeaderName"
        | "outputPayloadToHeader" => texts(HEADERS),
        "name" => texts(&["a", "front", "http", "v1", "reviews", "x_y", "", "A"]),
        _ => None,
    }
}

/// The keys that a map of this name has.
pub(super) fn keys(field: &str) -> &'static [&'static str] {
    match field {
        "matchLabels" | "selector" | "labels" | "sourceLabels" => {
            &["app", "version", "istio", "a/b/c", "", "app.kubernetes.io/name"]
        }
        "headers" | "withoutHeaders" | "set" | "add" | "queryParams" => HEADERS,
        "ports" | "portLevelMtls" => &["8080", "http", "0", "65536", "9080"],
        "to" => &["region/zone", "region/*", "other"],
        _ => WORDS,
    }
}

/// What a text may be of which nothing is known.
pub(super) fn texts(field: &str) -> &'static [&'static str] {
    match field {
        "matchLabels" | "selector" | "labels" | "sourceLabels" => LABELS,
        _ => WORDS,
    }
}
