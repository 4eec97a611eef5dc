//! `DestinationRule`s: what a subset and a port inherit, and what the mesh says.

use std::time::Duration;

use mesh_snapshot::object::{
    ClientTls, Credential, Hash, HashTable, HttpVersion, LoadBalancer, Microseconds,
    SimpleBalancer, TrafficPolicy,
};

use SimpleBalancer::{LeastRequest, Random, RoundRobin};

use crate::support::{Program, Repository, workload};

/// The policies of clusters of `api.shop`, as `shop/web` sees it.
fn policies(repository: &Repository, names: &[&str]) -> Vec<TrafficPolicy> {
    let bundle = repository.bundle();
    let web = Program::of(&bundle, "shop/web");
    let of = |name: &&str| {
        let name = format!("outbound|{name}|api.shop.svc.cluster.local");
        web.program.cluster_by_name(&name).unwrap().policy().clone()
    };
    names.iter().map(of).collect()
}

fn repository(rule: &str) -> Repository {
    let api = workload("shop", "api").replace(
        "ports: [{name: http, port: 80, targetPort: 8080}]",
        "ports: [{name: http, port: 80, targetPort: 8080}, {name: http-b, port: 81, targetPort: 8081}]",
    );
    let head = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: api, namespace: shop}
spec:
  host: api
";
    Repository::of(&(api + &workload("shop", "web") + head + rule))
}

#[test]
fn a_subset_inherits_blocks_and_a_port_nothing() {
    let rule = "
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 1}}
    tls: {mode: DISABLE}
    portLevelSettings:
      - port: {number: 81}
        loadBalancer: {simple: RANDOM}
  subsets:
    - name: v1
      labels: {version: v1}
      trafficPolicy:
        loadBalancer: {simple: ROUND_ROBIN}
        portLevelSettings:
          - port: {number: 80}
            connectionPool: {tcp: {maxConnections: 9}}
    - name: v2
      labels: {version: v2}
";
    let repository = repository(rule);
    let found = policies(&repository, &["80|", "81|", "80|v1", "81|v1", "80|v2", "81|v2"]);
    let limits: Vec<_> = found.iter().map(|it| it.connection_pool.connections_max).collect();
    assert_eq!(limits, [1, 0, 9, 0, 1, 0]);
    let tls: Vec<_> = found.iter().map(|it| it.tls == ClientTls::Disable).collect();
    assert_eq!(tls, [true, false, false, false, true, false]);
    let balancer = |it: &TrafficPolicy| match it.load_balancer {
        LoadBalancer::Simple(simple) => simple,
        LoadBalancer::ConsistentHash { .. } => panic!(),
    };
    let balancers: Vec<_> = found.iter().map(balancer).collect();
    let expected = [LeastRequest, Random, LeastRequest, RoundRobin, LeastRequest, Random];
    assert_eq!(balancers, expected);
}

#[test]
fn all_blocks_are_carried() {
    let rule = "
  trafficPolicy:
    loadBalancer:
      consistentHash: {httpCookie: {name: c, ttl: 0s}, maglev: {tableSize: 101}}
    outlierDetection: {consecutiveGatewayErrors: 3, splitExternalLocalOriginErrors: true, maxEjectionPercent: 50}
    connectionPool:
      tcp: {connectTimeout: 3s, tcpKeepalive: {probes: 3}}
      http: {useClientProtocol: true, maxRetries: 4, http1MaxPendingRequests: 5}
    tls: {mode: MUTUAL, credentialName: client, sni: s.test, subjectAltNames: [s.test]}
";
    let repository = repository(rule);
    repository.write(
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: client, namespace: shop}\n",
    );
    let found = policies(&repository, &["80|"]).remove(0);
    let cookie = Hash::Cookie { name: "c".into(), path: String::new(), ttl: Some(Microseconds(0)) };
    let table = HashTable::Maglev { size: 101 };
    assert_eq!(found.load_balancer, LoadBalancer::ConsistentHash { hash: cookie, table });
    let outliers = found.outlier_detection.unwrap();
    assert_eq!((outliers.consecutive_5xx, outliers.consecutive_gateway_errors), (5, 3));
    assert_eq!(outliers.consecutive_local_origin_failures, 5);
    assert_eq!((outliers.ejected_max.0, outliers.interval.0), (500_000, 10_000_000));
    let pool = found.connection_pool;
    assert_eq!(pool.connect_timeout, Some(Microseconds::from_secs(3)));
    assert_eq!((pool.retries_max, pool.pending_requests_max), (4, 5));
    assert_eq!(pool.http_version, HttpVersion::AsClient);
    assert_eq!(pool.tcp_keepalive.unwrap().probes, 3);
    let ClientTls::Originate { credential, sni, .. } = found.tls else { panic!() };
    assert_eq!((credential.unwrap().name.as_str(), sni.as_str()), ("client", "s.test"));
}

