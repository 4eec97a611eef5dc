//! Group I: what a real istiod and Envoy did with a configuration and a request.
//!
//! ```text
//! world ─▶ Program ─┬ inbound  ─┐
//! request ──────────┼ outbound ─┼▶ Got ─compare▶ differences
//!                   └ gateway  ─┘
//! ```
//! The engine answers what is policy's: status, backend, subset, path, authority and headers that the upstream sees, why
//! something is denied. What the bytes of a connection tell (handshakes, certificates, codecs, times) needs a wire: it
//! is a case of its own, and fails with that reason.

mod asked;
mod world;

mod connection;
mod exchange;
mod got;
mod tries;

mod compare;

use std::path::Path;
use std::sync::Arc;

use mesh_engine::Program;

use crate::case::{Case, Mismatch, Verdict};
use crate::corpus::{self, CorpusError};
use crate::served::{Once, Served, once};
use crate::subject::Files;
use asked::Asked;
use world::World;

/// What the requests of a folder share.
struct Scene {
    world: World,
    built: Once<Built>,
}

struct Built {
    program: Program,
    note: String,
}

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for path in corpus::folders(folder)? {
        let scene = Arc::new(scene(&path)?);
        let requests: Vec<Asked> = corpus::json(&path.join("requests.json"))?;
        for (index, asked) in requests.into_iter().enumerate() {
            let name = format!("{}/{index}", corpus::name(&path));
            let asked = Arc::new(asked);
            if asked.is_policys() {
                let (scene, asked) = (Arc::clone(&scene), Arc::clone(&asked));
                cases.push(Case::new(name.clone(), move || judge(&scene, &asked)));
            }
            let wired = asked.needs_wire();
            if !wired.is_empty() {
                cases.push(Case::new(format!("{name}/wire"), move || {
                    Err(Mismatch::new(wired.join(", "), "needs a wire")
                        .because("what the bytes of a connection tell is for a proxy to answer"))
                }));
            }
        }
    }
    Ok(cases)
}

fn scene(folder: &Path) -> Result<Scene, CorpusError> {
    let mut world: World = corpus::json(&folder.join("world.json"))?;
    world.addresses.read(&corpus::text(&folder.join("config.yaml"))?);
    let mut files = Files::default().lenient();
    files.read(folder, "config.yaml")?;
    files.add("world.yaml", world.resources());
    if let Some(config) = &world.mesh_config {
        // JSON is YAML.
        files.mesh_config(&format!("{}\n", serde_json::Value::Object(config.clone())));
    }
    let workload = world.proxy.workload();
    let built = once(move || {
        let served = Served::compile(&files)?;
        Ok(Built { program: served.program(&workload)?, note: served.note() })
    });
    Ok(Scene { world, built })
}

fn judge(scene: &Scene, asked: &Asked) -> Verdict {
    let expected = asked.expect.to_string();
    let built = match scene.built.as_ref() {
        Ok(built) => built,
        Err(error) => return Err(Mismatch::new(expected, error)),
    };
    let got = connection::answer(&built.program, &scene.world, asked);
    let got = match got {
        Ok(got) => got,
        Err(error) => return Err(Mismatch::new(expected, format!("{error}{}", built.note))),
    };
    let differences = compare::differences(asked, &got);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Mismatch::new(
        format!("{} {}{}: {expected}", asked.method, asked.authority, asked.path),
        format!("{}{}", differences.join("; "), built.note),
    ))
}
