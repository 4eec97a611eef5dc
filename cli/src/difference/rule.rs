//! Rules of policies as sentences: who may do what, in the words of Istio's fields.

use mesh_snapshot::object::{
    Accepts, Action, AuthorizationPolicy, Rule, Subject, Test, TextPattern,
};

/// `from principal cluster.local/ns/shop/sa/front*; to method GET | POST, path /api/*`; where nothing is asked, what becomes of
/// all requests.
pub(super) fn sentence(rule: &Rule, policy: &AuthorizationPolicy) -> String {
    let parts = [
        ("from", alternatives(&rule.from)),
        ("to", alternatives(&rule.to)),
        ("when", all(&rule.when)),
    ];
    let said = parts.into_iter().filter(|(_, said)| !said.is_empty());
    let said: Vec<_> = said.map(|(word, said)| format!("{word} {said}")).collect();
    if said.is_empty() { of_everything(policy) } else { said.join("; ") }
}

/// What a rule does that asks nothing: every request matches it.
fn of_everything(policy: &AuthorizationPolicy) -> String {
    let said = match &policy.action {
        Action::Allow => "everybody may call, with any request".to_owned(),
        Action::Deny => "nobody may call".to_owned(),
        Action::Audit => "every request is audited".to_owned(),
        Action::Custom { provider } => format!("{provider} is asked about every request"),
    };
    as_enforced(policy, &said)
}

/// What a policy without rules does: no request matches it.
pub(super) fn without_rules(policy: &AuthorizationPolicy) -> String {
    let said = match policy.action {
        Action::Allow => "nobody may call, but for what other policies allow",
        Action::Deny => "nothing is denied: it has no rules",
        Action::Audit => "nothing is audited: it has no rules",
        Action::Custom { .. } => "nobody is asked: it has no rules",
    };
    as_enforced(policy, said)
}

fn as_enforced(policy: &AuthorizationPolicy, said: &str) -> String {
    let trial = if policy.dry_run { ", if it were no dry run" } else { "" };
    format!("{said}{trial}")
}

fn alternatives(tests: &[Vec<Test>]) -> String {
    tests.iter().map(|tests| all(tests)).collect::<Vec<_>>().join(" or ")
}

fn all(tests: &[Test]) -> String {
    tests.iter().map(test).collect::<Vec<_>>().join(", ")
}

fn test(Test { subject, negated, accepts }: &Test) -> String {
    let accepted: Vec<_> = match accepts {
        Accepts::Text(patterns) => patterns.iter().map(pattern).collect(),
        Accepts::Addresses(blocks) => blocks.clone(),
        Accepts::Ports(ports) => ports.iter().map(u16::to_string).collect(),
    };
    let not = if *negated { "not " } else { "" };
    format!("{} {not}{}", name(subject), accepted.join(" | "))
}

fn pattern(pattern: &TextPattern) -> String {
    match pattern {
        TextPattern::Present => "*".to_owned(),
        TextPattern::Exact(text) if text.is_empty() => "\"\"".to_owned(),
        TextPattern::Exact(text) | TextPattern::Template(text) | TextPattern::Glob(text) => {
            text.clone()
        }
        TextPattern::Prefix(text) => format!("{text}*"),
        TextPattern::Suffix(text) => format!("*{text}"),
    }
}

fn name(subject: &Subject) -> String {
    let name = match subject {
        Subject::Principal => "principal",
        Subject::Namespace => "namespace",
        Subject::ServiceAccount => "serviceAccount",
        Subject::TrustDomain => "trustDomain",
        Subject::RequestPrincipal => "requestPrincipal",
        Subject::SourceIp => "ip",
        Subject::RemoteIp => "remoteIp",
        Subject::DestinationIp => "destination.ip",
        Subject::DestinationPort => "port",
        Subject::ConnectionSni => "connection.sni",
        Subject::Host => "host",
        Subject::Method => "method",
        Subject::Path => "path",
        Subject::Header(name) => return format!("request.headers[{name}]"),
        Subject::JwtClaim(path) => return format!("request.auth.claims[{}]", path.join("][")),
        Subject::JwtAudience => "request.auth.audiences",
        Subject::JwtPresenter => "request.auth.presenter",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(action: Action) -> AuthorizationPolicy {
        let (namespace, name) = ("shop".into(), "x".into());
        AuthorizationPolicy { namespace, name, action, dry_run: false, rules: Vec::new() }
    }

    #[test]
    fn a_rule_is_a_sentence() {
        let test = |subject, negated, patterns: &[TextPattern]| Test {
            subject,
            negated,
            accepts: Accepts::Text(patterns.to_vec()),
        };
        let exact = |text: &str| TextPattern::Exact(text.into());
        let rule = Rule {
            from: vec![
                vec![
                    test(Subject::Namespace, false, &[exact("shop")]),
                    test(Subject::Principal, true, &[TextPattern::Suffix("/sa/x".into())]),
                ],
                vec![Test {
                    subject: Subject::SourceIp,
                    negated: false,
                    accepts: Accepts::Addresses(vec!["10.0.0.0/8".into()]),
                }],
            ],
            to: vec![vec![test(Subject::Method, false, &[exact("GET"), exact("POST")])]],
            when: vec![test(Subject::Header("x".into()), true, &[TextPattern::Present])],
        };
        assert_eq!(
            sentence(&rule, &policy(Action::Allow)),
            "from namespace shop, principal not */sa/x or ip 10.0.0.0/8; to method GET | POST; when request.headers[x] not *"
        );
    }

    /// "Allow" and "deny" alone would be read the wrong way round.
    #[test]
    fn what_becomes_of_all_requests_or_of_none_is_said() {
        let custom = Action::Custom { provider: "ask".into() };
        for (action, all, none) in [
            (Action::Allow, "everybody may call", "nobody may call, but for"),
            (Action::Deny, "nobody may call", "nothing is denied"),
            (Action::Audit, "every request is audited", "nothing is audited"),
            (custom, "ask is asked about every request", "nobody is asked"),
        ] {
            let mut policy = policy(action);
            let said = |policy: &AuthorizationPolicy| {
                [sentence(&Rule::default(), policy), without_rules(policy)]
            };
            let enforced = said(&policy);
            assert!(enforced[0].starts_with(all) && enforced[1].starts_with(none), "{enforced:?}");
            policy.dry_run = true;
            assert_eq!(said(&policy), enforced.map(|it| it + ", if it were no dry run"));
        }
    }
}
