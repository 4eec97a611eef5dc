//! Policies whose effect was recorded as Envoy's filters: whom they ask, and for what.
//!
//! A filter's rule says which requests it is for. One such request is made of it, and the engine has to ask the
//! authorizer that the rule's name tells, or deny where Istio does.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use mesh_engine::Program;
use serde_json::{Map, Value};

use super::vector::{Asked, Description, Destination, Source};
use crate::case::{Case, Mismatch, Verdict};
use crate::corpus::{self, CorpusError};
use crate::served::Once;
use crate::yaml;

/// What Istio puts before the name of an authorizer, and behind that of a rule that has none.
const PREFIX: &str = "istio-ext-authz-";
const DENIES: &str = "-deny-due-to-bad-CUSTOM-action";

pub(super) fn cases(
    folder: &Path,
    name: &str,
    description: &Description,
    program: &Arc<Once<Program>>,
) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for file in &description.expected_filters {
        let filters = corpus::text(&folder.join(file))?;
        let filter =
            yaml::documents(&filters).unwrap_or_default().into_iter().next().unwrap_or_default();
        for (rule, policy) in rules(&filter) {
            let program = Arc::clone(program);
            let is_http = text(&filter, "/name").contains(".http.");
            cases.push(Case::new(format!("builder/{name}/{rule}"), move || {
                judge(&program, &rule, &request(&policy, is_http))
            }));
        }
    }
    Ok(cases)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn rules(filter: &Value) -> Vec<(String, Value)> {
    let kinds = ["/typedConfig/rules/policies", "/typedConfig/shadowRules/policies"];
    let all = kinds.iter().filter_map(|kind| filter.pointer(kind)?.as_object());
    all.flatten().map(|(name, policy)| (name.clone(), policy.clone())).collect()
}

fn judge(program: &Once<Program>, rule: &str, request: &Asked) -> Verdict {
    let name = rule.strip_prefix(PREFIX).unwrap_or(rule);
    let provider = name.split_once("-ns[").map_or(name, |(provider, _)| provider);
    let denies = rule.ends_with(DENIES);
    let expected = if denies { "deny".to_owned() } else { format!("ask {provider}") };
    let fails = |got: String| Err(Mismatch::new(&expected, got));
    let said = match program.as_ref() {
        Err(error) => return fails(error.clone()),
        Ok(program) => request.ask(program),
    };
    match said {
        Err(error) => fails(error),
        Ok(said) if denies && !said.allowed => Ok(()),
        Ok(said) if !denies && said.provider.as_deref() == Some(provider) => Ok(()),
        Ok(said) => fails(match said.provider {
            Some(provider) => format!("ask {provider}"),
            None if said.allowed => "allow".to_owned(),
            None => "deny".to_owned(),
        }),
    }
}

/// A request that a rule is for.
fn request(policy: &Value, is_http: bool) -> Asked {
    let nowhere = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
    let mut asked = Asked {
        source: Source { principal: None, ip: nowhere },
        remote_ip: nowhere,
        destination: Destination { ip: nowhere, port: 8888 },
        sni: None,
        method: is_http.then(|| "GET".to_owned()),
        path: "/".to_owned(),
        host: "a.test".to_owned(),
        headers: Map::new(),
        jwt: None,
    };
    meet(policy, &mut asked);
    asked
}

/// What is asked for anywhere, but for what is negated: the first of several.
fn meet(condition: &Value, asked: &mut Asked) {
    match condition {
        Value::Array(all) => all.iter().rev().for_each(|condition| meet(condition, asked)),
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| meet_one(name, value, asked));
        }
        _ => {}
    }
}

fn meet_one(name: &str, value: &Value, asked: &mut Asked) {
    let address = || text(value, "/addressPrefix").parse().ok();
    let number = || value.as_u64().and_then(|number| u16::try_from(number).ok());
    match name {
        "notRule" | "notId" => {}
        "urlPath" => text(value, "/path/exact").clone_into(&mut asked.path),
        "destinationPort" => asked.destination.port = number().unwrap_or_default(),
        "directRemoteIp" => asked.source.ip = address().unwrap_or(asked.source.ip),
        "remoteIp" => asked.remote_ip = address().unwrap_or(asked.remote_ip),
        _ => meet(value, asked),
    }
}
