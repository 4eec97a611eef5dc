//! Where statuses of the Gateway API are written.

use std::path::Path;
use std::{fs, io};

use mesh_compiler::status::ResourceStatus;

use crate::render::yaml;

/// Writes one YAML document a resource.
pub(super) fn write(statuses: &[ResourceStatus], path: &Path) -> io::Result<()> {
    let mut text = String::new();
    for status in statuses {
        let value = serde_json::to_value(status)?;
        text.push_str("---\n");
        text.push_str(&yaml::document(&value));
    }
    fs::write(path, text)
}
