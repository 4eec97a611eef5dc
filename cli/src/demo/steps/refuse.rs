//! A broken reference: the compiler refuses it, and nobody notices.

use std::time::Duration;

use crate::demo::report::{Report, write};
use crate::demo::repository::Edit;
use crate::demo::stage::{Stage, StageError};
use crate::local::{Compiled, Watch};

const TYPO: Edit = Edit {
    file: "shop/reviews.yaml",
    from: "            subset: v2\n          weight: 10",
    to: "            subset: v22\n          weight: 10",
};

pub(in crate::demo) async fn run(stage: &mut Stage, report: &mut Report) -> Result<(), StageError> {
    report.heading("A broken reference never leaves the compiler");
    let before = stage.visitors.tally();
    let confirmed = stage.mesh.operator().overview().await?.confirmed;
    let mut watch = Watch::new(stage.repository.folder())
        .map_err(|error| StageError::Io(std::io::Error::other(error)))?;
    report.say("shop/reviews.yaml is saved with `subset: v22`, which nobody defines");
    stage.repository.edit(&TYPO)?;
    let noticed = tokio::time::timeout(Duration::from_secs(5), watch.changed()).await;
    let compiled = Compiled::of(stage.repository.folder());
    let folder = format!("{}/", stage.repository.folder().display());
    write(&indented(&compiled.text(&report.terminal).replace(&folder, "")));
    let seen = stage.visitors.wait_for(100, Duration::from_secs(5)).await;
    let whole = &stage.visitors.tally() - &before;
    let still = stage.mesh.operator().overview().await?.confirmed;
    let (errors, took) = (compiled.errors(), compiled.took.as_secs_f64() * 1000.0);
    let refused = noticed.is_ok() && errors > 0 && compiled.bundle().is_none();
    report.check(refused, &format!("noticed on save and refused in {took:.0} ms: no snapshot"));
    let (requests, failed) = (whole.requests(), whole.failed);
    let untouched = confirmed == still && failed == 0 && seen.requests() >= 100;
    report.check(
        untouched,
        &format!("traffic untouched: {requests} requests meanwhile, {failed} failed"),
    );
    stage.repository.restore(&TYPO)?;
    Ok(())
}

fn indented(text: &str) -> String {
    let lines = text
        .trim_end()
        .lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") });
    lines.collect()
}
