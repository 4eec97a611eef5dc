//! What several tests need: a mesh to compile, a disk that can fail, an authority for certificates, a control runtime that
//! does what a test says, and a proxy's agent between them.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(unreachable_pub, reason = "each test is a crate of its own")]

pub mod agent;
pub mod authority;
pub mod build;
pub mod control;
pub mod mesh;
pub mod sim_disk;
