//! Certificates made for a test.

use mesh_proxy::tls::{Identity, Trust, TrustDomains};
use mesh_snapshot::wire::ATTRIBUTES_OID;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, SanType,
};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The certificates between a leaf and the root.
    between: String,
}

/// A certificate with those that vouch for it, and its key. PEM.
pub(crate) struct Pair {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn root() -> Self {
        let issuer =
            CertifiedIssuer::self_signed(authority(), KeyPair::generate().unwrap()).unwrap();
        Self { issuer, between: String::new() }
    }

    pub(crate) fn intermediate(&self) -> Self {
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(authority(), key, &self.issuer).unwrap();
        let between = format!("{}{}", issuer.pem(), self.between);
        Self { issuer, between }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// What Istio's CA issues to a workload.
    pub(crate) fn svid(&self, uri: &str) -> Pair {
        self.issue(|params| params.subject_alt_names = vec![uri_name(uri)])
    }

    /// What the mesh's authority issues to a workload of which it knows so much.
    pub(crate) fn telling_svid(&self, uri: &str, attributes: &[u8]) -> Pair {
        self.issue(|params| {
            params.subject_alt_names = vec![uri_name(uri)];
            let extension = CustomExtension::from_oid_content(&ATTRIBUTES_OID, attributes.into());
            params.custom_extensions.push(extension);
        })
    }

    pub(crate) fn server(&self, host: &str) -> Pair {
        let name = SanType::DnsName(host.try_into().unwrap());
        self.issue(|params| params.subject_alt_names = vec![name])
    }

    /// A leaf that is like an SVID but for what `change` makes of it.
    pub(crate) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = format!("{}{}", certificate.pem(), self.between);
        Pair { chain, key: key.serialize_pem() }
    }
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(crate) fn uri_name(uri: &str) -> SanType {
    SanType::URI(uri.try_into().unwrap())
}

/// Trust in `authority` for `cluster.local` and `old.example`.
pub(crate) fn trust(authority: &Authority) -> Trust {
    let domains = TrustDomains::new("cluster.local", ["old.example".to_owned()]);
    Trust::new(authority.pem().as_bytes(), domains).unwrap()
}

impl Pair {
    pub(crate) fn identity(&self, trust: Trust) -> Identity {
        Identity::from_pem(self.chain.as_bytes(), self.key.as_bytes(), trust).unwrap()
    }
}
