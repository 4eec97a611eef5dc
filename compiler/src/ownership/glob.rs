//! `*` for anything but `/`, `**` for that too.

/// Whether all of `text` is as `pattern` says.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    matches_bytes(pattern.as_bytes(), text.as_bytes())
}

/// Whether `path` is what `pattern` names, or lies below it.
pub(super) fn holds(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    if pattern.is_empty() || pattern == "." {
        return true;
    }
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.into_iter().any(|end| matches(pattern, path.get(..end).unwrap_or_default()))
}

/// Behind a star in the pattern, and what of the text it has left.
type Star = (usize, usize);

/// Goes back to the last star alone, which takes one byte more each time; stars before it have taken what they need.
fn matches_bytes(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    // The last of each sort.
    let mut one: Option<Star> = None;
    let mut two: Option<Star> = None;
    loop {
        let rest = pattern.get(at..).unwrap_or_default();
        match (rest, text.get(in_text)) {
            ([b'*', b'*', ..], _) => {
                (at, one) = (at + 2, None);
                two = Some((at, in_text));
            }
            ([b'*', ..], _) => {
                at += 1;
                one = Some((at, in_text));
            }
            ([], None) => return true,
            ([byte, ..], Some(own)) if byte == own => (at, in_text) = (at + 1, in_text + 1),
            _ => match (one, two) {
                (Some((behind, left)), _) if text.get(left).is_some_and(|it| *it != b'/') => {
                    (at, in_text) = (behind, left + 1);
                    one = Some((behind, left + 1));
                }
                (_, Some((behind, left))) if left < text.len() => {
                    (at, in_text) = (behind, left + 1);
                    (one, two) = (None, Some((behind, left + 1)));
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{holds, matches};

    #[test]
    fn stars_stand_for_what_they_say() {
        for (pattern, text, is) in [
            ("", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "a.b", true),
            ("*", "a/b", false),
            ("**", "a/b", true),
            ("a-*", "a-b", true),
            ("*.b.c", "a.b.b.c", true),
            ("*.b.c", "b.c", false),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/b/c", false),
            ("a/**/c", "a/b/b/c", true),
            ("**/x*/y", "a/xa/b/xb/y", true),
            ("**/x*/y", "a/xa/b/z", false),
        ] {
            assert_eq!(matches(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn a_folder_holds_what_lies_in_it() {
        for (pattern, path, is) in [
            ("teams/shop", "teams/shop/a.yaml", true),
            ("teams/shop/", "teams/shop/b/a.yaml", true),
            ("teams/*", "teams/shop/b/a.yaml", true),
            ("teams/shop", "teams/shopping/a.yaml", false),
            ("a.yaml", "a.yaml", true),
            (".", "a.yaml", true),
            ("**/routes", "x/y/routes/a.yaml", true),
        ] {
            assert_eq!(holds(pattern, path), is, "{pattern} {path}");
        }
    }

    /// Hard patterns are answered in time.
    #[test]
    fn many_stars_end() {
        assert!(!matches(&"*a".repeat(40), &"a".repeat(39)));
        assert!(!matches(&format!("{}b", "**a*".repeat(30)), &"a".repeat(5000)));
    }
}
