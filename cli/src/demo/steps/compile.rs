//! The repository becomes a snapshot, twice the same.

use mesh_snapshot::container::Bundle;

use crate::demo::report::Report;
use crate::demo::repository::Repository;
use crate::demo::stage::StageError;
use crate::local::Compiled;
use crate::operator::view::short;

pub(in crate::demo) fn run(
    repository: &Repository,
    report: &mut Report,
) -> Result<Bundle, StageError> {
    report.heading("Policy is compiled");
    let compiled = Compiled::of(repository.folder());
    let Some(bundle) = compiled.bundle() else {
        return Err(StageError::Policy(compiled.text(&report.terminal)));
    };
    let (resources, files) = (compiled.resources(), compiled.files());
    let took = compiled.took.as_secs_f64() * 1000.0;
    let digest = bundle.snapshot.digest();
    let text = format!(
        "{resources} resources in {files} files → snapshot {} in {took:.0} ms",
        short(&digest)
    );
    report.check(resources > 0, &text);
    let again = Compiled::of(repository.folder());
    let same = again.bundle().is_some_and(|again| again.snapshot.digest() == digest);
    report.check(same, "compiled once more, it is the same, to the byte");
    Ok(bundle.clone())
}
