//! What this crate's tests share.

use crate::api::{self, Mesh};
use crate::diagnostic::{Diagnostic, Finding, finish};
use crate::parse::{Parsed, parse};
use crate::source::{FileId, Input, Role, SourceFile};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for a test, removed when it ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("mesh-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(fs::canonicalize(path).unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A symbolic link `name` to `target`, which is relative to the link.
    pub(crate) fn link(&self, name: &str, target: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everything that the compiler says of a folder.
pub(crate) fn findings(folder: &Path) -> Vec<Finding> {
    compiled(folder).findings
}

/// What becomes of a folder.
pub(crate) fn compiled(folder: &Path) -> crate::Compilation {
    compiled_for(folder, None)
}

/// The same in one of its environments.
pub(crate) fn compiled_for(folder: &Path, environment: Option<&str>) -> crate::Compilation {
    let today = "2026-01-01".parse().ok();
    let environment = environment.map(str::to_owned);
    let options = crate::Options { today, environment, ..crate::Options::default() };
    crate::compile(&[Input::Path(folder.into())], &options)
}

/// A repository in memory, and what the compiler makes of it.
pub(crate) struct Compiled {
    pub parsed: Parsed,
    pub mesh: Mesh,
    pub findings: Vec<Finding>,
}

impl Compiled {
    /// The stages that take resources one by one.
    fn of(parsed: Parsed, mut diagnostics: Vec<Diagnostic>) -> Self {
        let mesh = api::decode(&parsed, &mut diagnostics);
        let levels = crate::levels(&mesh, &parsed, &mut diagnostics);
        let findings = finish(&diagnostics, &parsed, &mesh.faults, &levels);
        Self { parsed, mesh, findings }
    }

    /// Files by their paths, in the order of these; `mesh.yaml` is the project's configuration.
    pub(crate) fn files(files: &[(&str, &str)]) -> Self {
        let mut diagnostics = Vec::new();
        let mut parsed = Vec::new();
        for (id, (path, text)) in (0..).map(FileId).zip(files) {
            let role = if *path == "mesh.yaml" { Role::Project } else { Role::Policy };
            let file = SourceFile::new(*path, role, (*text).to_owned());
            let read = parse(&file, id, &mut diagnostics);
            parsed.push((file, read));
        }
        Self::of(Parsed::new(parsed), diagnostics)
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::files(&[("a.yaml", text)])
    }

    /// A line a finding: `error[check] 3:7 token: message`, with the file's name if there are several.
    pub(crate) fn said(&self) -> Vec<String> {
        self.findings.iter().map(|finding| self.line(finding)).collect()
    }

    fn line(&self, finding: &Finding) -> String {
        let head = format!("{}[{}]", finding.severity.name(), finding.check.name);
        let site = &finding.primary;
        let file = self.parsed.source(site.file);
        let name = match self.parsed.sources().iter().count() {
            1 => String::new(),
            _ => format!("{}:", file.path),
        };
        match site.span {
            None => format!("{head} {name} {}", finding.message),
            Some(span) => {
                let position = file.position(span.start);
                let token = file.slice(span);
                format!(
                    "{head} {name}{}:{} {token}: {}",
                    position.line, position.column, finding.message
                )
            }
        }
    }
}

/// Repositories with a few workloads and policies of a kind: what each says is one of `specs`, and for whom differs.
pub(crate) fn policies(
    kind: &'static str,
    specs: &'static [&'static str],
) -> impl Strategy<Value = String> {
    const NAMESPACES: &[&str] = &["shop", "web", "istio-system"];
    const LABELS: &[&str] = &["", "x: a", "y: b", "x: a, y: b"];
    let of = |all: &'static [&'static str]| proptest::sample::select(all);
    let pods = proptest::collection::vec((of(NAMESPACES), of(LABELS)), 0..6);
    let policies = proptest::collection::vec((of(NAMESPACES), of(LABELS), of(specs)), 0..8);
    (pods, policies).prop_map(move |(pods, policies)| {
        let pods = pods.iter().enumerate().map(|(number, (namespace, labels))| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}, namespace: {namespace}, labels: {{{labels}}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n"
            )
        });
        let policies = policies.iter().enumerate().map(|(number, (namespace, labels, spec))| {
            let selector = if labels.is_empty() {
                String::new()
            } else {
                format!("  selector: {{matchLabels: {{{labels}}}}}\n")
            };
            format!(
                "apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: q{number}, namespace: {namespace}}}\nspec:\n{selector}  {spec}\n"
            )
        });
        pods.chain(policies).collect::<Vec<_>>().join("---\n")
    })
}
