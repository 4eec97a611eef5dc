//! What is kept, and that nothing else is.

use std::collections::BTreeSet;

use super::{Kept, Store};

impl Store {
    /// Removes objects that no record and no version in memory needs. Not while a record's file holds what nobody could read:
    /// it may be readable the next time.
    pub(super) fn collect_garbage(&self) {
        let mut kept = BTreeSet::new();
        for slot in [&self.current, &self.previous] {
            match slot {
                Kept::Nothing => {}
                Kept::Unknown => return,
                Kept::Record(_, reach) => kept.extend(reach.iter().copied()),
            }
        }
        for reach in self.pins.values().chain(&self.preparing) {
            kept.extend(reach.iter().copied());
        }
        self.objects.keep_only(&kept);
    }
}
