//! What the command line says about which findings are reported.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which findings")]
pub(crate) struct Choice {
    /// Report these checks alone: names, or what Istio or Kiali call them.
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Do not report these checks.
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    pub skip: Vec<String>,
    /// Do not report what stands in this file.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write what is found into this file, for `--baseline`, and report none of it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "new_since"])]
    pub write_baseline: Option<PathBuf>,
    /// Report only what is not found at this Git revision.
    #[arg(long, value_name = "REV")]
    pub new_since: Option<String>,
}
