//! Patterns of policy: RE2's regular expressions, and path templates.
//!
//! The compiler validates with the code that runs them, so what it accepts a proxy can match. Every pattern
//! matches the whole text, in time linear in its length.

mod scanner;

mod class;
mod escape;
mod re2;

mod possible;
mod table;
mod template;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, meta};
use regex_syntax::hir::{Hir, HirKind, Look};

pub use possible::Alphabet;
pub use table::{State, Table};
pub use template::TemplateError;

/// Characters in an expression. Source: Istio, `ValidateHTTPMatch…` refuses more than 1,024.
pub const LENGTH_MAX: usize = 1024;
/// Of the program an expression is compiled to; RE2 has such a limit too.
const NFA_BYTES_MAX: usize = 1 << 20;
/// Beyond it an expression is run by a slower engine.
const DFA_BYTES_MAX: usize = 128 << 10;
const HYBRID_BYTES_MAX: usize = 256 << 10;

/// An expression that must match the whole text. Matching it allocates nothing, unless its automaton would have
/// more than 128 KiB: then each thread that uses it makes itself a bounded cache, once.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: Box<str>,
    prefix: Box<str>,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Table(Box<dense::DFA<Vec<u32>>>),
    Lazy(Box<meta::Regex>),
}

/// Why a text is no expression of RE2's language. `at` is a place in it, in bytes.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PatternError {
    #[error("it has {length} characters, more than {LENGTH_MAX}")]
    TooLong { length: usize },
    /// RE2 does not know it, or gives it another meaning than its author is likely to have in mind.
    #[error("{what}, at byte {at}")]
    Refused { at: usize, what: &'static str },
    #[error("{reason}")]
    Syntax { reason: String },
    #[error("it needs more than {} KiB when compiled", NFA_BYTES_MAX >> 10)]
    TooLarge,
}

impl Pattern {
    /// Compiles an expression of RE2's language.
    ///
    /// # Errors
    ///
    /// When RE2 would refuse it, or it is too large.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        Self::from_hir(source, parse(source)?)
    }

    /// Compiles a path template: `{*}` is one segment, `{**}` any run of them.
    ///
    /// # Errors
    ///
    /// When an operator does not fill a segment, or there are too many.
    pub fn template(source: &str) -> Result<Self, TemplateError> {
        let expression = template::expression(source)?;
        let hir = parse_translated(&expression).map_err(TemplateError::Pattern)?;
        Self::from_hir(source, hir).map_err(TemplateError::Pattern)
    }

    fn from_hir(source: &str, hir: Hir) -> Result<Self, PatternError> {
        let prefix = literal_prefix(&hir);
        let whole = Hir::concat(vec![hir, Hir::look(Look::End)]);
        let matcher = match table(&whole)? {
            Some(table) => Matcher::Table(Box::new(table)),
            None => Matcher::Lazy(Box::new(lazy(&whole)?)),
        };
        Ok(Self { source: source.into(), prefix, matcher })
    }

    /// How large the program of an expression is that [`Self::new`] compiles, in bytes. Most expressions are measured without
    /// their table of states, which is what takes long.
    ///
    /// # Errors
    ///
    /// As of [`Self::new`].
    pub fn measure(source: &str) -> Result<usize, PatternError> {
        let hir = parse(source)?;
        // What runs it may be larger than this, though not four times.
        let bytes =
            nfa(&hir, thompson::WhichCaptures::All, NFA_BYTES_MAX).map(|nfa| nfa.memory_usage());
        match bytes {
            Ok(bytes) if bytes <= NFA_BYTES_MAX / 4 => Ok(bytes),
            measured => Self::from_hir(source, hir).map(|_| measured.unwrap_or(NFA_BYTES_MAX)),
        }
    }

    /// What every text begins with that `source` matches. It costs much less than to compile it.
    ///
    /// # Errors
    ///
    /// When RE2 would refuse it.
    pub fn prefix_of(source: &str) -> Result<Box<str>, PatternError> {
        Ok(literal_prefix(&parse(source)?))
    }

    /// Whether `source` may match a text of `alphabet`; no only where that is sure. It costs much less than to compile it.
    ///
    /// # Errors
    ///
    /// When RE2 would refuse it.
    pub fn may_match(source: &str, alphabet: &Alphabet) -> Result<bool, PatternError> {
        Ok(alphabet.may_be_taken(&parse(source)?))
    }

    /// Whether the whole of `text` is matched. Bytes that are not UTF-8 match no character.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        let input = Input::new(text).anchored(Anchored::Yes);
        match &self.matcher {
            Matcher::Table(table) => match table.try_search_fwd(&input) {
                Ok(found) => found.is_some(),
                Err(error) => unreachable!("no byte makes an ASCII-only table quit: {error}"),
            },
            Matcher::Lazy(regex) => regex.is_match(input),
        }
    }

    /// What every text that it matches begins with.
    #[must_use]
    pub fn literal_prefix(&self) -> &str {
        &self.prefix
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it holds on to, threads' caches apart.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let matcher = match &self.matcher {
            Matcher::Table(table) => table.memory_usage(),
            Matcher::Lazy(regex) => regex.memory_usage(),
        };
        self.source.len() + self.prefix.len() + matcher
    }
}

