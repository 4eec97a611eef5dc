//! What a certificate of the mesh says of its holder beside the SPIFFE ID: an extension of the SVID, never critical.
//!
//! ```text
//! Attributes ::= SEQUENCE SIZE (0..16) OF SEQUENCE { name UTF8String, value UTF8String }      in DER
//! ```
//! Names are `instance`, `workload`, `cluster`, and those of the labels in [`ATTRIBUTE_LABELS`]; of each there is one at most. A reader passes over
//! names that it does not know. What is not exactly this says nothing, and is no error: telemetry alone is made of it, policy never.

use crate::object::{Labels, Workload};

/// The extension's object identifier. 32473 is the enterprise number of examples (RFC 5612): the project has none of its own yet.
pub const ATTRIBUTES_OID: [u64; 10] = [1, 3, 6, 1, 4, 1, 32473, 2026, 1, 1];

/// The labels that metrics name a workload by. Source: Istio, `CanonicalService`, and the labels `app` and `version`.
pub const ATTRIBUTE_LABELS: [&str; 6] = [
    "app",
    "app.kubernetes.io/name",
    "app.kubernetes.io/version",
    "service.istio.io/canonical-name",
    "service.istio.io/canonical-revision",
    "version",
];

/// What the certificate authority knows of a workload. What is empty is not known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Attributes {
    /// By which the authority finds the workload again when the certificate is renewed.
    pub instance: String,
    pub workload: String,
    pub cluster: String,
    /// Of [`ATTRIBUTE_LABELS`], those that the workload has.
    pub labels: Labels,
}

/// A longer value is left out: names of Kubernetes are no longer.
const VALUE_BYTES_MAX: usize = 253;
const PAIRS_MAX: usize = 16;
const BYTES_MAX: usize = 8 << 10;

const SEQUENCE: u8 = 0x30;
const UTF8_STRING: u8 = 0x0c;

impl Attributes {
    /// Of an instance of `workload` that runs in `cluster`.
    #[must_use]
    pub fn of(workload: &Workload, instance: &str, cluster: &str) -> Self {
        let labels =
            workload.labels.iter().filter(|(name, _)| ATTRIBUTE_LABELS.contains(&name.as_str()));
        Self {
            instance: instance.to_owned(),
            workload: workload.name.clone(),
            cluster: cluster.to_owned(),
            labels: labels.map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    /// The content of the extension.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let own = [
            ("instance", &self.instance),
            ("workload", &self.workload),
            ("cluster", &self.cluster),
        ];
        let labels =
            ATTRIBUTE_LABELS.iter().filter_map(|name| Some((*name, self.labels.get(*name)?)));
        let mut pairs = Vec::new();
        for (name, value) in own.into_iter().chain(labels) {
            if !value.is_empty() && value.len() <= VALUE_BYTES_MAX {
                let mut pair = Vec::new();
                write(UTF8_STRING, name.as_bytes(), &mut pair);
                write(UTF8_STRING, value.as_bytes(), &mut pair);
                write(SEQUENCE, &pair, &mut pairs);
            }
        }
        let mut whole = Vec::new();
        write(SEQUENCE, &pairs, &mut whole);
        whole
    }

