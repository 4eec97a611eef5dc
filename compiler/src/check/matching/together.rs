//! Which tests of requests, all of them together, take whatever a later one takes.
//!
//! What each takes is cut out of the later one, part by part, and every piece that is left must be empty. It answers only where that
//! is sure, and gives up where it takes too long: of the earlier tests that have anything in common with the later one [`TAKERS_MAX`]
//! are put together, those that ask least, in at most [`PIECES_MAX`] pieces, and the texts of a resource's tests are compared in at
//! most [`STEPS_MAX`] steps.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::letters::{self, Letters};
use super::possible;
use super::texts::{Texts, Work, is_none_left, takes_absent};
use crate::api::istio::{HttpMatch, StringMatch};

const TAKERS_MAX: usize = 32;
const PIECES_MAX: usize = 512;
/// Together with the compilation of expressions.
const STEPS_MAX: u32 = 1 << 18;

/// Tests in the order in which they are tried at one place.
pub(in crate::check) struct Together<'m> {
    /// Absent: one of its parts is not understood.
    tests: Vec<Option<Vec<Asked<'m>>>>,
    work: Work,
}

/// What a test asks of one attribute of a request.
#[derive(Debug)]
struct Asked<'m> {
    attribute: Attribute<'m>,
    texts: Texts<'m>,
    /// Whether the part must not be there at all, or be none of `texts`: one that is absent is like an empty one, then, unless only its
    /// presence is asked for.
    is_inverted: bool,
    written: Written<'m>,
}

