//! What was last heard of the world, in the words in which it was said: so it is taken in at the next start as if it were
//! said again.
//!
//! Written now and then, not with every change: what is older than a moment is still better than nothing. Credentials are
//! in a file of their own, so that the other may be looked at.

use mesh_snapshot::wire::{ToProxy, to_proxy};
use prost::Message as _;

use super::disk::Disk;
use super::sealed::{self, Unreadable};
use super::{Store, StoreError};

const WORLD: &str = "world";
const SECRETS: &str = "secrets";
const SIZE_MAX_BYTES: u64 = 64 << 20;

#[derive(Clone, PartialEq, prost::Message)]
struct Messages {
    #[prost(message, repeated, tag = "1")]
    messages: Vec<ToProxy>,
}

/// What could be read of it, and why the rest could not.
#[derive(Debug, Default)]
pub struct Remembered {
    pub messages: Vec<to_proxy::Message>,
    pub problems: Vec<(&'static str, Unreadable)>,
}

impl Store {
    /// Replaces what is remembered by `messages`.
    ///
    /// # Errors
    ///
    /// When it is not all on the disk.
    pub fn save_world(&mut self, messages: Vec<to_proxy::Message>) -> Result<(), StoreError> {
        let (secrets, rest): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .map(|message| ToProxy { message: Some(message) })
            .partition(|said| matches!(said.message, Some(to_proxy::Message::Secret(_))));
        write(&*self.disk, WORLD, rest)?;
        write(&*self.disk, SECRETS, secrets)
    }

    #[must_use]
    pub fn world(&self) -> Remembered {
        let mut remembered = Remembered::default();
        for name in [WORLD, SECRETS] {
            match read(&*self.disk, name) {
                Ok(read) => remembered.messages.extend(read),
                Err(Unreadable::Absent) => {}
                Err(why) => remembered.problems.push((name, why)),
            }
        }
        remembered
    }
}

fn write(disk: &dyn Disk, name: &'static str, messages: Vec<ToProxy>) -> Result<(), StoreError> {
    sealed::write(disk, name, name, &Messages { messages }.encode_to_vec())
}

fn read(disk: &dyn Disk, name: &'static str) -> Result<Vec<to_proxy::Message>, Unreadable> {
    let content = sealed::read(disk, name, name, SIZE_MAX_BYTES)?;
    let read = Messages::decode(content.as_slice()).map_err(|_| Unreadable::Damaged)?;
    Ok(read.messages.into_iter().filter_map(|said| said.message).collect())
}
