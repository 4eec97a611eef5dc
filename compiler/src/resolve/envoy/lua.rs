//! Scripts that edit headers and do nothing else.
//!
//! ```lua
//! function envoy_on_response(handle)
//!   handle:headers():add("x-served-by", "mesh")     -- replace and remove, too
//!   local headers = handle:headers()
//!   headers:remove("server")
//! end
//! ```
//! Whatever else stands in a script, a condition, a value that is not written out, a second function, makes it none of
//! these: a script is understood whole or not at all. Source: Envoy, "Lua", header object API; Lua 5.1, section 2.

use std::str::Chars;

use mesh_engine::byte::is_token;
use mesh_snapshot::object::HeaderEdit;

use super::HeaderEdits;
use super::header_edits::is_value;
use super::message::Message;

/// What a filter's script asks for, and whether requests are routed anew after it. Absent: it is not known to do just that.
///
/// A script where it stood at any time: Envoy's field has been renamed.
pub(super) fn asked(config: Message<'_>) -> Option<(HeaderEdits, bool)> {
    const KNOWN: &[&str] =
        &["@type", "inline_code", "default_source_code", "stat_prefix", "clear_route_cache"];
    if !config.field_names().all(|name| KNOWN.contains(&&*name)) {
        return None;
    }
    let source = config.message("default_source_code");
    let text = config.text("inline_code").or_else(|| source.text("inline_string"))?;
    Some((header_edits(text)?, config.flag("clear_route_cache").unwrap_or(true)))
}

/// The edits of a script. Absent: it is not known to do just that.
#[must_use]
pub fn header_edits(script: &str) -> Option<HeaderEdits> {
    let tokens = tokens(script)?;
    let mut parser = Parser { tokens: &tokens };
    let mut edits = HeaderEdits::default();
    let mut seen: Vec<String> = Vec::new();
    while !parser.tokens.is_empty() {
        let (name, found) = parser.function()?;
        if seen.contains(&name) {
            return None; // the last one would count
        }
        match name.as_str() {
            "envoy_on_request" => edits.request = found,
            "envoy_on_response" => edits.response = found,
            _ => return None,
        }
        seen.push(name);
    }
    Some(edits)
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Mark(char),
}

fn tokens(script: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = script.chars();
    while let Some(next) = rest.clone().next() {
        match next {
            space if space.is_ascii_whitespace() => _ = rest.next(),
            '-' if rest.as_str().starts_with("--") => comment(&mut rest)?,
            '"' | '\'' => {
                rest.next();
                tokens.push(Token::Text(text(&mut rest, next)?));
            }
            letter if letter.is_ascii_alphabetic() || letter == '_' => {
                tokens.push(Token::Name(name(&mut rest)));
            }
            mark @ ('(' | ')' | ':' | ',' | ';' | '=') => {
                rest.next();
                tokens.push(Token::Mark(mark));
            }
            _ => return None,
        }
    }
    Some(tokens)
}

fn comment(rest: &mut Chars<'_>) -> Option<()> {
    let after = rest.as_str().strip_prefix("--")?;
    let (end, length) = match after.strip_prefix("[[") {
        Some(inner) => (inner.find("]]")? + "[[".len(), "]]".len()),
        // A long comment of another level, `--[==[`, is not looked into.
        None if after.starts_with("[=") => return None,
        None => (after.find('\n').unwrap_or(after.len()), 0),
    };
    *rest = after.get(end + length..)?.chars();
    Some(())
}

/// What stands up to the quote. Of the escapes only those that stand for themselves are read.
fn text(rest: &mut Chars<'_>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            end if end == quote => return Some(text),
            '\\' => match rest.next()? {
                escaped @ ('\\' | '"' | '\'') => text.push(escaped),
                _ => return None,
            },
            '\n' => return None,
            letter => text.push(letter),
        }
    }
}

fn name(rest: &mut Chars<'_>) -> String {
    let all = rest.as_str();
    let end = all.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(all.len());
    let (name, after) = all.split_at(end);
    *rest = after.chars();
    name.to_owned()
}

