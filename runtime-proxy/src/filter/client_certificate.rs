//! `x-forwarded-client-cert`: what is told of a client's certificate to whoever serves it. Source: Envoy, XFCC; Istio has
//! sidecars append the element of their own client, and gateways replace what clients claim.

use http::HeaderMap;
use http::header::{Entry, HeaderName, HeaderValue};
use mesh_snapshot::Digest;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

pub(crate) static XFCC: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// One client's element: `By=…;Hash=…;Subject="…";URI=…`. `by` is who it has called; absent where this side proves no URI.
pub(crate) fn element(certificate: &CertificateDer<'_>, by: Option<&str>) -> Option<HeaderValue> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let hash = Digest::of(certificate).hex();
    let by = by.map(|by| format!("By={by};")).unwrap_or_default();
    let subject = parsed.subject().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    let mut text = format!("{by}Hash={hash};Subject=\"{subject}\"");
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    for name in names {
        let (kind, name) = match name {
            GeneralName::URI(uri) => (";URI=", uri),
            GeneralName::DNSName(host) => (";DNS=", host),
            _ => continue,
        };
        text.push_str(kind);
        text.push_str(&quoted(name));
    }
    HeaderValue::try_from(text).ok()
}

/// A value that the list's own signs stand in is quoted.
fn quoted(text: &str) -> String {
    if text.contains([',', ';', '=', '"']) {
        format!("\"{}\"", text.replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

/// At a sidecar: what the mesh's client has said stays, and is followed by its own element. Who proves nothing is not believed.
pub(crate) fn append(headers: &mut HeaderMap, element: Option<&HeaderValue>) {
    let Some(element) = element else {
        headers.remove(&XFCC);
        return;
    };
    if let Entry::Vacant(vacant) = headers.entry(&XFCC) {
        vacant.insert(element.clone());
        return;
    }
    let mut list = Vec::new();
    for value in headers.get_all(&XFCC) {
        list.extend_from_slice(value.as_bytes());
        list.push(b',');
    }
    list.extend_from_slice(element.as_bytes());
    if let Ok(list) = HeaderValue::from_bytes(&list) {
        headers.insert(&XFCC, list);
    }
}

/// At an edge: whatever the client has said goes.
pub(crate) fn replace(headers: &mut HeaderMap, element: Option<&HeaderValue>) {
    headers.remove(&XFCC);
    headers.extend(element.map(|element| (XFCC.clone(), element.clone())));
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{append, replace};

    const MINE: HeaderValue = HeaderValue::from_static("By=a;Hash=b");

    fn claiming() -> HeaderMap {
        HeaderMap::from_iter([(super::XFCC.clone(), HeaderValue::from_static("Hash=forged"))])
    }

    #[test]
    fn who_proves_nothing_is_not_believed() {
        let mut headers = claiming();
        append(&mut headers, None);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_client_of_the_mesh_is_added_to_what_it_says() {
        let mut headers = claiming();
        append(&mut headers, Some(&MINE));
        assert_eq!(headers["x-forwarded-client-cert"], "Hash=forged,By=a;Hash=b");
        let mut none = HeaderMap::new();
        append(&mut none, Some(&MINE));
        assert_eq!(none["x-forwarded-client-cert"], MINE);
    }

    #[test]
    fn an_edge_says_it_itself() {
        let mut headers = claiming();
        replace(&mut headers, Some(&MINE));
        assert_eq!(headers["x-forwarded-client-cert"], MINE);
        replace(&mut headers, None);
        assert!(headers.is_empty());
    }
}
