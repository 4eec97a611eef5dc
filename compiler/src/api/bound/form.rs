//! Forms of texts.

/// How a text must look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// A domain in lower case, or nothing.
    Group,
    /// A word such as `Service`.
    Kind,
    /// A DNS label.
    Namespace,
    /// A word, or a domain, `/` and a word.
    Protocol,
    /// One of the three that are known, or a domain, `/` and a path.
    AddressType,
    /// The path of a URL.
    Path,
}

impl Form {
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "group" => Self::Group,
            "kind" => Self::Kind,
            "namespace" => Self::Namespace,
            "protocol" => Self::Protocol,
            "address-type" => Self::AddressType,
            "path" => Self::Path,
            _ => return None,
        })
    }

    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Group => "a domain in lower case, or empty for Kubernetes' own",
            Self::Kind => "a word such as `Service`",
            Self::Namespace => "at most 63 lower-case letters, digits and `-`",
            Self::Protocol => "a word such as `HTTP`, or a domain, `/` and a word",
            Self::AddressType => {
                "`IPAddress`, `Hostname`, `NamedAddress`, or a domain, `/` and a name"
            }
            Self::Path => "a path, with everything else in it written as `%20`",
        }
    }

    pub(super) fn fits(self, text: &str) -> bool {
        match self {
            Self::Group => text.is_empty() || is_domain(text),
            Self::Kind => {
                text.len() <= 63
                    && text.starts_with(|first: char| first.is_ascii_alphabetic())
                    && is_word(text)
            }
            Self::Namespace => text.len() <= 63 && is_label(text),
            Self::Protocol => {
                is_word(text)
                    || text.rsplit_once('/').is_some_and(|(domain, name)| {
                        is_domain(domain)
                            && !name.is_empty()
                            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
                    })
            }
            Self::AddressType => {
                matches!(text, "IPAddress" | "Hostname" | "NamedAddress")
                    || text.split_once('/').is_some_and(|(domain, path)| {
                        is_domain(domain) && !path.is_empty() && is_path(path)
                    })
            }
            Self::Path => !text.is_empty() && is_path(text),
        }
    }
}

fn is_domain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    is_word(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Letters, digits and, between them, `-`.
fn is_word(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.bytes().all(is_inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_path(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(&byte);
        let mut is_escape = || {
            byte == b'%' && (0..2).all(|_| bytes.next().is_some_and(|it| it.is_ascii_hexdigit()))
        };
        if !is_plain && !is_escape() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn each_form_takes_its_own() {
        for (form, fits, fails) in [
            (Form::Group, ["", "a.b-c"], ["A", "a..b"]),
            (Form::Kind, ["Service", "a-1"], ["", "1a"]),
            (Form::Namespace, ["a", "a-1"], ["", "a.b"]),
            (Form::Protocol, ["HTTP", "a.b/C"], ["-", "a_b"]),
            (Form::AddressType, ["Hostname", "a.b/c-d"], ["Other", "a/"]),
            (Form::Path, ["/a%20b", "a"], ["/a b", "/a%2"]),
        ] {
            for text in fits {
                assert!(form.fits(text), "{form:?} {text:?}");
            }
            for text in fails {
                assert!(!form.fits(text), "{form:?} {text:?}");
            }
        }
    }
}
