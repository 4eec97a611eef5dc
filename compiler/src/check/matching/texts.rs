//! Tests of a text as the sets of texts that they take, and whether any text is in some of them and not in others.
//!
//! Expressions are run side by side over all texts at once, state by state. That is done for expressions of moderate size, and as
//! long as there is [`Work`] left; after it, and where a test is not understood, a text may be left.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;

use mesh_engine::pattern::{Pattern, State, Table};

use super::letters::Letters;
use crate::api::istio::{StringMatch, TextTest};

/// What to find or compile an expression costs, in steps.
const COMPILATION: u32 = 1 << 12;
/// How many expressions are kept compiled: twice as many at most.
const KNOWN_MAX: usize = 256;
/// Sets of states that are looked at for one question.
const STATES_MAX: usize = 4096;

/// Expressions that were compiled, the last ones of a thread. A repository says few expressions many times, and to compile one takes
/// long.
#[derive(Default)]
struct Known {
    recent: HashMap<Box<str>, Option<Rc<Table>>>,
    before: HashMap<Box<str>, Option<Rc<Table>>>,
}

/// An expression, compiled; absent: it is none, or too large to be looked at.
pub(super) fn compiled(source: &str) -> Option<Rc<Table>> {
    thread_local! {
        static KNOWN: RefCell<Known> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(table) = known.recent.get(source) {
            return table.clone();
        }
        if known.recent.len() >= KNOWN_MAX {
            known.before = std::mem::take(&mut known.recent);
        }
        let made = || Table::of(source).ok().flatten().map(Rc::new);
        let table = known.before.remove(source).unwrap_or_else(made);
        known.recent.insert(source.into(), table.clone());
        table
    })
}

/// How many steps may still be taken: a byte in one state of one test.
pub(super) struct Work(u32);

impl Work {
    pub(super) const fn of(steps: u32) -> Self {
        Self(steps)
    }

