//! What comes of a repository.

use mesh_snapshot::Conflict;
use serde_json::Value;

use super::exception::Tell;
use crate::diagnostic::{Diagnostic, Severity};
use crate::lower::{self, Lowered};
use crate::source::Input;
use crate::{api, resolve};

/// As far as `tell` looks at it. Absent: it is refused.
pub(super) fn of(documents: &[Value], tell: &Tell) -> Option<String> {
    match tell {
        Tell::Compiled => compiled(documents),
        Tell::Check(name) => Some(said(documents, name)),
        Tell::Nothing => None,
    }
}

/// The name of the snapshot, which is made of all that is in it, and the inventory beside it.
fn compiled(documents: &[Value]) -> Option<String> {
    let lowered = lowered(documents)?.ok()?;
    Some(format!("{} {:?}", lowered.snapshot.digest(), lowered.inventory))
}

/// What is made where no rule looks at several resources. Absent: a resource is refused for what it says itself.
pub(crate) fn lowered(documents: &[Value]) -> Option<Result<Lowered, Conflict>> {
    let mut found = Vec::new();
    let parsed = crate::read(&inputs(documents), &[], &mut found);
    let mesh = api::decode(&parsed, &mut found);
    if found.iter().any(|it: &Diagnostic| it.check.severity == Severity::Error) {
        return None;
    }
    let resolved = resolve::resolve(&mesh);
    Some(lower::lower(&resolved, None, &mut found).seal())
}

/// What a check says of a repository.
fn said(documents: &[Value], check: &str) -> String {
    let compilation = crate::compile(&inputs(documents), &crate::Options::default());
    let said = compilation.findings.iter().filter(|it| it.check.name == check);
    let mut said: Vec<_> = said.map(|it| format!("{} {:?}", it.message, it.consequence)).collect();
    said.sort();
    format!("{said:?}")
}

/// Why a repository is refused.
pub(super) fn errors(documents: &[Value]) -> Vec<String> {
    let compilation = crate::compile(&inputs(documents), &crate::Options::default());
    let errors = compilation.findings.iter().filter(|it| it.severity == Severity::Error);
    errors.map(|it| format!("{} {}", it.check.name, it.message)).collect()
}

/// What is of no kind is the project's own file.
pub(crate) fn inputs(documents: &[Value]) -> Vec<Input> {
    let file = |name: &str, is_meant: &dyn Fn(&Value) -> bool| {
        let texts: Vec<_> =
            documents.iter().filter(|it| is_meant(it)).map(Value::to_string).collect();
        Input::Text { name: name.into(), text: texts.join("\n---\n") }
    };
    let is_project = |it: &Value| it.get("kind").is_none();
    vec![file("mesh.yaml", &is_project), file("a.yaml", &|it| !is_project(it))]
}
