//! What the compiler is given, and what it says.

use std::path::Path;

use mesh_compiler::diagnostic::{Class, Finding, Severity, finish};
use mesh_compiler::parse::Parsed;
use mesh_compiler::source::Input;
use mesh_compiler::{Compilation, Options, api, check, resolve};

use crate::corpus::{self, CorpusError};
use crate::differences::UNSERVED;
use crate::place;

/// A repository in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files {
    /// By name.
    texts: Vec<(String, String)>,
    mesh_config: String,
    cluster_domain: Option<&'static str>,
    /// What is said of what may be a mistake.
    lints: Lints,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Lints {
    #[default]
    AsTheyAre,
    /// As warnings at most.
    Warnings,
    None,
}

/// The findings of some stages, with what they point at.
pub(crate) struct Findings {
    pub parsed: Parsed,
    pub all: Vec<Finding>,
}

impl Files {
    pub(crate) fn add(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.push((name.into(), text.into()));
    }

    pub(crate) fn with(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.add(name, text);
        self
    }

    /// Adds a file of a folder under its name there.
    pub(crate) fn read(&mut self, folder: &Path, name: &str) -> Result<(), CorpusError> {
        self.add(name, corpus::text(&folder.join(name))?);
        Ok(())
    }

    /// Sets the mesh configuration, a bare document, or adds fields to it.
    pub(crate) fn mesh_config(&mut self, text: &str) {
        self.mesh_config.push_str(&indented(text));
    }

    /// Sets the suffix of the hosts of Services.
    pub(crate) fn cluster_domain(&mut self, domain: &'static str) {
        self.cluster_domain = Some(domain);
    }

    /// Has everything compiled that has a meaning: Istio runs it, whether or not it was meant.
    pub(crate) fn lenient(mut self) -> Self {
        self.lints = Lints::None;
        self
    }

    /// Has no resource refused that has a meaning, as Istio refuses none.
    pub(crate) fn compatible(mut self) -> Self {
        self.lints = Lints::Warnings;
        self
    }

    /// Adds the networks of the mesh: a bare document, where Istio keeps it.
    pub(crate) fn mesh_networks(&mut self, text: &str) {
        let metadata = "metadata:\n  name: istio\n  namespace: istio-system\n";
        let data = format!("data:\n  meshNetworks: |\n{}", indented(&indented(text)));
        self.add(
            "mesh-networks.yaml",
            format!("apiVersion: v1\nkind: ConfigMap\n{metadata}{data}"),
        );
    }

    fn inputs(&self) -> Vec<Input> {
        let project = Some(self.project()).filter(|text| !text.is_empty());
        let project = project.map(|text| ("mesh.yaml".to_owned(), text));
        let files = self.texts.iter().cloned().chain(project);
        files.map(|(name, text)| Input::Text { name, text }).collect()
    }

    /// `mesh.yaml`
    fn project(&self) -> String {
        let mut text = String::new();
        if let Some(domain) = self.cluster_domain {
            text.extend(["clusterDomain: ", domain, "\n"]);
        }
        if !self.mesh_config.is_empty() {
            text.extend(["meshConfig:\n", &self.mesh_config]);
        }
        let level = match self.lints {
            Lints::AsTheyAre => return text,
            Lints::Warnings => "warn",
            Lints::None => "allow",
        };
        let least = if self.lints == Lints::None { Severity::Info } else { Severity::Error };
        let lints = mesh_compiler::checks().filter(|it| it.class == Class::Lint);
        text.push_str("lints:\n");
        // That something is not served is no opinion: it may be why an answer differs.
        let lints = lints.filter(|check| !UNSERVED.contains(&check.name));
        for check in lints.filter(|check| check.severity >= least) {
            text.extend(["  ", check.name, ": ", level, "\n"]);
        }
        text
    }

    /// All stages.
    pub(crate) fn compile(&self) -> Compilation {
        mesh_compiler::compile(&self.inputs(), &Options::default())
    }

    /// With what a controller would write of them.
    pub(crate) fn compile_with_statuses(&self) -> Compilation {
        let options = Options { statuses: true, ..Options::default() };
        mesh_compiler::compile(&self.inputs(), &options)
    }

    /// The stages that take resources one by one: what is wrong with each by itself.
    pub(crate) fn validate(&self) -> Findings {
        let mut diagnostics = Vec::new();
        let parsed = mesh_compiler::read(&self.inputs(), &[], &mut diagnostics);
        let mesh = api::decode(&parsed, &mut diagnostics);
        let levels = mesh_compiler::levels(&mesh, &parsed, &mut diagnostics);
        let mut together = Vec::new();
        check::all(&resolve::resolve(&mesh), None, &mut together);
        // What Istio's validation warns of by itself, rules here may tell better with a look at other resources.
        diagnostics
            .extend(together.into_iter().filter(|it| it.check.aliases.contains(&SCHEMA_WARNING)));
        let all = finish(&diagnostics, &parsed, &mesh.faults, &levels);
        Findings { parsed, all }
    }
}

/// Istio's code for what its validation warns of.
const SCHEMA_WARNING: &str = "IST0133";

/// A document, two columns further to the right.
fn indented(text: &str) -> String {
    let body = text.strip_prefix("---\n").unwrap_or(text);
    body.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}

impl Findings {
    pub(crate) fn of(compilation: Compilation) -> Self {
        Self { parsed: compilation.parsed, all: compilation.findings }
    }

    pub(crate) fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.all.iter().filter(|finding| finding.severity == Severity::Error)
    }

    pub(crate) fn warnings(&self) -> impl Iterator<Item = &Finding> {
        self.all.iter().filter(|finding| finding.severity == Severity::Warning)
    }

    /// `error[invalid-port] Service shop/a: port 0 … (spec.ports[0].port)`
    pub(crate) fn line(&self, finding: &Finding) -> String {
        let resource = finding.primary.resource.as_deref().unwrap_or("-");
        let path = place::path(&self.parsed, &finding.primary);
        let at = if path.is_empty() { String::new() } else { format!(" ({path})") };
        let (severity, check) = (finding.severity.name(), finding.check.name);
        format!("{severity}[{check}] {resource}: {}{at}", finding.message)
    }

    /// A line a finding.
    pub(crate) fn lines<'a>(&self, findings: impl IntoIterator<Item = &'a Finding>) -> String {
        let lines: Vec<_> = findings.into_iter().map(|finding| self.line(finding)).collect();
        lines.join("\n")
    }
}

/// Whether the compiler says that something is not served.
pub(crate) fn is_unserved(finding: &Finding) -> bool {
    UNSERVED.contains(&finding.check.name)
}

/// Whether the compiler says only that it does not support something yet.
pub(crate) fn is_unsupported(finding: &Finding) -> bool {
    matches!(finding.check.name, "unsupported-kind" | "refused-field")
}

/// Whether Istio knows the fault too.
pub(crate) fn is_known_to_istio(finding: &Finding) -> bool {
    finding.check.aliases.iter().any(|alias| alias.starts_with("IST"))
}
