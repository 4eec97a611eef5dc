//! What a client of a gateway has proved in its handshake, and whether that is still enough.
//!
//! Connections outlive what they were accepted under. A program that asks for more than the one before has to ask it of
//! them too, or whoever came in time would stay for ever; what asks for less, or shows another certificate of its own,
//! is no reason to cut anybody off.

use mesh_snapshot::object::{
    ClientCertificate, ClientIssuer, Credential, ServerTls, Termination, TlsVersion,
};
use rustls::{CipherSuite, ProtocolVersion};

use super::cipher;
use super::handshake::Secured;

/// How a connection came in.
#[derive(Clone, Debug)]
pub(crate) enum Terms {
    /// Without TLS.
    Plain,
    Secured(Box<Proved>),
}

#[derive(Clone, Debug)]
pub(crate) struct Proved {
    /// What was asked of it.
    under: Termination,
    version: Option<ProtocolVersion>,
    cipher: Option<CipherSuite>,
    /// Whether the client has shown a certificate, which was verified as `under` says.
    has_certificate: bool,
}

impl Terms {
    /// Of a handshake that was made under `tls`.
    pub(crate) fn of(secured: &Secured, tls: &ServerTls) -> Self {
        match tls {
            ServerTls::Terminate(under) => Self::under(secured, under),
            ServerTls::Off | ServerTls::Redirect | ServerTls::Passthrough => Self::Plain,
        }
    }

    /// The same, where TLS ends.
    pub(crate) fn under(secured: &Secured, under: &Termination) -> Self {
        Self::Secured(Box::new(Proved {
            under: under.clone(),
            version: secured.stream.tls_version(),
            cipher: secured.stream.cipher_suite(),
            has_certificate: secured.peer.is_some(),
        }))
    }

    /// Whether a handshake under `tls` would ask for nothing that is not proved. Where TLS passes through there is none.
    pub(crate) fn suffice(&self, tls: &ServerTls) -> bool {
        match (tls, self) {
            (ServerTls::Off | ServerTls::Redirect, _) => true,
            (ServerTls::Terminate(now), _) => self.prove(now),
            (ServerTls::Passthrough, _) => false,
        }
    }

    /// The same of a handshake under `now`.
    pub(crate) fn prove(&self, now: &Termination) -> bool {
        match self {
            Self::Plain => false,
            Self::Secured(proved) => proved.under == *now || proved.suffices(now),
        }
    }
}

impl Proved {
    fn suffices(&self, now: &Termination) -> bool {
        self.has_version(now) && self.has_cipher(now) && self.has_client(now)
    }

    fn has_version(&self, now: &Termination) -> bool {
        let version = match self.version {
            Some(ProtocolVersion::TLSv1_2) => TlsVersion::V12,
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::V13,
            _ => return false,
        };
        (now.version_min..=now.version_max).contains(&version)
    }

    /// The suites of TLS 1.3 are not to be chosen from.
    fn has_cipher(&self, now: &Termination) -> bool {
        now.cipher_suites.is_empty()
            || self.version == Some(ProtocolVersion::TLSv1_3)
            || cipher::named(&now.cipher_suites).0.iter().any(|it| Some(it.suite()) == self.cipher)
    }

    fn has_client(&self, now: &Termination) -> bool {
        match &now.client {
            ClientCertificate::Unasked => true,
            ClientCertificate::Required(issuer) => self.has_certificate && self.is_of(now, issuer),
            // What is told of a certificate to whoever serves the request must be true now.
            ClientCertificate::Optional(issuer) => !self.has_certificate || self.is_of(now, issuer),
            ClientCertificate::Mesh => self.under.client == ClientCertificate::Mesh,
        }
    }

    /// Whether the client's certificate was verified by whom `issuer` believes, and has one of its names.
    fn is_of(&self, now: &Termination, issuer: &ClientIssuer) -> bool {
        let (ClientCertificate::Required(before) | ClientCertificate::Optional(before)) =
            &self.under.client
        else {
            return false;
        };
        let has_name = issuer.subject_alt_names.is_empty()
            || !before.subject_alt_names.is_empty()
                && before.subject_alt_names.is_subset(&issuer.subject_alt_names);
        has_name && Believed::by(&self.under, before) == Believed::by(now, issuer)
    }
}

