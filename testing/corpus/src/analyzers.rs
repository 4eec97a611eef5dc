//! Group A: what `istioctl analyze` says of a folder, and what its command line makes of it.
//!
//! A case of the group `analyzer` is about one analyzer: of what is found, only the codes of its scope count, as a
//! multiset of (code, resource). One finding of ours may stand for several of Istio's messages, one for each resource that
//! has a part in a fault: these are the finding's labels. So are lines.

use std::collections::BTreeMap;
use std::path::Path;

use mesh_compiler::diagnostic::{Finding, Site};
use serde::Deserialize;

use crate::case::{Case, Mismatch, Verdict};
use crate::corpus::{self, CorpusError};
use crate::differences;
use crate::subject::{Files, Findings};

/// `case.json`
#[derive(Deserialize)]
struct Description {
    inputs: Vec<String>,
    analyzer: Analyzer,
    mesh_config: Option<String>,
    mesh_networks: Option<String>,
    /// Present where the whole tool ran.
    exit_error: Option<bool>,
    /// Whether nothing but the exit status is known.
    note: Option<String>,
}

#[derive(Deserialize)]
struct Analyzer {
    scope: Scope,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scope {
    /// `*`
    All(#[expect(dead_code, reason = "it says only that there is no list")] String),
    Codes(Vec<Code>),
}

#[derive(Deserialize)]
struct Code {
    #[serde(rename = "code")]
    name: String,
    #[serde(default)]
    resource_kinds: Vec<String>,
    /// Kinds of reference, of `IST0101`; empty: any.
    #[serde(default)]
    reftypes: Vec<String>,
}

/// An element of `expected.json`
#[derive(Deserialize)]
struct Message {
    code: String,
    resource: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

/// What Istio calls the kinds of reference of `IST0101`, and the checks that follow them.
const REFERENCES: &[(&str, &[&str])] = &[
    ("selector", &["selector-without-workload"]),
    ("gateway", &["unknown-gateway"]),
    ("credentialName", &["unknown-secret"]),
    ("host", &["unknown-host"]),
    ("mirror host", &["unknown-host"]),
    ("host:port", &["unknown-port"]),
    ("host+subset in destinationrule", &["unknown-subset"]),
    ("mirror+subset in destinationrule", &["unknown-subset"]),
];

/// Namespaces that belong to the cluster: Istio does not look at them.
const OF_THE_CLUSTER: &[&str] =
    &["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for path in corpus::folders(folder)? {
        let description: Description = corpus::json(&path.join("case.json"))?;
        let expected: Vec<Message> = corpus::json(&path.join("expected.json"))?;
        let files = files(folder, &path, &description)?;
        cases.push(Case::new(corpus::name(&path), move || judge(&files, &description, &expected)));
    }
    Ok(cases)
}

fn files(corpus: &Path, folder: &Path, case: &Description) -> Result<Files, CorpusError> {
    let mut files = Files::default();
    for input in &case.inputs {
        files.read(folder, input)?;
    }
    let mesh_config = case.mesh_config.as_ref().map(|name| corpus::text(&folder.join(name)));
    let mesh_config = mesh_config.transpose()?.unwrap_or_default();
    if !mesh_config.is_empty() {
        files.mesh_config(&mesh_config);
    }
    if let Some(name) = &case.mesh_networks {
        files.mesh_networks(&corpus::text(&folder.join(name))?);
    }
    // Istio adds its ingress gateway to what it looks at, where it has one.
    if !mesh_config.contains("ingressControllerMode: OFF") {
        files.read(corpus, "defaults.yaml")?;
    }
    Ok(files)
}

fn judge(files: &Files, case: &Description, expected: &[Message]) -> Verdict {
    if let Some(code) = case.analyzer.scope.unknown().filter(|_| expected.is_empty()) {
        // To say nothing is right only for somebody who could have said something.
        return Err(Mismatch::new("nothing", format!("no check looks for {code}")));
    }
    let found = Findings::of(files.compile());
    let shown = || {
        let shown: Vec<_> = expected.iter().map(Message::shown).collect();
        if shown.is_empty() { "nothing".to_owned() } else { shown.join("\n") }
    };
    if let Some(wanted) = case.exit_error {
        let is_error = found.errors().next().is_some();
        if is_error != wanted {
            let wanted = if wanted { "an error" } else { "no error" };
            return Err(Mismatch::new(wanted, format!("{}\n", found.lines(found.errors()))));
        }
        if case.note.is_some() {
            return Ok(());
        }
    }
    let codes: Vec<_> = found
        .all
        .iter()
        .filter(|finding| !is_of_the_cluster(&finding.primary))
        .filter_map(|finding| Some((case.analyzer.scope.code(finding, expected)?, finding)))
        .collect();
    let differences = compare(&found, expected, &codes);
    if differences.is_empty() {
        return Ok(());
    }
    let said = found.lines(codes.iter().map(|(_, finding)| *finding));
    let texts: Vec<_> = differences.iter().map(|it| it.text.as_str()).collect();
    let mismatch = Mismatch::new(shown(), format!("{}\n{said}", texts.join("\n")));
    let reasons: Option<Vec<_>> = differences.iter().map(|it| it.reason(&found)).collect();
    Err(match reasons.and_then(|reasons| reasons.first().copied()) {
        Some(reason) => mismatch.because(reason),
        None => mismatch,
    })
}

/// What was not said, or too often.
struct Difference {
    text: String,
    /// The resource of which too little was said.
    lacking: Option<String>,
}

impl Difference {
    /// What a resource breaks by itself is not looked into once more.
    fn reason(&self, found: &Findings) -> Option<&'static str> {
        self.lacking.as_ref()?;
        let mut own =
            found.errors().filter(|it| it.primary.resource.as_deref() == self.lacking.as_deref());
        own.find_map(|finding| differences::stricter(finding.check.name))
    }
}

/// How often a code was said of a resource: as the main place of a finding, and as another place of one.
#[derive(Default)]
struct Count {
    expected: usize,
    main: usize,
    other: usize,
}

/// What of `expected` was not said, and what was said beyond it.
fn compare(found: &Findings, expected: &[Message], said: &[(&str, &Finding)]) -> Vec<Difference> {
    let mut counts: BTreeMap<(&str, &str), Count> = BTreeMap::new();
    let is_anywhere = expected.iter().any(|message| message.resource.is_none());
    for message in expected {
        let resource = message.resource.as_deref().unwrap_or_default();
        counts.entry((&message.code, resource)).or_default().expected += 1;
    }
    let resource = |site: &'_ Site| istios_name(site.resource.as_deref().unwrap_or_default());
    let names: Vec<_> = said
        .iter()
        .map(|(code, finding)| {
            let others = finding.others.iter().map(resource).collect::<Vec<_>>();
            (*code, resource(&finding.primary), others)
        })
        .collect();
    for (code, main, others) in &names {
        // Where the corpus names no resources, the code alone counts.
        let name = |name| if is_anywhere { "" } else { name };
        counts.entry((code, name(main))).or_default().main += 1;
        for other in others.iter().filter(|_| !is_anywhere) {
            counts.entry((code, other)).or_default().other += 1;
        }
    }
    // Where Istio says several things of one fault, it is one finding, which has all of their codes.
    for ((code, main, _), (_, finding)) in names.iter().zip(said) {
        for alias in finding.check.aliases.iter().filter(|alias| *alias != code) {
            counts.entry((alias, if is_anywhere { "" } else { main })).or_default().other += 1;
        }
    }
    let mut differences = Vec::new();
    for ((code, resource), Count { expected, main, other }) in counts {
        if main > expected {
            let text = format!("{code} {resource}: {main} times instead of {expected}");
            differences.push(Difference { text, lacking: None });
        } else if main + other < expected {
            let text = format!("{code} {resource}: {} of {expected}", main + other);
            differences.push(Difference { text, lacking: Some(resource.to_owned()) });
        }
    }
    let at_line = |message: &&Message| {
        message.line.is_some_and(|line| {
            !said.iter().any(|(code, finding)| {
                let mut sites = std::iter::once(&finding.primary).chain(&finding.others);
                sites.any(|site| message.is_at(code, line, found, site))
            })
        })
    };
    differences.extend(expected.iter().filter(at_line).map(|message| {
        let text = format!("{} is elsewhere", message.shown());
        Difference { text, lacking: None }
    }));
    differences
}

/// What Istio's analysis calls the resource: the networks of a mesh, which stand in no resource of their own, have a name
/// that it makes up. Source: Istio, `local.MeshNetworksResourceName`.
fn istios_name(resource: &str) -> String {
    match resource.split_once(' ') {
        Some(("MeshNetworks", _)) => "MeshNetworks istio-system/meshnetworks".to_owned(),
        _ => resource.to_owned(),
    }
}

impl Scope {
    /// A code that no check has.
    fn unknown(&self) -> Option<&str> {
        let Self::Codes(codes) = self else { return None };
        let is_known = |code: &str| mesh_compiler::checks().any(|check| check.is_called(code));
        codes.iter().map(|code| code.name.as_str()).find(|code| !is_known(code))
    }

