//! An expression as a table of its states, run byte by byte: for whoever asks what several of them take together.

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_syntax::hir::{Hir, Look};

use super::{PatternError, parse, table_within};

/// Of the table, and of the program that it is made of. To find out that it would be larger takes less than a millisecond.
const BYTES_MAX: usize = 32 << 10;

/// Runs an expression over a text that is not known beforehand. Like a [`Pattern`](super::Pattern) it must match the whole text.
#[derive(Clone, Debug)]
pub struct Table {
    states: dense::DFA<Vec<u32>>,
    start: StateID,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct State(StateID);

impl Table {
    /// Absent: the table would be larger than 32 KiB.
    ///
    /// # Errors
    ///
    /// When RE2 would refuse the expression.
    pub fn of(source: &str) -> Result<Option<Self>, PatternError> {
        let whole = Hir::concat(vec![parse(source)?, Hir::look(Look::End)]);
        let states = table_within(&whole, BYTES_MAX, BYTES_MAX).ok().flatten();
        let anchored = start::Config::new().anchored(Anchored::Yes);
        Ok(states.and_then(|states| {
            let start = states.start_state(&anchored).ok()?;
            Some(Self { states, start })
        }))
    }

    /// Whether the whole of `text` is matched.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.is_match(text.bytes().fold(self.start(), |at, byte| self.next(at, byte)))
    }

    /// Before the first byte.
    #[must_use]
    pub const fn start(&self) -> State {
        State(self.start)
    }

    #[must_use]
    pub fn next(&self, state: State, byte: u8) -> State {
        State(self.states.next_state(state.0, byte))
    }

    /// Bytes of one class lead from each state to the same one.
    #[must_use]
    pub fn class(&self, byte: u8) -> u8 {
        self.states.byte_classes().get(byte)
    }

    /// Whether a text that ends here is matched.
    #[must_use]
    pub fn is_match(&self, state: State) -> bool {
        self.states.is_match_state(self.states.next_eoi_state(state.0))
    }

    /// Whether no text that goes on from here is matched.
    #[must_use]
    pub fn is_over(&self, state: State) -> bool {
        self.states.is_dead_state(state.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::pattern::Pattern;

    #[test]
    fn a_table_matches_what_the_pattern_matches() {
        for source in ["/api/v[0-9]+/.*", "a|ab", "a??b*?", "", "(?i)x.z", "[^/]+$"] {
            let pattern = Pattern::new(source).unwrap();
            let table = Table::of(source).unwrap().unwrap();
            for text in ["", "a", "ab", "abb", "/api/v1/x", "/api/v/x", "XyZ", "x/z", "/"] {
                let end = text.bytes().fold(table.start(), |state, byte| table.next(state, byte));
                assert_eq!(
                    table.matches(text),
                    pattern.matches(text.as_bytes()),
                    "{source} {text}"
                );
                assert!(!table.is_over(end) || !table.is_match(end), "{source} {text}");
            }
        }
    }

    #[test]
    fn a_large_table_is_not_made() {
        assert!(Table::of("/(a|b|c)*a(a|b|c){9}.*x").unwrap().is_none());
        assert!(Table::of("((a{1000}){1000}){1000}").unwrap().is_none());
        assert!(Table::of("a(").is_err());
    }
}
