//! The environments that a project has, before anything else is read.

use std::path::Path;

use crate::api::Project;
use crate::parse::{Parsed, parse};
use crate::source::{Entry, FileId, Input, Origin, Role, load};

/// Their names, in order, as `mesh.yaml` of the first input says. What is wrong with the file is said when all is read.
#[must_use]
pub fn environments(inputs: &[Input]) -> Vec<String> {
    let Some(origin) = project(inputs) else { return Vec::new() };
    let mut ignored = Vec::new();
    let entry = Entry { shown: "mesh.yaml".to_owned(), role: Role::Project, origin };
    let file = load(entry, FileId(0), &mut ignored);
    let read = parse(&file, FileId(0), &mut ignored);
    let parsed = Parsed::new(vec![(file, read)]);
    Project::peek(&parsed).environments.into_keys().collect()
}

fn project(inputs: &[Input]) -> Option<Origin> {
    let in_folder = |folder: &Path| {
        let path = folder.join("mesh.yaml");
        path.is_file().then_some(Origin::File(path))
    };
    match inputs.first()? {
        Input::Path(path) | Input::Called { path, .. } => in_folder(path),
        Input::Stdin => None,
        Input::Text { .. } => inputs.iter().find_map(|input| match input {
            Input::Text { name, text } if name == "mesh.yaml" => Some(Origin::Text(text.clone())),
            _ => None,
        }),
    }
}
