use http::HeaderMap;
use mesh_snapshot::object::{
    AccessLog as ObjectAccessLog, Action, AuthorizationPolicy, Bytes, Delay, Fault as ObjectFault,
    HeaderMatch, HeaderOperations, HttpAction, HttpMatch, HttpRoute, JwtKeys, JwtRule,
    Microseconds, MtlsMode, Object, PartsPerMillion, PeerAuthentication, RequestAuthentication,
    RetryPolicy, Role, RouteTable, StringMatch, ValueMatch, Workload,
};
use mesh_snapshot::{Digest, Key, Kind, ReadObjects, Reference, Slice};

use super::{AccessLog, BuildError, Limits, Program};
use crate::cluster::tests::reviews;
use crate::fixture::{Mesh, workload};
use crate::format::{DEFAULT_JSON, DEFAULT_TEXT};
use crate::policy::TokenError;
use crate::program::FEATURES;
use crate::request::tests::{get, headers};

fn table(header: &str, fault: ObjectFault) -> RouteTable {
    let value = ValueMatch::Is(StringMatch::Regex("[a-z]+".to_owned()));
    let header = HeaderMatch { name: header.to_owned(), value, inverted: false };
    let route = HttpRoute {
        name: String::new(),
        matches: vec![HttpMatch { headers: vec![header], ..HttpMatch::default() }],
        action: HttpAction::Respond { status: 200, body: Bytes::default() },
        headers: HeaderOperations::default(),
        cors: None,
        fault,
    };
    RouteTable { http: vec![route], ..RouteTable::default() }
}

fn jwt_rule() -> JwtRule {
    JwtRule {
        issuer: "issuer".to_owned(),
        audiences: Vec::new(),
        keys: JwtKeys::Remote("https://keys.test".to_owned()),
        from_headers: Vec::new(),
        from_parameters: Vec::new(),
        from_cookies: Vec::new(),
        payload_header: "x-payload".to_owned(),
        claim_headers: Vec::new(),
        forward_token: false,
        fetch_timeout: Microseconds::from_secs(5),
        space_delimited_claims: Vec::new(),
        required: false,
    }
}

fn refusal(mesh: Mesh) -> BuildError {
    mesh.build(&workload()).unwrap_err()
}

#[test]
fn a_mesh_without_policy_builds() {
    let program = Mesh::new().build(&workload()).unwrap();
    assert!(program.clusters().is_empty() && program.gateway().is_none());
    assert_eq!(program.inbound().port(80).mtls, MtlsMode::Permissive);
    assert_eq!(program.defaults().trust_domain, "cluster.local");
    assert!(program.memory_bytes() > 0);
}

#[test]
fn policies_of_the_slice_are_in_force() {
    let mut mesh = Mesh::new();
    let mode = Some(MtlsMode::Strict);
    mesh.peer_authentication(PeerAuthentication { mode, ..PeerAuthentication::default() });
    mesh.inbound(reviews());
    let rules = vec![jwt_rule()];
    mesh.authentication("jwt", RequestAuthentication { rules });
    mesh.authorization(AuthorizationPolicy {
        namespace: "shop".to_owned(),
        name: "nothing".to_owned(),
        action: Action::Allow,
        dry_run: false,
        rules: Vec::new(),
    });
    let program = mesh.build(&workload()).unwrap();
    assert_eq!(program.inbound().port(9080).mtls, MtlsMode::Strict);
    assert_eq!(program.inbound().ports(), [9080]);
    let connection = crate::Connection {
        source: [10, 0, 0, 1].into(),
        remote: [10, 0, 0, 1].into(),
        destination: ([10, 0, 0, 2], 9080).into(),
        peer: None,
        sni: None,
        mutual_tls: false,
    };
    assert!(!program.policy().authorize_connection(&connection).is_allowed());
    let token = headers(&[("authorization", "Bearer a.b.c")]);
    let refused = program.policy().authenticate(&get("/", &token), &(), 0);
    assert_eq!(refused.unwrap_err(), TokenError::HeaderEncoding);
    assert_eq!(program.policy().reserved_headers(), ["x-payload"]);
    assert_eq!(program.policy().remote_keys().collect::<Vec<_>>(), ["https://keys.test"]);
}

#[test]
fn a_feature_that_is_not_served_is_refused_by_name() {
    let mut mesh = Mesh::new();
    let delay = Delay { duration: Microseconds(1), share: PartsPerMillion::ALL };
    let fault = ObjectFault { delay: Some(delay), abort: None };
    mesh.service(reviews(), Some(table("x-a", fault)));
    mesh.features.retain(|feature| *feature != "fault-injection");
    let error = refusal(mesh);
    let key = Key::new(Kind::RouteTable, "shop", "reviews.shop.svc.cluster.local");
    assert_eq!(error.place(), (&key, "http[0]"));
    assert!(error.to_string().ends_with("`http[0]`: it needs the feature `fault-injection`"));
}

