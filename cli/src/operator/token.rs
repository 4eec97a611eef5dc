//! What an operator shows a control runtime that is to change something.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::HeaderValue;
use serde::{Deserialize, Serialize};

/// As the control runtime writes it into its own folder: `operator-token`.
#[derive(Clone, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Token(String);

#[derive(Debug, thiserror::Error)]
#[error("a token is 64 hexadecimal digits, as in the control runtime's file `operator-token`")]
pub(crate) struct NotAToken;

/// Why a file tells none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error("{}: {error}", path.display())]
    Content { path: PathBuf, error: NotAToken },
}

impl Token {
    /// # Errors
    ///
    /// When the file cannot be read, or holds something else.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenError> {
        let path = || path.to_owned();
        let text = std::fs::read_to_string(path())
            .map_err(|error| TokenError::Io { path: path(), error })?;
        text.parse().map_err(|error| TokenError::Content { path: path(), error })
    }

    pub(super) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0))
            .unwrap_or_else(|error| unreachable!("digits can be sent: {error}"));
        value.set_sensitive(true);
        value
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let digits = text.trim();
        let is_token = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_token { Ok(Self(digits.to_owned())) } else { Err(NotAToken) }
    }
}

impl TryFrom<String> for Token {
    type Error = NotAToken;

    fn try_from(text: String) -> Result<Self, NotAToken> {
        text.parse()
    }
}

impl From<Token> for String {
    fn from(token: Token) -> Self {
        token.0
    }
}

/// Not what it is: logs are for others too.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_holds_is_a_token_or_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, format!("{}\n", "0f".repeat(32))).unwrap();
        let token = Token::read(&path).unwrap();
        assert_eq!(token.header(), format!("Bearer {}", "0f".repeat(32)).as_str());
        assert_eq!(format!("{token:?} {:?}", token.header()), "Token Sensitive");
        std::fs::write(&path, "a\r\nb").unwrap();
        let refused = Token::read(&path).unwrap_err().to_string();
        assert!(refused.starts_with(&path.display().to_string()), "{refused}");
        assert!(Token::read(&folder.path().join("none")).is_err());
    }
}
