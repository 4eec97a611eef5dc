//! What a repository compiles to, and what the proxies make of it.

use std::sync::LazyLock;

use mesh_compiler::diagnostic::Severity;
use mesh_engine::{Limits, Program};
use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::Workload;

use crate::subject::{Files, Findings, is_unserved};

/// A repository that compiles.
pub(crate) struct Served {
    pub bundle: Bundle,
    /// What the compiler says is not served of it.
    pub unsupported: String,
}

/// Made when the first case needs it: several do.
pub(crate) type Once<T> =
    LazyLock<Result<T, String>, Box<dyn FnOnce() -> Result<T, String> + Send>>;

pub(crate) fn once<T>(make: impl FnOnce() -> Result<T, String> + Send + 'static) -> Once<T> {
    LazyLock::new(Box::new(make))
}

impl Served {
    /// # Errors
    /// What the compiler says, where it refuses.
    pub(crate) fn compile(files: &Files) -> Result<Self, String> {
        let mut compiled = files.compile();
        let bundle = compiled.bundle.take();
        if let Some(fault) = &compiled.fault {
            return Err(format!("does not compile: {fault}"));
        }
        let findings = Findings::of(compiled);
        let Some(bundle) = bundle else {
            let errors = findings.all.iter().filter(|it| it.severity == Severity::Error);
            return Err(format!("does not compile: {}", findings.lines(errors)));
        };
        let unsupported = findings.lines(findings.all.iter().filter(|it| is_unserved(it)));
        Ok(Self { bundle, unsupported })
    }

    /// What the proxy of a workload serves by.
    pub(crate) fn program(&self, workload: &Workload) -> Result<Program, String> {
        let snapshot = &self.bundle.snapshot;
        let slice = mesh_snapshot::slice(snapshot.digest(), workload, snapshot)
            .map_err(|error| format!("has no slice: {error}"))?;
        let limits = Limits {
            memory_bytes_max: usize::MAX,
            features: mesh_engine::FEATURES,
            gateway_address: mesh_engine::GATEWAY_ADDRESS,
        };
        Program::build(workload, &slice, snapshot, &limits)
            .map_err(|error| format!("cannot be served: {error}"))
    }

    /// A note for a failure: what is not served may be its cause.
    pub(crate) fn note(&self) -> String {
        if self.unsupported.is_empty() { String::new() } else { format!("\n{}", self.unsupported) }
    }
}
