//! Where policies stand, by snapshot: for logs, and so never a reason to refuse anything.

use std::collections::VecDeque;
use std::sync::Arc;

use mesh_snapshot::{Digest, SourceMap, canonical, wire};

use crate::world::Watched;

/// What is in force, on trial and ready, and some that may come next.
const SNAPSHOTS_MAX: usize = 8;

/// The snapshots asked about or told of last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct Sources(VecDeque<Known>);

#[derive(Debug)]
struct Known {
    snapshot: Digest,
    said: Option<wire::Sources>,
    cell: Arc<Watched<SourceMap>>,
}

impl Sources {
    /// What is known of a snapshot, now and later.
    pub(super) fn of(&mut self, snapshot: Digest) -> Arc<Watched<SourceMap>> {
        Arc::clone(&self.latest(snapshot).cell)
    }

    /// Takes in what was said. What cannot be read is as if it had not been.
    pub(super) fn hear(&mut self, said: wire::Sources) {
        let Ok(snapshot) = said.snapshot.as_slice().try_into().map(Digest::from_bytes) else {
            return;
        };
        let Ok(map) = canonical::decode::<SourceMap>(&said.source_map) else {
            tracing::warn!(%snapshot, "a source map that cannot be read");
            return;
        };
        let known = self.latest(snapshot);
        if known.said.as_ref() != Some(&said) {
            known.said = Some(said);
            known.cell.set(map);
        }
    }

    /// For the disk to remember.
    pub(super) fn said(&self) -> impl Iterator<Item = wire::Sources> {
        self.0.iter().filter_map(|known| known.said.clone())
    }

    fn latest(&mut self, snapshot: Digest) -> &mut Known {
        let at = self.0.iter().position(|known| known.snapshot == snapshot);
        let known = at.and_then(|at| self.0.remove(at));
        if self.0.len() == SNAPSHOTS_MAX {
            self.0.pop_front();
        }
        let new = || Known { snapshot, said: None, cell: Arc::default() };
        self.0.push_back_mut(known.unwrap_or_else(new))
    }
}
