mod naive;

use http::HeaderMap;
use mesh_snapshot::Key;
use mesh_snapshot::object::{
    Accepts, Action, AuthorizationPolicy, Rule as ObjectRule, Subject, Test, TextPattern,
};

use super::{Claims, Decision, Policy, RulePart, Verdict};
use crate::identity::SpiffeId;
use crate::program::{BuildError, Fault, Ledger};
use crate::request::tests::{get, headers};
use crate::request::{Connection, Request};
use crate::trace::Step;

fn named(name: &str, action: Action, rules: Vec<ObjectRule>) -> AuthorizationPolicy {
    let (namespace, name) = ("shop".to_owned(), name.to_owned());
    AuthorizationPolicy { namespace, name, action, dry_run: false, rules }
}

fn build(policies: &[AuthorizationPolicy]) -> Result<Policy, BuildError> {
    let named = policies.iter().map(|policy| {
        let kind = mesh_snapshot::Kind::AuthorizationPolicy;
        (Key::new(kind, "shop", &policy.name).into(), policy.clone().into())
    });
    Policy::build(&[], &named.collect::<Vec<_>>(), &Ledger::unlimited())
}

fn test(subject: Subject, accepts: Accepts) -> Test {
    Test { subject, negated: false, accepts }
}

fn text(subject: Subject, patterns: &[TextPattern]) -> Test {
    test(subject, Accepts::Text(patterns.to_vec()))
}

fn exact(text: &str) -> TextPattern {
    TextPattern::Exact(text.to_owned())
}

fn to(tests: Vec<Test>) -> ObjectRule {
    ObjectRule { to: vec![tests], ..ObjectRule::default() }
}

fn from(tests: Vec<Test>) -> ObjectRule {
    ObjectRule { from: vec![tests], ..ObjectRule::default() }
}

fn paths(paths: &[&str]) -> Vec<Test> {
    vec![text(Subject::Path, &paths.iter().map(|path| exact(path)).collect::<Vec<_>>())]
}

fn connection(peer: Option<&str>) -> Connection<'_> {
    Connection {
        source: [10, 0, 0, 1].into(),
        remote: [192, 0, 2, 1].into(),
        destination: ([10, 0, 0, 9], 8080).into(),
        peer: peer.map(|peer| SpiffeId::from_text(peer).unwrap()),
        sni: None,
        mutual_tls: peer.is_some(),
    }
}

fn judge<'p>(policy: &'p Policy, path: &str) -> Verdict<'p> {
    policy.authorize(&get(path, &HeaderMap::new()), &connection(None), &Claims::default())
}

fn details(policy: &Policy, path: &str) -> Option<String> {
    judge(policy, path).decision.details().map(|details| details.to_string())
}

/// Whether a `DENY` rule of this one test matches.
fn holds(test: Test, request: &Request<'_>, connection: &Connection<'_>, claims: &Claims) -> bool {
    let rule = ObjectRule { when: vec![test], ..ObjectRule::default() };
    let policy = build(&[named("p", Action::Deny, vec![rule])]).unwrap();
    !policy.authorize(request, connection, claims).is_allowed()
}

#[test]
fn without_policies_everything_is_allowed() {
    let policy = build(&[]).unwrap();
    assert!(matches!(judge(&policy, "/").decision, Decision::Allowed(None)));
    assert!(policy.authorize_connection(&connection(None)).is_allowed());
}

#[test]
fn where_something_is_allowed_the_rest_is_denied() {
    let policy = build(&[named("a", Action::Allow, vec![to(paths(&["/a"]))])]).unwrap();
    assert!(judge(&policy, "/a").is_allowed());
    assert_eq!(details(&policy, "/b").unwrap(), "rbac_access_denied_matched_policy[none]");
    let nothing = build(&[named("a", Action::Allow, Vec::new())]).unwrap();
    assert!(!judge(&nothing, "/a").is_allowed());
    let anything = build(&[named("a", Action::Allow, vec![ObjectRule::default()])]).unwrap();
    assert!(judge(&anything, "/a").is_allowed());
}