/// An expression that may match anywhere in a text, and whose groups are wanted: for rewrites.
#[derive(Clone, Debug)]
pub(crate) struct Search(meta::Regex);

/// Groups that a substitution can name, the whole match (`\0`) included.
pub(crate) const GROUPS: usize = 10;

impl Search {
    pub(crate) fn new(source: &str) -> Result<Self, PatternError> {
        lazy(&parse(source)?).map(Self)
    }

    /// The groups that the expression has, the whole match included.
    pub(crate) fn groups(&self) -> usize {
        self.0.group_info().group_len(regex_automata::PatternID::ZERO)
    }

    /// The first match from `start` on: where its groups begin and end.
    pub(crate) fn find(
        &self,
        text: &str,
        start: usize,
    ) -> Option<[Option<(usize, usize)>; GROUPS]> {
        let mut slots = [None; 2 * GROUPS];
        self.0.search_slots(&Input::new(text).range(start..), &mut slots)?;
        let mut groups = [None; GROUPS];
        for (group, slots) in groups.iter_mut().zip(slots.chunks_exact(2)) {
            if let [Some(from), Some(to)] = slots {
                *group = Some((from.get(), to.get()));
            }
        }
        Some(groups)
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.0.memory_usage()
    }
}

fn parse(source: &str) -> Result<Hir, PatternError> {
    let length = source.chars().count();
    if length > LENGTH_MAX {
        return Err(PatternError::TooLong { length });
    }
    parse_translated(&re2::translate(source)?)
}

fn parse_translated(expression: &str) -> Result<Hir, PatternError> {
    let config = syntax::Config::new().utf8(false).nest_limit(100);
    syntax::parse_with(expression, &config).map_err(|error| {
        let reason = match &error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => error.to_string(),
        };
        PatternError::Syntax { reason }
    })
}

/// A table of states, unless it would be too large.
fn table(hir: &Hir) -> Result<Option<dense::DFA<Vec<u32>>>, PatternError> {
    table_within(hir, NFA_BYTES_MAX, DFA_BYTES_MAX)
}

fn table_within(
    hir: &Hir,
    program_max: usize,
    bytes_max: usize,
) -> Result<Option<dense::DFA<Vec<u32>>>, PatternError> {
    let nfa = nfa(hir, thompson::WhichCaptures::None, program_max)?;
    let config = dense::Config::new()
        .start_kind(StartKind::Anchored)
        .dfa_size_limit(Some(bytes_max))
        .determinize_size_limit(Some(4 * bytes_max));
    Ok(dense::Builder::new().configure(config).build_from_nfa(&nfa).ok())
}

fn nfa(
    hir: &Hir,
    captures: thompson::WhichCaptures,
    bytes_max: usize,
) -> Result<thompson::NFA, PatternError> {
    let config = thompson::Config::new()
        .utf8(false)
        .nfa_size_limit(Some(bytes_max))
        .which_captures(captures);
    let mut compiler = thompson::Compiler::new();
    compiler.configure(config).build_from_hir(hir).map_err(|_| PatternError::TooLarge)
}

