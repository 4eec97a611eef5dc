//! Certificates, keys and CAs that are not the mesh's: secrets of the world, or files at the proxy.
//!
//! Both change while the proxy runs. A [`Stamp`] tells whether they have: configurations are kept with the stamps of
//! what they were made from.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mesh_snapshot::object::Credential;
use mesh_snapshot::wire;
use rustls::RootCertStore;
use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;

use super::handshake;
use super::pem;
use super::provider::provider;
use super::trust::read_roots;
use crate::world::{Version, Watched, World};

/// Which state of a source something was made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Stamp {
    Secret(Version),
    /// Absent: it is not there, or cannot be looked at.
    File(Option<mesh_stamp::Stamp>),
}

/// Of all of these, which are about to be read. `None`: one of them may change without its being seen, so what is made of
/// them is not to be kept.
pub(super) fn stamps<'m>(materials: impl IntoIterator<Item = &'m Material>) -> Option<Vec<Stamp>> {
    let now = handshake::now();
    materials.into_iter().flat_map(|material| material.stamps(now)).collect()
}

/// Why nothing can be made of a secret, if so. One that is empty is none, which is no fault.
pub(crate) fn fault(secret: &wire::Secret) -> Option<String> {
    let wire::Secret { certificate_chain: chain, private_key: key, ca, .. } = secret;
    let pair = || {
        if chain.is_empty() && key.is_empty() { Ok(()) } else { certified(chain, key).map(drop) }
    };
    let roots = || {
        let read = if ca.is_empty() { Ok(()) } else { read_roots(ca).map(drop) };
        read.map_err(|error| format!("the CA: {error}"))
    };
    pair().and_then(|()| roots()).err()
}

fn certified(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
    let chain = pem::certificates(chain).map_err(|error| error.to_string())?;
    let key = pem::private_key(key).map_err(|error| error.to_string())?;
    CertifiedKey::from_der(chain, key, &provider())
        .map_err(|_| "the key does not belong to the certificate".to_owned())
}

/// Something in PEM, and where it comes from.
#[derive(Clone, Debug)]
pub(super) enum Material {
    Secret {
        name: String,
        cell: Arc<Watched<wire::Secret>>,
    },
    /// Of a certificate chain and its key.
    Files {
        chain: PathBuf,
        key: PathBuf,
    },
    /// Of CA certificates.
    File(PathBuf),
}

impl Material {
    /// A secret, in `namespace` unless it names its own.
    pub(super) fn secret(credential: &Credential, namespace: &str, world: &World) -> Self {
        let mut credential = credential.clone();
        if credential.namespace.is_empty() {
            namespace.clone_into(&mut credential.namespace);
        }
        let name = format!("{}/{}", credential.namespace, credential.name);
        Self::Secret { name, cell: world.secret(&credential) }
    }

    fn stamps(&self, now: UnixTime) -> Vec<Option<Stamp>> {
        let now = Duration::from_secs(now.as_secs());
        let file = |path: &Path| match mesh_stamp::Stamp::of(path, now) {
            Ok(stamp) => stamp.map(|stamp| Stamp::File(Some(stamp))),
            Err(_) => Some(Stamp::File(None)),
        };
        match self {
            Self::Secret { cell, .. } => vec![Some(Stamp::Secret(cell.version()))],
            Self::Files { chain, key } => vec![file(chain), file(key)],
            Self::File(path) => vec![file(path)],
        }
    }

    /// The certificate chain and its key; the reason why there is none, for whoever reads the log.
    pub(super) fn certified(&self) -> Result<CertifiedKey, String> {
        let (chain, key) = match self {
            Self::Secret { name, cell } => {
                let secret = cell.get().ok_or_else(|| format!("secret `{name}` is not known"))?;
                (secret.certificate_chain.clone(), secret.private_key.clone())
            }
            Self::Files { chain, key } => (read(chain)?, read(key)?),
            Self::File(file) => return Err(format!("`{}` has no key", file.display())),
        };
        certified(&chain, &key).map_err(|error| format!("{}: {error}", self.name()))
    }

    /// The CA certificates, or the reason why there are none.
    pub(super) fn roots(&self) -> Result<RootCertStore, String> {
        let ca = match self {
            Self::Secret { name, cell } => {
                cell.get().ok_or_else(|| format!("secret `{name}` is not known"))?.ca.clone()
            }
            Self::Files { chain, .. } => return Err(format!("`{}` is no CA", chain.display())),
            Self::File(file) => read(file)?,
        };
        read_roots(&ca).map_err(|error| format!("the CA of {}: {error}", self.name()))
    }

    fn name(&self) -> String {
        match self {
            Self::Secret { name, .. } => format!("secret `{name}`"),
            Self::Files { chain, .. } => format!("`{}`", chain.display()),
            Self::File(file) => format!("`{}`", file.display()),
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))
}

/// Where systems keep the CAs that they trust: Debian, Red Hat, Alpine, SUSE, FreeBSD.
const SYSTEM_ROOTS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// The CAs that the system trusts, read once; those that cannot be read are left out, as everybody does.
pub(super) fn system_roots() -> Result<Arc<RootCertStore>, String> {
    static ROOTS: OnceLock<Option<Arc<RootCertStore>>> = OnceLock::new();
    let find = || {
        let text = SYSTEM_ROOTS.iter().find_map(|file| std::fs::read(file).ok())?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(pem::certificates(&text).ok()?);
        (!roots.is_empty()).then(|| Arc::new(roots))
    };
    ROOTS.get_or_init(find).clone().ok_or_else(|| "the system trusts no CA".to_owned())
}
