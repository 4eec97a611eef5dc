//! Istio's metrics, with Istio's labels.

use std::time::Duration;

use mesh_engine::program::AccessLog;
use mesh_proxy::observe::{
    AccessLogs, Denial, Destination, Direction, Flags, Metrics, Observer, Record, Security,
    ServiceId,
};

use crate::prometheus::Page;
use crate::sample::{Sample, denying, headers, local, program};

fn observer() -> Observer {
    let logs = AccessLogs::start(Destination::Stdout).unwrap();
    Observer::new(&Metrics::new(local()), &logs)
}

fn page(observer: &Observer) -> Page {
    Page::read(&observer.metrics().page())
}

#[test]
fn a_request_has_all_of_istios_labels() {
    let (observer, sample) = (observer(), Sample::new());
    observer.request(&sample.record(observer.metrics(), &AccessLog::Off));
    let page = page(&observer);
    let sample = page.find("istio_requests_total", &[]).next().unwrap();
    let expected = [
        ("reporter", "source"),
        ("source_workload", "web-v1"),
        ("source_canonical_service", "web"),
        ("source_canonical_revision", "v1"),
        ("source_workload_namespace", "shop"),
        ("source_principal", "spiffe://cluster.local/ns/shop/sa/web"),
        ("source_app", "web"),
        ("source_version", "v1"),
        ("source_cluster", "Kubernetes"),
        ("destination_workload", "reviews-v2"),
        ("destination_workload_namespace", "shop"),
        ("destination_principal", "spiffe://cluster.local/ns/shop/sa/reviews"),
        ("destination_app", "reviews"),
        ("destination_version", "unknown"),
        ("destination_service", "reviews.shop.svc.cluster.local"),
        ("destination_canonical_service", "reviews"),
        ("destination_canonical_revision", "latest"),
        ("destination_service_name", "reviews"),
        ("destination_service_namespace", "shop"),
        ("destination_cluster", "Kubernetes"),
        ("request_protocol", "http"),
        ("response_code", "200"),
        ("grpc_response_status", ""),
        ("response_flags", "-"),
        ("connection_security_policy", "mutual_tls"),
    ];
    let found: Vec<_> = sample.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(found, sorted);
    assert_eq!(sample.value.to_string(), "1");
}

#[test]
fn sizes_and_durations_are_spread_over_buckets() {
    let (observer, sample) = (observer(), Sample::new());
    let record = sample.record(observer.metrics(), &AccessLog::Off);
    observer.request(&record);
    observer.request(&Record { took: Duration::from_micros(400), ..record });
    let page = page(&observer);
    let bucket = |le| page.value("istio_request_duration_milliseconds_bucket", &[("le", le)]);
    assert_eq!(["0.5", "10", "25", "+Inf"].map(bucket).to_vec(), [1.0, 1.0, 2.0, 2.0]);
    let sum = page.value("istio_request_duration_milliseconds_sum", &[]);
    assert!((sum - 12.745).abs() < 1e-9, "{sum}");
    // "GET /a?b=c HTTP/1.1", its three fields, an empty line, and ten bytes of body.
    let head = 21 + "user-agent: test\r\nx-request-id: 0a1b\r\nx-user: \"ann\"\r\n\r\n".len();
    let sum = page.value("istio_request_bytes_sum", &[]);
    assert_eq!(sum.to_string(), (2 * (head + 10)).to_string());
    let head = "HTTP/1.1 200 OK\r\nx-envoy-upstream-service-time: 4\r\n\r\n".len();
    let sum = page.value("istio_response_bytes_sum", &[]);
    assert_eq!(sum.to_string(), (2 * (head + 1000)).to_string());
}

#[test]
fn inbound_the_sides_change_and_who_has_proved_nothing_is_unknown() {
    let (observer, sample) = (observer(), Sample::new());
    let record = sample.record(observer.metrics(), &AccessLog::Off);
    let (service, security) = (ServiceId::UNKNOWN, Security::Plain);
    observer.request(&Record { direction: Direction::Inbound, service, security, ..record });
    let found = page(&observer);
    let labels = [
        ("reporter", "destination"),
        ("source_workload", "reviews-v2"),
        ("source_principal", "unknown"),
        ("destination_workload", "web-v1"),
        ("destination_principal", "unknown"),
        ("destination_service", "web"),
        ("destination_service_name", "web"),
        ("destination_service_namespace", "shop"),
        ("connection_security_policy", "none"),
    ];
    assert_eq!(found.values("istio_requests_total", &labels), [1.0]);
}

#[test]
fn what_got_no_answer_says_so() {
    let (observer, sample) = (observer(), Sample::new());
    let mut record = sample.record(observer.metrics(), &AccessLog::Off);
    record.http = record.http.map(|http| mesh_proxy::observe::Http { status: None, ..http });
    record.flags = Flags::UPSTREAM_CONNECTION_FAILURE | Flags::RETRIES_EXHAUSTED;
    record.peer = mesh_proxy::observe::PeerId::UNKNOWN;
    (record.service, record.security) = (ServiceId::PASSTHROUGH, Security::Unknown);
    observer.request(&record);
    let labels = [
        ("response_code", "0"),
        ("response_flags", "UF,URX"),
        ("destination_workload", "unknown"),
        ("destination_canonical_revision", "latest"),
        ("destination_service", "unknown"),
        ("destination_service_name", "PassthroughCluster"),
        ("connection_security_policy", "unknown"),
    ];
    assert_eq!(page(&observer).values("istio_requests_total", &labels), [1.0]);
}

