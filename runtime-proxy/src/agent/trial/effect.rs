//! What is to be done about it.

use std::time::Duration;

use mesh_snapshot::wire::Trial;

use super::durability::Durable;
use super::event::{Built, Offer, Refused, Version};

/// Carried out in order.
#[derive(Clone, Debug)]
pub enum Effect<P> {
    /// Verify, fetch, build and store what is offered, and say so with the number of the attempt. An attempt before it is
    /// given up. A statement with a serial below the floor will not do.
    Prepare {
        attempt: u64,
        offer: Offer,
        floor: u64,
    },
    /// Nobody waits for the attempt under way.
    GiveUp,
    /// Judge requests by this from now on; none: by nothing, so none passes.
    Swap {
        to: Option<Built<P>>,
        generation: u64,
    },
    /// Make this what the disk says; then [`super::Event::Saved`] or [`super::Event::SaveFailed`]. One at a time.
    Save(Durable),
    Answer(Answer),
    /// An order of a term that is over.
    Ignored {
        term: u64,
    },
    /// End the stream: who is at its other end has been replaced.
    HangUp,
    /// [`super::Event::Tick`] at this time, and not at the one asked for before; none: at no time.
    Wake(Option<Duration>),
}

/// What the control runtime is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    Prepared { version: Version, memory_bytes: u64, elapsed: Duration },
    Refused { epoch: u64, refused: Refused },
    Serving(Serving),
}

/// What requests are judged by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Serving {
    /// Absent: by nothing; none passes.
    pub version: Option<Version>,
    pub generation: u64,
    pub trial: Trial,
}
