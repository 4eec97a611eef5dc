//! Without a control runtime: traffic goes on, and a proxy that starts serves from its disk.

use std::time::{Duration, Instant};

use mesh_control::observe::Overview;

use super::serve::versions;
use crate::demo::report::Report;
use crate::demo::stage::{Stage, StageError};

/// Whose proxy is killed: nobody is sent there unless he asks for it, so nobody is hurt.
const KILLED: &str = "shop/reviews-v3";

pub(in crate::demo) async fn run(stage: &mut Stage, report: &mut Report) -> Result<(), StageError> {
    report.heading("The mesh outlives its control runtime");
    let overview = stage.mesh.operator().overview().await?;
    let confirmed = overview.confirmed;
    stage.mesh.control().kill().await;
    let gone = stage.mesh.operator().overview().await.is_err();
    let seen = stage.visitors.wait_for(200, Duration::from_secs(8)).await;
    let (requests, failed) = (seen.requests(), seen.failed);
    let goes_on = gone && failed == 0 && requests >= 200;
    report.check(
        goes_on,
        &format!("kill -9 of the control runtime: {requests} requests without it, {failed} failed"),
    );
    restart_proxy(stage, report).await?;

    let started = Instant::now();
    stage.mesh.control().restart().await;
    let proxies = stage.mesh.stations().len();
    let whole = |overview: &Overview| {
        overview.serving == proxies && overview.total == proxies && overview.confirmed == confirmed
    };
    let whole = stage.overview_when(whole, Duration::from_secs(20)).await.is_some();
    let seconds = started.elapsed().as_secs_f64();
    report.check(
        whole && confirmed.is_some(),
        &format!("started again: {proxies} of {proxies} proxies in contact after {seconds:.1} s, all on one snapshot"),
    );
    Ok(())
}

async fn restart_proxy(stage: &Stage, report: &mut Report) -> Result<(), StageError> {
    const TRIES: usize = 20;
    let proxy = stage.mesh.proxy(KILLED).ok_or(StageError::Missing("reviews-v3"))?;
    proxy.kill().await;
    let started = Instant::now();
    proxy.restart().await;
    let ready = proxy.is_ready(Duration::from_secs(10)).await;
    let mut first = None;
    while first.is_none() && started.elapsed() < Duration::from_secs(10) {
        let served = versions(stage, 1).await.first().is_some_and(|version| version == "v3");
        first = served.then(|| started.elapsed());
    }
    let served = versions(stage, TRIES).await;
    let served = served.iter().filter(|version| *version == "v3").count();
    let seconds = first.map_or(f64::NAN, |first| first.as_secs_f64());
    report.check(
        ready && served == TRIES,
        &format!(
            "kill -9 of the proxy of {KILLED} meanwhile: it serves from its disk after {seconds:.1} s ({served} of {TRIES})"
        ),
    );
    Ok(())
}
