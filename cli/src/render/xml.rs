//! Text in XML 1.0.

/// As the value of an attribute in double quotes, or as text. Line breaks and tabs stay what they are in both (XML 1.0
/// §3.3.3 makes spaces of bare ones); characters that XML cannot hold, even escaped (§2.2), become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(escape("<a b=\"'\">&\n\t"), "&lt;a b=&quot;&apos;&quot;&gt;&amp;&#10;&#9;");
        assert_eq!(escape("\u{0}\u{1b}[0m\u{ffff}ä😀"), "\u{fffd}\u{fffd}[0m\u{fffd}ä😀");
    }
}
