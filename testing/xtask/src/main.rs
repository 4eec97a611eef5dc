//! The project's heavier suites, which need more than the toolchain: see `cargo xtask --help`.

#![forbid(unsafe_code)]

mod application;
mod load;
mod repository;

fn main() {}
