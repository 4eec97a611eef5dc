//! Whether rules of policies match all requests that others match, or none of them.
//!
//! Only what can be proved counts: templates are not compared with others, and several address blocks are not taken for one.

use mesh_snapshot::object::{Accepts, Rule, Subject, Test};

use super::accepted::{are_apart, is_within};

/// Into how many rules of single values one is spread at most. What is larger is compared as a whole.
const SINGLES_MAX: usize = 4096;

/// Whether each request that one of `narrow` matches is matched by one of `wide`, however they are divided into rules.
pub(super) fn all(wide: &[Rule], narrow: &[Rule]) -> bool {
    narrow.iter().all(|rule| {
        is_covered(wide, rule)
            || (singles(rule) <= SINGLES_MAX && {
                let [from, to, when] = takers(wide, rule);
                let all = |from| to.iter().all(|to| when.iter().all(|it| is_any([from, to, it])));
                from.iter().all(all)
            })
    })
}

/// Whether a request may be that both match: nothing that they ask for excludes another.
pub(super) fn meet(one: &Rule, other: &Rule) -> bool {
    let some = |one: &[Vec<Test>], other: &[Vec<Test>]| {
        one.is_empty()
            || other.is_empty()
            || one.iter().any(|one| other.iter().any(|other| may_hold_together(one, other)))
    };
    some(&one.from, &other.from)
        && some(&one.to, &other.to)
        && may_hold_together(&one.when, &other.when)
}

fn may_hold_together(some: &[Test], others: &[Test]) -> bool {
    !some.iter().any(|one| others.iter().any(|other| exclude(one, other)))
}

fn exclude(one: &Test, other: &Test) -> bool {
    let sides = |one: &Test, other: &Test| {
        is_within((&one.subject, &one.accepts), (&other.subject, &other.accepts))
    };
    // A token may have several of these.
    let is_list = |it: &Test| matches!(it.subject, Subject::JwtClaim(_) | Subject::JwtAudience);
    match (one.negated, other.negated) {
        (false, false) => {
            !is_list(one)
                && are_apart((&one.subject, &one.accepts), (&other.subject, &other.accepts))
        }
        (false, true) => !is_list(one) && sides(one, other),
        (true, false) => !is_list(one) && sides(other, one),
        (true, true) => false,
    }
}

fn is_covered(wide: &[Rule], rule: &Rule) -> bool {
    wide.iter().any(|it| covers(it, &rule.from, &rule.to, &rule.when))
}

/// For each value of a rule those of `wide` that take it, asked once and not for all that it stands beside.
fn takers(wide: &[Rule], rule: &Rule) -> [Vec<Chosen>; 3] {
    let from = which(wide, &alternatives(&rule.from), |it, from| any_covers(&it.from, from));
    let to = which(wide, &alternatives(&rule.to), |it, to| any_covers(&it.to, to));
    let when = which(wide, &spread(&rule.when), |it, when| hold(&it.when, when));
    [from, to, when]
}

/// Some rules of a list, a bit for each.
type Chosen = Vec<u64>;

/// For each value the rules that take it.
fn which<T>(rules: &[Rule], values: &[T], takes: impl Fn(&Rule, &T) -> bool) -> Vec<Chosen> {
    let bits = |rules: &[Rule], value| {
        let each = rules.iter().enumerate();
        each.fold(0, |bits, (at, rule)| bits | (u64::from(takes(rule, value)) << at))
    };
    let some = |value| rules.chunks(64).map(|rules| bits(rules, value)).collect();
    values.iter().map(some).collect()
}

/// Whether one rule is among all of them.
fn is_any([from, to, when]: [&Chosen; 3]) -> bool {
    from.iter().zip(to).zip(when).any(|((from, to), when)| from & to & when != 0)
}

fn covers(wide: &Rule, from: &[Vec<Test>], to: &[Vec<Test>], when: &[Test]) -> bool {
    any_covers(&wide.from, from) && any_covers(&wide.to, to) && hold(&wide.when, when)
}

/// Of alternatives, where none is the same as no test.
fn any_covers(wide: &[Vec<Test>], narrow: &[Vec<Test>]) -> bool {
    let is_covered = |narrow: &Vec<Test>| wide.iter().any(|it| hold(it, narrow));
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(is_covered))
}

/// Whether all of some tests hold where all of `known` do.
fn hold(tests: &[Test], known: &[Test]) -> bool {
    tests.iter().all(|test| known.iter().any(|it| implies(it, test)))
}

fn implies(known: &Test, test: &Test) -> bool {
    let [known_of, test_of] = [known, test].map(|it| (&it.subject, &it.accepts));
    known.negated == test.negated
        && if known.negated { is_within(test_of, known_of) } else { is_within(known_of, test_of) }
}

/// How many rules of which each asks for one value of everything are together this one.
fn singles(rule: &Rule) -> usize {
    let count = |tests: &[Test]| tests.iter().map(values).fold(1, usize::saturating_mul);
    let of_list =
        |list: &[Vec<Test>]| list.iter().map(|it| count(it)).fold(0, usize::saturating_add).max(1);
    let all = [of_list(&rule.from), of_list(&rule.to), count(&rule.when)];
    all.into_iter().fold(1, usize::saturating_mul)
}

fn alternatives(list: &[Vec<Test>]) -> Vec<Vec<Vec<Test>>> {
    if list.is_empty() {
        return vec![Vec::new()];
    }
    list.iter().flat_map(|tests| spread(tests)).map(|tests| vec![tests]).collect()
}

