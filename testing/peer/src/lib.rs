//! Istio itself as an oracle: what it says of random repositories, and what the compiler says.
//!
//! ```text
//! seed ─generate▶ resources ─┬─ Istio ─────────▶ Verdict ─┬─ compare ▶ [Difference] ─▶ Report
//!                            └─ mesh-compiler ─▶ Verdict ─┘   by class, one example of each, shrunk
//! ```
//! A verdict is which resources are refused by themselves, and which codes are said of which, how severe. A class of differences is
//! explained in `known`, or it is to go: into the compiler, or into `docs/differences.md` with its reason.

#![forbid(unsafe_code)]

mod compare;
#[expect(clippy::indexing_slicing, reason = "a field of a JSON value that is not there is made")]
mod generate;
mod istio;
mod known;
mod ours;
mod random;
mod report;
mod shrink;
mod verdict;

pub use istio::{HOW_TO_BUILD, Istio, PeerError};
pub use report::{Report, run};
