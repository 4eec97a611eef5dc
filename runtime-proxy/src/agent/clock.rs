//! The time of day, which certificates are judged by. It may jump; nothing else of the agent looks at it.

use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Tells the seconds since 1970.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// One that tells what `now` says.
    pub fn new(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    #[must_use]
    pub fn now(&self) -> u64 {
        (self.0)()
    }
}

impl Default for Clock {
    /// The machine's.
    #[expect(
        clippy::disallowed_methods,
        reason = "here the shell reads the clock, for all the others"
    )]
    fn default() -> Self {
        let now = || std::time::SystemTime::now().duration_since(UNIX_EPOCH);
        Self::new(move || now().map_or(0, |since| since.as_secs()))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
