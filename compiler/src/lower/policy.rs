//! What the policies of workloads have in common: whom they are for.

use mesh_snapshot::Key;
use mesh_snapshot::object::Object;

use super::{Lowering, Written};
use crate::resolve::policy::Policy;

impl Lowering<'_, '_> {
    /// Lists a policy for the workloads that it is for, unless that is nobody.
    pub(super) fn policy<T>(
        &self,
        key: Key,
        policy: &Policy<'_, T>,
        written: &Written<Object>,
        rank: usize,
    ) {
        let Ok(scope) = &policy.scope else { return };
        let reference = self.store.add(key, &written.object, &written.places);
        let section = scope.namespace.unwrap_or_default();
        self.store.list(section, reference, scope.applies.clone(), rank);
    }
}