    /// What Istio calls the finding, if it is asked for it. Of several names it is one that is expected of the resource.
    fn code(&self, finding: &Finding, expected: &[Message]) -> Option<&'static str> {
        let is_asked = |code: &&str| match self {
            Self::All(_) => code.starts_with("IST"),
            Self::Codes(codes) => codes.iter().any(|scope| scope.holds(code, finding)),
        };
        let resource = &*istios_name(finding.primary.resource.as_deref().unwrap_or_default());
        let is_expected = |code: &&str| {
            expected.iter().any(|message| {
                let named = message.resource.as_deref().unwrap_or(resource);
                message.code == *code && named == resource
            })
        };
        let mut codes = finding.check.aliases.iter().copied().filter(is_asked);
        codes.clone().find(is_expected).or_else(|| codes.next())
    }
}

impl Code {
    fn holds(&self, code: &str, finding: &Finding) -> bool {
        let resource = finding.primary.resource.as_deref().unwrap_or_default();
        let kind = resource.split(' ').next().unwrap_or_default();
        let is_kind =
            self.resource_kinds.is_empty() || self.resource_kinds.iter().any(|known| known == kind);
        let follows = |reference: &String| {
            let checks = REFERENCES.iter().find(|(name, _)| name == reference);
            checks.is_some_and(|(_, checks)| checks.contains(&finding.check.name))
        };
        self.name == code
            && is_kind
            && (self.reftypes.is_empty() || self.reftypes.iter().any(follows))
    }
}

