//! The order to end gracefully.

use tokio_util::sync::CancellationToken;

/// Once begun, nothing new is accepted and what is open is brought to an end. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Drain(CancellationToken);

impl Drain {
    /// Begins, for every clone and every child.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Waits until it begins.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }

    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// One that begins with this one or before it: for a listener that goes while others stay.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }
}
