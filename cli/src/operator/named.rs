//! A snapshot as people name it: by its digest, or by as much of it as tells it apart.

use std::str::FromStr;

use mesh_snapshot::Digest;

/// `sha256:9f2c41d07a3b`, as the verbs print it; the word before the colon may be left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Named(String);

/// Fewer digits are hardly meant.
const DIGITS_MIN: usize = 4;
const DIGITS_MAX: usize = 64;

#[derive(Debug, thiserror::Error)]
#[error("not a digest: `sha256:` and {DIGITS_MIN} to {DIGITS_MAX} lower-case hexadecimal digits")]
pub(crate) struct NotADigest;

#[derive(Debug, thiserror::Error)]
pub(crate) enum NamedError {
    #[error("no snapshot begins with `{0}` among those that this concerns{1}")]
    Unknown(String, String),
    #[error("several snapshots begin with `{0}`: {1}")]
    Ambiguous(String, String),
}

impl FromStr for Named {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        let is_digest =
            (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(is_digit);
        if is_digest { Ok(Self(format!("sha256:{digits}"))) } else { Err(NotADigest) }
    }
}

impl Named {
    /// Which of these it is. One that is named in full need not be known.
    ///
    /// # Errors
    ///
    /// When it is none of them, or may be several.
    pub(crate) fn among(
        &self,
        known: impl IntoIterator<Item = Digest>,
    ) -> Result<Digest, NamedError> {
        if let Ok(digest) = self.0.parse() {
            return Ok(digest);
        }
        let known: Vec<Digest> = known.into_iter().collect();
        let is_meant = |digest: &&Digest| digest.to_string().starts_with(&self.0);
        match known.iter().filter(is_meant).collect::<Vec<_>>().as_slice() {
            [digest] => Ok(**digest),
            [] if known.is_empty() => {
                Err(NamedError::Unknown(self.0.clone(), "; there are none".to_owned()))
            }
            [] => Err(NamedError::Unknown(self.0.clone(), format!(": {}", list(&known)))),
            several => Err(NamedError::Ambiguous(self.0.clone(), list(several.iter().copied()))),
        }
    }
}

fn list<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> String {
    digests.into_iter().map(super::view::short).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::Digest;

    use super::{Named, NamedError};

    #[test]
    fn what_is_printed_names_a_snapshot() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let named: Named = super::super::view::short(&one).parse().unwrap();
        assert_eq!(named.among([one, other]).unwrap(), one);
        assert!(matches!(named.among([other]), Err(NamedError::Unknown(..))));
        assert!(matches!(named.among([one, one]), Err(NamedError::Ambiguous(..))));
        let in_full: Named = one.to_string().parse().unwrap();
        assert_eq!(in_full.among([]).unwrap(), one);
    }

    #[test]
    fn other_texts_name_none() {
        for text in ["", "sha256:", "abc", "sha256:ABCDEF", "latest", "sha512:abcdef"] {
            assert!(text.parse::<Named>().is_err(), "{text}");
        }
    }
}
