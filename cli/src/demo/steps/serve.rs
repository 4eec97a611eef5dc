//! The mesh serves: real requests, from visitors to the last service, and what policy says becomes of each.

use std::path::Path;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use mesh_snapshot::container::Bundle;

use crate::demo::report::Report;
use crate::demo::repository::Repository;
use crate::demo::stage::{Stage, StageError};
use crate::demo::tally::Tally;
use crate::demo::visitors;
use crate::demo::wire::Outbound;
use crate::local::{Side, access_log};
use crate::operator::view::short;
use crate::request::{self, Answer, Mark, Outcome, Question};

pub(in crate::demo) async fn start(
    repository: Repository,
    bundle: Bundle,
    state: &Path,
    report: &mut Report,
) -> Result<Stage, StageError> {
    report.heading("The mesh serves it");
    let started = Instant::now();
    let digest = bundle.snapshot.digest();
    let set = Stage::set(repository, bundle, state).await?;
    let proxies = set.mesh.stations().len();
    let all = |overview: &mesh_control::observe::Overview| {
        overview.serving == proxies
            && overview.confirmed.is_some_and(|version| version.snapshot == digest)
    };
    let serving = set.overview_when(all, Duration::from_secs(10)).await;
    let seconds = started.elapsed().as_secs_f64();
    let text = format!(
        "control runtime, authority and {proxies} proxies up, all serving {} after {seconds:.1} s",
        short(&digest)
    );
    report.check(serving.is_some(), &text);
    Ok(set)
}

/// Enough to see a split of 90 to 10.
const PAGES: u64 = 300;

pub(in crate::demo) async fn run(stage: &mut Stage, report: &mut Report) -> Result<(), StageError> {
    let seen = stage.visitors.wait_for(PAGES, Duration::from_secs(15)).await;
    traffic(&seen, report);
    split(&seen, stage, report)?;
    canary(stage, report).await?;
    identity(stage, report).await;
    denial(stage, report, &FORBIDDEN_CALLER).await?;
    denial(stage, report, &FORBIDDEN_PATH).await
}

fn traffic(seen: &Tally, report: &mut Report) {
    let (good, requests) = (seen.good, seen.requests());
    let (p50, p99) = (seen.percentile(50), seen.percentile(99));
    let text = format!(
        "{good} of {requests} pages served over TLS, each by 4 or more proxies: p50 {p50} ms, p99 {p99} ms"
    );
    report.check(good == requests && requests >= PAGES, &text);
}

/// Within four standard deviations of what chance allows.
fn split(seen: &Tally, stage: &Stage, report: &mut Report) -> Result<(), StageError> {
    let (v1, v2, v3) = (seen.of_version("v1"), seen.of_version("v2"), seen.of_version("v3"));
    let all = v1 + v2 + v3;
    // 0.09 is the variance of one request; a square root is spared by comparing squares.
    let off = v2.abs_diff(all / 10);
    let close = all > 0 && off * off * 100 <= 16 * 9 * all + 100;
    let per_mille = (v2 * 1000).checked_div(all).unwrap_or(0);
    let text = format!(
        "reviews split 90 to 10: v1 {v1}, v2 {v2} ({}.{} %), v3 {v3}",
        per_mille / 10,
        per_mille % 10
    );
    let answer = ask(stage, "shop/frontpage", "reviews:9080", "GET", "/reviews/1")?;
    report.check_at(close && v3 == 0, &text, deciding(&answer, "route").as_deref());
    Ok(())
}

/// Who asks for the canary gets it.
async fn canary(stage: &Stage, report: &mut Report) -> Result<(), StageError> {
    const TRIES: usize = 20;
    let got = versions(stage, TRIES).await.into_iter().filter(|version| version == "v3").count();
    let mut question = question("shop/frontpage", "reviews:9080", "GET", "/reviews/1")?;
    question.headers = canary_header();
    let answer = request::ask(&stage.policy, &question)?;
    let text = format!("with `x-canary: reviews-v3`: {got} of {TRIES} by v3");
    report.check_at(got == TRIES, &text, deciding(&answer, "route").as_deref());
    Ok(())
}

/// Of the reviews that a visitor gets who asks for the canary.
pub(super) async fn versions(stage: &Stage, tries: usize) -> Vec<String> {
    let mut versions = Vec::new();
    let headers = canary_header();
    for _ in 0..tries {
        let Ok(mut client) = stage.door.enter().await else { continue };
        if let Ok(answer) = stage.door.get(&mut client, "/products/1", &headers).await {
            versions.extend(visitors::version(&answer));
        }
    }
    versions
}

fn canary_header() -> HeaderMap {
    let name = HeaderName::from_static("x-canary");
    HeaderMap::from_iter([(name, HeaderValue::from_static("reviews-v3"))])
}

