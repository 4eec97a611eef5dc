//! The time that an upstream has, which begins when the request has come whole. Source: Envoy, `Filter::onRequestComplete`.
//!
//! Envoy reads a request while it looks for somewhere to send it; here nobody does, so that the time runs as long as nothing
//! of the request has been read. And a request that stops in the middle is given up at last.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use http::Response;
use tokio::time::{Instant, sleep_until};

use crate::filter::exchange::Received;
use crate::http::Body;

/// How long nothing may come of a request that has begun to. Source: Envoy, `stream_idle_timeout`, by default.
const IDLE: Duration = Duration::from_mins(5);

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

    /// When the time is over, unless more of the request comes before.
    pub(super) fn at(&self) -> Instant {
        match (self.received.whole_at(), self.received.read_at()) {
            (Some(whole_at), _) => self.start.max(whole_at) + self.timeout,
            (None, None) => self.start + self.timeout,
            (None, Some(read_at)) => self.start.max(read_at) + self.timeout.max(IDLE),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.at() <= Instant::now()
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
    while let Some(at) = deadlines().map(Deadline::at).min()
        && Instant::now() < at
    {
        if received.whole_at().is_some() {
            sleep_until(at).await;
        } else {
            // With the last byte less time may be left than before.
            tokio::select! {
                () = poll_fn(|cx| received.poll_whole(cx)) => {}
                () = sleep_until(at) => {}
            }
        }
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
            received.is_coming(1);
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

    /// A lane that is full, or an address that does not answer: what has a body must not wait longer than what has none.
    #[tokio::test(start_paused = true)]
    async fn time_runs_while_nobody_reads_the_request() {
        let received = Rc::<Received>::default();
        let deadline = Deadline::new(&received, TIMEOUT);
        let start = Instant::now();
        assert!(within(std::future::pending::<()>(), [Some(&deadline), None]).await.is_none());
        assert_eq!(start.elapsed(), TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_stops_in_the_middle_is_given_up() {
        let received = Rc::<Received>::default();
        let deadline = Deadline::new(&received, TIMEOUT);
        let start = Instant::now();
        let receiving = async {
            sleep(TIMEOUT / 2).await;
            received.is_coming(1);
        };
        let waiting = within(std::future::pending::<()>(), [Some(&deadline), None]);
        let (done, ()) = tokio::join!(waiting, receiving);
        assert!(done.is_none());
        assert_eq!(start.elapsed(), TIMEOUT / 2 + super::IDLE);
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
