//! What the mesh must show, each by one command: `cargo xtask NAME`.

pub(crate) mod flips;
pub(crate) mod kernel;
pub(crate) mod kill;
pub(crate) mod refusal;
mod tracer;

use crate::bed::network::NetworkError;
use crate::bed::{Bed, BedError, Options, ProcessError, PublishError, access_log};
use crate::load::{KINDS, Report};

/// Why a suite has not passed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SuiteError {
    #[error(transparent)]
    Bed(#[from] BedError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What clients saw is not what was promised to them.
    #[error("{0}")]
    Harmed(Report),
    #[error("{0}")]
    Unmet(String),
}

/// Runs `suite` on a mesh that is set up for it. If it fails, its folder stays for whoever looks for the fault, and what the proxies
/// say of it is shown.
async fn on_bed(
    options: Options,
    suite: impl AsyncFnOnce(&mut Bed) -> Result<String, SuiteError>,
) -> Result<String, SuiteError> {
    let mut bed = Bed::start(options).await?;
    let found = suite(&mut bed).await;
    if found.is_err() {
        let folder = bed.keep();
        eprintln!("its folder is kept: {}", folder.display());
        match access_log::failures(&folder) {
            Ok(lines) => lines.iter().for_each(|line| eprintln!("  {line}")),
            Err(error) => eprintln!("  access logs: {error}"),
        }
    }
    found
}

/// All kinds of requests were made, and none failed.
fn flawless(report: Report) -> Result<Report, SuiteError> {
    if report.is_flawless(KINDS) { Ok(report) } else { Err(SuiteError::Harmed(report)) }
}
