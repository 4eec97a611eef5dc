//! What a control runtime is started with.
//!
//! ```json
//! {"state": "state", "trust": ["release-key.pem"], "mesh": "shop", "rollout": {"soak": "1m", "waves": ["1", "10%", "all"]}}
//! ```
//! Everything that is not said lies in `state`, or is what Istio has.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_control::Config;
use mesh_control::identity::Lifetimes;
use mesh_control::release::Signers;
use mesh_snapshot::signature::{PublicKey, TrustedKeys};
use serde::Deserialize;

use super::rollout::Rollout;
use super::{CLUSTER, SettingsError, Span};

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Settings {
    /// The control runtime's own folder.
    pub(crate) state: Option<PathBuf>,
    /// Documents about instances. Absent: `registry` in `state`; so with the next three.
    pub(crate) registry: Option<PathBuf>,
    pub(crate) secrets: Option<PathBuf>,
    pub(crate) releases: Option<PathBuf>,
    /// Where tokens for the instances of the registry are written.
    pub(crate) bootstrap: Option<PathBuf>,
    /// Public keys of those whose snapshots are taken.
    pub(crate) trust: Vec<PathBuf>,
    /// Anybody's snapshots are taken.
    pub(crate) unsigned: bool,
    /// The name of the mesh, which signatures must be for.
    pub(crate) mesh: String,
    pub(crate) trust_domain: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) token_lifetime: Option<Span>,
    pub(crate) certificate_lifetime: Option<Span>,
    pub(crate) distribution: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) rollout: Rollout,
}

/// Istio's ports: 15012 for proxies, 15014 for operators.
const DISTRIBUTION: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 15012);
pub(crate) const ADMIN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 15014);
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

impl Settings {
    /// Reads a file; its paths are relative to it.
    pub(crate) fn read(path: &Path) -> Result<Self, SettingsError> {
        let mut settings: Self = super::read(path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let paths = [
            &mut settings.state,
            &mut settings.registry,
            &mut settings.secrets,
            &mut settings.releases,
            &mut settings.bootstrap,
        ];
        for path in paths.into_iter().flatten().chain(&mut settings.trust) {
            *path = folder.join(&*path);
        }
        Ok(settings)
    }

    /// With everything that was not said.
    pub(crate) fn config(self) -> Result<Config, SettingsError> {
        let signers = self.signers()?;
        let state = self.state.ok_or(SettingsError::Missing("state"))?;
        let mut lifetimes = Lifetimes::default();
        if let Some(Span(lifetime)) = self.certificate_lifetime {
            lifetimes.default = lifetime;
        }
        let within = |path: Option<PathBuf>, name| path.unwrap_or_else(|| state.join(name));
        Ok(Config {
            registry: within(self.registry, "registry"),
            secrets: within(self.secrets, "secrets"),
            releases: within(self.releases, "releases"),
            bootstrap: Some(within(self.bootstrap, "bootstrap")),
            signers,
            policy: self.rollout.policy(),
            trust_domain: self.trust_domain.unwrap_or_else(|| "cluster.local".to_owned()),
            namespace: self.namespace.unwrap_or_else(|| "istio-system".to_owned()),
            cluster: self.cluster.unwrap_or_else(|| CLUSTER.to_owned()),
            lifetimes,
            token_lifetime: self.token_lifetime.map_or(TOKEN_LIFETIME, |span| span.0),
            distribution: self.distribution.unwrap_or(DISTRIBUTION),
            admin: self.admin.unwrap_or(ADMIN),
            probe: None,
            state,
        })
    }

    fn signers(&self) -> Result<Signers, SettingsError> {
        match (self.unsigned, self.trust.is_empty()) {
            (true, true) => Ok(Signers::Anybody),
            (false, false) => {
                let keys = self.trust.iter().map(|path| public_key(path));
                let keys = keys.collect::<Result<TrustedKeys, _>>()?;
                Ok(Signers::Trusted { keys, mesh: self.mesh.clone() })
            }
            (true, false) | (false, true) => Err(SettingsError::Signers),
        }
    }
}

pub(super) fn public_key(path: &Path) -> Result<PublicKey, SettingsError> {
    let pem = std::fs::read_to_string(path)
        .map_err(|error| SettingsError::Io { path: path.to_owned(), error })?;
    PublicKey::from_pem(&pem).map_err(|_| SettingsError::Key(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::signature::PrivateKey;

    use super::*;

    fn read(text: &str) -> Result<Config, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKey::from_seed(&[1; 32]).public().to_pem();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        let path = folder.path().join("control.json");
        std::fs::write(&path, text).unwrap();
        Settings::read(&path).and_then(Settings::config)
    }

    #[test]
    fn what_is_not_said_lies_in_the_state() {
        let config = read(r#"{"state": "s", "trust": ["key.pem"], "releases": "/r"}"#).unwrap();
        assert!(config.state.is_absolute() && config.registry == config.state.join("registry"));
        assert_eq!(config.releases, Path::new("/r"));
        assert!(matches!(config.signers, Signers::Trusted { .. }));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        let refused = |text: &str| read(text).err().unwrap().to_string();
        assert!(refused(r#"{"state": "s"}"#).contains("say whose snapshots are taken"));
        let both = r#"{"state": "s", "unsigned": true, "trust": ["key.pem"]}"#;
        assert!(refused(both).contains("say whose snapshots are taken"));
        assert!(refused(r#"{"unsigned": true}"#).contains("`state` is missing"));
        assert!(refused(r#"{"stat": "s"}"#).contains("unknown field `stat`"));
        assert!(refused(r#"{"rollout": {"soak": "-1s"}}"#).contains("is negative at line 1"));
        assert!(refused(r#"{"state": "s", "trust": ["control.json"]}"#).contains("not an Ed25519"));
    }
}
