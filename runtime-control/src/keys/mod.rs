//! The key sets that policies name by address: fetched here, once for all proxies, which get them as part of the world.
//!
//! ```text
//! store ─ the rules of all snapshots ─▶ wanted ─▶ keeper ◀─▶ fetch ─▶ http, https
//!                                                   └─▶ world ─▶ proxies
//! ```
//! A key set that a document of the registry holds is not fetched. One that cannot be fetched stays as it was, also over a restart; there
//! is a problem on record then, and tokens of an issuer whose keys never came are refused. Proxies are told nothing of a set before it has
//! been tried once, so that none serves a policy without the keys that were about to come.

mod fetch;
mod wanted;

mod keeper;

pub(crate) use fetch::{Fetcher, system_roots};
pub(crate) use keeper::{Keeper, KeySets};
