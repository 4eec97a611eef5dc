//! Random repositories, judged by Istio's own tool and by the compiler.

use std::path::PathBuf;

use clap::Args;
use mesh_peer::{Istio, PeerError, Report};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The program of `testing/peer/istio`: Istio's analyzers on what a cluster has, its webhook, and the definitions of the kinds.
    #[arg(long)]
    istio: Option<PathBuf>,
    /// Istio's tool, which is asked about files where there is no `--istio`.
    #[arg(long, default_value = "istioctl")]
    istioctl: PathBuf,
    /// How many repositories.
    #[arg(long, default_value_t = 200)]
    count: u64,
    /// The number of the first: each number is a repository.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How often both are asked about parts of a repository, to make an example smaller; 0: it is the resource alone.
    #[arg(long, default_value_t = 100)]
    tries: usize,
}

/// # Errors
/// When Istio's program is not there, or does not answer.
pub(crate) fn report(arguments: &Arguments) -> Result<Report, PeerError> {
    let istio = match &arguments.istio {
        Some(program) => Istio::Cluster(program.clone()),
        None => Istio::Files(arguments.istioctl.clone()),
    };
    mesh_peer::run(&istio, arguments.seed, arguments.count, arguments.tries)
}
