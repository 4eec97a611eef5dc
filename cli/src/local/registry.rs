//! The registry's files: one document an instance.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use mesh_control::world::{Document, Instance};

use super::folders::{Reader, replace};
use super::station::Station;

/// Makes the folder say what is there, and nothing else but the key sets that somebody put there.
pub(super) fn write(folder: &Path, stations: &[Station]) -> io::Result<()> {
    let mut written = BTreeSet::new();
    for station in stations {
        let name = format!("{}.{}.json", station.workload.namespace, station.instance);
        let document = serde_json::to_vec_pretty(&document(station))?;
        let path = folder.join(&name);
        // A file that says the same is left alone: whoever watches the folder has nothing to read.
        if fs::read(&path).ok().as_ref() != Some(&document) {
            replace(&path, &document, Reader::Everybody)?;
        }
        written.insert(name);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(|name| written.contains(name));
        if !is_ours && !is_key_set(&entry.path()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Keys that cannot be fetched from here are written by hand; no station could stand for them.
fn is_key_set(path: &Path) -> bool {
    matches!(Document::read(path), Ok(Document::KeySet(_)))
}

fn document(station: &Station) -> Document {
    Document::Instance(Instance {
        name: station.instance.clone(),
        workload: station.workload.clone(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        reached_at: station.reached_at().into_iter().collect(),
        meshed: true,
        locality: String::new(),
        weight: 0,
        healthy: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_somebody_wrote_stay_and_anything_else_goes() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("keys.json", r#"{"kind": "keySet", "name": "https://example.com/jwks", "keys": "{}"}"#);
        put("gone.json", r#"{"kind": "addresses", "host": "a", "addresses": []}"#);
        put("shop.gone-0.json", "{ half a docu");
        write(folder.path(), &[]).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert!(folder.path().join("keys.json").is_file());
    }
}
