//! Of which requests a match of a route speaks: whether one takes all that another one does, and which both take.
//!
//! Only what can be proved counts: expressions are not compared with others. Ports and labels of callers do not count: whoever reads
//! routes of a gateway leaves out those that are for others.

use mesh_snapshot::object::{HttpMatch, StringMatch, ValueMatch};

/// Whether the first takes each request that the second takes.
pub(super) fn covers(wide: &HttpMatch, narrow: &HttpMatch) -> bool {
    let text =
        |wide: &Option<StringMatch>, narrow: &Option<StringMatch>| wide.is_none() || wide == narrow;
    covers_path(wide, narrow)
        && text(&wide.scheme, &narrow.scheme)
        && text(&wide.method, &narrow.method)
        && text(&wide.authority, &narrow.authority)
        && wide.headers.iter().all(|it| narrow.headers.contains(it))
        && wide.query.iter().all(|it| narrow.query.contains(it))
        && wide.claims.iter().all(|it| narrow.claims.contains(it))
        && (wide.source_namespace.is_empty() || wide.source_namespace == narrow.source_namespace)
}

/// The requests that both take; none where there are none, or nothing is known of them.
pub(super) fn both(one: &HttpMatch, other: &HttpMatch) -> Option<HttpMatch> {
    let text = |one: &Option<StringMatch>, other: &Option<StringMatch>| match (one, other) {
        (one, None) => Some(one.clone()),
        (None, other) => Some(other.clone()),
        (one, other) => (one == other).then(|| one.clone()),
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
