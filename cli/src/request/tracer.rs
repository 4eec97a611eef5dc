//! The engine's steps, as lines.

use mesh_engine::policy::RulePart;
use mesh_engine::trace::{Part, Step as Traced};
use mesh_snapshot::SourceMap;
use mesh_snapshot::object::Subject;

use super::answer::{Mark, Step, place};

/// Writes what the engine tells into `step`.
pub(super) fn tell(traced: &Traced<'_>, sources: &SourceMap, step: &mut Step) {
    match traced {
        Traced::VirtualHost { name, wildcard } => {
            let by = if *wildcard { " (by a wildcard)" } else { "" };
            step.push(Mark::Yes, format!("virtual host {name}{by}"), None);
        }
        Traced::UnknownHost { authority, port } => {
            step.push(Mark::No, format!("no virtual host for {authority} on port {port}"), None);
        }
        Traced::Route { key, item, matching, miss } => {
            let matching = matching.map(|index| format!(" match[{index}]")).unwrap_or_default();
            let item = if item.is_empty() { "the service's own route" } else { item };
            let source = place(sources, key, item);
            match miss {
                None => step.push(Mark::Yes, format!("route {item}{matching}"), source),
                Some(part) => {
                    let text = format!("route {item}{matching}: {} differs", part_name(part));
                    step.push(Mark::No, text, source);
                }
            }
        }
        Traced::Rule { rule, miss } => {
            let name = format!("{}/{} {}", rule.namespace, rule.policy, rule.item());
            let source = place(sources, &rule.key, rule.item());
            match miss {
                None => step.push(Mark::Yes, format!("{name} matches"), source),
                Some(miss) => {
                    let part = rule_part(miss.part);
                    let text = format!("{name}: {part}, {} differs", subject(miss.subject));
                    step.push(Mark::No, text, source);
                }
            }
        }
    }
}

fn part_name(part: &Part<'_>) -> String {
    match part {
        Part::Path => "the path".to_owned(),
        Part::Method => "the method".to_owned(),
        Part::Scheme => "the scheme".to_owned(),
        Part::Authority => "the authority".to_owned(),
        Part::Header(name) => format!("header {name}"),
        Part::Query(name) => format!("query parameter {name}"),
        Part::Claim(path) => format!("claim {}", path.join(".")),
        Part::Port => "the port".to_owned(),
        Part::SourceLabels => "the caller's labels".to_owned(),
        Part::SourceNamespace => "the caller's namespace".to_owned(),
    }
}

const fn rule_part(part: RulePart) -> &'static str {
    match part {
        RulePart::From => "`from`",
        RulePart::To => "`to`",
        RulePart::When => "`when`",
    }
}

fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Principal => "the principal".to_owned(),
        Subject::Namespace => "the caller's namespace".to_owned(),
        Subject::ServiceAccount => "the service account".to_owned(),
        Subject::TrustDomain => "the trust domain".to_owned(),
        Subject::RequestPrincipal => "the request principal (the token)".to_owned(),
        Subject::SourceIp => "the source address".to_owned(),
        Subject::RemoteIp => "the client's address".to_owned(),
        Subject::DestinationIp => "the destination address".to_owned(),
        Subject::DestinationPort => "the port".to_owned(),
        Subject::ConnectionSni => "the server name".to_owned(),
        Subject::Host => "the host".to_owned(),
        Subject::Method => "the method".to_owned(),
        Subject::Path => "the path".to_owned(),
        Subject::Header(name) => format!("header {name}"),
        Subject::JwtClaim(path) => format!("claim {}", path.join(".")),
        Subject::JwtAudience => "the token's audience".to_owned(),
        Subject::JwtPresenter => "the token's presenter".to_owned(),
    }
}
