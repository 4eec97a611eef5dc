//! The certificate authority: a key on disk, and what it signs.
//!
//! The files have the names of Istio's `cacerts`: who has an authority of their own puts it there. Without one, a
//! self-signed root is made once. Source of the certificates' form: X509-SVID; Istio's lifetimes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_snapshot::wire::{ATTRIBUTES_OID, Attributes};
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, CustomExtension, DistinguishedName,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
    SerialNumber,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};

use super::random::random;
use super::root;
use super::spiffe::{Identity, is_trust_domain};

/// How long certificates are valid.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Where the request names none.
    pub default: Duration,
    /// Whoever asks for longer gets this.
    pub max: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        let day = Duration::from_hours(24);
        Self { default: day, max: day * 90 }
    }
}

/// A certificate and what comes with it, in PEM.
#[derive(Clone, Debug)]
pub struct Svid {
    /// It, and its issuers without the root.
    pub chain: String,
    pub not_after: Duration,
}

pub struct Authority {
    trust_domain: String,
    lifetimes: Lifetimes,
    issuer: Issuer<'static, KeyPair>,
    /// The issuer's certificate and those between it and the root.
    intermediates: String,
    roots: String,
    /// Of the issuer's own certificate, since 1970.
    not_after: Duration,
}

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {reason}", path.display())]
    Content { path: PathBuf, reason: String },
    #[error("{}: there is an authority without its ca-key.pem", .0.display())]
    NoKey(PathBuf),
    #[error("`{0}` is no trust domain")]
    TrustDomain(String),
    #[error("a key cannot be made: {0}")]
    Key(rcgen::Error),
}

/// Why a request is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("not a certificate signing request that its own key has signed")]
    Request,
    #[error("the authority's own certificate has expired")]
    Expired,
    #[error("it cannot be signed: {0}")]
    Signing(rcgen::Error),
}

/// How far clocks may be behind. Source: Istio, `ClockSkewGracePeriod`.
const SKEW: Duration = Duration::from_mins(2);

/// A request for a certificate that is signed by its own key.
#[derive(Debug)]
pub struct Request(CertificateSigningRequestParams);

impl Request {
    /// Of PKCS #10 in DER.
    ///
    /// # Errors
    ///
    /// When it is none, or not signed by its own key.
    pub fn read(der: &[u8]) -> Result<Self, SignError> {
        let der = CertificateSigningRequestDer::from(der);
        let request = CertificateSigningRequestParams::from_der(&der);
        request.map(Self).map_err(|_| SignError::Request)
    }
}

impl Authority {
    /// The authority in `folder`; a new one where there is none. `now` is the time since 1970.
    ///
    /// # Errors
    ///
    /// When the files cannot be read or written, or do not belong together.
    pub fn open(
        folder: &Path,
        trust_domain: &str,
        lifetimes: Lifetimes,
        now: Duration,
    ) -> Result<Self, AuthorityError> {
        if !is_trust_domain(trust_domain) {
            return Err(AuthorityError::TrustDomain(trust_domain.to_owned()));
        }
        if !folder.join("ca-key.pem").exists() {
            if !root::may_make(folder) {
                return Err(AuthorityError::NoKey(folder.to_owned()));
            }
            root::make(folder, trust_domain, now)?;
        }
        Self::read(folder, trust_domain, lifetimes)
    }

