//! What was last heard of the world, in the words in which it was said: so it is taken in at the next start as if it were
//! said again.
//!
//! Written now and then, not with every change: what is older than a moment is still better than nothing. Credentials are
//! in a file of their own, so that the other may be looked at.

use mesh_snapshot::wire::{ToProxy, to_proxy};
use prost::{Message as _, length_delimiter_len};

use super::disk::Disk;
use super::sealed::{self, Unreadable};
use super::{Store, StoreError};

const WORLD: &str = "world";
const SECRETS: &str = "secrets";
/// Of each file. What is larger would not be read again.
const SIZE_MAX_BYTES: u64 = 64 << 20;
/// Of what stands in a file beside the messages.
const HEAD_BYTES_MAX: u64 = 1 << 10;

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
    /// Replaces what is remembered by `messages`, as many of them as there is room for.
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
    let messages = fitting(messages, SIZE_MAX_BYTES - HEAD_BYTES_MAX, name);
    sealed::write(disk, name, name, &Messages { messages }.encode_to_vec())
}

/// Those of the first that take up no more than `bytes_max` together.
fn fitting(mut messages: Vec<ToProxy>, bytes_max: u64, name: &str) -> Vec<ToProxy> {
    let all = messages.len();
    let mut bytes = 0;
    let is_too_much = |message: &ToProxy| {
        let length = message.encoded_len();
        bytes += (1 + length_delimiter_len(length) + length) as u64; // the first is the tag
        bytes_max < bytes
    };
    let count = messages.iter().position(is_too_much).unwrap_or(all);
    if count < all {
        tracing::warn!(name, forgotten = all - count, "more is known than is stored");
        messages.truncate(count);
    }
    messages
}

fn read(disk: &dyn Disk, name: &'static str) -> Result<Vec<to_proxy::Message>, Unreadable> {
    let content = sealed::read(disk, name, name, SIZE_MAX_BYTES)?;
    let read = Messages::decode(content.as_slice()).map_err(|_| Unreadable::Damaged)?;
    Ok(read.messages.into_iter().filter_map(|said| said.message).collect())
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::wire::{Addresses, ToProxy, to_proxy};
    use prost::Message as _;

    use super::{Messages, fitting};

    #[test]
    fn as_much_is_written_as_can_be_read() {
        let said = |host: u32| {
            let addresses =
                Addresses { host: "a".repeat(200 + host as usize), addresses: Vec::new() };
            ToProxy { message: Some(to_proxy::Message::Addresses(addresses)) }
        };
        let messages: Vec<_> = (0..5).map(said).collect();
        let bytes =
            |count: usize| Messages { messages: messages[..count].to_vec() }.encoded_len() as u64;
        for count in 0..=5 {
            assert_eq!(fitting(messages.clone(), bytes(count), "world").len(), count);
        }
        assert_eq!(fitting(messages.clone(), bytes(3) - 1, "world").len(), 2);
    }
}
