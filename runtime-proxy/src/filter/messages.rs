//! The messages of one gRPC request, counted as they pass.

use std::cell::{Cell, RefCell};

use crate::http::grpc::Prefixes;
use crate::observe::MessageCounts;

/// Until it is known whom they are to, they are only added up.
#[derive(Default)]
pub(crate) struct Messages {
    requests: Cell<(Prefixes, u64)>,
    responses: Cell<(Prefixes, u64)>,
    counts: RefCell<Option<MessageCounts>>,
}

impl Messages {
    /// More of the request's body has passed.
    pub(crate) fn asked(&self, data: &[u8]) {
        advance(&self.requests, data);
        self.tell();
    }

    /// More of the answer's body has passed.
    pub(crate) fn answered(&self, data: &[u8]) {
        advance(&self.responses, data);
        self.tell();
    }

    /// From now on they are counted there, and with them those of before.
    pub(crate) fn count_in(&self, counts: MessageCounts) {
        *self.counts.borrow_mut() = Some(counts);
        self.tell();
    }

    /// Whether there are some that have been counted nowhere.
    pub(crate) fn are_untold(&self) -> bool {
        self.requests.get().1 + self.responses.get().1 > 0
    }

    fn tell(&self) {
        if let Some(counts) = &*self.counts.borrow() {
            counts.requests(take(&self.requests));
            counts.responses(take(&self.responses));
        }
    }
}

fn advance(side: &Cell<(Prefixes, u64)>, data: &[u8]) {
    let (mut prefixes, untold) = side.get();
    let begun = prefixes.pass(data);
    side.set((prefixes, untold + begun));
}

fn take(side: &Cell<(Prefixes, u64)>) -> u64 {
    let (prefixes, untold) = side.get();
    side.set((prefixes, 0));
    untold
}
