//! What these tests share: repositories of text, and the questions that programs are asked.

mod ask;
mod repository;

pub(crate) use ask::{Call, Program, shown};
pub(crate) use repository::{Repository, bookinfo, workload};
