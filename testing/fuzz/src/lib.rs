//! What must hold of every input, whoever wrote it.
//!
//! A [`Target`] is a reader and a property of it; it panics where the property does not hold. The same targets run
//! - as tests over the inputs that are kept in `fuzz/corpus/<target>`, on every `cargo test`;
//! - for a bounded time on mutations of these, as `cargo xtask fuzz` ([`search()`]), on a stable toolchain;
//! - under libFuzzer with coverage, where `cargo fuzz` and a nightly toolchain are (`fuzz/`).
//!
//! What a search finds becomes a file of the corpus with its fix.

#![forbid(unsafe_code)]

mod corpus;
mod mutate;
mod search;
mod target;

pub use corpus::{folder, kept};
pub use search::{Failure, Found, search};
pub use target::{TARGETS, Target, target};
