//! What was found at a Git revision. The files lie in a folder of their own while they are compiled.

use std::collections::BTreeSet;

use mesh_compiler::Options;
use mesh_compiler::diagnostic::{Date, fingerprints};
use mesh_compiler::source::Input;

use crate::environment::{Surroundings, compile_each};
use crate::git::{GitError, Repository};
use crate::source::Source;

#[derive(Debug, thiserror::Error)]
pub(crate) enum PastError {
    #[error("standard input has no revisions")]
    Stdin,
    #[error("`{0}` names a revision already")]
    Revision(String),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// What is compiled now, and was then.
pub(crate) struct Past<'a> {
    pub paths: &'a [String],
    pub today: Option<Date>,
    pub place: &'a Surroundings,
    /// Those of now.
    pub environments: &'a [String],
}

/// The fingerprints of what is found at `revision`, where files are `called` as they are now. What was not there then has
/// none.
pub(super) fn fingerprints_at(
    revision: &str,
    past: &Past<'_>,
    called: &(dyn Fn(&str) -> String + Sync),
) -> Result<BTreeSet<String>, PastError> {
    let Past { paths, today, .. } = *past;
    if paths.iter().any(|path| path == "-") {
        return Err(PastError::Stdin);
    }
    if let Some(path) = paths.iter().find(|path| Source::is_past(path)) {
        return Err(PastError::Revision(path.clone()));
    }
    let repository = Repository::of(paths.first().map_or(".", String::as_str))?;
    let commit = repository.commit(revision)?;
    let inside = paths.iter().map(|path| repository.inside(path)).collect::<Result<Vec<_>, _>>()?;
    let folder = repository.extract(&commit, &inside)?;

    let there = paths.iter().zip(inside).map(|(given, inside)| (given, folder.path().join(inside)));
    let inputs: Vec<_> = there
        .filter(|(_, path)| path.exists())
        .map(|(given, path)| Input::Called { path, name: given.clone() })
        .collect();
    if inputs.is_empty() {
        return Ok(BTreeSet::new());
    }
    let options = Options { today, context: past.place.inputs(), ..Options::default() };
    let known = mesh_compiler::environments(&inputs);
    let then: Vec<_> = past.environments.iter().filter(|it| known.contains(it)).cloned().collect();
    let compiled = compile_each(&inputs, &options, &then, None);
    Ok(fingerprints(&compiled.findings, &compiled.parsed, called).into_iter().collect())
}
