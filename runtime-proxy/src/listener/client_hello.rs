//! What a TLS client says before anything is encrypted, read without answering it.
//!
//! Only what a choice can hang on: the server's name (RFC 6066 §3) and the protocols on offer (RFC 7301). Everything else is
//! for whoever terminates the connection to judge. Source of the layout: RFC 8446 §4.1.2, §5.1.

/// The parts of a `ClientHello` that connections are told apart by.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClientHello {
    /// In lower case, without a trailing dot. Absent also when the client sent an address or rubbish.
    pub server_name: Option<String>,
    /// The client's protocols (ALPN), in its order.
    pub protocols: Vec<Vec<u8>>,
}

impl ClientHello {
    /// Whether the client offers any of `protocols`.
    #[must_use]
    pub fn offers(&self, protocols: &[&[u8]]) -> bool {
        self.protocols.iter().any(|offered| protocols.contains(&offered.as_slice()))
    }
}

/// What the first bytes of a connection are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Parsed {
    Hello(ClientHello),
    /// A `ClientHello` so far.
    Incomplete,
    NotTls,
}

/// Nobody's `ClientHello` is larger; what claims to be is not taken for one.
pub(super) const HELLO_BYTES_MAX: usize = 16 << 10;

/// Reads as much of a `ClientHello` as `bytes`, the beginning of a connection, hold.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    match handshake(bytes) {
        Ok(message) => hello(&message).map_or(Parsed::NotTls, Parsed::Hello),
        Err(refused) => refused,
    }
}

/// The body of the first handshake message, gathered from the records that it is spread over.
fn handshake(bytes: &[u8]) -> Result<Vec<u8>, Parsed> {
    let mut records = Reader(bytes);
    let mut message = Vec::new();
    loop {
        let (fragment, is_whole) = record(&mut records)?;
        message.extend_from_slice(fragment);
        if let [kind, a, b, c, body @ ..] = message.as_slice() {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if *kind != CLIENT_HELLO || HELLO_BYTES_MAX < length {
                return Err(Parsed::NotTls);
            }
            if let Some(body) = body.get(..length) {
                return Ok(body.to_vec());
            }
        } else if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return Err(Parsed::NotTls);
        }
        if !is_whole {
            return Err(Parsed::Incomplete);
        }
    }
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// What there is of a record of the handshake, and whether that is all of it.
fn record<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], bool), Parsed> {
    const RECORD_BYTES_MAX: u16 = 1 << 14;
    let head = reader.0;
    let plausible = head.first().is_none_or(|kind| *kind == HANDSHAKE)
        && head.get(1).is_none_or(|major| *major == 3)
        && head.get(2).is_none_or(|minor| *minor <= 4);
    if !plausible {
        return Err(Parsed::NotTls);
    }
    reader.take(3).ok_or(Parsed::Incomplete)?;
    let length = reader.u16().ok_or(Parsed::Incomplete)?;
    if length == 0 || RECORD_BYTES_MAX < length {
        return Err(Parsed::NotTls);
    }
    let length = usize::from(length);
    let is_whole = length <= reader.0.len();
    let fragment = reader.take(length.min(reader.0.len())).unwrap_or_default();
    Ok((fragment, is_whole))
}

/// A whole `ClientHello`; `None` where its parts do not fit together.
fn hello(message: &[u8]) -> Option<ClientHello> {
    let mut reader = Reader(message);
    reader.take(2 + 32)?; // version, random
    let session_id = reader.u8()?;
    reader.take(session_id.into())?;
    let cipher_suites = reader.u16()?;
    reader.take(cipher_suites.into())?;
    let compressions = reader.u8()?;
    reader.take(compressions.into())?;
    let mut found = ClientHello::default();
    if reader.0.is_empty() {
        return Some(found); // TLS 1.2 without extensions
    }
    let mut extensions = reader.vector()?;
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let body = extensions.vector()?;
        match kind {
            0 => found.server_name = host(server_name(body)?),
            16 => found.protocols = protocols(body)?,
            _ => {}
        }
    }
    Some(found)
}

/// The first name, of whatever kind: there is only one kind.
fn server_name(mut body: Reader<'_>) -> Option<&[u8]> {
    let mut names = body.vector()?;
    names.u8()?;
    Some(names.vector()?.0)
}

/// A host name as virtual hosts are written: in lower case, without a trailing dot. `None`: an address or rubbish.
pub(crate) fn host(name: &[u8]) -> Option<String> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let is_name = (1..=253).contains(&name.len()) && name.iter().all(is_host);
    let text = is_name.then(|| String::from_utf8(name.to_ascii_lowercase()).ok())?;
    text.filter(|text| text.parse::<std::net::IpAddr>().is_err())
}

fn protocols(mut body: Reader<'_>) -> Option<Vec<Vec<u8>>> {
    let mut list = body.vector()?;
    let mut protocols = Vec::new();
    while !list.0.is_empty() {
        let length = list.u8()?;
        protocols.push(list.take(length.into())?.to_vec());
    }
    Some(protocols)
}

/// Bytes that are read once, from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// Bytes behind their 16-bit length.
    fn vector(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(length.into()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::{ClientHello, Parsed, parse};

    /// What a real client sends first.
    fn recorded(name: &str, protocols: &[&str]) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config =
            builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        connection.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_hello_tells_name_and_protocols() {
        let bytes = recorded("Shop.Example.com", &["istio-h2", "h2"]);
        let server_name = Some("shop.example.com".to_owned());
        let protocols = vec![b"istio-h2".to_vec(), b"h2".to_vec()];
        assert_eq!(parse(&bytes), Parsed::Hello(ClientHello { server_name, protocols }));
    }

    #[test]
    fn an_address_is_no_name() {
        let Parsed::Hello(hello) = parse(&recorded("127.0.0.1", &[])) else { panic!() };
        assert_eq!(hello, ClientHello::default());
    }

    #[test]
    fn every_beginning_of_a_hello_is_incomplete() {
        let bytes = recorded("shop.example.com", &["h2"]);
        for length in 0..bytes.len() {
            assert_eq!(parse(&bytes[..length]), Parsed::Incomplete, "{length} bytes");
        }
    }

    #[test]
    fn a_hello_may_be_spread_over_records() {
        let bytes = recorded("shop.example.com", &["h2"]);
        let (head, body) = bytes.split_at(5);
        let mut spread = Vec::new();
        for piece in body.chunks(40) {
            spread.extend_from_slice(&head[..3]);
            spread.extend_from_slice(&u16::try_from(piece.len()).unwrap().to_be_bytes());
            spread.extend_from_slice(piece);
        }
        assert_eq!(parse(&spread), parse(&bytes));
        assert_eq!(parse(&spread[..spread.len() - 1]), Parsed::Incomplete);
    }

    #[test]
    fn what_claims_to_be_huge_is_not_believed() {
        assert_eq!(parse(&[22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]), Parsed::NotTls);
        assert_eq!(parse(&[22, 3, 1, 0xff, 0xff]), Parsed::NotTls);
    }

    proptest! {
        #[test]
        fn no_bytes_confuse_it(bytes: Vec<u8>) {
            parse(&bytes);
        }

        #[test]
        fn no_damaged_hello_confuses_it(at in 0_usize..200, byte: u8) {
            let mut bytes = recorded("shop.example.com", &["h2", "http/1.1"]);
            bytes[at] = byte;
            parse(&bytes);
        }
    }
}
