//! One case, and many of them at once.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Whether a case is met; if not, why.
pub(crate) type Verdict = Result<(), Mismatch>;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mismatch {
    pub expected: String,
    pub got: String,
    /// Why it stays so; absent: nobody has said.
    pub reason: Option<String>,
}

impl Mismatch {
    pub(crate) fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into(), reason: None }
    }

    pub(crate) fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }
}

/// Something that is to hold.
pub(crate) struct Case {
    /// Unique in its group.
    pub name: String,
    run: Box<dyn Fn() -> Verdict + Send + Sync>,
}

impl Case {
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl Fn() -> Verdict + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    /// A panic is a fault of what is tested, and costs its own case alone.
    fn verdict(&self) -> Verdict {
        catch_unwind(AssertUnwindSafe(|| (self.run)())).unwrap_or_else(|panic| {
            Err(Mismatch::new("a verdict", format!("panicked: {}", message(&*panic))))
        })
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

const THREADS: usize = 2;

/// The names of all cases and what became of them, in their order.
pub(crate) fn run_all(cases: &[Case]) -> Vec<(&str, Verdict)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(index) else { return done };
            done.push((index, case.name.as_str(), case.verdict()));
        }
    };
    let mut done = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        #[expect(clippy::expect_used, reason = "a thread catches what its cases throw")]
        let joined = threads.into_iter().map(|thread| thread.join().expect("threads do not panic"));
        joined.flatten().collect::<Vec<_>>()
    });
    done.sort_by_key(|(index, ..)| *index);
    done.into_iter().map(|(_, name, verdict)| (name, verdict)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_keep_their_order_and_a_panic_costs_one() {
        let mut cases: Vec<_> = (0..20).map(|n| Case::new(n.to_string(), || Ok(()))).collect();
        cases.push(Case::new("bad", || panic!("no {}", "way")));
        let done = run_all(&cases);
        assert!(done.iter().take(20).enumerate().all(|(n, (name, _))| n.to_string() == *name));
        let (name, verdict) = &done[20];
        assert_eq!((*name, &verdict.as_ref().unwrap_err().got[..]), ("bad", "panicked: no way"));
    }
}