#[test]
fn the_mesh_speaks_where_no_rule_does() {
    let config = "
meshConfig:
  connectTimeout: 2s
  tcpKeepalive: {probes: 7, time: 10s}
  defaultTrafficPolicy: {outlierDetection: {consecutive5xxErrors: 9}}
";
    let repository =
        repository("  trafficPolicy: {connectionPool: {tcp: {tcpKeepalive: {probes: 1}}}}\n");
    repository.write("mesh.yaml", config);
    let bundle = repository.bundle();
    let web = Program::of(&bundle, "shop/web");
    let cluster =
        |host: &str| web.program.cluster_by_name(&format!("outbound|80||{host}")).unwrap();
    let ruled = cluster("api.shop.svc.cluster.local");
    let keepalive = ruled.policy().connection_pool.tcp_keepalive.unwrap();
    assert_eq!((keepalive.probes, keepalive.time), (1, Microseconds::from_secs(10)));
    assert!(ruled.policy().outlier_detection.is_none());
    let bare = cluster("web.shop.svc.cluster.local");
    assert_eq!(bare.policy().outlier_detection.as_ref().unwrap().consecutive_5xx, 9);
    assert_eq!(bare.connect_timeout(), Duration::from_secs(2));
}

#[test]
fn a_backend_tls_policy_secures_what_no_rule_does() {
    let rule = "
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 7}}
    portLevelSettings:
      - port: {number: 81}
        tls: {mode: DISABLE}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: api, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: api}, {group: '', kind: Service, name: gone}]
  validation:
    hostname: api.test
    wellKnownCACertificates: System
    subjectAltNames: [{type: URI, uri: spiffe://test/api}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: by-port, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: api, sectionName: http}]
  validation: {hostname: port.test, wellKnownCACertificates: System}
";
    let repository = repository(rule);
    let findings = repository.compile().findings;
    let said = findings.iter().filter(|it| it.check.name == "unserved-backend-policy");
    assert_eq!(said.count(), 2, "there is no Service `gone`, and the rule takes port 81 away");
    let all = policies(&repository, &["80|", "81|"]);
    let ClientTls::Originate { sni, subject_alt_names, ca_file, skip_verify, .. } = &all[0].tls
    else {
        panic!("{:?}", all[0].tls)
    };
    assert_eq!((sni.as_str(), subject_alt_names.len()), ("port.test", 0));
    assert!(ca_file.is_empty() && !skip_verify);
    assert_eq!(all[0].connection_pool.connections_max, 7);
    assert_eq!(all[1].tls, ClientTls::Disable, "a rule that says it wins");
}

#[test]
fn a_backend_whose_authority_is_a_resource_is_never_called_in_plain_text() {
    let rule = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: api, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: api}]
  validation:
    hostname: api.test
    caCertificateRefs: [{group: '', kind: ConfigMap, name: ours}, {group: '', kind: ConfigMap, name: more}]
";
    let repository = repository(rule);
    let ClientTls::Originate { sni, credential, authorities, .. } =
        &policies(&repository, &["80|"])[0].tls
    else {
        panic!("it is secured")
    };
    assert_eq!((sni.as_str(), credential), ("api.test", &None), "there is nothing to show");
    let named = |it: &Credential| (it.namespace.clone(), it.name.clone());
    let authorities: Vec<_> = authorities.iter().flatten().map(named).collect();
    let both = ["more", "ours"].map(|name| ("shop".to_owned(), name.to_owned()));
    assert_eq!(authorities, both, "all of them are believed");
}

#[test]
fn an_authority_that_is_well_known_elsewhere_is_nobody() {
    let rule = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: api, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: api}]
  validation: {hostname: api.test, wellKnownCACertificates: example.com/Ours}
";
    let repository = repository(rule);
    let ClientTls::Originate { authorities, .. } = &policies(&repository, &["80|"])[0].tls else {
        panic!("it is secured")
    };
    assert_eq!(authorities, &Some([].into()), "not the system's authorities");
}

#[test]
fn the_secret_of_a_rule_vouches_and_is_shown_only_where_tls_is_mutual() {
    for (mode, is_shown) in [("SIMPLE", false), ("MUTUAL", true)] {
        let rule = format!("  trafficPolicy: {{tls: {{mode: {mode}, credentialName: client}}}}\n");
        let ClientTls::Originate { credential, authorities, .. } =
            &policies(&repository(&rule), &["80|"])[0].tls
        else {
            panic!("it is secured")
        };
        let secret = Credential { namespace: String::new(), name: "client".to_owned() };
        assert_eq!(authorities, &Some([secret.clone()].into()), "{mode}");
        assert_eq!(credential, &is_shown.then_some(secret), "{mode}");
    }
}