    fn read(
        folder: &Path,
        trust_domain: &str,
        lifetimes: Lifetimes,
    ) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pem(&text(&folder.join("ca-key.pem"))?)
            .map_err(|error| content(&folder.join("ca-key.pem"), &error))?;
        let path = folder.join("ca-cert.pem");
        let certificate = text(&path)?;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|error| content(&path, &error))?;
        let (_, parsed) =
            x509_parser::parse_x509_certificate(&der).map_err(|error| content(&path, &error))?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(content(&path, &"it is not that of ca-key.pem"));
        }
        let not_after = parsed.validity().not_after.timestamp();
        let roots = optional(&folder.join("root-cert.pem"))?.unwrap_or_else(|| certificate.clone());
        let chain = optional(&folder.join("cert-chain.pem"))?;
        // A root is not sent along: who believes it has it.
        let own =
            if roots.contains(certificate.trim()) { String::new() } else { certificate.clone() };
        Ok(Self {
            trust_domain: trust_domain.to_owned(),
            lifetimes,
            issuer: Issuer::from_ca_cert_der(&der, key).map_err(|error| content(&path, &error))?,
            intermediates: chain.unwrap_or(own),
            roots,
            not_after: Duration::from_secs(u64::try_from(not_after).unwrap_or(0)),
        })
    }

    /// PEM.
    #[must_use]
    pub fn roots(&self) -> &str {
        &self.roots
    }

    #[must_use]
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// Certifies the key of `request` for `identity`, whatever the request says that it is for, with what the registry knows of its
    /// holder. `lifetime` zero: the default.
    ///
    /// # Errors
    ///
    /// When signing fails.
    pub fn sign(
        &self,
        request: &Request,
        identity: &Identity,
        attributes: Option<&Attributes>,
        lifetime: Duration,
        now: Duration,
    ) -> Result<Svid, SignError> {
        let extension = attributes.map(extension);
        let say = |params: &mut CertificateParams| params.custom_extensions.extend(extension);
        self.issue(&request.0.public_key, identity, say, lifetime, now)
    }

    /// A certificate for a server of this process: under DNS names too, for clients that know nothing else.
    ///
    /// # Errors
    ///
    /// When signing fails.
    pub fn certify(
        &self,
        key: &impl PublicKeyData,
        identity: &Identity,
        names: &[&str],
        lifetime: Duration,
        now: Duration,
    ) -> Result<Svid, SignError> {
        let names = names.iter().map(|dns| Ok(SanType::DnsName(name(dns)?)));
        let names = names.collect::<Result<Vec<_>, SignError>>()?;
        let say = |params: &mut CertificateParams| params.subject_alt_names.extend(names);
        self.issue(key, identity, say, lifetime, now)
    }

    /// A certificate for `identity`, and for what `say` adds.
    fn issue(
        &self,
        key: &impl PublicKeyData,
        identity: &Identity,
        say: impl FnOnce(&mut CertificateParams),
        lifetime: Duration,
        now: Duration,
    ) -> Result<Svid, SignError> {
        let wanted = if lifetime.is_zero() { self.lifetimes.default } else { lifetime };
        let not_after = (now + wanted.min(self.lifetimes.max)).min(self.not_after);
        if not_after <= now {
            return Err(SignError::Expired);
        }
        // Certificates know seconds.
        let moment = |since: Duration| {
            rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(since.as_secs())
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.not_before = moment(now.saturating_sub(SKEW));
        params.not_after = moment(not_after);
        params.serial_number = Some(SerialNumber::from_slice(&random_serial()));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if is_rsa(key) {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = vec![SanType::URI(name(&identity.to_string())?)];
        say(&mut params);
        let signed = params.signed_by(key, &self.issuer).map_err(SignError::Signing)?;
        Ok(Svid { chain: signed.pem() + &self.intermediates, not_after })
    }
}

/// Not critical: whoever does not know it passes over it.
fn extension(attributes: &Attributes) -> CustomExtension {
    CustomExtension::from_oid_content(&ATTRIBUTES_OID, attributes.encode())
}

fn text(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(|error| AuthorityError::Io { path: path.to_owned(), error })
}

fn optional(path: &Path) -> Result<Option<String>, AuthorityError> {
    if path.exists() { text(path).map(Some) } else { Ok(None) }
}

fn content(path: &Path, reason: &dyn std::fmt::Display) -> AuthorityError {
    AuthorityError::Content { path: path.to_owned(), reason: reason.to_string() }
}

fn name(text: &str) -> Result<Ia5String, SignError> {
    text.try_into().map_err(SignError::Signing)
}

/// Whether RFC 8017's `rsaEncryption` stands in the DER of the key.
fn is_rsa(key: &impl PublicKeyData) -> bool {
    const OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    key.subject_public_key_info().windows(OID.len()).take(16).any(|window| window == OID)
}

/// 128 bits, of which the first is zero and the second one: positive, and never shorter.
fn random_serial() -> [u8; 16] {
    let mut serial: [u8; 16] = random();
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    serial
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_hours(20_000 * 24);

    fn authority(folder: &Path) -> Authority {
        Authority::open(folder, "cluster.local", Lifetimes::default(), NOW).unwrap()
    }

    fn reviews() -> Identity {
        "spiffe://cluster.local/ns/shop/sa/reviews".parse().unwrap()
    }

    /// A request that asks for more than its sender is.
    fn request(key: &KeyPair) -> Vec<u8> {
        let params = CertificateParams::new(vec!["admin.example.com".to_owned()]).unwrap();
        params.serialize_request(key).unwrap().der().to_vec()
    }

    fn parse(svid: &Svid) -> Vec<u8> {
        CertificateDer::from_pem_slice(svid.chain.as_bytes()).unwrap().to_vec()
    }

    #[test]
    fn what_an_operator_is_about_to_put_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Authority::open(folder.path(), "cluster.local", Lifetimes::default(), NOW);
        let key = folder.path().join("ca-key.pem");
        open().unwrap();
        // Whoever made it was killed before it was complete.
        std::fs::remove_file(&key).unwrap();
        open().unwrap();
        std::fs::remove_file(&key).unwrap();
        let own = rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap().cert.pem();
        std::fs::write(folder.path().join("ca-cert.pem"), &own).unwrap();
        assert!(matches!(open(), Err(AuthorityError::NoKey(_))));
        assert_eq!(std::fs::read_to_string(folder.path().join("ca-cert.pem")).unwrap(), own);
        assert!(!key.exists());
    }

    /// X509-SVID §§2–4, and no name that the request asked for.
    #[test]
    fn a_certificate_is_for_exactly_one_identity() {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(folder.path());
        let key = KeyPair::generate().unwrap();
        let svid = authority
            .sign(&Request::read(&request(&key)).unwrap(), &reviews(), None, Duration::ZERO, NOW)
            .unwrap();
        let der = parse(&svid);
        assert_eq!(Identity::of_certificate(&der.as_slice().into()).unwrap(), reviews());
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        let names = certificate.subject_alternative_name().unwrap().unwrap();
        assert_eq!((names.value.general_names.len(), names.critical), (1, true));
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.digital_signature());
        assert!(!usage.value.key_encipherment() && !usage.value.key_cert_sign());
        let extended = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.client_auth && extended.server_auth);
        assert!(!certificate.is_ca());
        assert_eq!(certificate.serial.bits(), 127);
        let validity = certificate.validity();
        let now = i64::try_from(NOW.as_secs()).unwrap();
        assert_eq!(validity.not_before.timestamp(), now - 120);
        assert_eq!(validity.not_after.timestamp(), now + 24 * 3600);
        assert_eq!(certificate.public_key().subject_public_key.data.as_ref(), key.public_key_raw());
    }

    /// Whatever the request claims by itself.
    #[test]
    fn a_certificate_says_of_its_holder_what_the_registry_knows() {
        use super::super::Holder;
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(folder.path());
        let key = KeyPair::generate().unwrap();
        let told = |workload: &str| Attributes {
            instance: "reviews-1".to_owned(),
            workload: workload.to_owned(),
            ..Attributes::default()
        };
        let mut claiming = CertificateParams::default();
        claiming.custom_extensions.push(extension(&told("payments")));
        let claiming = claiming.serialize_request(&key).unwrap().der().to_vec();
        let request = match Request::read(&claiming) {
            Ok(request) => request,
            Err(_) => Request::read(&request(&key)).unwrap(),
        };
        for known in [Some(told("reviews-v2")), None] {
            let svid = authority.sign(&request, &reviews(), known.as_ref(), Duration::ZERO, NOW);
            let der = parse(&svid.unwrap());
            let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
            let oid = x509_parser::oid_registry::Oid::from(&ATTRIBUTES_OID).unwrap();
            let extension = certificate.get_extension_unique(&oid).unwrap();
            assert!(extension.is_none_or(|extension| !extension.critical));
            let read = extension.map(|extension| Attributes::decode(extension.value).unwrap());
            assert_eq!(read, known);
            let holder = Holder::of_certificate(&der.as_slice().into()).unwrap();
            assert_eq!(holder.identity, reviews());
        }
    }

    #[test]
    fn a_lifetime_is_what_was_asked_for_up_to_the_limit_and_the_issuers_own() {
        let folder = tempfile::tempdir().unwrap();
        let authority = authority(folder.path());
        let key = KeyPair::generate().unwrap();
        let lives = |asked, now| {
            let request = Request::read(&request(&key)).unwrap();
            let svid = authority.sign(&request, &reviews(), None, asked, now);
            svid.map(|svid| svid.not_after.saturating_sub(now))
        };
        assert_eq!(lives(Duration::from_secs(5), NOW).unwrap(), Duration::from_secs(5));
        let years = Duration::from_hours(24 * 3650);
        assert_eq!(lives(years, NOW).unwrap(), Lifetimes::default().max);
        let hour = Duration::from_hours(1);
        let late = (NOW + years).saturating_sub(hour);
        assert_eq!(lives(Duration::ZERO, late).unwrap(), hour);
        assert!(matches!(lives(Duration::ZERO, late + hour), Err(SignError::Expired)));
    }

    #[test]
    fn a_request_that_is_not_signed_by_its_own_key_is_refused() {
        let mut request = request(&KeyPair::generate().unwrap());
        *request.last_mut().unwrap() ^= 1;
        for request in [request.as_slice(), b"", b"no request"] {
            let signed = Request::read(request);
            assert!(matches!(signed, Err(SignError::Request)));
        }
    }

    #[test]
    fn the_root_is_made_once_and_nobody_else_can_read_its_key() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca");
        let roots = authority(&path).roots().to_owned();
        assert_eq!(authority(&path).roots(), roots);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("ca-key.pem")), 0o600);
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        authority(one.path());
        authority(other.path());
        let name = "ca-cert.pem";
        fs::copy(other.path().join(name), one.path().join(name)).unwrap();
        let opened = Authority::open(one.path(), "cluster.local", Lifetimes::default(), NOW);
        assert!(matches!(opened, Err(AuthorityError::Content { .. })));
        let opened = Authority::open(one.path(), "Not.One", Lifetimes::default(), NOW);
        assert!(matches!(opened, Err(AuthorityError::TrustDomain(_))));
    }
}
