//! The thread that hears what to serve, watched: traffic must outlast it.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::RunError;
use crate::agent::StartError;
use crate::agent::status::Status;

/// The agent's thread.
pub(super) struct Control {
    thread: Option<JoinHandle<Result<(), StartError>>>,
    /// How it ended, if it has.
    ended: Option<Result<(), RunError>>,
    status: Arc<Status>,
}

impl Control {
    pub(super) const fn new(
        thread: JoinHandle<Result<(), StartError>>,
        status: Arc<Status>,
    ) -> Self {
        Self { thread: Some(thread), ended: None, status }
    }

    /// Whether it has ended by itself, and what is served is no reason to go on without it: `is_serving` says whether anything is
    /// in force.
    pub(super) fn is_lost(&mut self, is_serving: impl Fn() -> bool) -> bool {
        if let Some(thread) = self.thread.take_if(|thread| thread.is_finished()) {
            self.note(thread);
        }
        match self.ended {
            None => false,
            Some(Err(RunError::AgentPanicked)) => !is_serving(),
            Some(_) => true,
        }
    }

    fn note(&mut self, thread: JoinHandle<Result<(), StartError>>) {
        self.ended = Some(if let Ok(ended) = thread.join() {
            ended.map_err(RunError::from)
        } else {
            self.status.panicked.set(true);
            self.status.connected.set(false);
            tracing::error!("the agent has panicked: what is in force stays, nothing new is heard");
            Err(RunError::AgentPanicked)
        });
    }

    /// Waits for its end, which it has been told of.
    pub(super) fn join(mut self) -> Result<(), RunError> {
        if let Some(thread) = self.thread.take() {
            self.note(thread);
        }
        self.ended.unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::{Control, RunError};
    use crate::agent::status::Status;

    fn panicked() -> (Control, Arc<Status>) {
        let thread = thread::spawn(|| panic!("a test's own"));
        while !thread.is_finished() {
            thread::yield_now();
        }
        let status = Arc::<Status>::default();
        (Control::new(thread, Arc::clone(&status)), status)
    }

    #[test]
    fn what_is_in_force_outlasts_a_panic_which_is_told_at_the_end() {
        let (mut control, status) = panicked();
        assert!(!control.is_lost(|| true) && status.panicked.get());
        assert!(matches!(control.join(), Err(RunError::AgentPanicked)));
        assert!(panicked().0.is_lost(|| false), "nothing would ever be served");
        assert!(panicked().0.join().is_err());
    }

    #[test]
    fn one_that_goes_on_is_waited_for_at_the_end() {
        let (end, until) = channel::<()>();
        let thread = thread::spawn(move || {
            let _ = until.recv();
            Ok(())
        });
        let mut control = Control::new(thread, Arc::default());
        assert!(!control.is_lost(|| false));
        drop(end);
        control.join().unwrap();
    }
}
