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
pub(crate) const TCP: &str = "server.suite.svc.cluster.local:9000";

/// Writes the repository of a step into `folder`, which exists. It has so many routes more than it needs.
pub(crate) fn write(folder: &Path, step: u32, routes: u32) -> io::Result<()> {
    std::fs::write(folder.join("mesh.yaml"), MESH)?;
    std::fs::write(folder.join("workloads.yaml"), workloads())?;
    std::fs::write(folder.join("policy.yaml"), policy(step, routes))
}

const MESH: &str = "\
meshConfig:
  trustDomain: cluster.local
  rootNamespace: istio-system
  outboundTrafficPolicy:
    mode: REGISTRY_ONLY
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
  selector:
    app: server
  ports:
    - name: http
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
