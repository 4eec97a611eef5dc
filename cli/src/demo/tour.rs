//! The tour: its steps, in order.

use std::path::Path;

use super::report::{Report, write};
use super::repository::Repository;
use super::stage::{Stage, StageError};
use super::steps::{compile, refuse, revert, serve, survive};
use crate::render::Terminal;

/// Shows everything, with state in `folder`. Whether every check held.
///
/// # Errors
///
/// When it cannot go on.
pub(crate) async fn tour(folder: &Path, terminal: Terminal) -> Result<bool, StageError> {
    let mut report = Report::new(terminal);
    let title = "mesh demo: a shop on this machine, served through the mesh and tried out";
    write(&format!("{}\n", terminal.paint.bold(title)));
    let repository = Repository::copy_to(&folder.join("policies"))?;
    let bundle = compile::run(&repository, &mut report)?;
    let mut stage = serve::start(repository, bundle, &folder.join("state"), &mut report).await?;
    let toured = steps(&mut stage, &mut report).await;
    stage.strike().await;
    toured?;
    Ok(report.conclude())
}

async fn steps(stage: &mut Stage, report: &mut Report) -> Result<(), StageError> {
    serve::run(stage, report).await?;
    refuse::run(stage, report).await?;
    revert::run(stage, report).await?;
    survive::run(stage, report).await
}
