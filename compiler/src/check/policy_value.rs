//! What values of a policy stand for: a text, `prefix*`, `*suffix`, `*`, or a CIDR block.

use std::net::IpAddr;

use ipnet::IpNet;

use super::matching::form::Form;

/// How the values of a list are compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    /// Case does not count.
    Host,
    /// Templates besides.
    Path,
    /// Blocks, and addresses.
    Address,
}

impl Kind {
    /// Of the values of a condition.
    pub(super) fn of_condition(key: &str) -> Self {
        match key {
            "source.ip" | "remote.ip" | "destination.ip" => Self::Address,
            _ => Self::Text,
        }
    }

    /// Whether all that `value` stands for, `other` stands for too.
    pub(super) fn is_within(self, value: &str, other: &str) -> bool {
        match self {
            Self::Text => is_within(value, other),
            Self::Host => is_within(&value.to_ascii_lowercase(), &other.to_ascii_lowercase()),
            Self::Path => is_path_within(value, other),
            Self::Address => match (block(value), block(other)) {
                (Ok(value), Ok(other)) => other.contains(&value),
                _ => value == other,
            },
        }
    }

    /// Whether nothing is both; where that is hard to say, it is not said.
    pub(super) fn are_apart(self, a: &str, b: &str) -> bool {
        match self {
            Self::Text => are_apart(a, b),
            Self::Host => are_apart(&a.to_ascii_lowercase(), &b.to_ascii_lowercase()),
            Self::Path => !a.contains('{') && !b.contains('{') && are_apart(a, b),
            Self::Address => match (block(a), block(b)) {
                (Ok(a), Ok(b)) => !a.contains(&b) && !b.contains(&a),
                _ => false,
            },
        }
    }
}

/// The same of texts: `prefix*`, `*suffix`, `*`.
pub(super) fn is_within(value: &str, other: &str) -> bool {
    match (Form::of_policy(value), Form::of_policy(other)) {
        (_, None) => true,
        (Some(Form::Exact(text) | Form::Prefix(text)), Some(Form::Prefix(start))) => {
            text.starts_with(start)
        }
        (Some(Form::Exact(text) | Form::Suffix(text)), Some(Form::Suffix(end))) => {
            text.ends_with(end)
        }
        (value, other) => value == other,
    }
}

/// Whether a namespace is one that `pattern` stands for, in which every star is a wildcard.
pub(super) fn is_namespace(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let inner: Vec<_> = parts.collect();
    let Some((last, inner)) = inner.split_last() else { return name == pattern };
    let rest = name.strip_prefix(first).and_then(|it| it.strip_suffix(last));
    rest.is_some_and(|rest| {
        inner.iter().try_fold(rest, |rest, part| Some(rest.split_once(*part)?.1)).is_some()
    })
}

/// The same of paths, which may be templates: `{*}` is one segment, `{**}` any run of characters.
pub(super) fn is_path_within(value: &str, other: &str) -> bool {
    if value.contains('{') || other.contains('{') {
        return is_template_within(value, other);
    }
    is_within(value, other)
}

fn is_template_within(value: &str, other: &str) -> bool {
    if value == other || other == "*" {
        return true;
    }
    if !other.contains('{') {
        let fixed = value.split('{').next().unwrap_or_default();
        return matches!(Form::of_policy(other), Some(Form::Prefix(it)) if fixed.starts_with(it));
    }
    // Most differ in what is written out, and lists may be long.
    let (before, after) = (other.split('{').next(), other.rsplit('}').next());
    if !before.is_some_and(|it| value.starts_with(it))
        || !after.is_some_and(|it| value.ends_with(it))
    {
        return false;
    }
    // A prefix or a suffix goes on within a segment.
    if value.replace("{**}", "").replace("{*}", "").contains('*') {
        return false;
    }
    let (value, other): (Vec<_>, Vec<_>) = (value.split('/').collect(), other.split('/').collect());
    let is_segment = |(own, other): (&&str, &&str)| {
        own == other || (*other == "{*}" && !own.is_empty() && *own != "{**}")
    };
    let are_segments = |own: &[&str], other: &[&str]| {
        own.len() == other.len() && own.iter().zip(other).all(is_segment)
    };
    let mut parts = other.splitn(2, |it| *it == "{**}");
    let (before, after) = (parts.next().unwrap_or_default(), parts.next());
    let Some(after) = after else { return are_segments(&value, &other) };
    // The run takes a slash at least, which begins another segment.
    let Some((start, rest)) = value.split_at_checked(before.len()) else { return false };
    let Some(run) = rest.len().checked_sub(after.len()).filter(|run| *run > 0) else {
        return false;
    };
    let end = rest.get(run..).unwrap_or_default();
    are_segments(start, before) && are_segments(end, after)
}