    /// Whether there was so much left.
    pub(super) fn take(&mut self, steps: u32) -> bool {
        let left = self.0.checked_sub(steps);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// What a text must be.
#[derive(Clone, Debug)]
pub(super) enum Texts<'m> {
    Any,
    Exact { text: Cow<'m, str>, folds: bool },
    Prefix { text: &'m str, folds: bool },
    Regex { source: &'m str, prefix: OnceCell<Box<str>>, table: OnceCell<Option<Rc<Table>>> },
}

impl<'m> Texts<'m> {
    /// `folds`: case is disregarded, which expressions never do. A match without a test asks only that the text is there.
    pub(super) fn of(written: &'m StringMatch, folds: bool) -> Self {
        match written.test() {
            Some(TextTest::Exact(text)) => Self::Exact { text: text.into(), folds },
            // No text that is looked at has several lines.
            None | Some(TextTest::Prefix("") | TextTest::Regex(".*" | "^.*$")) => Self::Any,
            Some(TextTest::Prefix(text)) => Self::Prefix { text, folds },
            Some(TextTest::Regex(source)) => {
                Self::Regex { source, prefix: OnceCell::new(), table: OnceCell::new() }
            }
        }
    }

    pub(super) const fn exact(text: Cow<'m, str>) -> Self {
        Self::Exact { text, folds: false }
    }

    /// What all that it takes begins with, if case is disregarded.
    pub(super) fn beginning(&self) -> &str {
        match self {
            Self::Any => "",
            Self::Exact { text, .. } => text,
            Self::Prefix { text, .. } => text,
            Self::Regex { source, prefix, .. } => {
                prefix.get_or_init(|| Pattern::prefix_of(source).unwrap_or_default())
            }
        }
    }

    /// Whether what is written of it is ASCII. Of other texts little is said.
    pub(super) fn is_ascii(&self) -> bool {
        match self {
            Self::Any | Self::Regex { .. } => true,
            Self::Exact { text, .. } => text.is_ascii(),
            Self::Prefix { text, .. } => text.is_ascii(),
        }
    }

    pub(super) const fn folds(&self) -> bool {
        matches!(self, Self::Exact { folds: true, .. } | Self::Prefix { folds: true, .. })
    }

    fn runner(&self, work: &mut Work) -> Option<Runner<'_>> {
        match self {
            Self::Any => Some(Runner::Text { text: "", folds: false, is_whole: false }),
            Self::Exact { text, folds } => {
                Some(Runner::Text { text, folds: *folds, is_whole: true })
            }
            Self::Prefix { text, folds } => {
                Some(Runner::Text { text, folds: *folds, is_whole: false })
            }
            Self::Regex { source, table, .. } => {
                if table.get().is_none() && !work.take(COMPILATION) {
                    return None;
                }
                table.get_or_init(|| compiled(source)).as_deref().map(Runner::Expression)
            }
        }
    }

    /// Whether it takes a text; absent: that is not known.
    fn takes(&self, text: &str, work: &mut Work) -> Option<bool> {
        let runner = self.runner(work)?;
        let end = text.bytes().fold(runner.start(), |at, byte| runner.next(at, byte));
        Some(runner.matches(end))
    }
}

/// Whether a test that must not hold takes a text that is not there for an empty one, and may take that. One that asks only
/// for presence does neither. Source: Envoy, `HeaderMatcher.treat_missing_header_as_empty`, which Istio sets.
pub(super) fn takes_absent(written: &StringMatch) -> bool {
    written.test().is_some()
        && match Texts::of(written, false) {
            Texts::Exact { text, .. } => text.is_empty(),
            Texts::Prefix { .. } => false,
            Texts::Any | Texts::Regex { .. } => true,
        }
}

/// What every text is: UTF-8. The engine reads nothing else as a text.
const UTF_8: &str = "(?s).*";

/// Whether it is sure that no text of `letters` is in `all` of them and in `none` of those.
pub(super) fn is_none_left(
    all: &[&Texts<'_>],
    none: &[&Texts<'_>],
    letters: &Letters,
    work: &mut Work,
) -> bool {
    if let Some(words) = letters.words {
        let mut is_left = |word: &str| {
            all.iter().all(|it| it.takes(word, work) != Some(false))
                && none.iter().all(|it| it.takes(word, work) != Some(true))
        };
        return !words.iter().any(|word| is_left(word));
    }
    let meets =
        |a: &str, b: &str| a.bytes().zip(b.bytes()).all(|(a, b)| a.eq_ignore_ascii_case(&b));
    let beginnings = all.iter().map(|it| it.beginning()).chain([letters.start]);
    let longest = beginnings.max_by_key(|it| it.len()).unwrap_or_default();
    if all.iter().any(|it| !meets(it.beginning(), longest)) {
        return true;
    }
    // One test alone takes something.
    if none.is_empty() && all.len() < 2 {
        return false;
    }
    // What begins otherwise takes nothing of it.
    let none = none.iter().copied().filter(|it| meets(it.beginning(), longest));
    let none: Vec<&Texts<'_>> = none.collect();
    let whole = all.iter().find_map(|it| match it {
        Texts::Exact { text, folds: false } => Some(text),
        _ => None,
    });
    if let Some(whole) = whole {
        return all.iter().any(|it| it.takes(whole, work) == Some(false))
            || none.iter().any(|it| it.takes(whole, work) == Some(true));
    }
    let is_prefix = |it: &&Texts| matches!(it, Texts::Any | Texts::Prefix { folds: false, .. });
    let is_plain = |it: &&Texts| is_prefix(it) || matches!(it, Texts::Exact { .. });
    if all.iter().all(is_prefix) && none.iter().all(is_plain) {
        if all.iter().any(|it| !longest.starts_with(it.beginning())) {
            return true;
        }
        // Of prefixes no few texts make up another.
        let takes_longest = |it: &&Texts| match it {
            Texts::Exact { .. } => false,
            _ => longest.starts_with(it.beginning()),
        };
        return none.iter().any(takes_longest);
    }
    // Those that are not understood take nothing of it for sure.
    let of_all = all;
    let Some(mut all) = of_all.iter().map(|it| it.runner(work)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let utf_8 = compiled(UTF_8);
    let Some(utf_8) = utf_8.as_deref() else { return false };
    all.push(Runner::Expression(utf_8));
    let none: Vec<_> = none.iter().filter_map(|it| it.runner(work)).collect();
    // All begin with this, letter by letter.
    let exact =
        of_all.iter().filter(|it| !it.folds()).map(|it| it.beginning()).chain([letters.start]);
    let fixed = exact.max_by_key(|it| it.len()).unwrap_or_default();
    is_none_found(&all, &none, fixed, letters, work)
}

/// Looks at all texts that begin with `fixed`, the shortest first.
fn is_none_found(
    all: &[Runner<'_>],
    none: &[Runner<'_>],
    fixed: &str,
    letters: &Letters,
    work: &mut Work,
) -> bool {
    let after_fixed =
        |it: &Runner<'_>| fixed.bytes().fold(it.start(), |at, byte| it.next(at, byte));
    let start: Vec<At> = all.iter().chain(none).map(after_fixed).collect();
    let is_left = |states: &[At]| {
        let mut of_all = all.iter().zip(states);
        let mut of_none = none.iter().zip(states.iter().skip(all.len()));
        of_all.all(|(it, at)| it.matches(*at)) && !of_none.any(|(it, at)| it.matches(*at))
    };
    let is_over = |states: &[At]| all.iter().zip(states).any(|(it, at)| it.is_over(*at));
    if is_over(&start) {
        return true;
    }
    if is_left(&start) {
        return false;
    }
    // Of bytes that no test tells apart one is enough.
    let mut classes = HashSet::new();
    let is_new = |byte: &u8| {
        classes.insert(all.iter().chain(none).map(|it| it.class(*byte)).collect::<Vec<_>>())
    };
    let bytes: Vec<u8> = letters.bytes().filter(is_new).collect();
    let cost = u32::try_from(start.len()).unwrap_or(u32::MAX);
    let mut met = HashSet::from([start.clone()]);
    let mut next = VecDeque::from([start]);
    let mut after: Vec<At> = Vec::new();
    while let Some(states) = next.pop_front() {
        for &byte in &bytes {
            if !work.take(cost) {
                return false;
            }
            let runners = all.iter().chain(none);
            after.clear();
            after.extend(runners.zip(&states).map(|(it, at)| it.next(*at, byte)));
            if is_over(&after) || met.contains(&after) {
                continue;
            }
            if is_left(&after) || met.len() >= STATES_MAX {
                return false;
            }
            met.insert(after.clone());
            next.push_back(after.clone());
        }
    }
    true
}

/// Runs a test over a text.
enum Runner<'t> {
    Text { text: &'t str, folds: bool, is_whole: bool },
    Expression(&'t Table),
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum At {
    /// So many bytes are as they should be.
    Byte(usize),
    /// Nothing that follows is taken.
    Over,
    Expression(State),
}

impl Runner<'_> {
    fn start(&self) -> At {
        match self {
            Self::Text { .. } => At::Byte(0),
            Self::Expression(table) => At::Expression(table.start()),
        }
    }

    fn next(&self, at: At, byte: u8) -> At {
        match (self, at) {
            (Self::Text { text, folds, is_whole }, At::Byte(index)) => {
                match text.as_bytes().get(index) {
                    Some(own) if *own == byte => At::Byte(index + 1),
                    Some(own) if *folds && own.eq_ignore_ascii_case(&byte) => At::Byte(index + 1),
                    None if !is_whole => at,
                    _ => At::Over,
                }
            }
            (Self::Expression(table), At::Expression(state)) => {
                At::Expression(table.next(state, byte))
            }
            _ => At::Over,
        }
    }

    /// Bytes of one class are alike to it.
    fn class(&self, byte: u8) -> u8 {
        match self {
            Self::Text { text, folds, .. } => {
                let byte = if *folds { byte.to_ascii_lowercase() } else { byte };
                let is_it =
                    |own: u8| if *folds { own.to_ascii_lowercase() == byte } else { own == byte };
                // No text has this one.
                if text.bytes().any(is_it) { byte } else { 0xff }
            }
            Self::Expression(table) => table.class(byte),
        }
    }

    fn matches(&self, at: At) -> bool {
        match (self, at) {
            (Self::Text { text, .. }, At::Byte(index)) => index == text.len(),
            (Self::Expression(table), At::Expression(state)) => table.is_match(state),
            _ => false,
        }
    }

    fn is_over(&self, at: At) -> bool {
        match (self, at) {
            (Self::Expression(table), At::Expression(state)) => table.is_over(state),
            (_, at) => at == At::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::letters::{AUTHORITY, METHOD, PARAMETER, PATH, SCHEME, VALUE};
    use super::*;

    fn texts<'m>(kind: &str, text: &'m str, folds: bool) -> Texts<'m> {
        match kind {
            "exact" => Texts::Exact { text: text.into(), folds },
            "prefix" => Texts::Prefix { text, folds },
            _ => Texts::Regex { source: text, prefix: OnceCell::new(), table: OnceCell::new() },
        }
    }

    fn is_empty(all: &[&Texts<'_>], none: &[&Texts<'_>]) -> bool {
        is_none_left(all, none, &PATH, &mut Work::of(1 << 20))
    }

    #[test]
    fn several_take_what_none_of_them_takes_alone() {
        let (a, b) = (texts("prefix", "/a/", false), texts("prefix", "/b/", false));
        let both = texts("regex", "/(a|b)/.*", false);
        assert!(is_empty(&[&both], &[&a, &b]));
        assert!(!is_empty(&[&both], &[&a]) && !is_empty(&[&both], &[&b]));
        let version = texts("regex", "/api/v[0-9]+/.*", false);
        assert!(is_empty(&[&texts("prefix", "/api/v1/", false)], &[&version]));
        assert!(!is_empty(&[&texts("prefix", "/api/v1", false)], &[&version]));
        assert!(is_empty(&[&texts("regex", "/api/v[1-3]/x", false)], &[&version]));
        let folded = texts("prefix", "/API", true);
        assert!(is_empty(&[&texts("prefix", "/api/v1", false)], &[&folded]));
        assert!(!is_empty(&[&folded], &[&texts("prefix", "/api", false)]));
    }

    #[test]
    fn a_part_has_no_texts_but_those_of_its_letters() {
        let is_left = |source: &str, letters: &Letters| {
            let (some, none) = (texts("regex", ".*", false), texts("regex", source, false));
            !is_none_left(&[&some], &[&none], letters, &mut Work::of(1 << 20))
        };
        // Source: RFC 9110 §5.5, `obs-text`.
        assert!(is_left("[ -~\t]*", &VALUE) && !is_left("[^\x01]*", &VALUE));
        assert!(!is_left("/[!-~]*", &PATH) && is_left("/[a-z]*", &PATH));
        assert!(!is_left("[^ ]*", &METHOD) && is_left("[A-Z]*", &METHOD));
        assert!(!is_left("https?", &SCHEME) && is_left("http", &SCHEME));
        assert!(!is_left("[^/@]*", &AUTHORITY) && is_left("[a-z.]*", &AUTHORITY));
        assert!(!is_left("[^& ]*", &PARAMETER) && is_left("[!-~]*", &PARAMETER));
    }

    #[test]
    fn all_words_make_up_a_part() {
        let is_left = |all: &[&Texts<'_>], none: &[&Texts<'_>]| {
            !is_none_left(all, none, &SCHEME, &mut Work::of(1 << 20))
        };
        let (http, https) = (texts("exact", "http", false), texts("exact", "https", false));
        assert!(!is_left(&[], &[&http, &https]) && is_left(&[], &[&http]));
        assert!(!is_left(&[&texts("prefix", "ftp", false)], &[]));
        assert!(!is_left(&[&texts("prefix", "https", false)], &[&https]));
        // What is not understood may leave any.
        let large = texts("regex", "h([a-z]{1,30}){1,30}", false);
        assert!(is_left(&[&large], &[&http]) && is_left(&[], &[&large]));
    }

    #[test]
    fn what_costs_too_much_is_not_said() {
        let large = texts("regex", "/([a-z]{1,30}){1,30}", false);
        assert!(!is_empty(&[&texts("prefix", "/a", false), &large], &[&large]));
        let version = texts("regex", "/api/v[0-9]+/.*", false);
        let one = texts("prefix", "/api/v1/", false);
        assert!(!is_none_left(&[&one], &[&version], &PATH, &mut Work::of(20)));
    }

    /// The kind of a test, its text, and whether case is disregarded.
    fn some() -> impl Strategy<Value = (&'static str, String, bool)> {
        let text = prop_oneof!["/[ab]{0,2}", "/[ab]{0,1}[.][*]", "/[\\[]ab[\\]][ab+]{0,1}"];
        (proptest::sample::select(&["exact", "prefix", "regex"][..]), text, any::<bool>())
    }

    fn each<'m>(all: &'m [(&'static str, String, bool)]) -> Vec<Texts<'m>> {
        all.iter().map(|(kind, text, folds)| texts(kind, text, *folds)).collect()
    }

    proptest! {
        #[test]
        fn no_text_is_there_where_none_is_left(
            all in proptest::collection::vec(some(), 0..3),
            none in proptest::collection::vec(some(), 0..3),
            tried in proptest::collection::vec("/[abA+.\\[\\]*]{0,3}", 20),
        ) {
            let (all, none) = (each(&all), each(&none));
            let (all, none): (Vec<_>, Vec<_>) = (all.iter().collect(), none.iter().collect());
            if is_empty(&all, &none) {
                for text in tried {
                    let takes = |it: &&Texts<'_>| it.takes(&text, &mut Work::of(1 << 20)).unwrap();
                    prop_assert!(!all.iter().all(takes) || none.iter().any(takes), "{text}");
                }
            }
        }
    }
}
