//! Group G: calls through a simulated proxy, and what sidecars see.
//!
//! - `calls`: a proxy, and connections to it: which cluster takes them, or why none does;
//! - `sidecar-routes`: for a namespace and a port, each virtual host's clusters.
//!
//! Of what Envoy calls listeners, filter chains and route configurations only the outcome is compared: they are names of
//! its own objects.

mod call;
mod visible;

use std::path::Path;

use crate::case::Case;
use crate::corpus::CorpusError;

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = call::cases(&folder.join("calls"))?;
    cases.extend(visible::cases(&folder.join("sidecar-routes"))?);
    Ok(cases)
}
