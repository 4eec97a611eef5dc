//! The threads that carry traffic, and how they end.
//!
//! One OS thread a core, each with a runtime, listeners and upstream pools of its own. Threads share only what is immutable
//! or atomic. [`Drain`] is how they learn that it is time to end.

mod drain;

pub use drain::Drain;
