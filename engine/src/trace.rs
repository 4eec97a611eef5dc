//! Why a decision came out as it did, for whoever asks.
//!
//! The functions that decide take a [`Trace`]. With `()` nothing is told and it costs nothing: the compiler removes
//! it. Any other sees each step, while the decision stays the same.

use mesh_snapshot::Key;

use crate::policy::{Rule, RuleMiss};

/// Sees the steps of a decision.
pub trait Trace {
    /// Whether [`Trace::step`] does anything. Without it, routes are found by index, and those that cannot match are
    /// never looked at.
    const LISTENS: bool;

    fn step(&mut self, step: Step<'_>);
}

impl Trace for () {
    const LISTENS: bool = false;

    fn step(&mut self, _: Step<'_>) {}
}

impl<F: FnMut(Step<'_>)> Trace for F {
    const LISTENS: bool = true;

    fn step(&mut self, step: Step<'_>) {
        self(step);
    }
}

/// One step of a decision, with the key and item ([`mesh_snapshot::source_map`]) to blame.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// The virtual host for the request's authority; `domain` is the name or wildcard that it goes by.
    VirtualHost { name: &'a str, wildcard: bool },
    /// No virtual host is for this authority, on this port.
    UnknownHost { authority: &'a str, port: u16 },
    /// A route was tried: by one of its matches, or, where it has none, as it is.
    Route { key: &'a Key, item: &'a str, matching: Option<usize>, miss: Option<Part<'a>> },
    /// A rule of an authorization policy was tried.
    Rule { rule: &'a Rule, miss: Option<RuleMiss<'a>> },
}

/// The first part of a route's match that did not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part<'a> {
    Path,
    Method,
    Scheme,
    Authority,
    Header(&'a str),
    Query(&'a str),
    /// A claim of the request's token, by its path.
    Claim(&'a [String]),
    /// The match is for another port.
    Port,
    /// The match is for other workloads.
    SourceLabels,
    SourceNamespace,
}
