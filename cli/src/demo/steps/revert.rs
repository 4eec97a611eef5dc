//! A change that is valid and does harm: the gate sees it, and it is taken back.

use std::time::{Duration, Instant};

use mesh_control::observe::Overview;
use mesh_control::rollout::Phase;
use mesh_snapshot::Digest;

use crate::demo::report::Report;
use crate::demo::repository::Edit;
use crate::demo::stage::{Stage, StageError};
use crate::demo::tally::Tally;
use crate::local::Compiled;
use crate::operator::view::short;

const HARM: Edit = Edit {
    file: "shop/reviews.yaml",
    from: "    - name: split\n",
    to: "    - name: split\n      fault:\n        abort:\n          percentage:\n            value: 40\n          httpStatus: 500\n",
};

pub(in crate::demo) async fn run(stage: &mut Stage, report: &mut Report) -> Result<(), StageError> {
    report.heading("A harmful change takes itself back");
    let good = stage.mesh.operator().overview().await?.confirmed.map(|version| version.snapshot);
    report.say("shop/reviews.yaml is saved with a fault: 40 % of requests to reviews get a 500");
    stage.repository.edit(&HARM)?;
    let compiled = Compiled::of(stage.repository.folder());
    stage.repository.restore(&HARM)?;
    let Some(bundle) = compiled.bundle() else {
        return Err(StageError::Policy(compiled.text(&report.terminal)));
    };
    let (before, published) = (stage.visitors.tally(), Instant::now());
    let harmful = stage.mesh.apply(bundle).await?;
    report.say(&format!("valid policy, so it is rolled out: {}, one proxy first", short(&harmful)));

    let ended = |overview: &Overview| {
        let ended = overview.last_ended.as_ref();
        ended.is_some_and(|ended| ended.version.snapshot == harmful)
            && overview.phase == Phase::Idle
    };
    let tripped = stage.overview_when(ended, Duration::from_secs(20)).await;
    let after = published.elapsed();
    let cause = tripped.as_ref().and_then(|overview| overview.last_ended.as_ref());
    let cause = cause.map_or_else(|| "it did not trip".to_owned(), |ended| ended.cause.clone());
    report.check(
        tripped.is_some(),
        &format!("the gate tripped after {:.1} s: {cause}", after.as_secs_f64()),
    );

    let proxies = stage.mesh.stations().len();
    let back = |overview: &Overview| is_back(overview, proxies, good);
    let settled = stage.overview_when(back, Duration::from_secs(10)).await;
    let seconds = published.elapsed().as_secs_f64();
    let hurt = &stage.visitors.tally() - &before;
    report.check(settled.is_some(), &taken_back(proxies, seconds, &hurt));

    let since = stage.visitors.wait_for(150, Duration::from_secs(5)).await;
    let (requests, failed) = (since.requests(), since.failed);
    report.check(
        failed == 0 && requests >= 150,
        &format!("since then: {requests} requests, {failed} failed"),
    );
    quarantine(stage, report, harmful).await
}

fn is_back(overview: &Overview, proxies: usize, good: Option<Digest>) -> bool {
    let confirmed = overview.confirmed.map(|version| version.snapshot);
    overview.serving == proxies && good.is_some() && confirmed == good
}

fn taken_back(proxies: usize, seconds: f64, hurt: &Tally) -> String {
    let (failed, requests) = (hurt.failed, hurt.requests());
    format!(
        "all {proxies} proxies back on the snapshot before after {seconds:.1} s; {failed} of {requests} requests had failed"
    )
}

/// Offering it again changes nothing: a GitOps controller may sync the same commit as often as it likes.
async fn quarantine(
    stage: &mut Stage,
    report: &mut Report,
    harmful: Digest,
) -> Result<(), StageError> {
    stage.repository.edit(&HARM)?;
    let compiled = Compiled::of(stage.repository.folder());
    stage.repository.restore(&HARM)?;
    if let Some(bundle) = compiled.bundle() {
        stage.mesh.apply(bundle).await?;
    }
    let refused = |overview: &Overview| {
        let told = overview.problems.iter().any(|(place, problem)| {
            place.starts_with("release") && problem.contains("is in quarantine")
        });
        told && overview.quarantine.contains_key(&harmful) && overview.candidate.is_none()
    };
    let refused = stage.overview_when(refused, Duration::from_secs(5)).await.is_some();
    report.check(refused, "published again, it is not tried again: the snapshot is in quarantine");
    // What the folder holds is what the mesh should serve.
    let good = stage.policy.bundle.clone();
    stage.mesh.apply(&good).await?;
    Ok(())
}