#[test]
fn a_denial_comes_before_and_names_its_rule() {
    let policy = build(&[
        named("allow", Action::Allow, vec![ObjectRule::default()]),
        named("deny", Action::Deny, vec![to(paths(&["/b"])), to(paths(&["/a", "/c"]))]),
    ])
    .unwrap();
    let expected = "rbac_access_denied_matched_policy[ns[shop]-policy[deny]-rule[1]]";
    assert_eq!(details(&policy, "/c").unwrap(), expected);
    let denied = judge(&policy, "/c").decision.rule().unwrap();
    assert_eq!((denied.item(), denied.index, &*denied.policy), ("rules[1]", 1, "deny"));
    assert_eq!(&*denied.key.name, "deny");
    let allowed = judge(&policy, "/d").decision.rule().unwrap();
    assert_eq!(allowed.id(), "ns[shop]-policy[allow]-rule[0]");
}

#[test]
fn auditing_and_dry_runs_change_nothing() {
    let dry = AuthorizationPolicy {
        dry_run: true,
        ..named("dry", Action::Deny, vec![to(paths(&["/a"]))])
    };
    let audit = named("audit", Action::Audit, vec![to(paths(&["/a"]))]);
    let policy = build(&[dry, audit]).unwrap();
    let verdict = judge(&policy, "/a");
    assert!(verdict.is_allowed());
    assert_eq!(verdict.audit.unwrap().id(), "ns[shop]-policy[audit]-rule[0]");
    assert!(!verdict.dry_run.unwrap().is_allowed());
    let other = judge(&policy, "/b");
    assert!(other.audit.is_none() && other.dry_run.unwrap().is_allowed());
    let custom = Action::Custom { provider: "p".to_owned() };
    for action in [Action::Audit, custom] {
        let dry = AuthorizationPolicy { dry_run: true, ..named("x", action, Vec::new()) };
        let error = build(&[dry]).unwrap_err();
        assert!(matches!(error, BuildError::Invalid { fault, .. } if *fault == Fault::DryRun));
    }
}

#[test]
fn who_cannot_ask_an_authorizer_denies() {
    let custom = |name: &str, provider: &str, path: &str| {
        let provider = provider.to_owned();
        named(name, Action::Custom { provider }, vec![to(paths(&[path]))])
    };
    let policy = build(&[custom("one", "opa", "/a")]).unwrap();
    let verdict = judge(&policy, "/a");
    assert_eq!(verdict.ask.unwrap().provider, "opa");
    assert!(verdict.decision.is_allowed() && !verdict.is_allowed());
    assert!(judge(&policy, "/b").is_allowed());
    let two = build(&[custom("one", "opa", "/a"), custom("two", "other", "/b")]).unwrap();
    assert!(!judge(&two, "/b").decision.is_allowed());
    assert!(judge(&two, "/c").is_allowed());
}

#[test]
fn a_rule_needs_one_of_each_and_all_conditions() {
    let rule = ObjectRule {
        from: vec![
            vec![text(Subject::Namespace, &[exact("web")])],
            vec![text(Subject::Namespace, &[exact("job")])],
        ],
        to: vec![paths(&["/a"]), paths(&["/b"])],
        when: vec![
            text(Subject::Method, &[exact("GET")]),
            test(Subject::DestinationPort, Accepts::Ports(vec![8080])),
        ],
    };
    let policy = build(&[named("p", Action::Allow, vec![rule])]).unwrap();
    let judge = |peer, path, method| {
        let headers = HeaderMap::new();
        let request = Request { method, ..get(path, &headers) };
        let mut misses = Vec::new();
        let verdict = policy.authorize_traced(
            &request,
            &connection(Some(peer)),
            &Claims::default(),
            &mut |step: Step<'_>| {
                if let Step::Rule { miss, .. } = step {
                    misses.push(miss.map(|miss| (miss.part, miss.subject.clone())));
                }
            },
        );
        assert_eq!(verdict.is_allowed(), misses == [None]);
        misses.pop().flatten()
    };
    assert_eq!(judge("td/ns/job/sa/x", "/b", "GET"), None);
    let from = Some((RulePart::From, Subject::Namespace));
    assert_eq!(judge("td/ns/other/sa/x", "/b", "GET"), from);
    assert_eq!(judge("td/ns/web/sa/x", "/c", "GET"), Some((RulePart::To, Subject::Path)));
    assert_eq!(judge("td/ns/web/sa/x", "/a", "PUT"), Some((RulePart::When, Subject::Method)));
}

