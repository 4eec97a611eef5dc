//! What a repository says that its snapshot does not hold.

use std::collections::BTreeMap;

use crate::check::{Capture, WithoutProxy, captures, without_proxy};
use crate::resolve::Mesh;

/// Of workloads by `namespace/name`.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The workloads that Istio gives no proxy to.
    pub without_proxy: BTreeMap<String, WithoutProxy>,
    /// Those whose proxies may not take every port.
    pub captures: BTreeMap<String, Capture>,
}

impl Beside {
    pub(crate) fn of(mesh: &Mesh<'_>) -> Self {
        Self { without_proxy: without_proxy(mesh), captures: captures(mesh) }
    }
}
