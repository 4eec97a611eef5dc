//! Numbers with units, and bytes. Canonical JSON has no floats, so time and shares are integers.
//!
//! A unit is a newtype to `serde` too, which JSON writes as the number alone: who shows a snapshot to people is told what a
//! number counts by the name of its type, and by nothing else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::{from_hex, to_hex};

/// A span of time in whole microseconds, the finest that Istio's API distinguishes in practice.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Microseconds(pub u64);

impl Microseconds {
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1000)
    }

    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000)
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<Microseconds> for Duration {
    fn from(span: Microseconds) -> Self {
        Self::from_micros(span.0)
    }
}

/// A share of requests: 1,000,000 is all of them. Envoy's finest denominator, so no percentage is lost.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct PartsPerMillion(pub u32);

impl PartsPerMillion {
    pub const ALL: Self = Self(1_000_000);

    /// Whether a `roll`, uniform over all of `u32`, falls into this share.
    #[must_use]
    pub fn includes(self, roll: u32) -> bool {
        u64::from(roll) * 1_000_000 < u64::from(self.0) << 32
    }
}

/// Bytes of any content; in canonical form, lower-case hexadecimal text.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Bytes(pub Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        from_hex(&text).map(Self).ok_or_else(|| serde::de::Error::custom("not hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::PartsPerMillion;

    #[test]
    fn a_share_takes_its_part_of_the_rolls_and_no_other() {
        assert!(!PartsPerMillion(0).includes(0));
        assert!(PartsPerMillion::ALL.includes(u32::MAX));
        let half = PartsPerMillion(500_000);
        assert!(half.includes(u32::MAX / 2));
        assert!(!half.includes(u32::MAX / 2 + 1));
    }
}
