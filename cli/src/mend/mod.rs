//! Mends what can be mended without asking: `mesh compile --fix`.
//!
//! ```text
//! findings ─plan▶ edits by file ─▶ write (each file at once) or show (a unified diff)
//! ```
//! Only fixes that keep what the author meant are applied, each as a whole or not at all, each at most once. Bytes that no
//! fix names stay as they are: comments, order, formatting, line breaks. What is generated or a template is mended at its
//! source, so such files are left alone.

mod edits;
mod generated;
mod lines;
mod plan;
mod unified;

use clap::Args;

use mesh_compiler::source::SourceFile;

pub(crate) use generated::why_untouched;
pub(crate) use plan::plan;
pub(crate) use unified::Patch;

/// What makes `after` of a file's text, as a patch of a file that is called `path`.
pub(crate) fn change(path: &str, file: &SourceFile, after: &str) -> Patch {
    unified::diff(path, file, &edits::Edits::new(lines::between(file.text(), after)))
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Mending {
    /// Mend in the files what can be mended without asking, then report what is left.
    #[arg(long, conflicts_with = "write_baseline")]
    pub fix: bool,
    /// With `--fix`: print what would change, and change nothing. Findings go to standard error, unless they are in a
    /// format for programs: then the patch does.
    #[arg(long, requires = "fix", conflicts_with = "out")]
    pub diff: bool,
}