#[test]
fn what_cannot_be_compiled_is_refused_with_its_place() {
    let mut mesh = Mesh::new();
    mesh.service(reviews(), Some(table("a b", ObjectFault::default())));
    assert_eq!(refusal(mesh).place().1, "http[0]");
    let mut mesh = Mesh::new();
    mesh.defaults.default_retry =
        RetryPolicy { conditions: ["5xxx".to_owned()].into(), ..RetryPolicy::default() };
    assert!(refusal(mesh).to_string().contains("`5xxx`"));
}

#[test]
fn a_budget_is_kept() {
    let with = |memory_bytes_max| {
        let mut mesh = Mesh::new();
        mesh.service(reviews(), Some(table("x-a", ObjectFault::default())));
        mesh.memory_bytes_max = memory_bytes_max;
        mesh.build(&workload())
    };
    let needed = with(usize::MAX).unwrap().memory_bytes();
    assert!(with(needed).is_ok());
    for budget in [0, needed / 2, needed - 1] {
        let error = with(budget).unwrap_err();
        assert!(matches!(error, BuildError::Memory { budget: told, .. } if told == budget));
    }
}

/// Objects by digest; nothing else.
struct Store(Vec<(Digest, Vec<u8>)>);

impl ReadObjects for Store {
    fn read(&self, digest: &Digest) -> Option<std::sync::Arc<[u8]>> {
        self.0.iter().find(|(found, _)| found == digest).map(|(_, bytes)| bytes.clone().into())
    }
}

fn build(reference: Reference, store: &Store) -> BuildError {
    let slice = Slice {
        mesh_defaults: reference,
        peer_authentications: Vec::new(),
        request_authentications: Vec::new(),
        authorization_policies: Vec::new(),
        inbound: Vec::new(),
        inbound_ports: None,
        request_filters: Vec::new(),
        egress: None,
        gateways: Vec::new(),
    };
    let limits = Limits {
        memory_bytes_max: 1 << 20,
        features: FEATURES,
        gateway_address: crate::program::GATEWAY_ADDRESS,
    };
    Program::build(&workload(), &slice, store, &limits).unwrap_err()
}

#[test]
fn an_object_must_be_there_and_be_what_its_name_says() {
    let key = Key::new(Kind::MeshDefaults, "", "mesh");
    let peers = Object::PeerAuthentication(PeerAuthentication::default());
    let peers = mesh_snapshot::canonical::encode(&peers);
    for (bytes, reason) in [
        (b"{".to_vec(), "not a value of this kind"),
        (b"{\"MeshDefaults\":{}, }".to_vec(), "not a value of this kind"),
        (peers, "it holds a PeerAuthentication"),
    ] {
        let reference = Reference { key: key.clone(), digest: Digest::of(&bytes) };
        let error = build(reference.clone(), &Store(vec![(reference.digest, bytes)]));
        assert!(matches!(&error, BuildError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert!(matches!(build(reference, &Store(Vec::new())), BuildError::Missing { .. }));
    }
}

#[test]
fn logs_have_istios_formats_unless_told_otherwise() {
    let log = |access_log| {
        let mut mesh = Mesh::new();
        mesh.defaults.access_log = access_log;
        mesh.build(&workload()).map(|program| program.access_log().clone())
    };
    let file = || "/dev/stdout".to_owned();
    assert!(matches!(log(ObjectAccessLog::Off), Ok(AccessLog::Off)));
    let text = log(ObjectAccessLog::Text { file: file(), format: String::new() }).unwrap();
    let AccessLog::Text { format, .. } = text else { panic!("not text") };
    assert_eq!(format, crate::format::Format::parse(DEFAULT_TEXT).unwrap());
    let json = log(ObjectAccessLog::Json { file: file(), fields: Vec::new() }).unwrap();
    let AccessLog::Json { fields, .. } = json else { panic!("not JSON") };
    assert_eq!(fields.len(), DEFAULT_JSON.len());
    let own = vec![("status".to_owned(), "%RESPONSE_CODE%".to_owned())];
    let json = log(ObjectAccessLog::Json { file: file(), fields: own }).unwrap();
    let AccessLog::Json { fields, .. } = json else { panic!("not JSON") };
    assert_eq!(&*fields[0].0, "status");
    let wrong = log(ObjectAccessLog::Text { file: file(), format: "%NOPE%".to_owned() });
    assert!(wrong.unwrap_err().to_string().contains("unknown operator `%NOPE%`"));
}

#[test]
fn the_original_client_depends_on_the_role() {
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
    let peer = [10, 0, 0, 1].into();
    let sidecar = Mesh::new().build(&workload()).unwrap();
    assert_eq!(sidecar.remote_address(peer, &headers), std::net::IpAddr::from([192, 0, 2, 1]));
    let gateway = Mesh::new().build(&Workload { role: Role::Gateway, ..workload() }).unwrap();
    assert_eq!(gateway.remote_address(peer, &headers), peer);
}
