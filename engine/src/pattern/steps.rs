//! An expression, run byte by byte: for whoever asks what several of them take together.

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

/// Runs an expression over a text that is not known beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'p> {
    table: &'p dense::DFA<Vec<u32>>,
    start: StateID,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct State(StateID);

impl<'p> Steps<'p> {
    pub(super) fn of(table: &'p dense::DFA<Vec<u32>>) -> Option<Self> {
        let start = start::Config::new().anchored(Anchored::Yes);
        Some(Self { table, start: table.start_state(&start).ok()? })
    }

    /// Before the first byte.
    #[must_use]
    pub const fn start(&self) -> State {
        State(self.start)
    }

    #[must_use]
    pub fn next(&self, state: State, byte: u8) -> State {
        State(self.table.next_state(state.0, byte))
    }

    /// Bytes of one class lead from each state to the same one.
    #[must_use]
    pub fn class(&self, byte: u8) -> u8 {
        self.table.byte_classes().get(byte)
    }

    /// Whether a text that ends here is matched.
    #[must_use]
    pub fn matches(&self, state: State) -> bool {
        self.table.is_match_state(self.table.next_eoi_state(state.0))
    }

    /// Whether no text that goes on from here is matched.
    #[must_use]
    pub fn is_over(&self, state: State) -> bool {
        self.table.is_dead_state(state.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::Pattern;

    #[test]
    fn steps_match_what_the_pattern_matches() {
        for source in ["/api/v[0-9]+/.*", "a|ab", "a??b*?", "", "(?i)x.z", "[^/]+$"] {
            let pattern = Pattern::new(source).unwrap();
            let steps = pattern.steps().unwrap();
            for text in ["", "a", "ab", "abb", "/api/v1/x", "/api/v/x", "XyZ", "x/z", "/"] {
                let end = text.bytes().fold(steps.start(), |state, byte| steps.next(state, byte));
                assert_eq!(steps.matches(end), pattern.matches(text.as_bytes()), "{source} {text}");
                assert!(!steps.is_over(end) || !steps.matches(end), "{source} {text}");
            }
        }
    }
}
