//! That there is nothing to compare, for those who read a document.

use serde_json::{Value, json};

use super::markdown::MARK;
use crate::render::markdown::{code, inline};

/// A side that could not be read, or that makes no snapshot.
pub(crate) struct Refused {
    /// `before` or `after`.
    pub side: &'static str,
    /// As it was named on the command line.
    pub path: String,
    pub why: String,
}

/// The object of [`super::json`] without what is said of a difference: there are no digests, and nobody takes it for one in which
/// nothing differs.
pub(crate) fn json(refused: &[Refused]) -> Value {
    let side = |it: &Refused| json!({ "side": it.side, "path": it.path, "why": it.why });
    let refused: Vec<_> = refused.iter().map(side).collect();
    json!({ "schema": "mesh.diff/v1", "before": null, "after": null, "refused": refused })
}

/// The comment, its verdict first.
pub(crate) fn markdown(refused: &[Refused]) -> String {
    let sides: Vec<_> = refused.iter().map(|it| it.side).collect();
    let verb = if refused.len() == 1 { "makes" } else { "make" };
    let mut text = format!(
        "### ✖ mesh: what changes cannot be told: {} {verb} no snapshot\n\n",
        sides.join(" and ")
    );
    for Refused { side, path, why } in refused {
        let line = format!("- {side}, {}: {}\n", code(path), inline(why));
        text.push_str(&line);
    }
    format!("{text}\n{MARK}\n")
}
