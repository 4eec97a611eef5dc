//! Which texts each part of a request can have, as a proxy compares it.
//!
//! Whoever says that no request has a text, and whoever says that none is left, asks this table. A part has no other texts; not
//! each of these need be one.

use mesh_engine::byte;
use mesh_engine::pattern::Alphabet;

pub(super) struct Letters {
    /// The bytes of a text.
    pub has: fn(u8) -> bool,
    /// What each begins with.
    pub start: &'static str,
    /// All texts, where they can be counted.
    pub words: Option<&'static [&'static str]>,
    /// Why there is no other.
    pub why: &'static str,
}

/// Without the query.
pub(super) static PATH: Letters = Letters {
    has: byte::is_path,
    start: "/",
    words: None,
    why: "white space, control characters and letters beyond ASCII are escaped in a path",
};

pub(super) static METHOD: Letters =
    Letters { has: byte::is_token, start: "", words: None, why: "no method has such a character" };

pub(super) static SCHEME: Letters = Letters {
    has: |byte| byte.is_ascii_lowercase(),
    start: "",
    words: Some(&["http", "https"]),
    why: "the scheme is `http` or `https`",
};

pub(super) static AUTHORITY: Letters = Letters {
    has: byte::is_authority,
    start: "",
    words: None,
    why: "it is a host, perhaps with a port, and nothing else",
};

/// Of a header.
pub(super) static VALUE: Letters = Letters {
    has: byte::is_value,
    start: "",
    words: None,
    why: "no header holds a control character",
};

/// The value of a parameter of the query, as it is sent.
pub(super) static PARAMETER: Letters = Letters {
    has: byte::is_parameter,
    start: "",
    words: None,
    why: "white space, control characters, `&` and `#` are escaped in a parameter",
};

impl Letters {
    /// Those that most texts begin with come first.
    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> {
        (b'a'..=b'z').chain(0..=0xff).filter(|byte| (self.has)(*byte))
    }

    pub(super) fn alphabet(&self) -> Alphabet {
        Alphabet { has: self.has, first: self.start.bytes().next() }
    }
}
