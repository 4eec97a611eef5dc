//! The policy repository: compiled, with what the compiler says of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mesh_compiler::diagnostic::{Date, Finding, Severity};
use mesh_compiler::source::Input;
use mesh_compiler::{Beside, Compilation, Options};
use mesh_snapshot::container::Bundle;

use crate::render::counts::shown;
use crate::render::{self, Report, Terminal};

/// What came of compiling a repository.
#[derive(Debug)]
pub(crate) struct Compiled {
    compilation: Compilation,
    pub took: Duration,
}

impl Compiled {
    pub(crate) fn of(folder: &Path) -> Self {
        Self::of_environment(folder, None)
    }

    pub(crate) fn of_environment(folder: &Path, environment: Option<&str>) -> Self {
        let start = Instant::now();
        let input = Input::Path(PathBuf::from(folder));
        let on = Options::on(Date::at(mesh_control::clock::wall()));
        let environment = environment.map(str::to_owned);
        let options = Options { environment, beside: true, ..on };
        Self::new(mesh_compiler::compile(&[input], &options), start.elapsed())
    }

    pub(crate) const fn new(compilation: Compilation, took: Duration) -> Self {
        Self { compilation, took }
    }

    /// There is one exactly when nothing is wrong, and something is there.
    pub(crate) fn bundle(&self) -> Option<&Bundle> {
        self.compilation.bundle.as_ref().filter(|_| !self.report(&[]).is_of_nothing())
    }

    /// There was nothing to compile, and nothing else is wrong.
    pub(crate) fn is_of_nothing(&self) -> bool {
        self.report(&[]).is_of_nothing() && self.errors() == 0
    }

    const fn report<'a>(&'a self, findings: &'a [Finding]) -> Report<'a> {
        let Compilation { parsed, mesh, .. } = &self.compilation;
        Report { parsed, mesh, findings, snapshot: None }
    }

    /// How many instances of its workloads the repository asks for, where that is not one: by `namespace/workload`.
    pub(crate) fn replicas(&self) -> BTreeMap<String, i32> {
        let mesh = &self.compilation.mesh;
        let deployments = mesh.deployments.iter();
        let deployments = deployments.map(|it| (&it.namespace, it.name(), it.spec.replicas));
        let stateful_sets = mesh.stateful_sets.iter();
        let stateful_sets = stateful_sets.map(|it| (&it.namespace, it.name(), it.spec.replicas));
        let sets = mesh.replica_sets.iter();
        let sets = sets.map(|it| (&it.namespace, it.name(), it.spec.replicas));
        let controllers = mesh.replication_controllers.iter();
        let controllers = controllers.map(|it| (&it.namespace, it.name(), it.spec.replicas));
        let all = deployments.chain(stateful_sets).chain(sets).chain(controllers);
        let named = all.filter_map(|(namespace, name, replicas)| {
            let replicas = replicas.filter(|replicas| *replicas != 1)?;
            Some((format!("{namespace}/{name}"), replicas))
        });
        named.collect()
    }

    /// What the snapshot does not hold.
    pub(crate) const fn beside(&self) -> &Beside {
        &self.compilation.beside
    }

    pub(crate) fn resources(&self) -> usize {
        self.compilation.mesh.count
    }

    pub(crate) fn files(&self) -> usize {
        self.compilation.parsed.sources().iter().count()
    }

    /// How many of those that are shown are errors.
    pub(crate) fn errors(&self) -> usize {
        let findings = shown(&self.compilation.findings);
        findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// The findings, for people: errors where there are some, else warnings; empty when there is nothing to say.
    pub(crate) fn text(&self, terminal: &Terminal) -> String {
        let Compilation { findings, fault, .. } = &self.compilation;
        let least = if self.errors() > 0 { Severity::Error } else { Severity::Warning };
        let mut findings = findings.clone();
        findings.retain(|finding| finding.severity >= least);
        let report = self.report(&findings);
        let mut text = Vec::new();
        // Writing into memory does not fail.
        let _ = render::human::write(&report, terminal, &mut text);
        let mut text = String::from_utf8_lossy(&text).into_owned();
        if let Some(fault) = fault {
            let _ = writeln!(text, "the compiler contradicts itself: {fault}");
        }
        text
    }
}
