//! Of which requests a match of a route speaks: whether one takes all that another one does, and which both take.
//!
//! Only what can be proved counts: expressions are not compared with others. Ports and labels of callers do not count: whoever reads
//! routes of a gateway leaves out those that are for others.

use mesh_snapshot::object::{
    ClaimMatch, HeaderMatch, HttpMatch, QueryMatch, StringMatch, ValueMatch,
};

/// Whether the first takes each request that the second takes.
pub(super) fn covers(wide: &HttpMatch, narrow: &HttpMatch) -> bool {
    // Each request has one of each.
    let text = |wide: &Option<StringMatch>, narrow: &Option<StringMatch>| match (wide, narrow) {
        (None, _) => true,
        (Some(wide), None) => takes_all(wide),
        (Some(wide), Some(narrow)) => takes(wide, narrow),
    };
    let headers = |it: &HeaderMatch| {
        let mut own = narrow.headers.iter().filter(|own| own.name == it.name);
        own.any(|own| are_within((&own.value, own.inverted), (&it.value, it.inverted)))
    };
    let query = |it: &QueryMatch| {
        let mut own = narrow.query.iter().filter(|own| own.name == it.name);
        own.any(|own| are_within((&own.value, false), (&it.value, false)))
    };
    let claims = |it: &ClaimMatch| {
        let mut own = narrow.claims.iter().filter(|own| own.path == it.path);
        own.any(|own| are_within((&own.value, own.inverted), (&it.value, it.inverted)))
    };
    covers_path(wide, narrow)
        && text(&wide.scheme, &narrow.scheme)
        && text(&wide.method, &narrow.method)
        && text(&wide.authority, &narrow.authority)
        && wide.headers.iter().all(headers)
        && wide.query.iter().all(query)
        && wide.claims.iter().all(claims)
        && (wide.source_namespace.is_empty() || wide.source_namespace == narrow.source_namespace)
}

/// Whether what one test asks for fulfils the other; of either, whether it holds where its value does not.
fn are_within((some, is_not): (&ValueMatch, bool), (all, is_not_all): (&ValueMatch, bool)) -> bool {
    let is_taken = |some: &ValueMatch, all: &ValueMatch| match (some, all) {
        (_, ValueMatch::Present) => true,
        (ValueMatch::Present, ValueMatch::Is(all)) => takes_all(all),
        (ValueMatch::Is(some), ValueMatch::Is(all)) => takes(all, some),
    };
    is_not == is_not_all && if is_not { is_taken(all, some) } else { is_taken(some, all) }
}

/// Whether the first takes each text that the second takes.
fn takes(wide: &StringMatch, narrow: &StringMatch) -> bool {
    use StringMatch::{Exact, PathPrefix, Prefix};
    match (wide, narrow) {
        (Prefix(start), Exact(text) | Prefix(text) | PathPrefix(text)) => text.starts_with(start),
        _ => wide == narrow || takes_all(wide),
    }
}

fn takes_all(it: &StringMatch) -> bool {
    match it {
        StringMatch::Prefix(start) => start.is_empty(),
        StringMatch::Regex(text) => text == ".*",
        StringMatch::Exact(_) | StringMatch::PathPrefix(_) => false,
    }
}

/// The requests that both take; none where there are none, or nothing is known of them.
pub(super) fn both(one: &HttpMatch, other: &HttpMatch) -> Option<HttpMatch> {
    let text = |one: &Option<StringMatch>, other: &Option<StringMatch>| match (one, other) {
        (one, None) => Some(one.clone()),
        (None, other) => Some(other.clone()),
        (Some(one), Some(other)) if takes(one, other) => Some(Some(other.clone())),
        (Some(one), Some(other)) => takes(other, one).then(|| Some(one.clone())),
    };
    let of_path = match (covers_path(one, other), covers_path(other, one)) {
        (true, _) => other,
        (_, true) => one,
        _ => return None,
    };
    let (source_namespace, is_other) = match &*one.source_namespace {
        "" => (other.source_namespace.clone(), false),
        own => {
            (own.to_owned(), !other.source_namespace.is_empty() && other.source_namespace != own)
        }
    };
    if is_other {
        return None;
    }
    Some(HttpMatch {
        path: of_path.path.clone(),
        ignore_path_case: of_path.ignore_path_case,
        scheme: text(&one.scheme, &other.scheme)?,
        method: text(&one.method, &other.method)?,
        authority: text(&one.authority, &other.authority)?,
        headers: joined(&one.headers, &other.headers, |it| it.name.clone())?,
        query: joined(&one.query, &other.query, |it| it.name.clone())?,
        claims: joined(&one.claims, &other.claims, |it| it.path.clone())?,
        source_namespace,
        ..HttpMatch::default()
    })
}