    /// `None`: it is something else.
    #[must_use]
    pub fn decode(der: &[u8]) -> Option<Self> {
        if BYTES_MAX < der.len() {
            return None;
        }
        let mut known = Labels::new();
        let mut pairs = only(SEQUENCE, der)?;
        for _ in 0..PAIRS_MAX {
            if pairs.is_empty() {
                break;
            }
            let (pair, rest) = read(SEQUENCE, pairs)?;
            let (name, value) = read(UTF8_STRING, pair)?;
            let (name, value) = (text(name)?, text(only(UTF8_STRING, value)?)?);
            if VALUE_BYTES_MAX < value.len() || known.insert(name, value).is_some() {
                return None;
            }
            pairs = rest;
        }
        if !pairs.is_empty() {
            return None;
        }
        let mut take = |name| known.remove(name).unwrap_or_default();
        let (instance, workload, cluster) = (take("instance"), take("workload"), take("cluster"));
        known.retain(|name, _| ATTRIBUTE_LABELS.contains(&name.as_str()));
        Some(Self { instance, workload, cluster, labels: known })
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// Appends a value of this tag. Source: X.690 §8.1, §10.1. Longer than 65,535 bytes is nothing that is written here.
fn write(tag: u8, content: &[u8], out: &mut Vec<u8>) {
    let [.., high, low] = content.len().to_be_bytes();
    out.push(tag);
    match (high, low) {
        (0, 0..=0x7f) => out.push(low),
        (0, _) => out.extend([0x81, low]),
        (_, _) => out.extend([0x82, high, low]),
    }
    out.extend(content);
}

/// The content of the value that `der` begins with, and what follows it.
fn read(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der {
        [first, length @ 0..=0x7f, rest @ ..] if *first == tag => (usize::from(*length), rest),
        // Only the shortest form is DER.
        [first, 0x81, length @ 0x80..=0xff, rest @ ..] if *first == tag => {
            (usize::from(*length), rest)
        }
        [first, 0x82, high @ 1..=0xff, low, rest @ ..] if *first == tag => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The content of the value that `der` is.
fn only(tag: u8, der: &[u8]) -> Option<&[u8]> {
    read(tag, der).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reviews() -> Attributes {
        let labels = [("app", "reviews"), ("version", "v2"), ("tier", "backend")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let name = "reviews-v2".to_owned();
        let workload = Workload { name, labels: labels.into(), ..Workload::default() };
        Attributes::of(&workload, "reviews-v2-1", "Kubernetes")
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut content = Vec::new();
        for (name, value) in pairs {
            let mut pair = Vec::new();
            write(UTF8_STRING, name.as_bytes(), &mut pair);
            write(UTF8_STRING, value.as_bytes(), &mut pair);
            write(SEQUENCE, &pair, &mut content);
        }
        let mut whole = Vec::new();
        write(SEQUENCE, &content, &mut whole);
        whole
    }

    #[test]
    fn what_is_written_is_read_again() {
        let told = Attributes::decode(&reviews().encode()).unwrap();
        assert_eq!(told, reviews());
        assert_eq!(told.labels.len(), 2, "other labels are nobody's business");
        let nothing = Attributes::default();
        assert_eq!(nothing.encode(), [SEQUENCE, 0]);
        assert_eq!(Attributes::decode(&nothing.encode()), Some(nothing));
    }

    /// Lengths of one, two and three bytes.
    #[test]
    fn values_are_as_long_as_names_may_be() {
        for length in [1, 127, 128, 253] {
            let told = Attributes { workload: "w".repeat(length), ..reviews() };
            assert_eq!(Attributes::decode(&told.encode()), Some(told));
        }
        let told = Attributes { workload: "w".repeat(254), ..reviews() };
        let rest = Attributes { workload: String::new(), ..reviews() };
        assert_eq!(Attributes::decode(&told.encode()), Some(rest));
        let labels = ATTRIBUTE_LABELS.map(|name| (name.to_owned(), "v".repeat(253))).into();
        let most = Attributes { workload: "w".repeat(253), labels, ..reviews() };
        assert_eq!(Attributes::decode(&most.encode()), Some(most));
    }

    #[test]
    fn what_is_cut_off_or_longer_says_nothing() {
        let mut whole = reviews().encode();
        for length in 0..whole.len() {
            assert_eq!(Attributes::decode(&whole[..length]), None, "{length}");
        }
        whole.push(0);
        assert_eq!(Attributes::decode(&whole), None);
    }

    #[test]
    fn what_is_something_else_says_nothing() {
        for other in [
            &b""[..],
            b"reviews",
            &[0x30, 0x81, 0x00],
            &[0x30, 0x80],
            &[0x30, 0x82, 0x00, 0x00],
            &[0x31, 0x00],
            &[0x30, 0x02, 0x30, 0x00],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &pairs(&[("workload", "a"), ("workload", "b")]),
            &[0x30, 0x08, 0x30, 0x06, 0x0c, 0x01, b'a', 0x0c, 0x01, 0xff],
        ] {
            assert_eq!(Attributes::decode(other), None, "{other:02x?}");
        }
        let many: Vec<_> = (0..17).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(Attributes::decode(&pairs(&many)), None);
        assert!(Attributes::decode(&pairs(&many[1..])).is_some());
    }

    #[test]
    fn names_of_later_versions_are_passed_over() {
        let told = Attributes::decode(&pairs(&[("node", "n1"), ("workload", "reviews-v2")]));
        let known = Attributes { workload: "reviews-v2".to_owned(), ..Attributes::default() };
        assert_eq!(told, Some(known));
    }

    proptest! {
        #[test]
        fn nothing_is_too_strange_to_be_looked_at(der in any::<Vec<u8>>()) {
            let _ = Attributes::decode(&der);
        }

        #[test]
        fn what_is_understood_means_the_same_written_again(at in 0_usize..100, byte in any::<u8>()) {
            let mut der = reviews().encode();
            let at = at % der.len();
            der[at] = byte;
            if let Some(told) = Attributes::decode(&der) {
                prop_assert_eq!(Attributes::decode(&told.encode()), Some(told));
            }
        }
    }
}