/// To tell equal ones.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Written<'m> {
    Test(&'m StringMatch, bool),
    Text(&'m str),
    Port(u32),
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Attribute<'m> {
    Path,
    Scheme,
    Method,
    Authority,
    Port,
    Namespace,
    /// By a name in lower case.
    Header(Cow<'m, str>),
    Parameter(&'m str),
    Label(&'m str),
}

/// Something that is asked, and whether it holds in a piece.
type Held<'s, 'm> = (&'s Asked<'m>, bool);

impl<'m> Together<'m> {
    pub(in crate::check) fn of(tests: impl IntoIterator<Item = &'m HttpMatch>) -> Self {
        Self { tests: tests.into_iter().map(asked).collect(), work: Work::of(STEPS_MAX) }
    }

    /// Those of `earlier` that together take whatever the test at `place` takes; none of them can be done without, and where others
    /// do as well, the first ones are told. Absent: they do not, or it is not sure. `ports` are those at which requests come; absent:
    /// any.
    pub(in crate::check) fn takers(
        &mut self,
        place: usize,
        earlier: impl Iterator<Item = usize>,
        ports: Option<&[u16]>,
    ) -> Option<Vec<usize>> {
        let own = self.tests.get(place)?.as_deref()?;
        takers(&self.tests, own, earlier, ports, &mut self.work)
    }

    /// The same of all requests.
    pub(in crate::check) fn takers_of_all(
        &mut self,
        among: impl Iterator<Item = usize>,
        ports: Option<&[u16]>,
    ) -> Option<Vec<usize>> {
        takers(&self.tests, &[], among, ports, &mut self.work)
    }
}

fn takers<'m>(
    tests: &[Option<Vec<Asked<'m>>>],
    own: &[Asked<'m>],
    earlier: impl Iterator<Item = usize>,
    ports: Option<&[u16]>,
    work: &mut Work,
) -> Option<Vec<usize>> {
    let mut piece: Vec<Held<'_, 'm>> = own.iter().map(|it| (it, true)).collect();
    // What a test asks that its own one does not.
    let further = |test: &[Asked<'m>]| {
        let is_own = |it: &&Asked<'_>| own.iter().any(|own| own.is_same(it));
        test.len() - test.iter().filter(is_own).count()
    };
    let mut near: Vec<(usize, usize)> = earlier
        .filter_map(|place| {
            let test = tests.get(place)?.as_deref()?;
            let both: Vec<_> =
                piece.iter().copied().chain(test.iter().map(|it| (it, true))).collect();
            let is_apart = is_any_empty(test, &both, ports, work);
            (!is_apart).then(|| (further(test), place))
        })
        .collect();
    if near.is_empty() {
        return None;
    }
    near.sort_unstable();
    near.truncate(TAKERS_MAX);
    let mut takers: Vec<usize> = near.into_iter().map(|(_, place)| place).collect();
    let mut are_all_taken = |takers: &[usize]| {
        let takers = takers.iter().filter_map(|place| tests.get(*place)?.as_deref());
        let takers: Vec<&[Asked<'m>]> = takers.collect();
        let mut pieces = PIECES_MAX;
        is_gone(&mut piece, &takers, ports, &mut pieces, work)
    };
    if !are_all_taken(&takers) {
        return None;
    }
    let mut latest_first = takers.clone();
    latest_first.sort_unstable_by(|a, b| b.cmp(a));
    for place in latest_first {
        let others: Vec<_> = takers.iter().copied().filter(|it| *it != place).collect();
        if are_all_taken(&others) {
            takers = others;
        }
    }
    takers.sort_unstable();
    // What takes nothing by itself is no fault of those before it.
    let alone: Vec<Held<'_, 'm>> = own.iter().map(|it| (it, true)).collect();
    (!is_any_empty(own, &alone, ports, work)).then_some(takers)
}

/// Whether `takers` take all of a piece.
fn is_gone<'s, 'm>(
    piece: &mut Vec<Held<'s, 'm>>,
    takers: &[&'s [Asked<'m>]],
    ports: Option<&[u16]>,
    pieces: &mut usize,
    work: &mut Work,
) -> bool {
    let Some((first, others)) = takers.split_first() else { return false };
    let length = piece.len();
    for it in *first {
        let Some(left) = pieces.checked_sub(1) else { return false };
        *pieces = left;
        // What it does not take because this does not hold, though all before does.
        piece.push((it, false));
        let is_gone = is_empty(&it.attribute, piece, ports, work)
            || self::is_gone(piece, others, ports, pieces, work);
        piece.pop();
        piece.push((it, true));
        if !is_gone || is_empty(&it.attribute, piece, ports, work) {
            piece.truncate(length);
            return is_gone;
        }
    }
    piece.truncate(length);
    true
}

/// Whether a piece is empty for one of the parts that `asked` is of.
fn is_any_empty(
    asked: &[Asked<'_>],
    piece: &[Held<'_, '_>],
    ports: Option<&[u16]>,
    work: &mut Work,
) -> bool {
    asked.iter().any(|it| is_empty(&it.attribute, piece, ports, work))
}

/// Whether no part of a request can be as a piece has it.
fn is_empty(
    attribute: &Attribute<'_>,
    piece: &[Held<'_, '_>],
    ports: Option<&[u16]>,
    work: &mut Work,
) -> bool {
    let own = || piece.iter().filter(|(it, _)| it.attribute == *attribute);
    let texts = |is_in: bool| {
        let of = own().filter(move |(it, holds)| (*holds != it.is_inverted) == is_in);
        of.map(|(it, _)| &it.texts).collect::<Vec<_>>()
    };
    let (all, none) = (texts(true), texts(false));
    let letters = attribute.letters();
    match attribute {
        Attribute::Port => {
            let port_is = |port: u16| {
                own().all(|(it, holds)| (it.written == Written::Port(port.into())) == *holds)
            };
            match ports {
                Some(ports) => !ports.iter().any(|port| port_is(*port)),
                None => is_none_left(&all, &none, letters, work),
            }
        }
        Attribute::Path
        | Attribute::Scheme
        | Attribute::Method
        | Attribute::Authority
        | Attribute::Namespace => is_none_left(&all, &none, letters, work),
        Attribute::Header(_) | Attribute::Parameter(_) | Attribute::Label(_) => {
            // Of several values of a name any one is enough for a test, and each must be none of those that it must not be. Where
            // nothing must be there, nothing may be.
            all.iter().any(|one| is_none_left(&[one], &none, letters, work))
        }
    }
}

impl Attribute<'_> {
    /// Which texts it may have. Of ports and callers no few are all.
    fn letters(&self) -> &'static Letters {
        match self {
            Self::Path => &letters::PATH,
            Self::Scheme => &letters::SCHEME,
            Self::Method => &letters::METHOD,
            Self::Authority => &letters::AUTHORITY,
            Self::Header(name) => possible::Part::of_header(name).letters(),
            Self::Parameter(_) => &letters::PARAMETER,
            Self::Port | Self::Namespace | Self::Label(_) => &letters::VALUE,
        }
    }
}

impl Asked<'_> {
    fn is_same(&self, other: &Self) -> bool {
        self.attribute == other.attribute
            && self.is_inverted == other.is_inverted
            && self.written == other.written
    }
}

fn understood(written: &StringMatch, folds: bool) -> Option<Texts<'_>> {
    Some(Texts::of(written, folds)).filter(Texts::is_ascii)
}

/// Absent: something is asked that is not understood.
fn asked(test: &HttpMatch) -> Option<Vec<Asked<'_>>> {
    let mut all = Vec::new();
    let singles = [
        (Attribute::Path, &test.uri, test.ignore_uri_case),
        (Attribute::Scheme, &test.scheme, false),
        (Attribute::Method, &test.method, false),
        (Attribute::Authority, &test.authority, false),
    ];
    for (attribute, written, folds) in singles {
        let Some(written) = written else { continue };
        let texts = understood(written, folds)?;
        if !matches!(texts, Texts::Any) {
            let written = Written::Test(written, folds);
            all.push(Asked { attribute, texts, is_inverted: false, written });
        }
    }
    for (headers, is_inverted) in [(&test.headers, false), (&test.without_headers, true)] {
        for (name, written) in headers {
            all.push(header(name, written, is_inverted)?);
        }
    }
    for (name, written) in &test.query_params {
        let (texts, written) = (understood(written, false)?, Written::Test(written, false));
        all.push(Asked {
            attribute: Attribute::Parameter(name),
            texts,
            is_inverted: false,
            written,
        });
    }
    if test.port != 0 {
        let texts = Texts::exact(test.port.to_string().into());
        let written = Written::Port(test.port);
        all.push(Asked { attribute: Attribute::Port, texts, is_inverted: false, written });
    }
    // Beside the name of a gateway, Istio does not ask who calls.
    let labels = test.source_labels.iter().map(|(name, value)| (Attribute::Label(name), value));
    let namespace = Some(&test.source_namespace).filter(|it| !it.is_empty());
    let callers: BTreeMap<_, _> =
        labels.chain(namespace.map(|it| (Attribute::Namespace, it))).collect();
    if !callers.is_empty() && !test.gateways.is_empty() {
        return None;
    }
    all.extend(callers.into_iter().map(|(attribute, value)| {
        let (texts, written) = (Texts::exact(value.into()), Written::Text(value));
        Asked { attribute, texts, is_inverted: false, written }
    }));
    Some(all)
}

fn header<'m>(name: &'m str, written: &'m StringMatch, is_inverted: bool) -> Option<Asked<'m>> {
    // A claim of a token, of which there is a list.
    if name.starts_with('@') {
        return None;
    }
    let texts = understood(written, false)?;
    // An absent header is like an empty one, which such a test may take.
    if is_inverted && takes_absent(written) {
        return None;
    }
    let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let name = if is_lower { Cow::Borrowed(name) } else { name.to_ascii_lowercase().into() };
    let written = Written::Test(written, false);
    Some(Asked { attribute: Attribute::Header(name), texts, is_inverted, written })
}

#[cfg(test)]
mod tests {
    use super::Together;
    use crate::api::istio::HttpMatch;

    /// The places of those that take the last of `tests`.
    fn takers(tests: &[&str], ports: Option<&[u16]>) -> Option<Vec<usize>> {
        let tests: Vec<HttpMatch> =
            tests.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
        let last = tests.len() - 1;
        Together::of(&tests).takers(last, 0..last, ports)
    }

    const A: &str = r#"{"headers": {"Y": {"exact": "a"}}}"#;
    const NOT_A: &str = r#"{"withoutHeaders": {"y": {"exact": "a"}}}"#;
    const X: &str = r#"{"uri": {"prefix": "/x"}}"#;

    #[test]
    fn several_take_what_none_of_them_takes_alone() {
        assert_eq!(takers(&[A, NOT_A, X], None), Some(vec![0, 1]));
        assert_eq!(
            takers(&[r#"{"uri": {"exact": "/"}}"#, A, X, NOT_A, "{}"], None),
            Some(vec![1, 3])
        );
        let below = r#"{"uri": {"prefix": "/x"}, "withoutHeaders": {"y": {"exact": "a"}}}"#;
        assert_eq!(takers(&[below, A, X], None), Some(vec![0, 1]));
        let (a, b) = (r#"{"uri": {"prefix": "/a/"}}"#, r#"{"uri": {"prefix": "/b/"}}"#);
        assert_eq!(takers(&[a, b, r#"{"uri": {"regex": "/(a|b)/.*"}}"#], None), Some(vec![0, 1]));
        let (some, other) = (r#"{"port": 80}"#, r#"{"port": 81}"#);
        assert_eq!(takers(&[some, other, X], Some(&[80, 81])), Some(vec![0, 1]));
        assert_eq!(takers(&[some, X], Some(&[80])), Some(vec![0]));
        let (http, https) =
            (r#"{"scheme": {"exact": "http"}}"#, r#"{"scheme": {"exact": "https"}}"#);
        assert_eq!(takers(&[http, https, X], None), Some(vec![0, 1]));
        let graphic = r#"{"uri": {"regex": "/[!-~]*"}}"#;
        assert_eq!(takers(&[graphic, X], None), Some(vec![0]));
        let printed = r#"{"headers": {"y": {"regex": "[^\\x01]*"}}}"#;
        assert_eq!(takers(&[printed, r#"{"headers": {"y": {}}}"#], None), Some(vec![0]));
        let is_there = r#"{"headers": {"y": {}}}"#;
        let is_not = r#"{"withoutHeaders": {"y": {}}}"#;
        assert_eq!(takers(&[is_there, is_not, X], None), Some(vec![0, 1]));
    }

    #[test]
    fn what_may_be_left_is_left() {
        let not_b = r#"{"withoutHeaders": {"y": {"exact": "b"}}}"#;
        let below = r#"{"uri": {"prefix": "/x/y"}, "withoutHeaders": {"y": {"exact": "a"}}}"#;
        let (some, other) = (r#"{"port": 80}"#, r#"{"port": 81}"#);
        let is_there = r#"{"headers": {"y": {}}}"#;
        for tests in [
            &[A, X][..],
            &[A, r#"{"headers": {"y": {"exact": "b"}}}"#, X],
            &[below, A, X],
            &[
                is_there,
                NOT_A,
                r#"{"withoutHeaders": {"z": {}}, "headers": {"y": {}}, "port": 80}"#,
            ][1..],
            &[A, r#"{"withoutHeaders": {"y": {"regex": "a*"}}}"#, X],
            &[r#"{"uri": {"exact": "/x"}}"#, r#"{"uri": {"prefix": "/x/"}}"#, X],
            &[r#"{"gateways": ["a"], "sourceNamespace": "b"}"#, X],
        ] {
            assert_eq!(takers(tests, None), None, "{tests:?}");
        }
        assert_eq!(takers(&[some, other, X], Some(&[80, 81, 82])), None);
        assert_eq!(takers(&[some, other, X], None), None);
        // Two values of one name may be one each.
        assert_eq!(takers(&[A, not_b, X], None), None);
        assert_eq!(takers(&[A, X, r#"{"uri": {"prefix": "x"}}"#], None), None, "never taken");
    }
}
