//! What is made from the definition of the command line.

use std::fs;

use crate::program::mesh;

#[test]
fn every_command_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let written = mesh(&["man", folder.path().to_str().unwrap()]);
    assert_eq!(written.status.code(), Some(0));
    for page in ["mesh.1", "mesh-compile.1", "mesh-rollout.1"] {
        let text = fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    let file = folder.path().join("mesh.1");
    assert_eq!(mesh(&["man", file.to_str().unwrap()]).status.code(), Some(4));
}

#[test]
fn shells_complete_the_formats() {
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(mesh(&["completions", shell]).stdout).unwrap();
        assert!(script.contains("checkstyle") && script.contains("new-since"), "{shell}");
    }
}
