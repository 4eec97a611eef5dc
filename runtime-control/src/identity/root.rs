//! A root of one's own, made once.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::authority::AuthorityError;

/// Source: Istio.
const LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);

/// The name by which one that was begun is known again.
const NAME: &str = "mesh root";

/// Whether nothing of an authority stands in the folder but what [`make`] may have begun with. What an operator is about to put there
/// must not be overwritten.
pub(super) fn may_make(folder: &Path) -> bool {
    let is_ours = |name: &str| match fs::read(folder.join(name)) {
        Ok(pem) => CertificateDer::from_pem_slice(&pem).is_ok_and(|der| is_root(&der)),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    !folder.join("cert-chain.pem").exists() && is_ours("ca-cert.pem") && is_ours("root-cert.pem")
}

fn is_root(certificate: &CertificateDer<'_>) -> bool {
    x509_parser::parse_x509_certificate(certificate).is_ok_and(|(_, parsed)| {
        let names = parsed.subject().iter_common_name();
        names.filter_map(|name| name.as_str().ok()).any(|name| name == NAME)
    })
}

/// Writes `ca-key.pem` last: it is what says that the authority is complete.
pub(super) fn make(folder: &Path, trust_domain: &str, now: Duration) -> Result<(), AuthorityError> {
    let key = KeyPair::generate().map_err(AuthorityError::Key)?;
    let certificate = certificate(trust_domain, &key, now).map_err(AuthorityError::Key)?;
    let written = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| write(folder, "ca-cert.pem", certificate.as_bytes(), 0o644))
        .and_then(|()| write(folder, "root-cert.pem", certificate.as_bytes(), 0o644))
        .and_then(|()| write(folder, "ca-key.pem", key.serialize_pem().as_bytes(), 0o600));
    written.map_err(|error| AuthorityError::Io { path: folder.to_owned(), error })
}

fn certificate(trust_domain: &str, key: &KeyPair, now: Duration) -> Result<String, rcgen::Error> {
    let moment =
        |since: Duration| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(since.as_secs());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, trust_domain);
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.not_before = moment(now.saturating_sub(Duration::from_mins(2)));
    params.not_after = moment(now + LIFETIME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params.self_signed(key)?.pem())
}

/// Under another name first: a file that has its name is whole.
fn write(folder: &Path, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let (new, path) = (folder.join(format!("{name}.new")), folder.join(name));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(new, path)?;
    fs::File::open(folder)?.sync_all()
}
