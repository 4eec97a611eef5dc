//! Certificates for gateways, by an authority of this machine's own: for secrets that policy names and nobody keeps in Git.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mesh_snapshot::object::Credential;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::folders::{Folders, Reader, replace};
use super::station::{Side, Station};

/// Why a certificate is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EdgeError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Authority { path: PathBuf, error: rcgen::Error },
    #[error("no certificate for {}: {error}", hosts.join(", "))]
    Certificate { hosts: Vec<String>, error: rcgen::Error },
}

/// Makes the secrets that gateways name and that are not there yet; returns those that were made.
pub(super) fn write(folders: &Folders, stations: &[Station]) -> Result<Vec<Credential>, EdgeError> {
    let mut made = Vec::new();
    let mut authority = None;
    for (credential, hosts) in wanted(stations) {
        let folder = folders.secrets().join(&credential.namespace).join(&credential.name);
        if folder.join("tls.crt").exists() {
            continue;
        }
        let issuer = match &authority {
            Some(issuer) => issuer,
            None => authority.insert(open(folders)?),
        };
        make(&folder, &hosts, issuer)?;
        let root = fs::read(folders.edge_authority()).map_err(io_at(&folder))?;
        replace(&folder.join("ca.crt"), &root, Reader::Everybody).map_err(io_at(&folder))?;
        made.push(credential);
    }
    Ok(made)
}

/// Each secret once, with all the hosts that it may have to prove.
fn wanted(stations: &[Station]) -> Vec<(Credential, Vec<String>)> {
    let mut wanted: Vec<(Credential, Vec<String>)> = Vec::new();
    let edges = stations.iter().filter_map(|station| match &station.side {
        Side::Gateway { edges } => Some(edges),
        Side::Sidecar { .. } => None,
    });
    for edge in edges.flatten() {
        for credential in &edge.credentials {
            match wanted.iter_mut().find(|(known, _)| known == credential) {
                Some((_, hosts)) => hosts.extend(edge.hosts.iter().cloned()),
                None => wanted.push((credential.clone(), edge.hosts.clone())),
            }
        }
    }
    wanted
}

fn make(folder: &Path, hosts: &[String], issuer: &Issuer<'_, KeyPair>) -> Result<(), EdgeError> {
    let failed = |error| EdgeError::Certificate { hosts: hosts.to_vec(), error };
    let key = KeyPair::generate().map_err(failed)?;
    let names = hosts.iter().filter(|host| *host != "*").cloned();
    let names = names.chain(["localhost".to_owned(), "127.0.0.1".to_owned()]);
    let mut params = CertificateParams::new(names.collect::<Vec<_>>()).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, "mesh, for development");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, issuer).map_err(failed)?;
    // The key first: a certificate without one is an error, a key that nobody reads yet is none.
    replace(&folder.join("tls.key"), key.serialize_pem().as_bytes(), Reader::Owner)
        .and_then(|()| {
            replace(&folder.join("tls.crt"), certificate.pem().as_bytes(), Reader::Everybody)
        })
        .map_err(io_at(folder))
}

/// The authority of this folder, made once.
fn open(folders: &Folders) -> Result<Issuer<'static, KeyPair>, EdgeError> {
    let (path, key_path) = (folders.edge_authority(), folders.edge_authority_key());
    let wrong = |error| EdgeError::Authority { path: path.clone(), error };
    if let Ok(pem) = fs::read_to_string(&key_path) {
        let key = KeyPair::from_pem(&pem).map_err(wrong)?;
        let certificate = fs::read_to_string(&path).map_err(io_at(&path))?;
        return Issuer::from_ca_cert_pem(&certificate, key).map_err(wrong);
    }
    let key = KeyPair::generate().map_err(wrong)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "mesh, authority of this machine");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let certificate = params.self_signed(&key).map_err(wrong)?;
    replace(&path, certificate.pem().as_bytes(), Reader::Everybody).map_err(io_at(&path))?;
    replace(&key_path, key.serialize_pem().as_bytes(), Reader::Owner).map_err(io_at(&key_path))?;
    Ok(Issuer::new(params, key))
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> EdgeError + '_ {
    move |error| EdgeError::Io { path: path.to_owned(), error }
}
