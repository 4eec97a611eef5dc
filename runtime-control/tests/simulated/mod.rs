//! A whole mesh in one thread on a virtual clock: the machine in its shell, proxies, and links that break.
//!
//! One seed decides everything: who there is, what is published, what breaks when. Faults happen for twenty
//! seconds; then all is mended, and ten seconds later the mesh must be of one mind.

mod catalogue;
mod chance;
mod faults;
mod mutation;

mod control;
mod liar;
mod link;
mod proxy;

mod fleet;
mod shell;
mod trouble;
mod world;

mod invariants;

pub(crate) use mutation::Mutation;
pub(crate) use world::run;
