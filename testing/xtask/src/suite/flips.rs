//! Rollouts at ten a second, each published when the one before is confirmed, under load of every protocol: no request fails, none is judged by two snapshots.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::interval;

use super::{SuiteError, flawless, on_bed};
use crate::bed::{Bed, Options, SPARE};
use crate::load::Load;

const ROLLOUTS: u32 = 200;
const EVERY: Duration = Duration::from_millis(100);
/// An instance of the server is healthy or not, in turn, after so many rollouts.
const ENDPOINTS_EVERY: u32 = 10;

/// Short, so that every proxy's certificate is renewed several times.
const CERTIFICATES: &str = "10s";

pub(crate) async fn run(mesh: &Path) -> Result<String, SuiteError> {
    let options = Options { certificate_lifetime: CERTIFICATES, ..Options::new(mesh) };
    on_bed(options, flip).await
}

async fn flip(bed: &mut Bed) -> Result<String, SuiteError> {
    let built =
        (0..=ROLLOUTS).map(|step| bed.publisher.build(step)).collect::<Result<Vec<_>, _>>()?;
    let Some((first, rest)) = built.split_first() else { return Ok(String::new()) };
    bed.publisher.publish(first)?;
    bed.settled_on(&first.snapshot).await?;

    let load = Load::start(&bed.target(1_000_000, Duration::from_millis(5))?);
    // One that took longer is made up for: it is the rate that counts.
    let (began, mut tick) = (Instant::now(), interval(EVERY));
    let mut overview = None;
    for (step, snapshot) in (1_u32..).zip(rest) {
        tick.tick().await;
        bed.publisher.publish(snapshot)?;
        if step.is_multiple_of(ENDPOINTS_EVERY) {
            bed.set_healthy(SPARE, (step / ENDPOINTS_EVERY).is_multiple_of(2))?;
        }
        overview = Some(bed.settled_on(&snapshot.snapshot).await?);
    }
    let settled = began.elapsed().as_secs_f64();
    let report = flawless(load.stop().await)?;
    let confirmed = overview.and_then(|overview| overview.confirmed);
    let epoch = confirmed.map_or(0, |version| version.epoch);
    if epoch <= ROLLOUTS.into() {
        return Err(SuiteError::Unmet(format!("{epoch} rollouts; {report}")));
    }
    let rate = f64::from(ROLLOUTS) / settled;
    Ok(format!("{ROLLOUTS} rollouts in {settled:.1} s, {rate:.1} a second; {report}"))
}
