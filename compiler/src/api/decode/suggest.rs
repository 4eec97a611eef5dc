//! "Did you mean".

/// The one of `known` that `word` most likely stands for: the same but for case and `_` or `-`, or at few edits.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = Folded::of(word);
    let known = known.into_iter().map(|it| (it, Folded::of(it)));
    let mut best = Best::far_from(&folded);
    let mut found = None;
    for (candidate, own) in known {
        if best.improves(&folded, &own, candidate.len()) {
            found = Some(candidate);
        }
    }
    found
}

/// Many words of which one is meant, again and again.
#[derive(Clone, Debug, Default)]
pub struct Words(Vec<(String, Folded)>);

impl Words {
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// Of equally near words the first is meant.
    #[must_use]
    pub fn of<'a>(known: impl IntoIterator<Item = &'a str>) -> Self {
        Self(known.into_iter().map(|it| (it.to_owned(), Folded::of(it))).collect())
    }

    /// As [`nearest`] says it.
    #[must_use]
    pub fn nearest(&self, word: &str) -> Option<&str> {
        let folded = Folded::of(word);
        let mut best = Best::far_from(&folded);
        let mut found = None;
        for (candidate, own) in &self.0 {
            if best.improves(&folded, own, candidate.len()) {
                found = Some(candidate.as_str());
            }
        }
        found
    }
}

/// A word without what may be written otherwise, and how often each character is in it.
#[derive(Clone, Debug)]
struct Folded {
    text: String,
    length: usize,
    counts: [u8; 32],
}

impl Folded {
    fn of(word: &str) -> Self {
        let text = fold(word);
        let mut counts = [0u8; 32];
        for byte in text.bytes() {
            if let Some(count) = counts.get_mut(usize::from(byte % 32)) {
                *count = count.saturating_add(1);
            }
        }
        Self { length: text.chars().count(), text, counts }
    }

    /// Not more edits than it takes to get from one to the other: each adds or takes one character at most.
    fn distance_min(&self, other: &Self) -> usize {
        if !(self.text.is_ascii() && other.text.is_ascii()) {
            return self.length.abs_diff(other.length);
        }
        let pairs = || self.counts.iter().zip(&other.counts);
        let more: usize = pairs().map(|(own, other)| usize::from(own.saturating_sub(*other))).sum();
        let less: usize = pairs().map(|(own, other)| usize::from(other.saturating_sub(*own))).sum();
        more.max(less)
    }
}

/// How near the nearest word is that was met.
struct Best {
    below: usize,
}

impl Best {
    /// A third of the letters may be wrong; of a short word, one.
    fn far_from(word: &Folded) -> Self {
        Self { below: (word.length / 3).max(1) + 1 }
    }

    /// Whether `candidate`, which is written in so many bytes, is nearer than all before.
    fn improves(&mut self, word: &Folded, candidate: &Folded, bytes: usize) -> bool {
        if word.distance_min(candidate) >= self.below.min(bytes) {
            return false;
        }
        // What both begin and end with costs nothing, and takes most of the time.
        let (own, other) = without_common_ends(&word.text, &candidate.text);
        let distance = strsim::osa_distance(own, other);
        let is_nearer = distance < self.below.min(bytes);
        if is_nearer {
            self.below = distance;
        }
        is_nearer
    }
}

fn without_common_ends<'t>(a: &'t str, b: &'t str) -> (&'t str, &'t str) {
    let begin: usize =
        a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(it, _)| it.len_utf8()).sum();
    let (a, b) = (a.get(begin..).unwrap_or_default(), b.get(begin..).unwrap_or_default());
    let pairs = a.chars().rev().zip(b.chars().rev());
    let end: usize = pairs.take_while(|(a, b)| a == b).map(|(it, _)| it.len_utf8()).sum();
    (a.get(..a.len() - end).unwrap_or_default(), b.get(..b.len() - end).unwrap_or_default())
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
    use proptest::prelude::*;

    use super::{Words, fold, nearest};

    /// As it is told, without what is left out for speed.
    fn nearest_of_all<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
        let far = (fold(word).chars().count() / 3).max(1);
        let distance = |it: &&str| strsim::osa_distance(&fold(word), &fold(it));
        let near =
            known.iter().copied().filter(|it| distance(it) <= far && distance(it) < it.len());
        near.min_by_key(distance)
    }

    proptest! {
        #[test]
        fn nothing_nearer_is_left_out(word in "[a-dB_é]{0,9}", known in prop::collection::vec("[a-dB_é]{0,9}", 0..8)) {
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            let expected = nearest_of_all(&word, &known);
            prop_assert_eq!(nearest(&word, known.iter().copied()), expected);
            let words = Words::of(known.iter().copied());
            prop_assert_eq!(words.nearest(&word), expected);
        }
    }

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
