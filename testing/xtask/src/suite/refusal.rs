//! A snapshot that one proxy cannot prepare changes nothing anywhere, and is refused by name: the proxy, the reason, and where
//! there is one, the place in the policy.

use std::path::Path;
use std::time::Duration;

use super::{SuiteError, flawless, on_bed};
use crate::bed::{Bed, Frailty, Options, Publisher};
use crate::load::Load;

/// More than the policy of the suites needs, and less than it needs with [`ROUTES`].
const MEMORY: u64 = 256 << 10;
const ROUTES: u32 = 500;

pub(crate) async fn run(mesh: &Path) -> Result<String, SuiteError> {
    let with = |frail| Options { frail: Some(frail), ..Options::new(mesh) };
    let distrusted = on_bed(with(Frailty::Distrust), async |bed| {
        refused(bed, "signature", Publisher::change_key).await
    });
    let distrusted = distrusted.await?;
    let too_large = on_bed(with(Frailty::Memory(MEMORY)), async |bed| {
        refused(bed, "memory", |publisher| publisher.routes = ROUTES).await
    });
    Ok(format!("{distrusted}{}", too_large.await?))
}

/// Publishes what all can serve, and then what all but one could.
async fn refused(
    bed: &mut Bed,
    reason: &str,
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
    match refusals.as_slice() {
        [refusal] if refusal.reason == reason && refusal.proxy == "suite/server-v1-b" => {
            let place = refusal.source.as_deref().unwrap_or("the whole of it");
            Ok(format!(
                "\n  {}: {}: {} ({place}); {report}",
                refusal.proxy, refusal.reason, refusal.detail
            ))
        }
        other => Err(SuiteError::Unmet(format!("refused for `{reason}` by one proxy: {other:?}"))),
    }
}
