//! One file a step of the tour: what is done, what is measured, and what must hold.

pub(super) mod compile;
pub(super) mod refuse;
pub(super) mod revert;
pub(super) mod serve;
pub(super) mod survive;
