//! Whether two messages are about the same thing, although each tool has its own words for it.
//!
//! What a message is about are its nouns: fields, kinds, values. Both messages are cut into words, the words that every
//! message has are dropped, and those that tools use for one thing are made one. Of up to two words that are left all
//! have to be met; of more, half.

/// Words that say that something is wrong, or hold a sentence together, and not what it is about.
const EMPTY: &[&str] = &[
    "a",
    "allowed",
    "alongside",
    "an",
    "and",
    "are",
    "as",
    "associated",
    "at",
    "be",
    "body",
    "but",
    "by",
    "can",
    "cannot",
    "char",
    "config",
    "configuration",
    "contain",
    "conversion",
    "do",
    "does",
    "equal",
    "error",
    "exactly",
    "expected",
    "field",
    "for",
    "found",
    "from",
    "go",
    "greater",
    "have",
    "hint",
    "if",
    "in",
    "invalid",
    "is",
    "it",
    "least",
    "less",
    "like",
    "long",
    "match",
    "matching",
    "may",
    "mode",
    "more",
    "must",
    "need",
    "no",
    "not",
    "number",
    "object",
    "of",
    "on",
    "one",
    "only",
    "or",
    "other",
    "out",
    "range",
    "require",
    "required",
    "set",
    "should",
    "spec",
    "specified",
    "start",
    "support",
    "than",
    "that",
    "the",
    "them",
    "this",
    "to",
    "try",
    "type",
    "up",
    "use",
    "used",
    "using",
    "valid",
    "value",
    "when",
    "will",
    "with",
    "without",
];

/// Words for one thing, the first of a line in place of the others.
const SAME: &[&[&str]] = &[
    &["host", "hostname", "domain", "fqdn"],
    &["certificate", "cert", "bundle"],
    &["duplicate", "duplicated", "already", "twice", "again", "unique", "repeated"],
    &["empty", "blank"],
    &["length", "long", "too", "exceed", "maximum", "large", "limit"],
    &["address", "ip", "cidr"],
    &["passthrough", "through"],
    &["part", "partial"],
    &["url", "uri"],
    &["several", "multiple", "many"],
    &["deprecated", "legacy", "old"],
    &["unknown", "unsupported"],
];

/// A text without the regular expression that it shows.
fn without_pattern(text: &str) -> String {
    match (text.split_once('^'), text.rsplit_once('$')) {
        (Some((before, _)), Some((_, after))) => format!("{before} {after}"),
        _ => text.to_owned(),
    }
}

/// The words of a text that say what it is about.
pub(crate) fn subjects(text: &str) -> Vec<String> {
    let mut words: Vec<_> = split(text).filter(|word| !EMPTY.contains(&word.as_str())).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Whether `got` is about what `expected` is about.
pub(crate) fn is_about(got: &str, expected: &str) -> bool {
    let got: Vec<_> = split(got).collect();
    let expected = subjects(&without_pattern(expected));
    let met = expected.iter().filter(|word| got.contains(word)).count();
    let needed = if expected.len() <= 2 { expected.len() } else { expected.len().div_ceil(2) };
    met >= needed
}

/// Whether the name of a check sums up a message of many words.
pub(crate) fn sums_up(check: &str, expected: &str) -> bool {
    let (name, expected) = (subjects(check), subjects(expected));
    expected.len() > 4 && !name.is_empty() && name.iter().all(|word| expected.contains(word))
}

/// Words in lower case, `camelCase` cut, in the singular.
fn split(text: &str) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let next_is_lower = characters.peek().is_some_and(char::is_ascii_lowercase);
        let begins = character.is_uppercase()
            && (before.is_lowercase() || (before.is_uppercase() && next_is_lower));
        if begins || !character.is_alphanumeric() {
            words.push(std::mem::take(&mut word));
        }
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
        }
        before = character;
    }
    words.push(word);
    words.into_iter().filter(|word| !word.is_empty()).map(|word| canonical(&word))
}

fn canonical(word: &str) -> String {
    let singular = match word.strip_suffix("ies") {
        Some(stem) if stem.len() > 2 => format!("{stem}y"),
        _ => match word.strip_suffix('s') {
            Some(stem) if word.len() > 3 && !stem.ends_with(['s', 'u', 'i']) => stem.to_owned(),
            _ => word.to_owned(),
        },
    };
    let same = SAME.iter().find(|line| line.contains(&singular.as_str()));
    same.and_then(|line| line.first()).map_or(singular, |first| (*first).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_where_tools_join_them() {
        let words: Vec<_> =
            split("HTTPRoute `portLevelMtls` of serviceAccounts, 2 policies").collect();
        let expected = "http route port level mtl of service account 2 policy";
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn a_name_sums_up_what_it_holds_the_words_of() {
        let message = "Label keys must be in the form of an optional DNS subdomain and a name";
        assert!(sums_up("invalid-label", message));
        assert!(!sums_up("invalid-host", message));
        assert!(!sums_up("invalid-label", "label key"));
    }

    #[test]
    fn messages_about_one_thing_are_told_from_others() {
        assert!(is_about("a TLS server needs a `privateKey`", "requires a private key"));
        assert!(!is_about("a TLS server needs a `serverCertificate`", "private key"));
        assert!(is_about("spec.hosts is missing", "spec.hosts: Required value"));
        assert!(!is_about("spec.ports is missing", "spec.hosts: Required value"));
        assert!(is_about("`*bar.com` is no domain", "domain"));
        assert!(is_about("no name of a path", "path: name must match ^[a-z0-9][-a-z]*$"));
    }
}
