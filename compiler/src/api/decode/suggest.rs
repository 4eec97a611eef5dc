//! "Did you mean".

/// The one of `known` that `word` most likely stands for: the same but for case and `_` or `-`, or at few edits.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(word, known).min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// The same of names that come in no order: of two that are as near, the first by the alphabet.
#[must_use]
pub fn nearest_in_no_order<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    near(word, known).min().map(|(_, candidate)| candidate)
}

/// With how many edits there are to each. A mesh has thousands of names, and nearly all of them are told apart by their letters.
fn near<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = (usize, &'a str)> {
    let folded = fold(word);
    let (length, own) = (folded.chars().count(), letters(word));
    // A third of the letters may be wrong; of a short word, one.
    let far = (length / 3).max(1);
    known.into_iter().filter_map(move |candidate| {
        let other = letters(candidate);
        let lacking = (own & !other).count_ones().max((other & !own).count_ones());
        if lacking as usize > far {
            return None;
        }
        let candidate_folded = fold(candidate);
        if candidate_folded.chars().count().abs_diff(length) > far {
            return None;
        }
        let distance = strsim::osa_distance(&folded, &candidate_folded);
        (distance <= far && distance < candidate.len()).then_some((distance, candidate))
    })
}

/// Which letters and digits a word has, a bit each; each edit brings or takes one.
fn letters(word: &str) -> u64 {
    word.bytes().fold(0, |all, byte| match byte.to_ascii_lowercase() {
        it @ b'a'..=b'z' => all | 1 << (it - b'a'),
        it @ b'0'..=b'9' => all | 1 << (26 + it - b'0'),
        _ => all,
    })
}

/// Whether the two differ by nothing but the way they are written.
pub(super) fn is_same_word(a: &str, b: &str) -> bool {
    fold(a) == fold(b)
}

fn fold(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_word_is_near_when_few_letters_are_wrong() {
        let fields = ["match", "route", "rewrite", "retries", "mirrorPercentage"];
        assert_eq!(nearest("matchs", fields), Some("match"));
        assert_eq!(nearest("ruote", fields), Some("route"));
        assert_eq!(nearest("mirror_percentage", fields), Some("mirrorPercentage"));
        assert_eq!(nearest("Retries", fields), Some("retries"));
        assert_eq!(nearest("timeout", fields), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