#[test]
fn identities_are_compared_by_their_parts() {
    let none = HeaderMap::new();
    let request = get("/", &none);
    let judge = |test: Test, peer: Option<&str>| {
        holds(test, &request, &connection(peer), &Claims::default())
    };
    let peer = Some("td/ns/shop/sa/web");
    for (subject, pattern, expected) in [
        (Subject::Principal, exact("td/ns/shop/sa/web"), true),
        (Subject::Principal, TextPattern::Suffix("/sa/web".to_owned()), true),
        (Subject::Principal, TextPattern::Present, true),
        (Subject::Namespace, exact("shop"), true),
        (Subject::Namespace, exact("sho"), false),
        (Subject::Namespace, TextPattern::Prefix("sh".to_owned()), true),
        (Subject::Namespace, TextPattern::Glob("s*o*".to_owned()), true),
        (Subject::Namespace, TextPattern::Glob("o*p".to_owned()), false),
        (Subject::ServiceAccount, exact("shop/web"), true),
        (Subject::ServiceAccount, exact("shop/we"), false),
        (Subject::TrustDomain, exact("td"), true),
        (Subject::TrustDomain, exact("t"), false),
    ] {
        let test = text(subject.clone(), std::slice::from_ref(&pattern));
        assert_eq!(judge(test.clone(), peer), expected, "{subject:?} {pattern:?}");
        // Without an identity nothing is accepted, and so every negation holds.
        assert!(!judge(test.clone(), None));
        assert!(judge(Test { negated: true, ..test }, None));
    }
    let spoof = Some("td/x/ns/shop/sa/web");
    assert!(!judge(text(Subject::Namespace, &[exact("shop")]), spoof));
}

#[test]
fn addresses_are_the_connections_or_the_original_clients() {
    let none = HeaderMap::new();
    let request = get("/", &none);
    let judge = |subject, block: &str| {
        let accepts = Accepts::Addresses(vec![block.to_owned()]);
        holds(test(subject, accepts), &request, &connection(None), &Claims::default())
    };
    assert!(judge(Subject::SourceIp, "10.0.0.1"));
    assert!(!judge(Subject::SourceIp, "192.0.2.1"));
    assert!(judge(Subject::RemoteIp, "192.0.2.0/24"));
    assert!(!judge(Subject::RemoteIp, "10.0.0.0/8"));
    assert!(judge(Subject::DestinationIp, "10.0.0.9"));
}

#[test]
fn headers_hosts_and_methods_are_as_observed() {
    let none = HeaderMap::new();
    let nobody = Claims::default();
    let judge =
        |test: Test, request: &Request<'_>| holds(test, request, &connection(None), &nobody);
    let host = text(Subject::Host, &[exact("shop.test")]);
    assert!(judge(host.clone(), &Request { authority: "SHOP.test", ..get("/", &none) }));
    assert!(!judge(host, &Request { authority: "shop.test:80", ..get("/", &none) }));
    let wild = text(Subject::Host, &[TextPattern::Suffix(".wild.test".to_owned())]);
    assert!(judge(wild, &Request { authority: ".wild.test", ..get("/", &none) }));
    let lower = text(Subject::Method, &[exact("get")]);
    assert!(!judge(lower, &get("/", &none)));
    let any = text(Subject::Header("x-a".to_owned()), &[TextPattern::Present]);
    assert!(judge(any.clone(), &get("/", &headers(&[("x-a", "")]))));
    assert!(!judge(any, &get("/", &none)));
    let mut twice = headers(&[("x-a", "1")]);
    twice.append("x-a", "2".parse().unwrap());
    let second = text(Subject::Header("x-a".to_owned()), &[exact("2")]);
    assert!(judge(second.clone(), &get("/", &twice)));
    let not = Test { negated: true, ..second };
    assert!(judge(not.clone(), &get("/", &none)));
    assert!(!judge(not, &get("/", &twice)));
    let pseudo = text(Subject::Header(":method".to_owned()), &[exact("GET")]);
    assert!(judge(pseudo, &get("/", &none)));
}

