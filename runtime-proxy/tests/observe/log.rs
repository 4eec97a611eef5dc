//! The access log, as it stands in its file.

use std::io::Read as _;
use std::time::Duration;

use mesh_engine::format::{DEFAULT_JSON, DEFAULT_TEXT, Format};
use mesh_engine::program::AccessLog;
use mesh_proxy::observe::{AccessLogs, Denial, Destination, Http, Metrics, Observer, Record};

use crate::sample::{Sample, denying, headers, local, program, source_map};

/// What stands in the file when all has been written.
fn written(
    make: impl FnOnce(&str) -> AccessLog,
    tell: impl FnOnce(&Observer, &AccessLog),
) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let log = make(file.path().to_str().unwrap());
    let logs = AccessLogs::start(Destination::Stdout).unwrap();
    let observer = Observer::new(&Metrics::new(local()), &logs);
    tell(&observer, &log);
    assert_eq!(logs.dropped(), 0);
    drop((observer, logs));
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

fn text(format: &str) -> impl FnOnce(&str) -> AccessLog {
    let format = Format::parse(format).unwrap();
    |file| AccessLog::Text { file: file.into(), format }
}

fn json(fields: &[(&str, &str)]) -> impl FnOnce(&str) -> AccessLog {
    let fields =
        fields.iter().map(|(name, format)| ((*name).into(), Format::parse(format).unwrap()));
    let fields = fields.collect();
    |file| AccessLog::Json { file: file.into(), fields }
}

#[test]
fn the_default_is_istios_line_and_the_epoch() {
    let sample = Sample::new();
    let line = written(text(DEFAULT_TEXT), |observer, log| {
        observer.request(&sample.record(observer.metrics(), log));
    });
    assert_eq!(
        line,
        "[2023-11-14T22:13:20.123Z] \"GET /a?b=c HTTP/1.1\" 200 - via_upstream - \"-\" 10 1000 12 4 \"-\" \
         \"test\" \"0a1b\" \"reviews:9080\" \"10.0.0.7:9080\" \
         outbound|9080||reviews.shop.svc.cluster.local - 10.96.0.1:9080 10.0.0.1:40000 - default 7\n"
    );
}

#[test]
fn a_denial_names_the_rule_and_where_it_stands() {
    let (sample, program) = (Sample::new(), program());
    let rule = Some(denying(&program));
    sample.sources.set(source_map(denying(&program), "policies/who may.yaml"));
    let lines = written(text(DEFAULT_TEXT), |observer, log| {
        let record = sample.record(observer.metrics(), log);
        for rule in [rule, None] {
            observer.request(&Record { denial: Some(Denial { rule }), ..record });
        }
    });
    let lines: Vec<_> = lines.lines().collect();
    let details = "rbac_access_denied_matched_policy[ns[shop]-policy[admin]-rule[0]]";
    assert!(lines[0].contains(&format!("200 - {details} - ")), "{}", lines[0]);
    let end = " 7 denied_by=shop/admin/rules[0] denied_at=policies/who\\u{20}may.yaml:12";
    assert!(lines[0].ends_with(end), "{}", lines[0]);
    assert!(lines[1].contains("rbac_access_denied_matched_policy[none]"), "{}", lines[1]);
    assert!(lines[1].ends_with(" 7 denied_by=none"), "{}", lines[1]);
}

