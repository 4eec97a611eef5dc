//! The time that an upstream has, which begins when the request has come whole. Source: Envoy, `Filter::onRequestComplete`.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use http::Response;
use tokio::time::{Instant, sleep_until};

use crate::filter::exchange::Received;
use crate::http::Body;

/// So much time after the request has come whole, but not before somebody was there to use it.
pub(super) struct Deadline {
    received: Rc<Received>,
    start: Instant,
    timeout: Duration,
}

impl Deadline {
    /// Time that does not run before now.
    pub(super) fn new(received: &Rc<Received>, timeout: Duration) -> Self {
        Self { received: Rc::clone(received), start: Instant::now(), timeout }
    }

    /// `None`: as long as the request has not come whole there is no end.
    pub(super) fn at(&self) -> Option<Instant> {
        let whole_at = self.received.whole_at()?;
        Some(self.start.max(whole_at) + self.timeout)
    }

    pub(super) fn is_over(&self) -> bool {
        self.at().is_some_and(|at| at <= Instant::now())
    }

    /// Ready when the time is over.
    async fn over(self) {
        first_over([Some(&self), None]).await;
    }
}

/// Ready when the first of these, of one request, is over; never without any.
async fn first_over(deadlines: [Option<&Deadline>; 2]) {
    let deadlines = || deadlines.into_iter().flatten();
    let Some(received) = deadlines().map(|deadline| &deadline.received).next() else {
        return std::future::pending().await;
    };
    poll_fn(|cx| received.poll_whole(cx)).await;
    if let Some(at) = deadlines().filter_map(Deadline::at).min() {
        sleep_until(at).await;
    }
}

/// Waits for `doing` until the first of these deadlines, of one request. `None`: it was not done in time.
pub(super) async fn within<F: Future>(
    doing: F,
    deadlines: [Option<&Deadline>; 2],
) -> Option<F::Output> {
    if let [None, None] = deadlines {
        return Some(doing.await);
    }
    tokio::select! {
        biased;
        done = doing => Some(done),
        () = first_over(deadlines) => None,
    }
}

/// Without a deadline, or with nothing more to come, the answer stays as it is.
pub(super) fn bound(response: Response<Body>, deadline: Option<Deadline>) -> Response<Body> {
    let Some(deadline) = deadline else { return response };
    // A tunnel is no answer that ends.
    if http_body::Body::is_end_stream(response.body())
        || response.status() == http::StatusCode::SWITCHING_PROTOCOLS
    {
        return response;
    }
    response.map(|body| {
        body.unless(async {
            deadline.over().await;
            "response_timeout"
        })
    })
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::{Deadline, within};
    use crate::filter::exchange::Received;

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn time_begins_when_the_request_has_come_whole() {
        let received = Rc::<Received>::default();
        let deadline = Deadline::new(&received, TIMEOUT);
        let start = Instant::now();
        let receiving = async {
            sleep(Duration::from_secs(13)).await;
            assert!(!deadline.is_over(), "an upload may last longer than its answer");
            received.has_come();
        };
        let waiting = within(std::future::pending::<()>(), [Some(&deadline), None]);
        let (done, ()) = tokio::join!(waiting, receiving);
        assert!(done.is_none());
        assert_eq!(start.elapsed(), Duration::from_secs(23));
        assert!(deadline.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn time_does_not_run_before_somebody_is_asked() {
        let received = Rc::<Received>::default();
        received.has_come();
        sleep(2 * TIMEOUT).await;
        let (longer, shorter) =
            (Deadline::new(&received, 2 * TIMEOUT), Deadline::new(&received, TIMEOUT));
        assert!(!longer.is_over());
        let start = Instant::now();
        assert_eq!(
            within(std::future::pending::<()>(), [Some(&longer), Some(&shorter)]).await,
            None
        );
        assert_eq!(start.elapsed(), TIMEOUT);
        assert_eq!(within(std::future::ready(1), [None, None]).await, Some(1));
    }
}