#[test]
fn a_request_principal_is_an_issuer_and_a_subject() {
    let none = HeaderMap::new();
    let request = get("/", &none);
    let claims = Claims::of_token("https://id.test/a", "jo");
    for (pattern, expected) in [
        (exact("https://id.test/a/jo"), true),
        (exact("https://id.test/a"), false),
        (TextPattern::Prefix("https://id.test/a/".to_owned()), true),
        (TextPattern::Prefix("https://id.test/a/j".to_owned()), true),
        (TextPattern::Prefix("https://id.test/".to_owned()), false),
        (TextPattern::Prefix("https:".to_owned()), true),
        (TextPattern::Suffix("/jo".to_owned()), true),
        (TextPattern::Suffix("a/jo".to_owned()), true),
        (TextPattern::Suffix("o".to_owned()), true),
        (TextPattern::Present, true),
    ] {
        let test = text(Subject::RequestPrincipal, std::slice::from_ref(&pattern));
        assert_eq!(
            holds(test.clone(), &request, &connection(None), &claims),
            expected,
            "{pattern:?}"
        );
        assert!(!holds(test, &request, &connection(None), &Claims::default()));
    }
}

#[test]
fn claims_are_texts_and_lists_of_texts() {
    let none = HeaderMap::new();
    let request = get("/", &none);
    let claims = Claims::of(&[("groups", &["a", "b"]), ("aud", &["shop"]), ("azp", &["app"])]);
    let judge = |test: Test| holds(test, &request, &connection(None), &claims);
    assert!(judge(text(Subject::JwtClaim(vec!["groups".to_owned()]), &[exact("b")])));
    assert!(!judge(text(Subject::JwtClaim(vec!["groups".to_owned()]), &[exact("a,b")])));
    assert!(!judge(text(Subject::JwtClaim(vec!["none".to_owned()]), &[TextPattern::Present])));
    assert!(judge(text(Subject::JwtAudience, &[exact("shop")])));
    assert!(judge(text(Subject::JwtPresenter, &[exact("app")])));
}

#[test]
fn on_bytes_a_rule_of_http_allows_nothing_and_denies_more() {
    let http = || paths(&["/a"]);
    let port = test(Subject::DestinationPort, Accepts::Ports(vec![8080]));
    let other_port = test(Subject::DestinationPort, Accepts::Ports(vec![1]));
    let mixed = |port: &Test| to(vec![port.clone(), http().remove(0)]);
    let judge = |action: Action, rules: Vec<ObjectRule>| {
        let policy = build(&[named("p", action, rules)]).unwrap();
        policy.authorize_connection(&connection(None)).is_allowed()
    };
    assert!(judge(Action::Allow, vec![to(vec![port.clone()])]));
    assert!(!judge(Action::Allow, vec![mixed(&port)]));
    assert!(!judge(Action::Allow, vec![to(http())]));
    assert!(!judge(Action::Deny, vec![to(http())]));
    assert!(!judge(Action::Deny, vec![mixed(&port)]));
    assert!(judge(Action::Deny, vec![mixed(&other_port)]));
    let remote = test(Subject::RemoteIp, Accepts::Addresses(vec!["192.0.2.1".to_owned()]));
    assert!(judge(Action::Allow, vec![from(vec![remote])]));
}

#[test]
fn what_cannot_be_judged_is_refused_with_its_rule() {
    let refusal = |test: Test| {
        let rules = vec![ObjectRule::default(), to(vec![test])];
        let error = build(&[named("p", Action::Deny, rules)]).unwrap_err();
        assert_eq!(error.place().1, "rules[1]");
        error.to_string()
    };
    let block = Accepts::Addresses(vec!["10.0.0.0/99".to_owned()]);
    assert!(refusal(test(Subject::SourceIp, block.clone())).contains("10.0.0.0/99"));
    assert!(refusal(test(Subject::Path, block)).contains("cannot be compared"));
    assert!(refusal(test(Subject::Host, Accepts::Ports(vec![1]))).contains("cannot be compared"));
    assert!(refusal(text(Subject::SourceIp, &[exact("a")])).contains("cannot be compared"));
    let template = |text: &str| TextPattern::Template(text.to_owned());
    assert!(refusal(text(Subject::Path, &[template("/a{*}")])).contains("path template"));
    assert!(refusal(text(Subject::Host, &[template("/{*}")])).contains("cannot be compared"));
    assert!(refusal(text(Subject::Method, &[template("/{*}")])).contains("cannot be compared"));
    let account = TextPattern::Prefix("shop/".to_owned());
    assert!(refusal(text(Subject::ServiceAccount, &[account])).contains("service-account"));
    assert!(refusal(text(Subject::ServiceAccount, &[exact("web")])).contains("service-account"));
    let header = Subject::Header("a b".to_owned());
    assert!(refusal(text(header, &[exact("x")])).contains("name of a header"));
}
