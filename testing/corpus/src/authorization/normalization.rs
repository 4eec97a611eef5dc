//! The form in which policy sees a path: `(mode, path_in, path_out)`; `400` stands for a path that is refused.

use std::path::Path;

use mesh_engine::path::normalize_path;
use mesh_engine::request::split_target;
use mesh_snapshot::object::PathNormalization;
use serde::Deserialize;

use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};

#[derive(Deserialize)]
struct Row {
    mode: Mode,
    path_in: String,
    path_out: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Mode {
    None,
    /// `BASE`.
    #[serde(alias = "DEFAULT")]
    Base,
    MergeSlashes,
    DecodeAndMergeSlashes,
}

pub(super) fn cases(file: &Path) -> Result<Vec<Case>, CorpusError> {
    let rows: Vec<Row> = corpus::json(file)?;
    let case = |row: Row| {
        let Row { mode, path_in, path_out } = row;
        Case::new(format!("path-normalization/{mode:?} {path_in}"), move || {
            let got = normal(&path_in, mode);
            let differs = || {
                let mismatch = Mismatch::new(&path_out, got.as_str());
                if !path_in.contains("..;") {
                    return mismatch;
                }
                mismatch.because("to many servers `..;` is `..`, so policy sees where it leads")
            };
            if got == path_out { Ok(()) } else { Err(differs()) }
        })
    };
    Ok(rows.into_iter().map(case).collect())
}

fn normal(path: &str, mode: Mode) -> String {
    let mode = match mode {
        Mode::None => PathNormalization::None,
        Mode::Base => PathNormalization::Base,
        Mode::MergeSlashes => PathNormalization::MergeSlashes,
        Mode::DecodeAndMergeSlashes => PathNormalization::DecodeAndMergeSlashes,
    };
    let (path, query) = split_target(path);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    normalize_path(path, mode).map_or_else(|_| "400".to_owned(), |path| format!("{path}{query}"))
}
