//! What another program makes resources of: charts, kustomizations, templates, and texts with placeholders.
//!
//! Nothing is rendered. It is known what such a source is and what it will make or change, as far as it says so, so that nobody calls
//! missing what is made of it.

pub(super) mod chart;
pub(super) mod kustomize;
pub(super) mod placeholder;
pub(super) mod template;
pub(super) mod unread;

/// What a consequence ends with where findings are `held` back, and `of` what they are.
pub(crate) fn not_shown(held: usize, of: &str) -> String {
    match held {
        0 => String::new(),
        1 => format!("; 1 finding is not shown, of {of}"),
        more => format!("; {more} findings are not shown, of {of}"),
    }
}
