//! The policy repository of the suites: a client and two versions of a server, and a policy that every step changes.
//!
//! What changes from step to step is such that a request judged by parts of two snapshots is seen:
//! - The route writes the step's number into the request (`x-route`) and into the answer (`x-answer`).
//! - One policy lets requests of class `a` in and another those of class `b`; at the next step they have changed places. Who
//!   takes the first from one step and the second from the other lets only one class in.
//! - Requests go to the other version of the server.

use std::io;
use std::path::Path;

/// What the client asks.
pub(crate) const HTTP: &str = "server.suite.svc.cluster.local:8080";
/// Of the server.
pub(crate) const VIRTUAL_ADDRESS: &str = "10.96.0.10";
pub(crate) const TCP: &str = "server.suite.svc.cluster.local:9000";

/// What a repository asks of proxies beside what the suites need.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Burden {
    /// So many that nobody uses.
    pub(crate) routes: u32,
    /// Of `server-v1`, which no proxy of this release can ask.
    pub(crate) authorizer: bool,
}

/// Writes the repository of a step into `folder`, which exists.
pub(crate) fn write(folder: &Path, step: u32, burden: Burden) -> io::Result<()> {
    let (mut mesh, mut policy) = (MESH.to_owned(), policy(step, burden.routes));
    if burden.authorizer {
        mesh += AUTHORIZER;
        policy += ASK;
    }
    std::fs::write(folder.join("mesh.yaml"), mesh)?;
    std::fs::write(folder.join("workloads.yaml"), workloads())?;
    std::fs::write(folder.join("policy.yaml"), policy)
}

const MESH: &str = "\
meshConfig:
  trustDomain: cluster.local
  rootNamespace: istio-system
  accessLogFile: /dev/stdout
  accessLogEncoding: JSON
  outboundTrafficPolicy:
    mode: REGISTRY_ONLY
";

/// Continues `meshConfig`. The compiler refuses what no proxy of its release serves, unless it is told that there are others.
const AUTHORIZER: &str = "  extensionProviders:
    - name: gatekeeper
      envoyExtAuthzHttp: { service: server.suite.svc.cluster.local, port: 8080 }
lints:
  unserved-feature: warn
";

const ASK: &str = "\
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: ask
  namespace: suite
spec:
  selector:
    matchLabels: { app: server, version: v1 }
  action: CUSTOM
  provider: { name: gatekeeper }
  rules:
    - to: [{ operation: { paths: [/unused] } }]
";

fn workloads() -> String {
    let mut text = String::from(NAMESPACE);
    for (name, account) in [("client", "client"), ("server-v1", "server"), ("server-v2", "server")]
    {
        text += &workload(name, account);
    }
    text
}

const NAMESPACE: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: suite
  labels:
    istio-injection: enabled
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: client
  namespace: suite
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: server
  namespace: suite
---
apiVersion: v1
kind: Service
metadata:
  name: server
  namespace: suite
spec:
  clusterIP: 10.96.0.10
  selector:
    app: server
  ports:
    # No protocol's name: what the client speaks is spoken to the server.
    - name: web
      port: 8080
    - name: tcp
      port: 9000
";

fn workload(name: &str, account: &str) -> String {
    let version = name.rsplit('-').next().unwrap_or(name);
    format!(
        "\
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: suite
spec:
  selector:
    matchLabels: {{ app: {account}, version: {version} }}
  template:
    metadata:
      labels: {{ app: {account}, version: {version} }}
    spec:
      serviceAccountName: {account}
      containers:
        - name: {account}
          image: registry.example.com/{account}
          ports:
            - containerPort: 8080
            - containerPort: 9000
"
    )
}

fn policy(step: u32, routes: u32) -> String {
    let more: String = (0..routes).map(unused_route).collect();
    let (first, second, subset) =
        if step.is_multiple_of(2) { ("a", "b", "v1") } else { ("b", "a", "v2") };
    format!(
        "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: server
  namespace: suite
spec:
  host: server
  subsets:
    - name: v1
      labels: {{ version: v1 }}
    - name: v2
      labels: {{ version: v2 }}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: server
  namespace: suite
spec:
  hosts: [server]
  http:
{more}    - headers:
        request:
          set: {{ x-route: \"{step}\" }}
        response:
          set: {{ x-answer: \"{step}\" }}
      route:
        - destination:
            host: server
            subset: {subset}
            port: {{ number: 8080 }}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: default
  namespace: istio-system
spec:
  mtls:
    mode: STRICT
{}{}",
        allow("first", first, 9000),
        allow("second", second, 9001),
    )
}

/// Lets the client in: with requests of one class, and to a port of bytes.
fn allow(name: &str, class: &str, port: u16) -> String {
    format!(
        "\
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {name}
  namespace: suite
spec:
  selector:
    matchLabels:
      app: server
  action: ALLOW
  rules:
    - from:
        - source:
            principals: [cluster.local/ns/suite/sa/client]
      when:
        - key: request.headers[x-class]
          values: [{class}]
    - from:
        - source:
            principals: [cluster.local/ns/suite/sa/client]
      to:
        - operation:
            ports: [\"{port}\"]
"
    )
}

/// For requests that nobody makes.
fn unused_route(number: u32) -> String {
    format!(
        "    - match: [{{ uri: {{ regex: \"/unused/[a-z]+/{number}/.*\" }} }}]\n      \
         directResponse: {{ status: 404 }}\n"
    )
}