/// How many values a test is spread to. Of one that is negated all hold together.
fn values(test: &Test) -> usize {
    match &test.accepts {
        _ if test.negated => 1,
        Accepts::Text(all) => all.len(),
        Accepts::Addresses(all) => all.len(),
        Accepts::Ports(all) => all.len(),
    }
}

fn spread(tests: &[Test]) -> Vec<Vec<Test>> {
    let mut all = vec![Vec::new()];
    for test in tests {
        let each = each(test);
        let with = |tests: &Vec<Test>, test: &Test| {
            [tests.as_slice(), std::slice::from_ref(test)].concat()
        };
        all = all.iter().flat_map(|it| each.iter().map(move |test| with(it, test))).collect();
    }
    all
}

fn each(test: &Test) -> Vec<Test> {
    let with = |accepts| Test { accepts, ..test.clone() };
    match &test.accepts {
        _ if test.negated => vec![test.clone()],
        Accepts::Text(all) => all.iter().map(|it| with(Accepts::Text(vec![it.clone()]))).collect(),
        Accepts::Addresses(all) => {
            all.iter().map(|it| with(Accepts::Addresses(vec![it.clone()]))).collect()
        }
        Accepts::Ports(all) => all.iter().map(|it| with(Accepts::Ports(vec![*it]))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::TextPattern;

    use super::*;

    fn test(subject: Subject, negated: bool, texts: &[&str]) -> Test {
        let pattern = |text: &&str| match text.strip_suffix('*') {
            Some("") => TextPattern::Present,
            Some(start) => TextPattern::Prefix(start.into()),
            None => TextPattern::Exact((*text).into()),
        };
        let accepts = Accepts::Text(texts.iter().map(pattern).collect());
        Test { subject, negated, accepts }
    }

    fn from(callers: &[&str]) -> Rule {
        Rule { from: vec![vec![test(Subject::Principal, false, callers)]], ..Rule::default() }
    }

    fn to(paths: &[&str]) -> Rule {
        Rule { to: vec![vec![test(Subject::Path, false, paths)]], ..Rule::default() }
    }

    #[test]
    fn what_asks_less_covers_what_asks_more() {
        let both = Rule { to: to(&["/a"]).to, ..from(&["x"]) };
        for (wide, narrow, is_covered) in [
            (from(&["x", "y"]), from(&["x"]), true),
            (from(&["x"]), from(&["x", "y"]), false),
            (Rule::default(), from(&["x"]), true),
            (from(&["x"]), Rule::default(), false),
            (from(&["*"]), from(&["x"]), true),
            (from(&["*"]), Rule::default(), false),
            (to(&["/a*"]), to(&["/a/b", "/a*", "/ab*"]), true),
            (to(&["/a*"]), to(&["/b"]), false),
            (from(&["x"]), both.clone(), true),
            (both, from(&["x"]), false),
        ] {
            let all = all(std::slice::from_ref(&wide), std::slice::from_ref(&narrow));
            assert_eq!(all, is_covered, "{wide:?} {narrow:?}");
        }
        let but = |texts: &[&str]| Rule {
            when: vec![test(Subject::Path, true, texts)],
            ..Rule::default()
        };
        assert!(all(&[but(&["/a"])], &[but(&["/a", "/b"])]));
        assert!(!all(&[but(&["/a", "/b"])], &[but(&["/a"])]));
    }

    fn pair(one: &Rule, other: &Rule) -> [bool; 2] {
        [meet(one, other), meet(other, one)]
    }

    #[test]
    fn rules_meet_unless_one_excludes_the_other() {
        let not = |paths: &[&str]| Rule {
            to: vec![vec![test(Subject::Path, true, paths)]],
            ..Rule::default()
        };
        for (one, other, do_meet) in [
            (from(&["x"]), to(&["/a"]), true),
            (from(&["x"]), Rule::default(), true),
            (from(&["x"]), from(&["x", "y"]), true),
            (from(&["x"]), from(&["y"]), false),
            (to(&["/a*"]), to(&["/a/b"]), true),
            (to(&["/a*"]), to(&["/b*"]), false),
            (to(&["/a"]), not(&["/a"]), false),
            (to(&["/a", "/b"]), not(&["/a"]), true),
            (not(&["/a"]), not(&["/b"]), true),
        ] {
            assert_eq!(pair(&one, &other), [do_meet; 2], "{one:?} {other:?}");
        }
        // A token may be for both.
        let of = |audience: &str| Rule {
            when: vec![test(Subject::JwtAudience, false, &[audience])],
            ..Rule::default()
        };
        assert_eq!(pair(&of("a"), &of("b")), [true; 2]);
    }

    #[test]
    fn it_does_not_matter_how_requests_are_divided_into_rules() {
        let several = [from(&["x"]), from(&["y"])];
        assert!(all(&several, &[from(&["x", "y"])]) && all(&[from(&["x", "y"])], &several));
        let listed =
            Rule { from: [from(&["x"]).from, from(&["y"]).from].concat(), ..Rule::default() };
        assert!(all(std::slice::from_ref(&listed), &several) && all(&several, &[listed]));
        assert!(!all(&several, &[from(&["x", "z"])]) && all(&several, &[]));
        // Too many to be spread.
        let many: Vec<_> = (0..=SINGLES_MAX).map(|it| it.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(all(&[from(&many)], &[from(&many)]) && !all(&several, &[from(&many)]));
    }
}