impl Message {
    fn shown(&self) -> String {
        let Self { code, resource, file, line } = self;
        let resource = resource.as_deref().or(file.as_deref()).unwrap_or("anywhere");
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{code} {resource}{line}")
    }

    fn is_at(&self, code: &str, line: u32, found: &Findings, site: &Site) -> bool {
        let file = found.parsed.source(site.file);
        let position = site.span.map(|span| file.position(span.start));
        self.code == code
            && self.file.as_ref().is_none_or(|name| *name == file.path)
            && position.is_some_and(|position| position.line == line)
    }
}

fn is_of_the_cluster(site: &Site) -> bool {
    let resource = site.resource.as_deref().unwrap_or_default();
    let name = resource.split(' ').nth(1).unwrap_or_default();
    name.split_once('/').is_some_and(|(namespace, _)| OF_THE_CLUSTER.contains(&namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a, namespace: shop }
spec:
  hosts: [a.test]
  gateways: [none]
  http: [{ directResponse: { status: 200 } }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: other, namespace: shop }
spec:
  selector: { app: edge }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [\"*\"] }]
---
apiVersion: v1
kind: Pod
metadata: { name: edge, namespace: shop, labels: { app: edge } }
spec: { containers: [{ name: main, image: main }] }
";

    fn judged(code: &str, expected: &[(&str, &str)]) -> Verdict {
        let scope = Code { name: code.into(), resource_kinds: Vec::new(), reftypes: Vec::new() };
        let analyzer = Analyzer { scope: Scope::Codes(vec![scope]) };
        let case = Description {
            inputs: Vec::new(),
            analyzer,
            mesh_config: None,
            mesh_networks: None,
            exit_error: None,
            note: None,
        };
        let message = |(code, resource): &(&str, &str)| Message {
            code: (*code).into(),
            resource: Some((*resource).into()),
            file: None,
            line: None,
        };
        let expected: Vec<_> = expected.iter().map(message).collect();
        judge(&Files::default().with("a.yaml", ROUTES), &case, &expected)
    }

    #[test]
    fn code_and_resource_have_to_be_met() {
        assert_eq!(judged("IST0101", &[("IST0101", "VirtualService shop/a")]), Ok(()));
        judged("IST0101", &[("IST0101", "VirtualService shop/b")]).unwrap_err();
        judged("IST0101", &[]).unwrap_err();
    }

    #[test]
    fn silence_about_what_nobody_looks_for_is_no_answer() {
        judged("IST9999", &[]).unwrap_err();
    }
}