/// Where the authorities are that a server believes, as [`super::termination`] finds them.
#[derive(Eq, PartialEq)]
enum Believed<'a> {
    Secret(&'a Credential),
    File(&'a str),
    /// Those beside the server's own certificate.
    OfFiles(&'a str),
}

impl<'a> Believed<'a> {
    fn by(termination: &'a Termination, issuer: &'a ClientIssuer) -> Self {
        match (&issuer.ca, termination.credentials.first()) {
            (Some(ca), _) => Self::Secret(ca),
            (None, Some(own)) if issuer.ca_file.is_empty() => Self::Secret(own),
            (None, _) if !issuer.ca_file.is_empty() => Self::File(&issuer.ca_file),
            (None, _) => Self::OfFiles(&termination.certificate_file),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use mesh_snapshot::object::{
        ClientCertificate, ClientIssuer, Credential, ServerTls, Termination, TlsVersion,
    };
    use rustls::{CipherSuite, ProtocolVersion};

    use super::{Proved, Terms};

    fn credential(name: &str) -> Credential {
        Credential { namespace: String::new(), name: name.to_owned() }
    }

    fn termination(client: ClientCertificate) -> Termination {
        Termination {
            credentials: vec![credential("shop")],
            certificate_file: String::new(),
            key_file: String::new(),
            client,
            version_min: TlsVersion::V12,
            version_max: TlsVersion::V13,
            cipher_suites: Vec::new(),
        }
    }

    fn by(ca: &str, names: &[&str]) -> ClientIssuer {
        let subject_alt_names: BTreeSet<_> = names.iter().map(ToString::to_string).collect();
        ClientIssuer { ca: Some(credential(ca)), ca_file: String::new(), subject_alt_names }
    }

    fn required(ca: &str, names: &[&str]) -> ClientCertificate {
        ClientCertificate::Required(by(ca, names))
    }

    fn optional(ca: &str) -> ClientCertificate {
        ClientCertificate::Optional(by(ca, &[]))
    }

    fn proved(client: ClientCertificate, has_certificate: bool) -> Proved {
        Proved {
            under: termination(client),
            version: Some(ProtocolVersion::TLSv1_3),
            cipher: Some(CipherSuite::TLS13_AES_128_GCM_SHA256),
            has_certificate,
        }
    }

    fn suffices(proved: &Proved, now: &Termination) -> bool {
        let terms = Terms::Secured(Box::new(proved.clone()));
        terms.suffice(&ServerTls::Terminate(Box::new(now.clone())))
    }

    #[test]
    fn what_a_client_has_shown_is_enough_where_the_same_or_less_is_asked() {
        use ClientCertificate::{Mesh, Unasked};
        let cases = [
            (Unasked, false, Unasked, true),
            (Unasked, false, required("a", &[]), false),
            (Unasked, false, optional("a"), true),
            (Unasked, false, Mesh, false),
            (optional("a"), false, required("a", &[]), false),
            (optional("a"), true, required("a", &[]), true),
            (optional("a"), true, optional("b"), false),
            (required("a", &[]), true, Unasked, true),
            (required("a", &[]), true, optional("a"), true),
            (required("a", &[]), true, required("b", &[]), false),
            (required("a", &[]), true, required("a", &["x"]), false),
            (required("a", &["x"]), true, required("a", &[]), true),
            (required("a", &["x"]), true, required("a", &["x", "y"]), true),
            (required("a", &["x", "y"]), true, required("a", &["x"]), false),
            (required("a", &[]), true, Mesh, false),
            (Mesh, true, Mesh, true),
            (Mesh, true, Unasked, true),
            (Mesh, true, required("a", &[]), false),
        ];
        for (before, has_certificate, now, is_enough) in cases {
            let proved = proved(before, has_certificate);
            let mut now = termination(now);
            now.cipher_suites = vec!["ECDHE-RSA-AES128-GCM-SHA256".to_owned()]; // not the same as a whole
            assert_eq!(suffices(&proved, &now), is_enough, "{proved:?}\n{now:?}");
        }
    }

    #[test]
    fn a_server_may_show_another_certificate() {
        let mut now = termination(required("a", &[]));
        now.credentials = vec![credential("renewed")];
        assert!(suffices(&proved(required("a", &[]), true), &now));
    }

    #[test]
    fn authorities_beside_the_server_s_own_certificate_go_with_it() {
        let beside = ClientCertificate::Required(ClientIssuer::default());
        let mut now = termination(beside.clone());
        assert!(suffices(&proved(beside.clone(), true), &now));
        now.client = required("shop", &[]);
        assert!(suffices(&proved(beside.clone(), true), &now), "the same, said outright");
        now = termination(beside.clone());
        now.credentials = vec![credential("other")];
        assert!(!suffices(&proved(beside, true), &now));
    }

    #[test]
    fn versions_and_suites_are_those_that_are_served_now() {
        let mut old = proved(ClientCertificate::Unasked, false);
        old.version = Some(ProtocolVersion::TLSv1_2);
        old.cipher = Some(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256);
        let mut now = termination(ClientCertificate::Unasked);
        now.cipher_suites = vec!["ECDHE-RSA-AES128-GCM-SHA256".to_owned()];
        assert!(suffices(&old, &now));
        now.cipher_suites = vec!["ECDHE-RSA-AES256-GCM-SHA384".to_owned()];
        assert!(!suffices(&old, &now));
        now.version_min = TlsVersion::V13;
        assert!(suffices(&proved(ClientCertificate::Unasked, false), &now));
        now.cipher_suites.clear();
        assert!(!suffices(&old, &now));
    }

    #[test]
    fn plain_text_is_enough_only_where_nothing_is_asked() {
        let asked = ServerTls::Terminate(Box::new(termination(ClientCertificate::Unasked)));
        assert!(!Terms::Plain.suffice(&asked));
        assert!(
            Terms::Plain.suffice(&ServerTls::Off) && Terms::Plain.suffice(&ServerTls::Redirect)
        );
        let secured = Terms::Secured(Box::new(proved(ClientCertificate::Unasked, false)));
        assert!(secured.suffice(&ServerTls::Off) && !secured.suffice(&ServerTls::Passthrough));
    }
}
