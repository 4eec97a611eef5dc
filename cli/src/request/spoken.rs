//! What is spoken on a connection.

/// What a client says to a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spoken {
    Plain,
    /// Mutual TLS of the mesh.
    Mutual,
    /// TLS that is not the mesh's, as a `DestinationRule` asks for (`SIMPLE`).
    Tls,
    /// The same with a certificate that the client shows (`MUTUAL`).
    TlsWithCertificate,
}

/// What is carried on a connection, within whatever TLS the sender's proxy begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Payload {
    Requests,
    /// Of these nobody reads a request. Where they begin with TLS of the client's own, it is for this server name.
    Bytes {
        server_name: Option<String>,
    },
}

impl Spoken {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Plain => "plain text",
            Self::Mutual => "mutual TLS",
            Self::Tls => "TLS without a certificate",
            Self::TlsWithCertificate => "TLS with a certificate that is not the mesh's",
        }
    }
}
