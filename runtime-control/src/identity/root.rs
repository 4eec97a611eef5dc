//! A root of one's own, made once.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

use super::authority::AuthorityError;

/// Source: Istio.
const LIFETIME: Duration = Duration::from_hours(10 * 365 * 24);

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
    params.distinguished_name.push(DnType::CommonName, "mesh root");
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
