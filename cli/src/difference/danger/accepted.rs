//! What tests of policies accept: whether one accepts nothing but what another does, or nothing of it.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use mesh_snapshot::object::{Accepts, Subject, TextPattern};

/// What of a request is looked at, and what is accepted.
type Accepted<'t> = (&'t Subject, &'t Accepts);

/// Whether whoever is accepted by the first is accepted by the second.
pub(super) fn is_within((of, some): Accepted<'_>, (of_all, all): Accepted<'_>) -> bool {
    match (some, all) {
        (Accepts::Text(some), Accepts::Text(all)) => some.iter().all(|it| {
            seen_as(of, it, of_all).is_some_and(|it| {
                let is_taken = |other: &TextPattern| takes(&read(of_all, other), &it);
                all.iter().any(is_taken)
            })
        }),
        _ if of != of_all => false,
        (Accepts::Addresses(some), Accepts::Addresses(all)) => {
            some.iter().all(|it| all.iter().any(|other| other == it || is_block_in(it, other)))
        }
        (Accepts::Ports(some), Accepts::Ports(all)) => some.iter().all(|it| all.contains(it)),
        _ => false,
    }
}

/// Whether nobody is accepted by both, of those who show one value.
pub(super) fn are_apart((of, some): Accepted<'_>, (of_others, others): Accepted<'_>) -> bool {
    match (some, others) {
        (Accepts::Text(some), Accepts::Text(others)) => some.iter().all(|one| {
            others.iter().all(|other| {
                let forth = seen_as(of, one, of_others).map(|it| (it, read(of_others, other)));
                let back = || seen_as(of_others, other, of).map(|it| (it, read(of, one)));
                forth.or_else(back).is_some_and(|(one, other)| exclude(&one, &other))
            })
        }),
        _ if of != of_others => false,
        (Accepts::Addresses(some), Accepts::Addresses(others)) => some.iter().all(|one| {
            let is_apart = |other: &String| {
                let blocks = block(one).zip(block(other));
                blocks.is_some_and(|(one, other)| !one.contains(&other) && !other.contains(&one))
            };
            others.iter().all(is_apart)
        }),
        (Accepts::Ports(some), Accepts::Ports(others)) => {
            !some.iter().any(|it| others.contains(it))
        }
        _ => false,
    }
}

/// What is known of one thing of a request whose other one is as the pattern says.
fn seen_as<'p>(
    of: &Subject,
    pattern: &'p TextPattern,
    wanted: &Subject,
) -> Option<Cow<'p, TextPattern>> {
    if of == wanted {
        return Some(read(of, pattern));
    }
    let exact = |text: &str| Cow::Owned(TextPattern::Exact(text.to_owned()));
    match (of, pattern, wanted) {
        // `trust-domain/ns/namespace/sa/account`
        (Subject::Principal, TextPattern::Exact(text), Subject::TrustDomain) => {
            text.split_once("/ns/").map(|(domain, _)| exact(domain))
        }
        (
            Subject::Principal,
            TextPattern::Exact(text) | TextPattern::Prefix(text) | TextPattern::Suffix(text),
            Subject::Namespace,
        ) => {
            let (domain, rest) = text.split_once("/ns/")?;
            let is_first = matches!(pattern, TextPattern::Suffix(_)) || !domain.contains('/');
            rest.split_once("/sa/").filter(|_| is_first).map(|(namespace, _)| exact(namespace))
        }
        (
            Subject::Principal,
            TextPattern::Exact(text) | TextPattern::Suffix(text),
            Subject::ServiceAccount,
        ) => {
            let (_, rest) = text.split_once("/ns/")?;
            let (namespace, account) = rest.split_once("/sa/")?;
            Some(exact(&format!("{namespace}/{account}")))
        }
        (Subject::ServiceAccount, TextPattern::Exact(text), Subject::Namespace) => {
            text.split_once('/').map(|(namespace, _)| exact(namespace))
        }
        (Subject::ServiceAccount, TextPattern::Exact(text), Subject::Principal) => {
            let (namespace, account) = text.split_once('/')?;
            Some(Cow::Owned(TextPattern::Suffix(format!("/ns/{namespace}/sa/{account}"))))
        }
        _ => None,
    }
}

/// As it is compared: case does not count in hosts.
fn read<'p>(of: &Subject, pattern: &'p TextPattern) -> Cow<'p, TextPattern> {
    if *of != Subject::Host {
        return Cow::Borrowed(pattern);
    }
    Cow::Owned(match pattern {
        TextPattern::Exact(text) => TextPattern::Exact(text.to_ascii_lowercase()),
        TextPattern::Prefix(text) => TextPattern::Prefix(text.to_ascii_lowercase()),
        TextPattern::Suffix(text) => TextPattern::Suffix(text.to_ascii_lowercase()),
        TextPattern::Present | TextPattern::Template(_) | TextPattern::Glob(_) => pattern.clone(),
    })
}

