//! Who vouches for a snapshot: Ed25519 signatures of in-toto statements, in DSSE's form.
//!
//! A statement names the snapshot by its digest, the mesh it is for and its place in the order of
//! publications, so that an old one, however well signed, cannot be passed off as new.
//! Source: in-toto attestation framework v1; DSSE v1; RFC 8032.

use std::collections::BTreeMap;

use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signer as _, pkcs8::spki::der::pem::LineEnding};
use serde::{Deserialize, Serialize};

use crate::object::is_default;
use crate::{Digest, canonical};

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://mesh.dev/snapshot/v1";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What a signer says of a snapshot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    /// The snapshot.
    pub snapshot: Digest,
    /// Greater than that of every publication before it; by convention, the microseconds since 1970 at its
    /// signing.
    pub serial: u64,
    /// The least serial that may still be served once this snapshot is confirmed: how far back the signer
    /// lets the mesh go. Zero: any distance.
    #[serde(default, skip_serializing_if = "is_default")]
    pub floor: u64,
    /// The name of the mesh that may serve it; empty: any.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mesh: String,
    /// In seconds since 1970, the end of the time in which a rollout of it may begin; zero: none. What is
    /// confirmed may be served, and fetched again, for ever.
    #[serde(default, skip_serializing_if = "is_default")]
    pub not_after: u64,
}

/// A statement and its signature, as they travel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    /// Of the public key: [`PublicKey::id`].
    pub key: Digest,
    /// The canonical bytes of an in-toto statement.
    pub statement: Vec<u8>,
    /// 64 bytes.
    pub signature: Vec<u8>,
}

/// Why text is not a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "not an Ed25519 key in PEM (PKCS #8 for a private key, SubjectPublicKeyInfo for a public one)"
)]
pub struct NotAKey;

/// What signs.
#[derive(Debug)]
pub struct PrivateKey(ed25519_dalek::SigningKey);

impl PrivateKey {
    /// The key that `seed`, 32 bytes of good randomness, makes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// # Errors
    ///
    /// When the text is not PEM of an Ed25519 private key.
    pub fn from_pem(pem: &str) -> Result<Self, NotAKey> {
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| NotAKey)
    }

    #[must_use]
    pub fn to_pem(&self) -> String {
        match self.0.to_pkcs8_pem(LineEnding::LF) {
            Ok(pem) => pem.to_string(),
            Err(error) => unreachable!("every Ed25519 key has a PKCS #8 form: {error}"),
        }
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    #[must_use]
    pub fn sign(&self, statement: &Statement) -> Signature {
        let statement = canonical::encode(&InToto::from(statement));
        let signature = self.0.sign(&pre_authentication(&statement)).to_bytes().to_vec();
        Signature { key: self.public().id(), statement, signature }
    }
}

/// What verifies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// # Errors
    ///
    /// When the text is not PEM of an Ed25519 public key.
    pub fn from_pem(pem: &str) -> Result<Self, NotAKey> {
        ed25519_dalek::VerifyingKey::from_public_key_pem(pem).map(Self).map_err(|_| NotAKey)
    }

    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .unwrap_or_else(|error| unreachable!("every Ed25519 key has an SPKI form: {error}"))
    }

    /// The digest of its 32 bytes.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

/// The keys whose word is taken. Several, so that one can replace another. With none, nothing verifies:
/// whoever takes snapshots without signatures does not ask.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrustedKeys(BTreeMap<Digest, ed25519_dalek::VerifyingKey>);

impl FromIterator<PublicKey> for TrustedKeys {
    fn from_iter<T: IntoIterator<Item = PublicKey>>(keys: T) -> Self {
        Self(keys.into_iter().map(|key| (key.id(), key.0)).collect())
    }
}

/// Why no signature will do. Of several, the reason that came closest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum SignatureError {
    #[error("there is no signature")]
    Unsigned,
    #[error("no signature is by a trusted key")]
    UntrustedKey,
    #[error("the signature is not that of the statement")]
    Forged,
    #[error("the statement is not one about snapshots")]
    Malformed,
    #[error("the statement is about another snapshot")]
    OtherSnapshot,
    #[error("the statement is for another mesh")]
    OtherMesh,
}

impl TrustedKeys {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The statement that a trusted key makes about `snapshot` for `mesh`; of several, the one with the
    /// greatest serial. Whether its time or its serial will do is the caller's to judge.
    ///
    /// # Errors
    ///
    /// When no signature will do.
    pub fn verify(
        &self,
        snapshot: Digest,
        mesh: &str,
        signatures: &[Signature],
    ) -> Result<Statement, SignatureError> {
        let mut best: Result<Statement, _> = Err(SignatureError::Unsigned);
        for signature in signatures {
            match (self.verify_one(snapshot, mesh, signature), &best) {
                (Ok(statement), Ok(other)) if statement.serial <= other.serial => {}
                (Ok(statement), _) => best = Ok(statement),
                (Err(error), Err(other)) if error > *other => best = Err(error),
                (Err(_), _) => {}
            }
        }
        best
    }