struct Parser<'t> {
    tokens: &'t [Token],
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn is_next(&self, mark: char) -> bool {
        self.tokens.first() == Some(&Token::Mark(mark))
    }

    fn mark(&mut self, mark: char) -> Option<()> {
        (self.next()? == &Token::Mark(mark)).then_some(())
    }

    fn name(&mut self) -> Option<&'t str> {
        match self.next()? {
            Token::Name(name) => Some(name),
            Token::Text(_) | Token::Mark(_) => None,
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        (self.name()? == word).then_some(())
    }

    fn text(&mut self) -> Option<&'t str> {
        match self.next()? {
            Token::Text(text) => Some(text),
            Token::Name(_) | Token::Mark(_) => None,
        }
    }

    /// `function NAME(HANDLE) … end`
    fn function(&mut self) -> Option<(String, Vec<HeaderEdit>)> {
        self.word("function")?;
        let name = self.name()?.to_owned();
        self.mark('(')?;
        let handle = self.name()?;
        self.mark(')')?;
        let (mut aliases, mut edits) = (Vec::new(), Vec::new());
        loop {
            match self.name()? {
                "end" => return Some((name, edits)),
                "local" => {
                    let alias = self.name()?;
                    self.mark('=')?;
                    self.word(handle)?;
                    self.headers()?;
                    aliases.push(alias);
                }
                subject if aliases.contains(&subject) => edits.push(self.edit()?),
                subject if subject == handle => {
                    self.headers()?;
                    edits.push(self.edit()?);
                }
                _ => return None,
            }
            while self.is_next(';') {
                self.next();
            }
        }
    }

    /// `:headers()`
    fn headers(&mut self) -> Option<()> {
        self.mark(':')?;
        self.word("headers")?;
        self.mark('(')?;
        self.mark(')')
    }

    /// `:add("x-a", "b")`
    fn edit(&mut self) -> Option<HeaderEdit> {
        self.mark(':')?;
        let method = self.name()?;
        self.mark('(')?;
        let name = self.text().filter(|name| is_plain(name))?.to_ascii_lowercase();
        let edit = match method {
            "remove" => HeaderEdit::Remove { name },
            "add" | "replace" => {
                self.mark(',')?;
                // A sign of percent is one, and begins no operator.
                let value = self.text()?.replace('%', "%%");
                if !is_value(&value) {
                    return None;
                }
                match method {
                    "add" => HeaderEdit::Add { name, value },
                    _ => HeaderEdit::Set { name, value },
                }
            }
            _ => return None,
        };
        self.mark(')')?;
        Some(edit)
    }
}

/// Whether a header stands for itself alone: what frames a message, says where it goes, or is an order to Envoy, is no mere
/// header.
pub(super) fn is_plain(name: &str) -> bool {
    const FRAMING: &[&str] = &[
        "host",
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
        "te",
        "trailer",
    ];
    let is_order = |name: &str| {
        name.get(..ORDER.len()).is_some_and(|head| head.eq_ignore_ascii_case(ORDER))
            && !name.eq_ignore_ascii_case(TIME)
    };
    !name.is_empty()
        && !is_order(name)
        && !FRAMING.iter().any(|known| name.eq_ignore_ascii_case(known))
        && name.bytes().all(is_token)
}

const ORDER: &str = "x-envoy-";
/// How long the upstream took: proxies tell it, and act on it no more.
const TIME: &str = "x-envoy-upstream-service-time";

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::HeaderEdit;

    use super::header_edits;

    #[test]
    fn edits_are_read_in_order() {
        let script = r#"
            -- what the shop asks for
            function envoy_on_request(request_handle)
              request_handle:headers():add("X-A", "1%"); request_handle:headers():replace('x-b', "it's")
            end
            --[[ and its
                 answers ]]
            function envoy_on_response(h)
              local headers = h:headers()
              headers:remove("server")
            end
        "#;
        let edits = header_edits(script).unwrap();
        assert_eq!(
            edits.request,
            [
                HeaderEdit::Add { name: "x-a".into(), value: "1%%".into() },
                HeaderEdit::Set { name: "x-b".into(), value: "it's".into() },
            ]
        );
        assert_eq!(edits.response, [HeaderEdit::Remove { name: "server".into() }]);
    }

    /// Each differs from an edit in one thing.
    #[test]
    fn what_is_more_than_edits_is_none() {
        let body = |body: &str| format!("function envoy_on_request(h) {body} end");
        for script in [
            body(r#"h:headers():add("x", h:headers():get("y"))"#),
            body(r#"h:headers():replace("x-envoy-max-retries", "9")"#),
            body(r#"h:headers():add("x", "a" .. "b")"#),
            body(r#"if h then h:headers():add("x", "a") end"#),
            body(r#"h:trailers():add("x", "a")"#),
            body(r#"h:headers():replace(":path", "/")"#),
            body(r#"h:headers():replace("Host", "a")"#),
            body(r#"h:headers():add("x", "a\n")"#),
            body("h:headers():add('x', 'a\u{1}')"),
            body(r#"h:headers():add("x")"#),
            body(r#"h:headers():set("x", "a")"#),
            body(r#"other:headers():add("x", "a")"#),
            body(r#"headers:add("x", "a") local headers = h:headers()"#),
            body(r#"h:respond({[":status"] = "403"}, "no")"#),
            body(r#"h:logInfo("here")"#),
            body(r#"h:headers():add("x", "a")"#) + " end",
            body(r#"h:headers():add("x", "a")"#) + &body(r#"h:headers():add("x", "b")"#),
            "function other(h) end".to_owned(),
            "local x = 1".to_owned(),
            "--[==[ ]]".to_owned(),
        ] {
            assert_eq!(header_edits(&script), None, "{script}");
        }
        assert!(header_edits("").unwrap().is_empty());
    }
}