#[test]
fn a_format_of_ones_own_is_written_as_it_is() {
    let (mut sample, program) = (Sample::new(), program());
    sample.trailers = headers(&[("grpc-status", "5"), ("x-end", "z")]);
    sample.headers = headers(&[("content-type", "application/grpc"), ("x-user", "ann")]);
    let format = "%REQ_WITHOUT_QUERY(:PATH)% %REQ(X-NONE?X-USER):2% %RESP(:STATUS)% %TRAILER(X-END)% \
                  %GRPC_STATUS%/%GRPC_STATUS_NUMBER% %RESPONSE_FLAGS_LONG% %ENVIRONMENT(REGION)% \
                  %ENVIRONMENT(NONE)% %HOSTNAME% %UPSTREAM_REQUEST_ATTEMPT_COUNT% \
                  %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT% \
                  %RESPONSE_DURATION% %RESPONSE_TX_DURATION% %START_TIME(%s)% %DOWNSTREAM_TLS_CIPHER%";
    let lines = written(text(format), |observer, log| {
        let mut record = sample.record(observer.metrics(), log);
        record.downstream.remote = Some([203, 0, 113, 9].into());
        record.downstream.tls_cipher = Some(rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
        observer.request(&record);
        let denial = Some(Denial { rule: Some(denying(&program)) });
        observer.request(&Record { denial, http: None, ..record });
    });
    assert_eq!(
        lines,
        "/a an 200 z NotFound/5 - north - web-0 1 203.0.113.9:0 10.0.0.1 12 0 1700000000 TLS_AES_128_GCM_SHA256\n\
         - - - - -/- - north - web-0 1 203.0.113.9:0 10.0.0.1 - - 1700000000 TLS_AES_128_GCM_SHA256\n"
    );
}

#[test]
fn json_keeps_types_and_says_null() {
    let (sample, program) = (Sample::new(), program());
    sample.sources.set(source_map(denying(&program), "a.yaml"));
    let lines = written(json(DEFAULT_JSON), |observer, log| {
        let record = sample.record(observer.metrics(), log);
        observer.request(&record);
        let denial = Some(Denial { rule: Some(denying(&program)) });
        observer.request(&Record { denial, ..record });
    });
    let mut objects =
        lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let (plain, denied) = (objects.next().unwrap(), objects.next().unwrap());
    assert_eq!(plain["response_code"], 200);
    assert_eq!(plain["duration"], 12);
    assert_eq!(plain["epoch"], 7);
    assert_eq!(plain["path"], "/a?b=c");
    assert_eq!(plain["upstream_service_time"], "4");
    assert!(plain["x_forwarded_for"].is_null());
    assert_eq!(plain.as_object().unwrap().len(), DEFAULT_JSON.len());
    assert_eq!(denied["denied_by"], "shop/admin/rules[0]");
    assert_eq!(denied["denied_at"], "a.yaml:12");
}

#[test]
fn json_escapes_what_it_must() {
    let mut sample = Sample::new();
    let mut value = http::HeaderValue::from_bytes(b"a\"\\\t\xff\xc3\xa4").unwrap();
    value.set_sensitive(false);
    sample.headers.insert("x-odd", value);
    let fields = [("odd \"name\"", "%REQ(X-ODD)%"), ("mixed", "%REQ(NONE)%-%PROTOCOL%")];
    let line = written(json(&fields), |observer, log| {
        observer.request(&sample.record(observer.metrics(), log));
    });
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(object["odd \"name\""], "a\"\\\t\u{fffd}ä");
    assert_eq!(object["mixed"], "--HTTP/1.1");
}

#[test]
fn threads_do_not_mix_their_lines() {
    let lines = written(text("%REQ(X-USER)% %DURATION%"), |_, log| {
        let logs = AccessLogs::start(Destination::Stdout).unwrap();
        let metrics = Metrics::new(local());
        std::thread::scope(|scope| {
            for user in ["ann", "bob", "eve"] {
                let (logs, metrics) = (&logs, &metrics);
                scope.spawn(move || {
                    let (observer, mut sample) = (Observer::new(metrics, logs), Sample::new());
                    sample.headers = headers(&[("x-user", user)]);
                    let record = sample.record(metrics, log);
                    for number in 0..1000 {
                        observer.request(&Record { took: Duration::from_millis(number), ..record });
                    }
                });
            }
        });
    });
    for user in ["ann", "bob", "eve"] {
        let of_user = lines.lines().filter(|line| line.starts_with(user));
        let expected: Vec<_> = (0..1000).map(|number| format!("{user} {number}")).collect();
        assert_eq!(of_user.collect::<Vec<_>>(), expected);
    }
    assert_eq!(lines.lines().count(), 3000);
}

#[test]
fn stdout_may_be_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let logs = AccessLogs::start(Destination::File(path.clone())).unwrap();
    let observer = Observer::new(&Metrics::new(local()), &logs);
    let sample = Sample::new();
    observer.request(&sample.record(observer.metrics(), &text("%PROTOCOL%")("/dev/stdout")));
    drop((observer, logs));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "HTTP/1.1\n");
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    let logs = AccessLogs::start(Destination::Stdout).unwrap();
    let observer = Observer::new(&Metrics::new(local()), &logs);
    let sample = Sample::new();
    let log = text("%PROTOCOL%")("/no/such/folder/log");
    let record = sample.record(observer.metrics(), &log);
    // The second comes when the file is known not to open, or before.
    for lost in 1..=2 {
        observer.request(&record);
        while logs.dropped() < lost {
            std::thread::yield_now();
        }
    }
    assert_eq!((logs.dropped(), logs.kept()), (2, 0));
}

#[test]
fn a_file_that_takes_nothing_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    // Somebody has the pipe open, and reads nothing.
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let logs = AccessLogs::start(Destination::Stdout).unwrap();
    let observer = Observer::new(&Metrics::new(local()), &logs);
    let sample = Sample::new();
    let log = text(DEFAULT_TEXT)(path.to_str().unwrap());
    let record = sample.record(observer.metrics(), &log);
    for _ in 0..20_000 {
        observer.request(&record);
    }
    assert!(logs.dropped() > 1000, "{}", logs.dropped());
    assert_eq!(logs.dropped() + logs.kept(), 20_000);
    drop(reader);
}

#[test]
fn a_request_without_http_or_answer_has_values_all_the_same() {
    let sample = Sample::new();
    let lines = written(text(DEFAULT_TEXT), |observer, log| {
        let record = sample.record(observer.metrics(), log);
        observer.connection(None, &Record { http: None, ..record });
        let http = record.http.map(|http| Http { status: None, response_headers: None, ..http });
        observer.request(&Record { http, ..record });
    });
    let lines: Vec<_> = lines.lines().collect();
    assert!(lines[0].contains("] \"- - -\" 0 - via_upstream"), "{}", lines[0]);
    assert!(lines[1].contains("\"GET /a?b=c HTTP/1.1\" 0 - "), "{}", lines[1]);
}