    fn verify_one(
        &self,
        snapshot: Digest,
        mesh: &str,
        signature: &Signature,
    ) -> Result<Statement, SignatureError> {
        let key = self.0.get(&signature.key).ok_or(SignatureError::UntrustedKey)?;
        let bytes = ed25519_dalek::Signature::from_slice(&signature.signature)
            .map_err(|_| SignatureError::Forged)?;
        key.verify_strict(&pre_authentication(&signature.statement), &bytes)
            .map_err(|_| SignatureError::Forged)?;
        let statement = InToto::read(&signature.statement).ok_or(SignatureError::Malformed)?;
        if statement.snapshot != snapshot {
            return Err(SignatureError::OtherSnapshot);
        }
        if !statement.mesh.is_empty() && statement.mesh != mesh {
            return Err(SignatureError::OtherMesh);
        }
        Ok(statement)
    }
}

/// What is signed in place of the payload. Source: DSSE v1, "PAE".
fn pre_authentication(statement: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), statement.len()).into_bytes();
    bytes.extend_from_slice(statement);
    bytes
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InToto {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Predicate {
    serial: u64,
    floor: u64,
    mesh: String,
    not_after: u64,
}

impl From<&Statement> for InToto {
    fn from(statement: &Statement) -> Self {
        let digest = BTreeMap::from([("sha256".to_owned(), statement.snapshot.hex())]);
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject { name: "snapshot".to_owned(), digest }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                serial: statement.serial,
                floor: statement.floor,
                mesh: statement.mesh.clone(),
                not_after: statement.not_after,
            },
        }
    }
}

impl InToto {
    fn read(bytes: &[u8]) -> Option<Statement> {
        let read: Self = canonical::decode(bytes).ok()?;
        let [subject] = read.subject.as_slice() else { return None };
        let known = read.statement_type == STATEMENT_TYPE && read.predicate_type == PREDICATE_TYPE;
        let snapshot = format!("sha256:{}", subject.digest.get("sha256")?).parse().ok()?;
        let Predicate { serial, floor, mesh, not_after } = read.predicate;
        known.then_some(Statement { snapshot, serial, floor, mesh, not_after })
    }
}

#[cfg(test)]
mod tests {
    use super::{PrivateKey, PublicKey, Signature, SignatureError, Statement, TrustedKeys};
    use crate::Digest;

    fn statement() -> Statement {
        let snapshot = Digest::of(b"a snapshot");
        Statement { snapshot, serial: 7, floor: 3, mesh: "shop".to_owned(), not_after: 1 }
    }

    fn verify(
        statement: &Statement,
        signatures: &[Signature],
    ) -> Result<Statement, SignatureError> {
        let trusted = TrustedKeys::from_iter([PrivateKey::from_seed(&[1; 32]).public()]);
        trusted.verify(statement.snapshot, "shop", signatures)
    }

    #[test]
    fn what_a_trusted_key_signed_is_believed() {
        let signature = PrivateKey::from_seed(&[1; 32]).sign(&statement());
        assert_eq!(verify(&statement(), &[signature]), Ok(statement()));
    }

    #[test]
    fn the_greatest_serial_counts_and_one_good_signature_is_enough() {
        let key = PrivateKey::from_seed(&[1; 32]);
        let newer = Statement { serial: 9, ..statement() };
        let stranger =
            PrivateKey::from_seed(&[2; 32]).sign(&Statement { serial: 99, ..statement() });
        let signatures = [key.sign(&statement()), key.sign(&newer), stranger];
        assert_eq!(verify(&statement(), &signatures), Ok(newer));
    }

    #[test]
    fn what_will_not_do_says_why() {
        let key = PrivateKey::from_seed(&[1; 32]);
        let good = key.sign(&statement());
        let refused = |signature: Signature| verify(&statement(), &[signature]).unwrap_err();

        assert_eq!(verify(&statement(), &[]), Err(SignatureError::Unsigned));
        let stranger = PrivateKey::from_seed(&[2; 32]).sign(&statement());
        assert_eq!(refused(stranger), SignatureError::UntrustedKey);
        for at in 0..good.statement.len() {
            let mut forged = good.clone();
            forged.statement[at] ^= 1;
            assert_eq!(refused(forged), SignatureError::Forged);
        }
        for at in 0..64 {
            let mut forged = good.clone();
            forged.signature[at] ^= 1;
            assert_eq!(refused(forged), SignatureError::Forged);
        }
        let other = Statement { snapshot: Digest::of(b"another"), ..statement() };
        assert_eq!(refused(key.sign(&other)), SignatureError::OtherSnapshot);
        let other = Statement { mesh: "bakery".to_owned(), ..statement() };
        assert_eq!(refused(key.sign(&other)), SignatureError::OtherMesh);
    }

    #[test]
    fn keys_survive_their_text() {
        let key = PrivateKey::from_seed(&[3; 32]);
        let read = PrivateKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(PublicKey::from_pem(&read.public().to_pem()).unwrap(), key.public());
        assert!(PrivateKey::from_pem(&key.public().to_pem()).is_err());
    }
}
