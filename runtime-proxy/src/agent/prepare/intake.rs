//! The objects that arrive for one offer, within what was announced and what may be held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mesh_snapshot::Digest;
use mesh_snapshot::wire::Refusal;
use tokio::sync::Notify;

use super::Loaded;
use crate::agent::trial::{Offer, Refused};

/// Shared by who receives and who waits. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Intake(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    received: Mutex<Received>,
    changed: Notify,
}

#[derive(Debug)]
struct Received {
    objects: BTreeMap<Digest, Arc<[u8]>>,
    /// How much more of what was announced may come, and how many bytes more of anything.
    announced: u64,
    announced_bytes: u64,
    bytes_left: u64,
    /// Asked for and not here yet, and all that was ever asked for.
    awaited: BTreeSet<Digest>,
    asked: BTreeSet<Digest>,
    /// Nothing more comes unless it is asked for.
    complete: bool,
    refused: Option<Refused>,
}

impl Intake {
    /// Of one offer, of which no more than `bytes_max` are taken, whatever was announced.
    pub(crate) fn new(offer: &Offer, bytes_max: u64) -> Self {
        let received = Received {
            objects: BTreeMap::new(),
            announced: offer.objects,
            announced_bytes: offer.objects_bytes,
            bytes_left: bytes_max,
            awaited: BTreeSet::new(),
            asked: BTreeSet::new(),
            complete: offer.objects == 0,
            refused: None,
        };
        Self(Arc::new(Shared { received: Mutex::new(received), changed: Notify::new() }))
    }

    /// Takes what has arrived.
    pub(crate) fn take(&self, objects: Vec<Bytes>, last: bool) {
        let mut received = self.received();
        for object in objects {
            if let Err(refused) = received.take(&object) {
                received.refused.get_or_insert(refused);
                break;
            }
        }
        received.complete |= last;
        drop(received);
        self.0.changed.notify_one();
    }

    /// Waits until all that was announced, or asked for, is here.
    pub(super) async fn complete(&self) -> Result<Loaded, Refused> {
        loop {
            {
                let received = self.received();
                if let Some(refused) = &received.refused {
                    return Err(refused.clone());
                }
                if received.complete {
                    return Ok(Loaded(received.objects.clone()));
                }
            }
            self.0.changed.notified().await;
        }
    }

    /// What is to be asked for, of what is missing; refused if it was asked for and did not come.
    pub(super) fn ask(&self, missing: BTreeSet<Digest>) -> Result<Vec<Digest>, Refused> {
        let mut received = self.received();
        if let Some(digest) = missing.iter().find(|digest| received.asked.contains(*digest)) {
            let detail = format!("object {digest} was asked for and did not come");
            return Err(Refused::new(Refusal::Corrupt, detail));
        }
        received.complete = false;
        received.asked.extend(&missing);
        let digests = missing.iter().copied().collect();
        received.awaited = missing;
        Ok(digests)
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.0.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Received {
    fn take(&mut self, object: &Bytes) -> Result<(), Refused> {
        let size = object.len() as u64;
        self.bytes_left = self.bytes_left.checked_sub(size).ok_or_else(|| {
            Refused::new(Refusal::Memory, "its objects are larger than what may be held")
        })?;
        let digest = Digest::of(object);
        if !self.awaited.remove(&digest) {
            let counted = self.announced.checked_sub(1);
            let weighed = self.announced_bytes.checked_sub(size);
            let (Some(announced), Some(announced_bytes)) = (counted, weighed) else {
                let detail = "more objects came than were announced";
                return Err(Refused::new(Refusal::Corrupt, detail));
            };
            (self.announced, self.announced_bytes) = (announced, announced_bytes);
        }
        self.objects.insert(digest, object.as_ref().into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mesh_snapshot::ReadObjects as _;

    use super::*;

    fn intake(objects: u64, objects_bytes: u64) -> Intake {
        let offer = Offer {
            epoch: 1,
            snapshot: Digest::of(b""),
            slice: None,
            signatures: Vec::new(),
            within: Duration::from_secs(1),
            objects,
            objects_bytes,
            confirmed: false,
        };
        Intake::new(&offer, 20)
    }

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[tokio::test]
    async fn what_was_announced_is_awaited_and_no_more_is_taken() {
        let within = intake(2, 8);
        within.take(vec![bytes("1234")], false);
        within.take(vec![bytes("5678")], true);
        let objects = within.complete().await.unwrap();
        assert!(objects.read(&Digest::of(b"5678")).is_some());

        let reason = async |taken: &Intake| taken.complete().await.unwrap_err().reason;
        for (count, size, expected) in [(1, 8, Refusal::Corrupt), (2, 7, Refusal::Corrupt)] {
            let beyond = intake(count, size);
            beyond.take(vec![bytes("1234"), bytes("5678")], true);
            assert_eq!(reason(&beyond).await, expected);
        }
        let large = intake(9, 99);
        large.take(vec![bytes("a text of more than 20 bytes")], true);
        assert_eq!(reason(&large).await, Refusal::Memory);
    }

    #[tokio::test]
    async fn what_is_missing_is_asked_for_once() {
        let asked = intake(0, 0);
        asked.complete().await.unwrap();
        let missing = BTreeSet::from([Digest::of(b"1234"), Digest::of(b"5678")]);
        assert_eq!(asked.ask(missing.clone()).unwrap().len(), 2);
        asked.take(vec![bytes("1234"), bytes("5678")], true);
        asked.complete().await.unwrap();
        assert_eq!(asked.ask(missing).unwrap_err().reason, Refusal::Corrupt);
    }
}
