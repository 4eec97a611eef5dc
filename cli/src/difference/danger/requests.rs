//! Of which requests a match of a route speaks: whether one takes all that another one does, and which both take.
//!
//! Only what can be proved counts: expressions are not compared with others.

use mesh_snapshot::object::{HttpMatch, StringMatch, ValueMatch};

/// Whether the first takes each request that the second takes.
pub(super) fn covers(wide: &HttpMatch, narrow: &HttpMatch) -> bool {
    let text =
        |wide: &Option<StringMatch>, narrow: &Option<StringMatch>| wide.is_none() || wide == narrow;
    let labels = &narrow.source_labels;
    covers_path(wide, narrow)
        && text(&wide.scheme, &narrow.scheme)
        && text(&wide.method, &narrow.method)
        && text(&wide.authority, &narrow.authority)
        && wide.headers.iter().all(|it| narrow.headers.contains(it))
        && wide.query.iter().all(|it| narrow.query.contains(it))
        && wide.claims.iter().all(|it| narrow.claims.contains(it))
        && (wide.port.is_none() || wide.port == narrow.port)
        && wide.source_labels.iter().all(|(name, value)| labels.get(name) == Some(value))
        && (wide.source_namespace.is_empty() || wide.source_namespace == narrow.source_namespace)
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
    said.extend(of.port.map(|port| format!("port {port}")));
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
    if said.is_empty() { "other requests".to_owned() } else { said.join(", ") }
}
