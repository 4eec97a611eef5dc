//! The readers, and what holds of each.

use mesh_compiler::diagnostic::{Class, Finding, Severity, Site};
use mesh_compiler::format::{FormatError, format};
use mesh_compiler::source::{Input, Role};
use mesh_compiler::{Compilation, Options, compile};
use mesh_snapshot::container;

/// A reader and a property of it.
#[derive(Debug)]
pub struct Target {
    /// The name of its corpus, too.
    pub name: &'static str,
    /// Panics where the property does not hold. What it gives back tells inputs apart that led to different ends.
    pub run: fn(&[u8]) -> Vec<String>,
}

/// All of them.
pub static TARGETS: &[Target] = &[
    Target { name: "yaml", run: yaml },
    Target { name: "compile", run: repository },
    Target { name: "project", run: project },
    Target { name: "context", run: context },
    Target { name: "format", run: formatted },
    Target { name: "snapshot", run: snapshot },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

fn text(name: &str, bytes: &[u8]) -> Input {
    Input::Text { name: name.to_owned(), text: String::from_utf8_lossy(bytes).into_owned() }
}

/// One file of policy.
fn yaml(bytes: &[u8]) -> Vec<String> {
    judge(&[text("a.yaml", bytes)], Vec::new())
}

/// Several files, each after a line `# file: NAME`.
fn repository(bytes: &[u8]) -> Vec<String> {
    let all = String::from_utf8_lossy(bytes);
    let files = all.split("# file: ").enumerate().map(|(index, part)| {
        let (name, body) = part.split_once('\n').unwrap_or(("", part));
        // Names stay apart, and of the kind that is read.
        let name = if name == "mesh.yaml" { name.to_owned() } else { format!("{index}.yaml") };
        Input::Text { name, text: body.to_owned() }
    });
    let mut seen_project = false;
    let files = files.filter(|file| match file {
        Input::Text { name, .. } if name == "mesh.yaml" => {
            !std::mem::replace(&mut seen_project, true)
        }
        _ => true,
    });
    judge(&files.collect::<Vec<_>>(), Vec::new())
}

const POLICY: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: shop}\nspec: {hosts: [a], http: [{route: [{destination: {host: b}}]}]}\n";

/// The settings of a project, in each of its environments.
fn project(bytes: &[u8]) -> Vec<String> {
    let inputs = [text("mesh.yaml", bytes), text("base/a.yaml", POLICY.as_bytes())];
    let mut ends = judge(&inputs, Vec::new());
    for environment in mesh_compiler::environments(&inputs).into_iter().take(4) {
        let options = Options { environment: Some(environment), ..Options::default() };
        ends.extend(check(&compile(&inputs, &options)));
    }
    ends
}

/// What says what is in the cluster. Whatever it is, nobody is told how to write it.
fn context(bytes: &[u8]) -> Vec<String> {
    judge(&[text("a.yaml", POLICY.as_bytes())], vec![text("cluster.yaml", bytes)])
}

fn judge(inputs: &[Input], context: Vec<Input>) -> Vec<String> {
    check(&compile(inputs, &Options { context, ..Options::default() }))
}

/// There is a snapshot or an error, everything that is said has a place in its file, and so has every change.
fn check(compiled: &Compilation) -> Vec<String> {
    assert!(compiled.fault.is_none(), "{:?}", compiled.fault);
    assert_eq!(compiled.bundle.is_none(), compiled.has_errors(), "{:?}", compiled.findings);
    compiled.findings.iter().map(|finding| check_finding(compiled, finding)).collect()
}

fn check_finding(compiled: &Compilation, finding: &Finding) -> String {
    let is_input = finding.check.class == Class::Input;
    let has_place = finding.primary.span.is_some() || is_input;
    assert!(finding.severity < Severity::Error || has_place, "{finding:?}");
    assert!(!finding.message.is_empty(), "{finding:?}");
    for site in std::iter::once(&finding.primary).chain(&finding.others) {
        check_site(compiled, site);
    }
    let role = compiled.parsed.source(finding.primary.file).role;
    assert!(role != Role::Context || is_input, "{finding:?}");
    for edit in finding.fixes.iter().flat_map(|fix| &fix.edits) {
        let source = compiled.parsed.source(edit.file).text();
        assert!(source.get(edit.span.range()).is_some(), "{edit:?}");
    }
    finding.check.name.to_owned()
}

fn check_site(compiled: &Compilation, site: &Site) {
    let file = compiled.parsed.source(site.file);
    let Some(span) = site.span else { return };
    assert!(file.text().get(span.range()).is_some(), "{site:?}");
    let position = file.position(span.start);
    assert!(position.line > 0 && position.column > 0, "{site:?}");
    assert_eq!(file.shown(span).len(), file.slice(span).len(), "{site:?}");
}

/// The form says the same, and is its own form.
fn formatted(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    match format(&text) {
        Ok(once) => {
            assert_eq!(format(&once).as_deref(), Ok(once.as_str()), "not its own form");
            vec![if once == text { "same" } else { "formatted" }.to_owned()]
        }
        Err(error) => {
            assert_ne!(error, FormatError::Changed, "it would say something else");
            vec![error.to_string()]
        }
    }
}

/// A snapshot that is read is written as the same bytes' content.
fn snapshot(bytes: &[u8]) -> Vec<String> {
    match container::from_bytes(bytes) {
        Ok(bundle) => {
            let again = container::from_bytes(&container::to_bytes(&bundle));
            let digest = again.map(|again| again.snapshot.digest());
            assert_eq!(digest.ok(), Some(bundle.snapshot.digest()));
            vec!["read".to_owned()]
        }
        Err(error) => {
            // The kind of fault, without what it quotes.
            let kind = format!("{error:?}");
            vec![kind.split(['(', '{', ' ']).next().unwrap_or_default().to_owned()]
        }
    }
}
