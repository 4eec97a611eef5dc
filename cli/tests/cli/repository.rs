//! A policy repository of a test's own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::program::command;

pub(crate) struct Repository(tempfile::TempDir);

impl Repository {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            repository.write(path, text);
        }
        repository
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// In the folder itself.
    pub(crate) fn compile(&self, arguments: &[&str]) -> Output {
        self.compile_in(".", arguments)
    }

    pub(crate) fn compile_in(&self, folder: &str, arguments: &[&str]) -> Output {
        let mut command = command();
        command.current_dir(self.path().join(folder)).arg("compile").args(arguments);
        command.output().unwrap()
    }

    /// The exit code, and the findings in a line each.
    pub(crate) fn concise(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.compile(&[arguments, &["--format", "concise"]].concat());
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    /// What Git says to it, if there is one on this machine.
    pub(crate) fn git(&self, arguments: &[&str]) -> Option<String> {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        let output = git.current_dir(self.path()).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).ok()
    }
}
