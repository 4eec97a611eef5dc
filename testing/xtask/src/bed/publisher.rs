//! Compiles, signs and publishes, by the command that users run.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use mesh_snapshot::container::{FileError, read_file};
use mesh_snapshot::signature::PrivateKey;

use crate::repository::{self, Burden};

/// The name of the mesh, which signatures are for.
pub(crate) const MESH: &str = "suite";

#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    mesh: PathBuf,
    policy: PathBuf,
    built: PathBuf,
    releases: PathBuf,
    key: PathBuf,
    /// Of the policies from now on.
    pub(crate) burden: Burden,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("mesh compile: {0}")]
    Compile(String),
    #[error(transparent)]
    Unreadable(#[from] FileError),
}

/// A snapshot in a file, not published yet.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) file: PathBuf,
    /// Its digest, as it is written.
    pub(crate) snapshot: String,
}

impl Publisher {
    /// Writes two pairs of keys into `folder`: `key.pem` and `key.pub.pem`, `other.pem` and `other.pub.pem`.
    pub(crate) fn new(folder: &Path, mesh: &Path) -> io::Result<Self> {
        let it = Self {
            mesh: mesh.to_owned(),
            policy: folder.join("policy"),
            built: folder.join("built"),
            releases: folder.join("control/releases"),
            key: folder.join("key.pem"),
            burden: Burden::default(),
        };
        for path in [&it.policy, &it.built, &it.releases] {
            std::fs::create_dir_all(path)?;
        }
        for (seed, name) in [(1, "key"), (2, "other")] {
            let key = PrivateKey::from_seed(&[seed; 32]);
            std::fs::write(folder.join(format!("{name}.pub.pem")), key.public().to_pem())?;
            std::fs::write(folder.join(format!("{name}.pem")), key.to_pem())?;
        }
        Ok(it)
    }

    /// Signs with the other key from now on.
    pub(crate) fn change_key(&mut self) {
        self.key.set_file_name("other.pem");
    }

    /// Compiles and signs the policy of a step.
    pub(crate) fn build(&self, step: u32) -> Result<Built, PublishError> {
        repository::write(&self.policy, step, self.burden)?;
        let file = self.built.join(format!("{step:05}.mesh"));
        let output = Command::new(&self.mesh)
            .arg("compile")
            .arg(&self.policy)
            .arg("--out")
            .arg(&file)
            .arg("--sign")
            .arg(&self.key)
            .args(["--mesh", MESH])
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            return Err(PublishError::Compile(said));
        }
        let bundle = read_file(&file)?;
        Ok(Built { snapshot: bundle.snapshot.digest().to_string(), file })
    }

    /// By a rename, as publishers do.
    pub(crate) fn publish(&self, built: &Built) -> Result<(), PublishError> {
        let name = built.file.file_name().unwrap_or_default();
        let copy = self.releases.join(".new");
        std::fs::copy(&built.file, &copy)?;
        std::fs::rename(copy, self.releases.join(name))?;
        Ok(())
    }

    /// Builds, and publishes it with one bit turned over in its middle. Returns the name of the file.
    pub(crate) fn release_damaged(&self, step: u32) -> Result<String, PublishError> {
        let built = self.build(step)?;
        let mut bytes = std::fs::read(&built.file)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        std::fs::write(&built.file, bytes)?;
        self.publish(&built)?;
        Ok(built.file.file_name().unwrap_or_default().to_string_lossy().into_owned())
    }

    /// Builds and publishes.
    pub(crate) fn release(&self, step: u32) -> Result<String, PublishError> {
        let built = self.build(step)?;
        self.publish(&built)?;
        Ok(built.snapshot)
    }
}
