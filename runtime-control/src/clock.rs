//! The two clocks of the shell, read here and nowhere else.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::rollout::Timestamp;

/// What time it is for people and certificates, since 1970. May be put back or forth at any time.
#[must_use]
pub fn wall() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The clock that the rollout goes by: the runtime's, which tests can stop.
#[must_use]
pub fn monotonic() -> Timestamp {
    static START: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    Timestamp(now.duration_since(*START.get_or_init(|| now)))
}
