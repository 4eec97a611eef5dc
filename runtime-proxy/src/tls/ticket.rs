//! Session tickets with a short life.
//!
//! A resumed session skips the proof of identity, so how long one may be resumed is a limit on how long a revoked or
//! expired identity lives on. rustls' own tickets live for half a day; these carry the time they were made. Their
//! key is one configuration's: a change of trust or of certificate makes a new configuration, and voids them all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// How long a session can be resumed.
const TICKET_LIFE: Duration = Duration::from_hours(1);

#[derive(Debug)]
struct ShortLived {
    tickets: Arc<dyn ProducesTickets>,
    made: Instant,
}

/// Tickets under a fresh key.
pub(super) fn short_lived() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    Ok(Arc::new(ShortLived { tickets: Ticketer::new()?, made: Instant::now() }))
}

impl ShortLived {
    /// Seconds since the key was made.
    fn age(&self) -> u64 {
        self.made.elapsed().as_secs()
    }

    fn open(&self, cipher: &[u8], age: u64) -> Option<Vec<u8>> {
        let mut plain = self.tickets.decrypt(cipher)?;
        let made = plain.split_off(plain.len().checked_sub(8)?);
        let made = u64::from_be_bytes(made.try_into().ok()?);
        (age.checked_sub(made)? <= TICKET_LIFE.as_secs()).then_some(plain)
    }
}

impl ProducesTickets for ShortLived {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(TICKET_LIFE.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.tickets.encrypt(&[plain, &self.age().to_be_bytes()].concat())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(cipher, self.age())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rustls::crypto::aws_lc_rs::Ticketer;
    use rustls::server::ProducesTickets;

    use super::{ShortLived, TICKET_LIFE, short_lived};

    #[test]
    fn a_ticket_opens_for_an_hour() {
        let tickets = ShortLived { tickets: Ticketer::new().unwrap(), made: Instant::now() };
        let ticket = tickets.encrypt(b"session").unwrap();
        let life = TICKET_LIFE.as_secs();
        assert_eq!(tickets.open(&ticket, life).as_deref(), Some(&b"session"[..]));
        assert_eq!(tickets.open(&ticket, life + 2), None);
    }

    #[test]
    fn a_ticket_of_another_configuration_is_worth_nothing() {
        let ticket = short_lived().unwrap().encrypt(b"session").unwrap();
        assert_eq!(short_lived().unwrap().decrypt(&ticket), None);
        assert_eq!(short_lived().unwrap().decrypt(b"x"), None);
    }
}
