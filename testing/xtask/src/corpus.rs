//! How many cases of the corpora are met.

use std::path::{Path, PathBuf};

use clap::Args;
use mesh_corpus::{CorpusError, GROUPS, Group, run};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The folder of the corpora [default: `../shared/corpus` beside the project].
    #[arg(value_name = "DIR", env = "MESH_CORPUS")]
    folder: Option<PathBuf>,
    /// One group only.
    #[arg(long, value_parser = group)]
    group: Option<&'static Group>,
    /// Write a report for programs to standard output, and nothing else.
    #[arg(long)]
    json: bool,
    /// Write each failing case, with what was expected and what came.
    #[arg(long)]
    failures: bool,
    /// Fail where a case is not met and the report has no reason for it.
    #[arg(long)]
    explained: bool,
}

fn group(name: &str) -> Result<&'static Group, String> {
    mesh_corpus::group(name).ok_or_else(|| {
        let names: Vec<_> = GROUPS.iter().map(|group| group.name).collect();
        format!("the groups are {}", names.join(", "))
    })
}

/// What is to be printed, and whether it is well: without `--explained` it is, whatever is met and what is not.
///
/// # Errors
/// When there is no such corpus.
pub(crate) fn report(arguments: &Arguments) -> Result<(String, bool), CorpusError> {
    let all: Vec<_> = GROUPS.iter().collect();
    let groups = arguments.group.map_or(all, |group| vec![group]);
    let report = run(&arguments.folder.clone().unwrap_or_else(beside), &groups)?;
    let mut failures = report.groups.iter().flat_map(|group| &group.failures);
    let is_well = !arguments.explained || failures.all(|failure| failure.reason.is_some());
    let text = match (arguments.json, arguments.failures) {
        (true, _) => format!("{}\n", report.json()),
        (false, true) => format!("{}\n{report}", report.failures()),
        (false, false) => report.to_string(),
    };
    Ok((text, is_well))
}

/// Where the corpora lie if nobody says: beside the project.
fn beside() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus")
}
