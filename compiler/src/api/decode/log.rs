//! What has been found while decoding one document.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use crate::parse::{Entry, Faults, NodeId};

use super::stop::{Expected, Fault, Stop};

/// After this many faults in one resource, nobody reads on, and each costs another attempt.
pub(super) const FAULTS_MAX: usize = 64;

/// Something to say that stops nothing.
#[derive(Clone, Debug)]
pub(super) enum Note {
    /// The mapping `of` has no field of this name; the lists are its fields, and those of the mapping around it.
    UnknownField {
        of: NodeId,
        entry: Entry,
        fields: &'static [&'static str],
        outer: &'static [&'static str],
    },
    /// A field without a value.
    Absent(Entry),
    /// A number or a truth value that YAML 1.2 reads as something else.
    Ambiguous(NodeId),
}

/// A log is written through shared references, since `serde` hands the deserializer around by value.
#[derive(Debug, Default)]
pub(super) struct Log {
    faults: RefCell<Faults>,
    stops: RefCell<Vec<Stop>>,
    notes: RefCell<Vec<Note>>,
    /// In their order; a value may be looked at several times.
    placeholders: RefCell<BTreeSet<NodeId>>,
    /// The fields of the mappings that are being read, outermost first.
    pub outer: Cell<&'static [&'static str]>,
}

impl Log {
    /// Another attempt begins: what it passes, it notes again.
    pub(super) fn begin(&self) {
        self.notes.borrow_mut().clear();
        self.placeholders.borrow_mut().clear();
        self.outer.set(&[]);
    }

    pub(super) fn note(&self, note: Note) {
        let mut notes = self.notes.borrow_mut();
        if notes.len() <= FAULTS_MAX {
            notes.push(note);
        }
    }

    /// Whether there is more wrong than is noted.
    pub(super) fn is_full(&self) -> bool {
        self.stops.borrow().len() > FAULTS_MAX || self.notes.borrow().len() > FAULTS_MAX
    }

    pub(super) fn placeholder(&self, node: NodeId) {
        self.placeholders.borrow_mut().insert(node);
    }

    /// Notes a fault. Whether another attempt makes sense: it was news, and not the last straw.
    pub(super) fn insert(&self, stop: Stop) -> bool {
        let Some(node) = stop.node else { return false };
        let is_new = match stop.fault {
            Fault::Missing(field) => self.faults.borrow_mut().insert_missing(node, field),
            _ => self.faults.borrow_mut().insert_value(node),
        };
        self.stops.borrow_mut().push(stop);
        is_new && !self.is_full()
    }

    /// Notes what the parser could not read, and has spoken of.
    pub(super) fn faulty(&self, node: NodeId) {
        self.faults.borrow_mut().insert_value(node);
    }

    pub(super) fn is_faulty(&self, node: NodeId) -> bool {
        self.faults.borrow().holds_value(node)
    }

    /// What was expected where a value of another type was found by an earlier attempt.
    pub(super) fn expected(&self, node: NodeId) -> Option<Expected> {
        let stops = self.stops.borrow();
        stops.iter().find_map(|stop| match stop.fault {
            Fault::WrongType(expected) if stop.node == Some(node) => Some(expected),
            _ => None,
        })
    }

    /// The fields that were missed at `node` by an earlier attempt.
    pub(super) fn missing(&self, node: NodeId) -> Vec<&'static str> {
        let faults = self.faults.borrow();
        if faults.is_empty() { Vec::new() } else { faults.missing(node).collect() }
    }

    pub(super) fn has_placeholder(&self) -> bool {
        !self.placeholders.borrow().is_empty()
    }

    pub(super) fn placeholders(&self) -> Vec<NodeId> {
        self.placeholders.borrow().iter().copied().collect()
    }

    pub(super) fn stops(&self) -> std::cell::Ref<'_, Vec<Stop>> {
        self.stops.borrow()
    }

    pub(super) fn notes(&self) -> std::cell::Ref<'_, Vec<Note>> {
        self.notes.borrow()
    }

    /// A hole is no fault, but nothing can be said of what is in it either.
    pub(super) fn into_faults(self) -> Faults {
        let mut faults = self.faults.into_inner();
        for node in self.placeholders.into_inner() {
            faults.insert_value(node);
        }
        faults
    }
}
