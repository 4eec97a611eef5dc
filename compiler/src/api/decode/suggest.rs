//! "Did you mean".

/// The one of `known` that `word` most likely stands for: the same but for case and `_` or `-`, or at few edits.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    // A third of the letters may be wrong; of a short word, one.
    let far = (folded.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&folded, &fold(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= far && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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
