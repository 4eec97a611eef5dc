//! Who vouches for a snapshot, and whether it is too old.

use mesh_snapshot::Digest;
use mesh_snapshot::signature::Signature;
use mesh_snapshot::wire::Refusal;

use crate::agent::config::Signing;
use crate::agent::trial::Refused;

/// What the signer says of age.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Age {
    pub(crate) serial: u64,
    /// In force once the snapshot is confirmed.
    pub(crate) floor: u64,
}

/// What a signer that is trusted says of the age of `snapshot`. Until when a rollout of it may begin is the control runtime's to
/// judge: a proxy's clock may be wrong.
pub(super) fn verify(
    signing: &Signing,
    mesh: &str,
    snapshot: Digest,
    signatures: &[Signature],
    floor: u64,
) -> Result<Age, Refused> {
    let keys = match signing {
        Signing::Unsigned => return Ok(Age { serial: u64::MAX, floor: 0 }),
        Signing::Required(keys) => keys,
    };
    let statement = keys
        .verify(snapshot, mesh, signatures)
        .map_err(|error| Refused::new(Refusal::Signature, error.to_string()))?;
    if statement.serial < floor {
        return Err(Refused::stale(statement.serial, floor));
    }
    Ok(Age { serial: statement.serial, floor: statement.floor })
}
