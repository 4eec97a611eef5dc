//! A snapshot that a proxy cannot prepare changes nothing anywhere, and is refused by name: the proxy, the reason, and where
//! there is one, the place in the policy. One that is damaged gets to no proxy: between the two, TLS and digests see to that.

use std::path::Path;
use std::time::Duration;

use super::{SuiteError, flawless, on_bed};
use crate::bed::{Bed, Frailty, Options, Publisher, Refusal};
use crate::load::Load;

/// More than the policy of the suites needs, and less than it needs with [`ROUTES`].
const MEMORY: u64 = 256 << 10;
const ROUTES: u32 = 500;

pub(crate) async fn run(mesh: &Path) -> Result<String, SuiteError> {
    let with = |frail| Options { frail, ..Options::new(mesh) };
    let spare = ["suite/server-v1-b"];
    let mut report = String::new();
    report += &on_bed(with(Some(Frailty::Distrust)), async |bed| {
        refused(bed, "signature", &spare, Publisher::change_key).await
    })
    .await?;
    report += &on_bed(with(Some(Frailty::Memory(MEMORY))), async |bed| {
        refused(bed, "memory", &spare, |publisher| publisher.burden.routes = ROUTES).await
    })
    .await?;
    report += &on_bed(with(None), async |bed| {
        let selected = ["suite/server-v1-a", "suite/server-v1-b"];
        refused(bed, "feature", &selected, |publisher| publisher.burden.authorizer = true).await
    })
    .await?;
    report += &on_bed(with(None), damaged).await?;
    Ok(report)
}

/// Publishes what all can serve, and then what `expected` cannot.
async fn refused(
    bed: &mut Bed,
    reason: &str,
    expected: &[&str],
    change: impl FnOnce(&mut Publisher),
) -> Result<String, SuiteError> {
    let served = bed.publisher.release(0)?;
    bed.settled_on(&served).await?;
    let load = Load::start(&bed.target(1_000_000, Duration::from_millis(5))?);
    change(&mut bed.publisher);
    let snapshot = bed.publisher.release(1)?;
    let what = format!("{snapshot} is not refused");
    let overview = bed.until(&what, |overview| {
        overview.last_ended.as_ref().is_some_and(|ended| ended.version.snapshot == snapshot)
    });
    let ended = overview.await?.last_ended;
    bed.settled_on(&served).await?;
    let report = flawless(load.stop().await)?;
    let refusals = ended.map(|ended| ended.refusals).unwrap_or_default();
    let is_expected = |it: &Refusal| it.reason == reason && expected.contains(&it.proxy.as_str());
    match refusals.first() {
        Some(Refusal { proxy, detail, source, .. }) if refusals.iter().all(is_expected) => {
            let place = source.as_deref().unwrap_or("the whole of it");
            Ok(format!("\n  {proxy}: {reason}: {detail} ({place}); {report}"))
        }
        _ => {
            Err(SuiteError::Unmet(format!("refused for `{reason}` by {expected:?}: {refusals:?}")))
        }
    }
}

async fn damaged(bed: &mut Bed) -> Result<String, SuiteError> {
    let served = bed.publisher.release(0)?;
    bed.settled_on(&served).await?;
    let load = Load::start(&bed.target(1_000_000, Duration::from_millis(5))?);
    let file = bed.publisher.release_damaged(1)?;
    let is_about = |place: &String| place.ends_with(&file);
    let overview = bed.until("nothing is said of a damaged file", |overview| {
        overview.problems.keys().any(is_about)
    });
    let problems = overview.await?.problems;
    let settled = bed.settled_on(&served).await?;
    let report = flawless(load.stop().await)?;
    if let Some(ended) = settled.last_ended.filter(|ended| ended.version.snapshot != served) {
        return Err(SuiteError::Unmet(format!("a damaged file was rolled out: {ended:?}")));
    }
    let said = problems.iter().filter(|(place, _)| is_about(place));
    let said: Vec<_> = said.map(|(_, problem)| problem.as_str()).collect();
    Ok(format!("\n  {file}: corrupt: {}; {report}", said.join(", ")))
}