fn lazy(hir: &Hir) -> Result<meta::Regex, PatternError> {
    let config = meta::Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(NFA_BYTES_MAX))
        .hybrid_cache_capacity(HYBRID_BYTES_MAX);
    meta::Builder::new().configure(config).build_from_hir(hir).map_err(|_| PatternError::TooLarge)
}

/// Texts begin with it, by the expression's own words; it may be shorter than it could be.
fn literal_prefix(hir: &Hir) -> Box<str> {
    let mut prefix = Vec::new();
    collect_prefix(hir, &mut prefix);
    let valid = std::str::from_utf8(&prefix).map_or_else(|error| error.valid_up_to(), str::len);
    let text = prefix.get(..valid).and_then(|text| std::str::from_utf8(text).ok());
    text.unwrap_or_default().into()
}

/// Whether what follows `hir` belongs to the prefix, too.
fn collect_prefix(hir: &Hir, prefix: &mut Vec<u8>) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => {
            prefix.extend_from_slice(&literal.0);
            true
        }
        HirKind::Concat(parts) => parts.iter().all(|part| collect_prefix(part, prefix)),
        HirKind::Capture(group) => collect_prefix(&group.sub, prefix),
        HirKind::Empty | HirKind::Look(Look::Start) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Matcher, Pattern, PatternError};

    fn pattern(source: &str) -> Pattern {
        Pattern::new(source).unwrap()
    }

    #[test]
    fn the_whole_text_must_match() {
        assert!(pattern("/a.*").matches(b"/abc"));
        assert!(!pattern("/a").matches(b"/ab"));
        assert!(!pattern("b").matches(b"ab"));
        assert!(pattern("a|ab").matches(b"ab"));
        assert!(pattern("a??b*?").matches(b"abbb"));
        assert!(pattern("").matches(b""));
        assert!(!pattern("a.b").matches(b"a\nb"));
        assert!(!pattern("a\n?").matches(b"a\n\n"));
        assert!(!pattern("a$").matches(b"a\n"));
    }

    #[test]
    fn bytes_that_are_no_text_match_no_character() {
        assert!(!pattern(".*").matches(b"a\xff"));
        assert!(pattern(".").matches("é".as_bytes()));
        assert!(!pattern("[^a]").matches(b"\xff"));
    }

    #[test]
    fn the_literal_prefix_is_what_all_matches_share() {
        for (source, prefix) in [
            ("/api/v[0-9]+/.*", "/api/v"),
            ("/(a)b(c|d)e", "/ab"),
            ("^/x.*", "/x"),
            ("a|b", ""),
            ("(?i)/a", "/"),
            ("/a?", "/"),
            ("/a{2}", "/"),
            ("é.", "é"),
        ] {
            assert_eq!(pattern(source).literal_prefix(), prefix, "{source}");
        }
    }

    #[test]
    fn size_has_limits() {
        let long = "a".repeat(1025);
        assert_eq!(Pattern::new(&long).unwrap_err(), PatternError::TooLong { length: 1025 });
        let nested = "((a{1000}){1000}){1000}";
        assert_eq!(Pattern::new(nested).unwrap_err(), PatternError::TooLarge);
    }

    #[test]
    fn what_is_measured_compiles() {
        for source in [
            "/a",
            "/([a-z]{1,30}){1,30}/x",
            "((a{1000}){1000}){1000}",
            "(((((((()))))))){1000}",
            "\\pL{400}",
            "(((((\\pL{60}))))){9}",
            "(((((((((a))))))))){900}",
            "a(",
        ] {
            let compiled = Pattern::new(source).map(drop);
            assert_eq!(Pattern::measure(source).map(drop), compiled, "{source}");
        }
    }

    #[test]
    fn an_expression_too_large_for_a_table_still_matches() {
        let slow = pattern(".*a.{16}");
        assert!(matches!(slow.matcher, Matcher::Lazy(_)));
        assert!(slow.matches(b"xxa0123456789abcdef"));
        assert!(!slow.matches(b"xxa0123456789abcde"));
        assert!(slow.memory_bytes() > 0);
        assert!(matches!(pattern("/api/[^/]+/users").matcher, Matcher::Table(_)));
    }
}