/// What is asked by one of them. Two values for one name nobody may have.
fn joined<T: Clone + PartialEq, N: PartialEq>(
    one: &[T],
    other: &[T],
    name: impl Fn(&T) -> N,
) -> Option<Vec<T>> {
    let new: Vec<_> = other.iter().filter(|it| !one.contains(it)).collect();
    let is_apart = |it: &T| one.iter().all(|own| name(own) != name(it));
    new.iter()
        .all(|it| is_apart(it))
        .then(|| one.iter().chain(new.iter().copied()).cloned().collect())
}

fn covers_path(wide: &HttpMatch, narrow: &HttpMatch) -> bool {
    let read = |path: &str| {
        if wide.ignore_path_case { path.to_lowercase() } else { path.to_owned() }
    };
    let starts = |start: &str, path: &str| read(path).starts_with(&read(start));
    match (&wide.path, &narrow.path) {
        (None, _) => true,
        // Every path begins so.
        (Some(StringMatch::Prefix(start) | StringMatch::PathPrefix(start)), _)
            if matches!(start.as_str(), "" | "/") =>
        {
            true
        }
        (Some(wide), _) if takes_all(wide) => true,
        (Some(_), None) => false,
        _ if narrow.ignore_path_case && !wide.ignore_path_case => false,
        (Some(wide), Some(narrow)) if wide == narrow => true,
        (
            Some(StringMatch::Prefix(start)),
            Some(
                StringMatch::Exact(path)
                | StringMatch::Prefix(path)
                | StringMatch::PathPrefix(path),
            ),
        ) => starts(start, path),
        (
            Some(StringMatch::PathPrefix(start)),
            Some(StringMatch::Exact(path) | StringMatch::PathPrefix(path)),
        ) => read(path) == read(start) || starts(&format!("{start}/"), path),
        (Some(StringMatch::PathPrefix(start)), Some(StringMatch::Prefix(path))) => {
            starts(&format!("{start}/"), path)
        }
        _ => false,
    }
}

