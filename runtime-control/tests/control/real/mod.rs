//! A mesh over real sockets: the control runtime as it is, and small clients that keep to the protocol.

pub(crate) mod mesh;
pub(crate) mod operator;
pub(crate) mod proxy;
pub(crate) mod runtime;
pub(crate) mod shop;

use std::future::Future;
use std::time::Duration;

/// What a test waits for comes, or the test fails and says where.
#[track_caller]
pub(crate) fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    const PATIENCE: Duration = Duration::from_mins(1);
    let caller = std::panic::Location::caller();
    async move {
        let result = tokio::time::timeout(PATIENCE, future).await;
        result.unwrap_or_else(|elapsed| panic!("{elapsed} at {caller}"))
    }
}
