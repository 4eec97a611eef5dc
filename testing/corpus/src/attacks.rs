//! Documents of the list of attacks that are for a compiler (the others are for a proxy, and need a wire).
//!
//! The list has codes of its own. Levels: `error` is refused; `fail-open` and `warning` are said. Nothing else of the first
//! two levels may be found.

use std::collections::BTreeSet;
use std::path::Path;

use mesh_compiler::diagnostic::{Class, Finding, Severity};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::case::{Case, Mismatch, Verdict};
use crate::corpus::{self, CorpusError};
use crate::report::Elsewhere;
use crate::subject::{Files, Findings};

#[derive(Deserialize)]
struct List {
    cases: Vec<Value>,
}

#[derive(Deserialize)]
struct Attack {
    id: String,
    title: String,
    config: Config,
    input: String,
    expect: Expected,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    mesh: Map<String, Value>,
}

#[derive(Deserialize)]
struct Expected {
    diagnostics: Vec<Diagnostic>,
    compile: Outcome,
}

#[derive(Deserialize)]
struct Diagnostic {
    code: String,
    level: String,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Ok,
    Refused,
}

/// Codes, and the checks that find the same. A check may also have the code for an alias.
type Codes = [(&'static str, &'static [&'static str])];

/// Codes of levels `error` and `fail-open`: none of them may be said beyond what is expected.
const GRAVE: &Codes = &[
    ("SEC007", &["invalid-action"]),
    ("SEC009", &["allow-opens-everything"]),
    ("SEC010", &["empty-rule-part"]),
    ("SEC011", &["split-rule"]),
    ("SEC013", &["policy-never-matches"]),
    ("SEC001", &["deny-by-identity"]),
    ("SEC020", &["invalid-address"]),
    ("SEC022", &["service-port-in-policy"]),
    ("SEC026", &["conflicting-targets"]),
    ("SEC031", &["invalid-condition"]),
    ("SEC012", &["unnormalized-path"]),
    ("SEC024", &["selector-behind-waypoint"]),
    ("SEC029", &["tokenless-match"]),
    ("SEC034", &["policy-never-matches"]),
    ("SEC040", &["open-authorizer"]),
    ("SEC049", &["open-principal"]),
    ("SEC050", &["optional-token"]),
    ("SEC066", &["unverified-server"]),
    ("SEC071", &["unserved-cipher-suite"]),
    ("SEC073", &["optional-certificate"]),
    ("SEC074", &["plaintext-twin"]),
    ("SEC075", &["open-auto-passthrough"]),
    ("SEC081", &["foreign-host"]),
    ("SEC090", &["open-credentials"]),
    ("SEC100", &["greedy-service-entry"]),
    ("SEC104", &["uncaptured-port"]),
    ("SEC105", &["inward-endpoint"]),
    ("SEC052", &["private-key-in-jwks", "symmetric-key-in-jwks"]),
    ("SEC053", &["invalid-jwt-rule"]),
    ("SEC056", &["invalid-jwt-rule"]),
    ("SEC112", &["unknown-field", "unknown-value", "wrong-type"]),
];

/// Codes of level `warning`.
const LIGHT: &Codes = &[
    ("SEC005", &["deny-closes-tcp"]),
    // Cases about something else name hosts without ports, too.
    ("SEC016", &["host-without-port"]),
    ("SEC006", &["http-rule-on-tcp-port"]),
    ("SEC021", &["untrusted-client-address"]),
    ("SEC023", &["selector-without-workload"]),
    ("SEC028", &["policy-never-matches"]),
    ("SEC036", &["unknown-service-account"]),
    ("SEC060", &["mtls-conflict"]),
    ("SEC069", &["lost-port-settings"]),
    ("SEC080", &["conflicting-hosts"]),
    ("SEC085", &["unreachable-route", "shadowed-route"]),
    ("SEC093", &["retried-write"]),
];

pub(crate) fn cases(file: &Path) -> Result<Vec<Case>, CorpusError> {
    let list: List = corpus::json(file)?;
    let mut cases = Vec::new();
    for case in
        list.cases.into_iter().filter(|case| case.get("kind").is_some_and(|kind| kind == "compile"))
    {
        let attack: Attack = serde_json::from_value(case)
            .map_err(|error| CorpusError::Form { path: file.to_owned(), error })?;
        let name = format!("{} {}", attack.id, attack.title);
        cases.push(Case::new(name, move || attack.judge()));
    }
    Ok(cases)
}

/// What is not for a compiler: the other kinds, and what is expected of a process beside the compiler's answer.
pub(crate) fn elsewhere(file: &Path) -> Result<Vec<Elsewhere>, CorpusError> {
    let list: List = corpus::json(file)?;
    let text = |case: &Value, name: &str| case.get(name)?.as_str().map(str::to_owned);
    let one = |case: Value| {
        let case_name = format!("{} {}", text(&case, "id")?, text(&case, "title")?);
        let kind = text(&case, "kind")?;
        if kind != "compile" {
            let reason = format!("not for the compiler: it is for a harness of kind `{kind}`");
            return Some(Elsewhere { case: case_name, reason });
        }
        let expected = case.get("expect")?;
        let rest = expected.get("bounds").or_else(|| expected.get("effective"))?;
        let reason = format!("not for the compiler: of the process, {rest}");
        Some(Elsewhere { case: format!("{case_name}/process"), reason })
    };
    Ok(list.cases.into_iter().filter_map(one).collect())
}

impl Attack {
    /// As Istio would take it: what is a mistake to us and has a meaning is a warning.
    fn judge(&self) -> Verdict {
        let mut files = Files::default().compatible().with("input.yaml", expanded(&self.input));
        if !self.config.mesh.is_empty() {
            files.mesh_config(&format!("{}\n", Value::Object(self.config.mesh.clone())));
        }
        let found = Findings::of(files.compile());
        let fails = |got: &str| {
            Err(Mismatch::new(self.expect.shown(), format!("{got}\n{}", found.lines(&found.all))))
        };
        let is_refused = found.errors().next().is_some();
        if is_refused != (self.expect.compile == Outcome::Refused) {
            return fails(if is_refused { "refused" } else { "accepted" });
        }
        for Diagnostic { code, level } in &self.expect.diagnostics {
            let least = if level == "error" { Severity::Error } else { Severity::Warning };
            let is_said = |finding: &Finding| finding.severity >= least && is_called(finding, code);
            if !found.all.iter().any(is_said) {
                return fails(&format!("{code} is not said"));
            }
        }
        let expected: BTreeSet<_> =
            self.expect.diagnostics.iter().map(|it| it.code.as_str()).collect();
        let others = GRAVE.iter().map(|(code, _)| *code).filter(|code| !expected.contains(code));
        // One check may find what several codes stand for.
        let is_other = |finding: &&Finding, code: &str| {
            finding.severity >= Severity::Warning
                && is_called(finding, code)
                && !expected.iter().any(|expected| is_called(finding, expected))
        };
        for code in others {
            if found.all.iter().any(|finding| is_other(&finding, code)) {
                return fails(&format!("{code} is said, too"));
            }
        }
        Ok(())
    }
}

fn is_called(finding: &Finding, code: &str) -> bool {
    let checks =
        GRAVE.iter().chain(LIGHT).find(|(known, _)| *known == code).map(|(_, checks)| *checks);
    // What cannot be read is refused under the code of what is not understood.
    let is_unreadable = code == "SEC112" && finding.check.class == Class::Input;
    is_unreadable
        || finding.check.is_called(code)
        || checks.is_some_and(|checks| checks.contains(&finding.check.name))
}

impl Expected {
    fn shown(&self) -> String {
        let outcome = if self.compile == Outcome::Ok { "accepted" } else { "refused" };
        let said = self.diagnostics.iter().map(|it| format!(", {} {}", it.level, it.code));
        format!("{outcome}{}", said.collect::<String>())
    }
}

/// A public key of RFC 7517, appendix A.1, as it stands in a JSON text.
const KEYS: &str = concat!(
    r#"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"1\","#,
    r#"\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","#,
    r#"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}"#
);

/// Fills in `{{jwks:NAME}}`, and `{{x*9}}` by nine letters.
fn expanded(input: &str) -> String {
    let mut rest = input;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let Some((name, behind)) = after.split_once("}}") else {
            text.push_str("{{");
            rest = after;
            continue;
        };
        match name.split_once('*').map(|(letters, count)| (letters, count.parse())) {
            Some((letters, Ok(count))) => text.push_str(&letters.repeat(count)),
            _ if name.starts_with("jwks:") => text.push_str(KEYS),
            _ => text.extend(["{{", name, "}}"]),
        }
        rest = behind;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::{KEYS, expanded};

    #[test]
    fn placeholders_are_filled_in() {
        assert_eq!(expanded("a {{ab*3}} {{jwks:x}} {{b"), format!("a ababab {KEYS} {{{{b"));
    }
}
