//! A policy repository, and what the compiler makes of it.

use std::path::Path;

use mesh_compiler::source::Input;
use mesh_compiler::{Compilation, Options, check_programs, compile};
use mesh_snapshot::container::Bundle;

/// Files in a folder of their own.
pub(crate) struct Repository(tempfile::TempDir);

impl Repository {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            repository.write(name, text);
        }
        repository
    }

    /// One file.
    pub(crate) fn of(text: &str) -> Self {
        Self::new(&[("policy.yaml", text)])
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// That of [`Repository::of`].
    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.path().join("policy.yaml")).unwrap()
    }

    pub(crate) fn compile(&self) -> Compilation {
        compile(&[Input::Path(self.path().to_owned())], &Options::default())
    }

    /// The snapshot, of which every program can be built.
    pub(crate) fn bundle(&self) -> Bundle {
        let compiled = self.compile();
        let errors: Vec<_> =
            compiled.findings.iter().map(|it| (it.check.name, &it.message)).collect();
        let Some(bundle) = compiled.bundle else { panic!("{errors:#?}") };
        check_programs(&bundle).unwrap();
        bundle
    }
}

/// The shop that newcomers copy.
pub(crate) fn bookinfo() -> Bundle {
    compile(&["../policies/bookinfo".into()], &Options::default()).bundle.unwrap()
}

/// A Service on port 80, and a Deployment that backs it and runs as its own service account.
pub(crate) fn workload(namespace: &str, name: &str) -> String {
    format!(
        r"
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: 80, targetPort: 8080}}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: {namespace}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      serviceAccountName: {name}
      containers: [{{name: {name}, image: example.com/{name}, ports: [{{containerPort: 8080}}]}}]
---
"
    )
}
