//! What the rules of a policy say of requests.

use crate::api::Resource;
use crate::api::istio::{AuthorizationPolicy, Operation};
use crate::diagnostic::FieldPath;

/// Every `operation` of a policy, and its place.
pub(super) fn operations(
    policy: &Resource<AuthorizationPolicy>,
) -> impl Iterator<Item = (&Operation, FieldPath)> {
    let rules = policy.spec.rules.iter().flatten().enumerate();
    rules.flat_map(|(rule, it)| {
        let at = FieldPath::default().field("spec").field("rules").index(rule).field("to");
        let operations = it.to.iter().flatten().enumerate();
        operations.filter_map(move |(index, to)| {
            let at = at.clone().index(index).field("operation");
            Some((to.operation.as_ref()?, at))
        })
    })
}