/// A block, or the one address of it.
pub(super) fn block(text: &str) -> Result<IpNet, ()> {
    // Most texts are none, and it takes long to find out of some.
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit() || b".:/".contains(&byte)) {
        return Err(());
    }
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| ())
}

/// The namespace of an identity, where it is written out.
pub(super) fn namespace_of(principal: &str) -> Option<&str> {
    let (_, rest) = principal.split_once("/ns/")?;
    let (namespace, _) = rest.split_once('/')?;
    (!principal.starts_with('*') && !namespace.contains('*')).then_some(namespace)
}

/// Whether blocks leave no address of IPv4 out, and none of IPv6.
pub(super) fn every_address(blocks: &[String]) -> (bool, bool) {
    let all = IpNet::aggregate(&blocks.iter().filter_map(|it| block(it).ok()).collect());
    let has = |of_version: fn(&IpAddr) -> bool| {
        all.iter().any(|it| it.prefix_len() == 0 && of_version(&it.addr()))
    };
    (has(IpAddr::is_ipv4), has(IpAddr::is_ipv6))
}

/// Whether no text is both, neither of them a template; where that is hard to say, it is not said.
pub(super) fn are_apart(a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (Form::of_policy(a), Form::of_policy(b)) else { return false };
    // Of a namespace it is a wildcard, and elsewhere a star that nobody has.
    if a.text().contains('*') || b.text().contains('*') {
        return false;
    }
    match (a, b) {
        (Form::Exact(a), Form::Exact(b)) => a != b,
        (Form::Prefix(a), Form::Prefix(b)) => !a.starts_with(b) && !b.starts_with(a),
        (Form::Suffix(a), Form::Suffix(b)) => !a.ends_with(b) && !b.ends_with(a),
        (Form::Exact(text), Form::Prefix(start)) | (Form::Prefix(start), Form::Exact(text)) => {
            !text.starts_with(start)
        }
        (Form::Exact(text), Form::Suffix(end)) | (Form::Suffix(end), Form::Exact(text)) => {
            !text.ends_with(end)
        }
        _ => false,
    }
}

/// Whether a request has one value of an attribute, compared as a text: a claim or a header may have several.
pub(super) fn has_one_value(key: &str) -> bool {
    let is_header = key.starts_with("request.headers[") && !key.starts_with("request.headers[:");
    !key.starts_with("request.auth.")
        && !is_header
        && !matches!(key, "source.ip" | "remote.ip" | "destination.ip")
}

#[cfg(test)]
mod tests {
    use super::{Kind, are_apart};

    #[test]
    fn patterns_are_compared_by_what_they_stand_for() {
        for (value, other) in [
            ("a", "a"),
            ("/a/b", "/a*"),
            ("/a/b*", "/a*"),
            ("x.com", "*.com"),
            ("a", "*"),
            ("/x/{*}/y", "/x/{**}"),
            ("/x/{*}", "/x/{*}"),
            ("/x/a/y", "/x/{*}/y"),
            ("/x/{*}/z/y", "/x/{**}/y"),
            ("/x/{*}", "/x/*"),
            ("/a/**", "/a/*"),
            ("*.a*", "*a*"),
        ] {
            assert!(Kind::Path.is_within(value, other), "{value} is within {other}");
        }
        for (value, other) in [
            ("a*", "a"),
            ("*", "a*"),
            ("*a", "a*"),
            ("b.a", "*a*"),
            ("*a", "*a*"),
            ("/{*}", "/a*"),
            ("/x/{**}", "/x/{*}"),
            ("/x", "/x/{**}"),
            ("/x/", "/x/{*}"),
            ("/x/*", "/x/{**}"),
            ("/x/{*}/y", "/x/{*}"),
            ("/x/{**}", "/x/{**}/y"),
        ] {
            assert!(!Kind::Path.is_within(value, other), "{value} is not within {other}");
        }
        let (wide, narrow) = ("10.0.0.0/8", "10.1.0.0/16");
        assert!(Kind::Address.is_within(narrow, wide) && !Kind::Address.is_within(wide, narrow));
        // To a header they are texts.
        assert!(!Kind::Text.is_within(narrow, wide) && !Kind::Text.is_within("/a", "/{*}"));
        for (a, b) in [("a", "b"), ("a*", "b"), ("a*", "b*"), ("*a", "*b"), ("*a", "b")] {
            assert!(are_apart(a, b) && are_apart(b, a), "{a} and {b}");
        }
        for (a, b) in [("a*", "*b"), ("a*", "ab*"), ("*", "b"), ("*.a*", "b.a"), ("a*c", "abc")] {
            assert!(!are_apart(a, b) && !are_apart(b, a), "{a} and {b}");
        }
    }
}
