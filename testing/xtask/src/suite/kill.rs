//! `kill -9` of the control runtime before and after every durable step of a rollout, restarted each time; then of a proxy
//! while there is no control runtime.

use std::path::Path;
use std::time::Duration;

use super::tracer::{Moment, Tracer};
use super::{SuiteError, flawless, on_bed};
use crate::bed::{Bed, Options};
use crate::load::{Load, Report};

/// A rollout has fewer; it is over when a step is not reached.
const STEPS_MAX: u32 = 80;

pub(crate) async fn run(mesh: &Path) -> Result<String, SuiteError> {
    on_bed(Options::new(mesh), kill).await
}

async fn kill(bed: &mut Bed) -> Result<String, SuiteError> {
    let mut serving = bed.publisher.release(0)?;
    bed.settled_on(&serving).await?;
    let load = Load::start(&bed.target(1_000_000, Duration::from_millis(5))?);

    let (mut release, mut killed) = (0, 0);
    for moment in [Moment::Before, Moment::After] {
        for step in 1..=STEPS_MAX {
            release += 1;
            let (snapshot, was_killed) = kill_at(bed, step, moment, release).await?;
            serving = snapshot;
            if !was_killed {
                break;
            }
            killed += 1;
        }
    }
    let report = flawless(load.stop().await)?;
    let alone = from_disk(bed).await?;
    bed.start_control().await?;
    bed.settled_on(&serving).await?;
    Ok(format!(
        "control runtime killed at {killed} durable steps: {report}\n  proxies killed and started without it: {alone}"
    ))
}

/// Publishes to a control runtime that dies at its `step`-th durable step from then on, starts another, and waits until all
/// proxies serve what was published. The snapshot, and whether there was such a step.
async fn kill_at(
    bed: &mut Bed,
    step: u32,
    moment: Moment,
    release: u32,
) -> Result<(String, bool), SuiteError> {
    let mut tracer = Tracer::attach(bed.control_id()?, bed.path()).await?;
    let snapshot = bed.publisher.release(release)?;
    let was_met = tokio::select! {
        () = tracer.until(step, moment) => true,
        settled = bed.settled_on(&snapshot) => { settled?; false },
    };
    bed.kill_control().await?;
    tracer.end().await?;
    bed.start_control().await?;
    bed.settled_on(&snapshot).await?;
    Ok((snapshot, was_met))
}

/// Kills all proxies, starts them with no control runtime, and asks as before.
async fn from_disk(bed: &mut Bed) -> Result<Report, SuiteError> {
    bed.kill_control().await?;
    for index in 0..bed.proxies() {
        bed.kill_proxy(index).await?;
        bed.start_proxy(index).await?;
    }
    let load = Load::start(&bed.target(100, Duration::from_millis(5))?);
    flawless(load.finish().await)
}
