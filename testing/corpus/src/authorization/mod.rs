//! Group D: who may do what, and over which connections.
//!
//! - `builder`: policies of one workload, and requests that they allow or deny;
//! - `integration`: policies of a small mesh, and what became of requests through it;
//! - `reachability`: who reaches whom, by mutual TLS or not;
//! - `path-normalization.json`: the form in which policy sees a path;
//! - `ambient`: what policies become for proxies of nodes.

mod effect;
mod integration;
mod normalization;
mod reachability;
mod vector;
mod world;

use std::path::Path;

use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for path in corpus::folders(&folder.join("builder"))? {
        cases.extend(vector::cases(&path)?);
    }
    cases.extend(integration::cases(&folder.join("integration"))?);
    cases.extend(reachability::cases(folder)?);
    cases.extend(normalization::cases(&folder.join("path-normalization.json"))?);
    for path in corpus::folders(&folder.join("ambient"))? {
        cases.push(Case::new(format!("ambient/{}", corpus::name(&path)), || {
            Err(Mismatch::new("rules for a node's proxy", "a snapshot has none")
                .because("there is no proxy of nodes: every workload has one of its own"))
        }));
    }
    Ok(cases)
}
