//! How a difference looks.

mod danger;
mod held;
mod human;
mod json;
mod markdown;
mod refused;
mod words;

pub(crate) use human::human;
pub(crate) use json::json;
pub(crate) use markdown::markdown;
pub(crate) use refused::{Refused, json as json_refused, markdown as markdown_refused};