/// Whether the first accepts each text that the second accepts.
fn takes(wide: &TextPattern, narrow: &TextPattern) -> bool {
    use TextPattern::{Exact, Prefix, Present, Suffix};
    match (wide, narrow) {
        (wide, narrow) if wide == narrow => true,
        (Present, Exact(text) | Prefix(text) | Suffix(text)) => !text.is_empty(),
        (Prefix(start), Exact(text) | Prefix(text)) => text.starts_with(start),
        (Suffix(end), Exact(text) | Suffix(text)) => text.ends_with(end),
        _ => false,
    }
}

/// Whether no text is accepted by both.
fn exclude(one: &TextPattern, other: &TextPattern) -> bool {
    use TextPattern::{Exact, Prefix, Present, Suffix};
    match (one, other) {
        (Present, Exact(text)) | (Exact(text), Present) => text.is_empty(),
        (Exact(one), Exact(other)) => one != other,
        (Exact(text), Prefix(_) | Suffix(_)) if !text.is_empty() => !takes(other, one),
        (Prefix(_) | Suffix(_), Exact(text)) if !text.is_empty() => !takes(one, other),
        (Prefix(_), Prefix(_)) | (Suffix(_), Suffix(_)) => !takes(one, other) && !takes(other, one),
        _ => false,
    }
}

fn is_block_in(some: &str, all: &str) -> bool {
    block(some).zip(block(all)).is_some_and(|(some, all)| all.contains(&some))
}

/// A CIDR block, or an address as a block of its own; bits beyond the prefix do not count.
fn block(text: &str) -> Option<IpNet> {
    let of_address = text.parse::<IpAddr>().map(|it| IpNet::from(it.to_canonical())).ok();
    of_address.or_else(|| text.parse::<IpNet>().ok().map(|net| net.trunc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_blocks_are_compared_by_what_they_hold() {
        let of = |text: &str| Accepts::Addresses(vec![text.to_owned()]);
        let ip = &Subject::SourceIp;
        for (some, all, within, apart) in [
            ("10.0.1.0/24", "10.0.0.0/16", true, false),
            ("10.0.0.0/16", "10.0.1.0/24", false, false),
            ("10.0.0.1", "10.0.0.1/32", true, false),
            ("10.0.0.1/32", "10.0.0.1", true, false),
            ("::ffff:10.0.0.1", "10.0.0.0/8", true, false),
            ("10.0.0.1", "10.0.0.2", false, true),
            ("10.0.0.1", "2001:db8::/32", false, true),
        ] {
            let (some, all) = (of(some), of(all));
            assert_eq!(is_within((ip, &some), (ip, &all)), within, "{some:?} {all:?}");
            assert_eq!(are_apart((ip, &some), (ip, &all)), apart, "{some:?} {all:?}");
        }
        // What cannot be read is itself alone.
        assert!(is_within((ip, &of("x")), (ip, &of("x"))));
        assert!(!are_apart((ip, &of("x")), (ip, &of("y"))));
    }

    #[test]
    fn callers_may_be_named_in_several_ways() {
        use Subject::{Namespace, Principal, ServiceAccount, TrustDomain};
        let of = |text: &str| {
            let pattern = match (text.strip_prefix('*'), text.strip_suffix('*')) {
                (Some(end), _) => TextPattern::Suffix(end.to_owned()),
                (_, Some(start)) => TextPattern::Prefix(start.to_owned()),
                _ => TextPattern::Exact(text.to_owned()),
            };
            Accepts::Text(vec![pattern])
        };
        for (some, all, within, apart) in [
            ((Principal, "td/ns/a/sa/x"), (Namespace, "a"), true, false),
            ((Principal, "td/ns/a/sa/*"), (Namespace, "a"), true, false),
            ((Principal, "*/ns/a/sa/x"), (Namespace, "a"), true, false),
            ((Principal, "td/ns/a*"), (Namespace, "a"), false, false),
            ((Principal, "td/ns/a/sa/x"), (Namespace, "b"), false, true),
            ((Principal, "td/ns/a/sa/x"), (ServiceAccount, "a/x"), true, false),
            ((Principal, "td/ns/a/sa/x"), (ServiceAccount, "a/y"), false, true),
            ((Principal, "td/ns/a/sa/x"), (TrustDomain, "td"), true, false),
            ((ServiceAccount, "a/x"), (Namespace, "a"), true, false),
            ((ServiceAccount, "a/x"), (Principal, "*/ns/a/sa/x"), true, false),
            ((ServiceAccount, "a/x"), (Principal, "td/ns/a/sa/x"), false, false),
            ((Namespace, "a"), (ServiceAccount, "a/x"), false, false),
            ((Namespace, "a"), (ServiceAccount, "b/x"), false, true),
        ] {
            let [(of_some, some), (of_all, all)] = [some, all].map(|(it, text)| (it, of(text)));
            let found = is_within((&of_some, &some), (&of_all, &all));
            assert_eq!(found, within, "{some:?} {all:?}");
            let found = are_apart((&of_some, &some), (&of_all, &all));
            assert_eq!(found, apart, "{some:?} {all:?}");
        }
        let [upper, lower] = ["Shop.example.com", "shop.example.com"].map(of);
        assert!(is_within((&Subject::Host, &upper), (&Subject::Host, &lower)));
        assert!(!is_within((&Subject::Path, &upper), (&Subject::Path, &lower)));
    }
}