/// What is asked of a request, in few words: `path /cart*, method GET, header x`.
pub(super) fn words(of: &HttpMatch) -> String {
    let text = |name: &str, text: &Option<StringMatch>| {
        text.as_ref().map(|text| match text {
            StringMatch::Exact(text) => format!("{name} {text}"),
            StringMatch::Prefix(text) => format!("{name} {text}*"),
            StringMatch::PathPrefix(text) => format!("{name} {text}/*"),
            StringMatch::Regex(text) => format!("{name} matching {text}"),
        })
    };
    let texts = [
        ("path", &of.path),
        ("method", &of.method),
        ("scheme", &of.scheme),
        ("authority", &of.authority),
    ];
    let mut said: Vec<_> = texts.into_iter().filter_map(|(name, it)| text(name, it)).collect();
    for (what, name, value, inverted) in of
        .headers
        .iter()
        .map(|it| ("header", &it.name, &it.value, it.inverted))
        .chain(of.query.iter().map(|it| ("parameter", &it.name, &it.value, false)))
    {
        let not = if inverted { "not " } else { "" };
        said.extend(match value {
            ValueMatch::Present => Some(format!("{not}{what} {name}")),
            ValueMatch::Is(value) => text(&format!("{not}{what} {name}"), &Some(value.clone())),
        });
    }
    for claim in &of.claims {
        let not = if claim.inverted { "not " } else { "" };
        let name = format!("{not}claim {}", claim.path.join("."));
        said.extend(match &claim.value {
            ValueMatch::Present => Some(name),
            ValueMatch::Is(value) => text(&name, &Some(value.clone())),
        });
    }
    if !of.source_namespace.is_empty() {
        said.push(format!("from namespace {}", of.source_namespace));
    }
    if said.is_empty() { "other requests".to_owned() } else { said.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> StringMatch {
        match (text.strip_prefix('~'), text.strip_suffix('*')) {
            (Some(expression), _) => StringMatch::Regex(expression.to_owned()),
            (_, Some(start)) => StringMatch::Prefix(start.to_owned()),
            _ => StringMatch::Exact(text.to_owned()),
        }
    }

    #[test]
    fn texts_are_compared_by_what_they_match() {
        for (wide, narrow, is_covered) in [
            ("z*", "z", true),
            ("z*", "zz*", true),
            ("z", "z*", false),
            ("*", "~a+", true),
            ("~.*", "z", true),
            ("~.*", "~a+", true),
            ("~a+", "aa", false),
        ] {
            let value = |it: &str| ValueMatch::Is(text(it));
            let header = |it: &str, inverted| HttpMatch {
                headers: vec![HeaderMatch { name: "x".to_owned(), value: value(it), inverted }],
                ..HttpMatch::default()
            };
            let query = |it: &str| HttpMatch {
                query: vec![QueryMatch { name: "x".to_owned(), value: value(it) }],
                ..HttpMatch::default()
            };
            let claim = |it: &str| HttpMatch {
                claims: vec![ClaimMatch {
                    path: vec!["x".to_owned()],
                    value: value(it),
                    inverted: false,
                }],
                ..HttpMatch::default()
            };
            let method = |it: &str| HttpMatch { method: Some(text(it)), ..HttpMatch::default() };
            let path = |it: &str| HttpMatch { path: Some(text(it)), ..HttpMatch::default() };
            assert_eq!(covers(&header(wide, false), &header(narrow, false)), is_covered, "{wide}");
            assert_eq!(covers(&header(narrow, true), &header(wide, true)), is_covered, "{wide}");
            assert_eq!(covers(&query(wide), &query(narrow)), is_covered, "{wide}");
            assert_eq!(covers(&claim(wide), &claim(narrow)), is_covered, "{wide}");
            assert_eq!(covers(&method(wide), &method(narrow)), is_covered, "{wide}");
            assert_eq!(covers(&path(wide), &path(narrow)), is_covered, "{wide}");
            let all = HttpMatch::default();
            let takes_all = matches!(wide, "~.*" | "*");
            assert_eq!(covers(&path(wide), &all) && covers(&method(wide), &all), takes_all);
            // Not every request has it.
            assert!(!covers(&header(wide, false), &all) && covers(&all, &header(wide, false)));
        }
    }

    #[test]
    fn both_take_what_neither_leaves_out() {
        let path = |it: &str| HttpMatch { path: Some(text(it)), ..HttpMatch::default() };
        let method = |it: &str| HttpMatch { method: Some(text(it)), ..HttpMatch::default() };
        let joined = HttpMatch { path: Some(text("/a*")), ..method("GET") };
        assert_eq!(both(&path("/a*"), &method("GET")), Some(joined));
        assert_eq!(both(&path("/a*"), &path("/a/b")), Some(path("/a/b")));
        assert_eq!(both(&path("/a"), &path("/b")), None);
        assert_eq!(both(&method("GET"), &method("POST")), None);
        let header = |value: &str| HttpMatch {
            headers: vec![HeaderMatch {
                name: "x".to_owned(),
                value: ValueMatch::Is(text(value)),
                inverted: false,
            }],
            ..HttpMatch::default()
        };
        assert_eq!(both(&header("1"), &header("1")), Some(header("1")));
        assert_eq!(both(&header("1"), &header("2")), None);
    }
}