/// What the services themselves were told of their callers.
async fn identity(stage: &Stage, report: &mut Report) {
    let page = async {
        let mut client = stage.door.enter().await.ok()?;
        let answer = stage.door.get(&mut client, "/products/1", &HeaderMap::new()).await.ok()?;
        visitors::page(&answer)
    };
    let page = page.await.unwrap_or_default();
    let caller = |of: &str| {
        page.pointer(of).and_then(|caller| caller.as_str()).unwrap_or("nobody").to_owned()
    };
    let (front, reviews) = (caller("/caller"), caller("/reviews/caller"));
    let holds = front == "spiffe://cluster.local/ns/istio-system/sa/ingress"
        && reviews == "spiffe://cluster.local/ns/shop/sa/frontpage";
    report.check(holds, &format!("frontpage was called by {front}, over mutual TLS"));
    report.check(holds, &format!("reviews was called by {reviews}, over mutual TLS"));
}

/// A request that policy forbids.
struct Forbidden {
    workload: &'static str,
    account: &'static str,
    to: &'static str,
    method: &'static str,
    path: &'static str,
    server: &'static str,
}

const FORBIDDEN_CALLER: Forbidden = Forbidden {
    workload: "shop/details-v1",
    account: "shop/details",
    to: "ratings:9080",
    method: "GET",
    path: "/ratings/1",
    server: "shop/ratings-v1",
};

const FORBIDDEN_PATH: Forbidden = Forbidden {
    workload: "shop/frontpage-v1",
    account: "shop/frontpage",
    to: "payment.payments:8080",
    method: "POST",
    path: "/refunds/7",
    server: "payments/payment-v1",
};

/// Sent for real, explained by `mesh request`, and found in the server's access log: all three must agree.
async fn denial(
    stage: &Stage,
    report: &mut Report,
    forbidden: &Forbidden,
) -> Result<(), StageError> {
    let Forbidden { workload, account, to, method, path, server } = *forbidden;
    let station = stage.station(workload).ok_or(StageError::Missing("such a workload"))?;
    let Side::Sidecar { outbound, .. } = &station.side else {
        return Err(StageError::Missing("sidecar there"));
    };
    let sent = Outbound::new(*outbound);
    let answer = sent.send(method, &format!("http://{to}{path}"), &HeaderMap::new()).await;
    let status = answer.map(|answer| answer.status().as_u16()).unwrap_or_default();
    let explained = ask(stage, account, to, method, path)?;
    let details = explained.summary.rsplit(", ").next().unwrap_or_default().to_owned();
    let logged = logged(stage, server, path, &details).await;
    let holds = status == 403
        && explained.outcome == Outcome::Denied
        && explained.status == Some(403)
        && logged;
    let from = account.rsplit('/').next().unwrap_or(account);
    let text = format!("{method} {path} from {from} to {to}: {status}, {}", reason(&details));
    report.check_at(holds, &text, deciding(&explained, "policy").as_deref());
    Ok(())
}

/// `none` or `payments/no-refunds`, out of what access logs say.
fn reason(details: &str) -> String {
    let part = |name: &str| {
        let (_, rest) = details.split_once(name)?;
        rest.split_once(']').map(|(part, _)| part.to_owned())
    };
    match (part("[ns["), part("policy[")) {
        (Some(namespace), Some(_)) => {
            let policy = part("-policy[").unwrap_or_default();
            format!("denied by {namespace}/{policy}")
        }
        _ => "no rule allows it".to_owned(),
    }
}

/// Whether the server's proxy has written down that it denied this, for this reason.
async fn logged(stage: &Stage, server: &str, path: &str, details: &str) -> bool {
    let Some(station) = stage.station(server) else { return false };
    let log = access_log(stage.mesh.folders(), station);
    let deadline = Instant::now() + Duration::from_secs(3);
    while Instant::now() < deadline {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        if text.lines().any(|line| line.contains(path) && line.contains(details)) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

fn ask(
    stage: &Stage,
    from: &str,
    to: &str,
    method: &str,
    path: &str,
) -> Result<Answer, StageError> {
    Ok(request::ask(&stage.policy, &question(from, to, method, path)?)?)
}

fn question(from: &str, to: &str, method: &str, path: &str) -> Result<Question, StageError> {
    let wrong = |error| std::io::Error::other(format!("{error}"));
    Ok(Question {
        from: from.parse().map_err(|error: request::QuestionError| wrong(error))?,
        to: to.parse().map_err(|error: request::QuestionError| wrong(error))?,
        method: method.to_owned(),
        target: path.to_owned(),
        headers: HeaderMap::new(),
        source: std::net::Ipv4Addr::LOCALHOST.into(),
        gateway: std::net::Ipv4Addr::LOCALHOST.into(),
        way: Vec::new(),
    })
}

/// The place of the line that decided: the one that holds, or else the first that does not.
fn deciding(answer: &Answer, title: &str) -> Option<String> {
    let steps = answer.steps.iter().filter(|step| step.title == title);
    let lines: Vec<_> = steps.flat_map(|step| &step.lines).collect();
    let placed = |mark: Mark| {
        lines.iter().filter(move |line| line.mark == mark).find_map(|line| line.source.clone())
    };
    placed(Mark::Yes).or_else(|| placed(Mark::No))
}
