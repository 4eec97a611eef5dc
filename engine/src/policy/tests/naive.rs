//! Verdicts compared with the rules of [`AuthorizationPolicy`], followed word for word over a small world.

use std::net::IpAddr;

use http::HeaderMap;
use mesh_snapshot::object::{
    Accepts, Action, AuthorizationPolicy, Rule as ObjectRule, Subject, Test, TextPattern,
};
use proptest::prelude::*;

use super::{build, connection, named};
use crate::policy::Claims;
use crate::request::tests::get;
use crate::request::{Connection, Request};

/// What the small world has.
#[derive(Clone, Debug)]
struct Facts {
    path: String,
    method: String,
    namespace: Option<String>,
    port: u16,
    source: String,
}

fn accepts(pattern: &TextPattern, text: &str) -> bool {
    match pattern {
        TextPattern::Present => !text.is_empty(),
        TextPattern::Exact(exact) => text == exact,
        TextPattern::Prefix(prefix) => text.starts_with(prefix.as_str()),
        TextPattern::Suffix(suffix) => text.ends_with(suffix.as_str()),
        TextPattern::Template(_) => unreachable!("none is made"),
        TextPattern::Glob(glob) => is_of_glob(text, glob),
    }
}

fn is_of_glob(text: &str, glob: &str) -> bool {
    match (glob.strip_prefix('*'), glob.chars().next()) {
        (Some(rest), _) => (0..=text.len()).any(|at| is_of_glob(&text[at..], rest)),
        (None, Some(next)) => {
            text.strip_prefix(next).is_some_and(|it| is_of_glob(it, &glob[next.len_utf8()..]))
        }
        (None, None) => text.is_empty(),
    }
}

fn holds(test: &Test, facts: &Facts) -> bool {
    let texts = |value: Option<&str>| match &test.accepts {
        Accepts::Text(patterns) => {
            value.is_some_and(|value| patterns.iter().any(|pattern| accepts(pattern, value)))
        }
        _ => unreachable!("ports and addresses are matched apart"),
    };
    let accepted = match (&test.subject, &test.accepts) {
        (Subject::Path, _) => texts(Some(&facts.path)),
        (Subject::Method, _) => texts(Some(&facts.method)),
        (Subject::Namespace, _) => texts(facts.namespace.as_deref()),
        (Subject::DestinationPort, Accepts::Ports(ports)) => ports.contains(&facts.port),
        (Subject::SourceIp, Accepts::Addresses(all)) => all.contains(&facts.source),
        _ => unreachable!("no other is made"),
    };
    accepted != test.negated
}

/// Whether the policies allow what `facts` tell.
fn allows(policies: &[AuthorizationPolicy], facts: &Facts, http: bool) -> bool {
    let matches = |policy: &AuthorizationPolicy| {
        policy.rules.iter().any(|rule| {
            let skipped = |test: &&Test| !http && test.subject.is_http();
            let all = || rule.from.iter().chain(&rule.to).chain([&rule.when]).flatten();
            if policy.action == Action::Allow && all().any(|test| skipped(&test)) {
                return false;
            }
            let every = |group: &Vec<Test>| {
                group.iter().filter(|test| !skipped(test)).all(|test| holds(test, facts))
            };
            let any = |groups: &Vec<Vec<Test>>| groups.is_empty() || groups.iter().any(every);
            any(&rule.from) && any(&rule.to) && every(&rule.when)
        })
    };
    let of = |action: Action| policies.iter().filter(move |policy| policy.action == action);
    !of(Action::Deny).any(matches)
        && (of(Action::Allow).count() == 0 || of(Action::Allow).any(matches))
}

fn any_pattern() -> impl Strategy<Value = TextPattern> {
    prop_oneof![
        1 => Just(TextPattern::Present),
        4 => "[ab/]{0,2}".prop_map(TextPattern::Exact),
        2 => "[ab/]{1,2}".prop_map(TextPattern::Prefix),
        2 => "[ab/]{1,2}".prop_map(TextPattern::Suffix),
    ]
}

fn any_test() -> impl Strategy<Value = Test> {
    let patterns = || prop::collection::vec(any_pattern(), 1..4).prop_map(Accepts::Text);
    let globs = "[ab*.<]{1,4}".prop_map(TextPattern::Glob);
    let namespaces = prop_oneof![any_pattern(), globs];
    let namespaces = prop::collection::vec(namespaces, 1..4).prop_map(Accepts::Text);
    let ports = prop::collection::vec(1u16..4, 1..3).prop_map(Accepts::Ports);
    let addresses = prop::collection::vec("10\\.0\\.0\\.[1-3]", 1..3).prop_map(Accepts::Addresses);
    let pair = prop_oneof![
        (Just(Subject::Path), patterns()),
        (Just(Subject::Method), patterns()),
        (Just(Subject::Namespace), namespaces),
        (Just(Subject::DestinationPort), ports),
        (Just(Subject::SourceIp), addresses),
    ];
    (pair, any::<bool>()).prop_map(|((subject, accepts), negated)| Test {
        subject,
        negated,
        accepts,
    })
}

fn any_policy() -> impl Strategy<Value = AuthorizationPolicy> {
    let groups = || prop::collection::vec(prop::collection::vec(any_test(), 1..3), 0..3);
    let when = prop::collection::vec(any_test(), 0..2);
    let rule =
        (groups(), groups(), when).prop_map(|(from, to, when)| ObjectRule { from, to, when });
    let action = prop_oneof![Just(Action::Allow), Just(Action::Deny)];
    (action, prop::collection::vec(rule, 0..4), 0u8..100)
        .prop_map(|(action, rules, name)| named(&name.to_string(), action, rules))
}

fn any_facts() -> impl Strategy<Value = Facts> {
    ("/[ab/]{0,2}", "[ab]", prop::option::of("[ab]{1,2}"), 1u16..4, "10\\.0\\.0\\.[1-3]").prop_map(
        |(path, method, namespace, port, source)| Facts { path, method, namespace, port, source },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn verdicts_are_those_of_a_naive_evaluator(
        policies in prop::collection::vec(any_policy(), 0..4),
        facts in prop::collection::vec(any_facts(), 1..6),
    ) {
        let policy = build(&policies).unwrap();
        for facts in facts {
            let peer = facts.namespace.as_ref().map(|namespace| format!("td/ns/{namespace}/sa/x"));
            let connection = Connection {
                source: facts.source.parse().unwrap(),
                destination: (IpAddr::from([10, 0, 0, 9]), facts.port).into(),
                ..connection(peer.as_deref())
            };
            let headers = HeaderMap::new();
            let request = Request { method: &facts.method, ..get(&facts.path, &headers) };
            let verdict = policy.authorize(&request, &connection, &Claims::default());
            prop_assert_eq!(verdict.is_allowed(), allows(&policies, &facts, true));
            let verdict = policy.authorize_connection(&connection);
            prop_assert_eq!(verdict.is_allowed(), allows(&policies, &facts, false));
        }
    }
}