#[test]
fn grpc_has_a_status_of_its_own() {
    let (observer, mut sample) = (observer(), Sample::new());
    for (kind, status, found) in [
        ("application/grpc", "0", "0"),
        ("application/grpc+proto", "14", "14"),
        ("application/grpc;x=y", "99", "2"),
        ("application/grpcish", "14", ""),
    ] {
        sample.headers = headers(&[("content-type", kind)]);
        sample.trailers = headers(&[("grpc-status", status)]);
        observer.request(&sample.record(observer.metrics(), &AccessLog::Off));
        let protocol = if found.is_empty() { "http" } else { "grpc" };
        let labels = [("grpc_response_status", found), ("request_protocol", protocol)];
        assert_eq!(page(&observer).values("istio_requests_total", &labels), [1.0], "{kind}");
    }
}

#[test]
fn a_connection_is_counted_while_it_lasts() {
    let (observer, sample) = (observer(), Sample::new());
    let record = sample.record(observer.metrics(), &AccessLog::Off);
    let open = Record { http: None, received: 0, sent: 0, ..record };
    let mut opened = observer.opened(&open);
    observer.moved(&mut opened, &Record { received: 100, sent: 7, ..open });
    let total = |name: &str, flags: &str| {
        let labels = [("response_flags", flags), ("request_protocol", "tcp")];
        let page = page(&observer);
        assert!(page.find(name, &labels).all(|it| !it.labels.contains_key("response_code")));
        page.value(name, &labels)
    };
    let all = |flags| {
        ["connections_opened", "connections_closed", "received_bytes", "sent_bytes"]
            .map(|name| total(&format!("istio_tcp_{name}_total"), flags))
            .to_vec()
    };
    assert_eq!(all("-"), [1.0, 0.0, 100.0, 7.0]);
    let flags = Flags::DOWNSTREAM_TERMINATION;
    observer.connection(Some(opened), &Record { received: 150, sent: 8, flags, ..open });
    assert_eq!(all("-"), [1.0, 0.0, 100.0, 7.0]);
    assert_eq!(all("DC"), [0.0, 1.0, 50.0, 1.0]);
    observer.connection(None, &Record { received: 1, sent: 1, ..open });
    assert_eq!(all("-"), [2.0, 1.0, 101.0, 8.0]);
}

#[test]
fn denials_are_counted_by_rule() {
    let (observer, sample, program) = (observer(), Sample::new(), program());
    let record = sample.record(observer.metrics(), &AccessLog::Off);
    for rule in [Some(denying(&program)), Some(denying(&program)), None] {
        observer.request(&Record { denial: Some(Denial { rule }), ..record });
    }
    let page = page(&observer);
    let by = [("policy_namespace", "shop"), ("policy", "admin"), ("rule", "0")];
    assert_eq!(page.values("mesh_denials_total", &by), [2.0]);
    assert_eq!(page.values("mesh_denials_total", &[("policy", "")]), [1.0]);
}

#[test]
fn requests_count_under_their_epoch() {
    let (observer, sample) = (observer(), Sample::new());
    let record = sample.record(observer.metrics(), &AccessLog::Off);
    for status in [Some(200), Some(404), Some(403), Some(503), None] {
        let http = record.http.map(|http| mesh_proxy::observe::Http { status, ..http });
        observer.request(&Record { http, ..record });
    }
    let debug = format!("{:?}", sample.health);
    assert!(debug.contains("requests: 5, failed: 2, denied: 1"), "{debug}");
}

#[test]
fn names_from_outside_are_bounded_and_escaped() {
    let logs = AccessLogs::start(Destination::Stdout).unwrap();
    let observer = Observer::new(&Metrics::up_to(100, local()), &logs);
    let sample = Sample::new();
    let record = sample.record(observer.metrics(), &AccessLog::Off);
    let odd = observer.authority("a\"b\\c\nd");
    observer.request(&Record { service: odd, ..record });
    for number in 0..600 {
        let service = observer.authority(&format!("host-{number}.test"));
        observer.request(&Record { service, ..record });
    }
    let page = page(&observer);
    let named = [("destination_service", "a\"b\\c\nd")];
    assert_eq!(page.values("istio_requests_total", &named), [1.0]);
    let overflow = [("destination_service", "__overflow__")];
    let overflowed: f64 = page.values("istio_requests_total", &overflow).iter().sum();
    assert!((450.0..550.0).contains(&overflowed), "{overflowed}");
    let all: f64 = page.values("istio_requests_total", &[]).iter().sum();
    assert_eq!(all.to_string(), "601");
}

#[test]
fn threads_add_up() {
    let metrics = Metrics::new(local());
    let logs = AccessLogs::start(Destination::Stdout).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let (observer, sample) = (Observer::new(&metrics, &logs), Sample::new());
                let record = sample.record(&metrics, &AccessLog::Off);
                (0..100).for_each(|_| observer.request(&record));
            });
        }
    });
    assert_eq!(Page::read(&metrics.page()).values("istio_requests_total", &[]), [300.0]);
}
