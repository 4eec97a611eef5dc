//! A strict reader of the XML that reports are: elements, attributes in double quotes, text, and the five entities.

/// An element with what is in it.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    pub text: String,
}

impl Element {
    /// The root element of a whole document. Panics at the first thing that XML 1.0 forbids.
    pub(crate) fn parse(text: &str) -> Self {
        let is_allowed = |c: char| {
            matches!(c, '\t' | '\n' | '\r' | '\u{20}'..) && !matches!(c, '\u{fffe}' | '\u{ffff}')
        };
        assert!(text.chars().all(is_allowed), "a character that XML cannot hold");
        let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        let mut rest = text.strip_prefix(declaration).expect("an XML declaration");
        let root = element(&mut rest);
        assert_eq!(rest, "\n", "what follows the root element");
        root
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("{} lacks `{name}`", self.name)).1
    }

    /// Itself and all below it that have this name.
    pub(crate) fn all<'a>(&'a self, name: &str) -> Vec<&'a Self> {
        let below = self.children.iter().flat_map(|child| child.all(name));
        std::iter::once(self).filter(|it| it.name == name).chain(below).collect()
    }
}

fn element(rest: &mut &str) -> Element {
    expect(rest, "<");
    let mut element = Element { name: name(rest), ..Element::default() };
    while rest.starts_with(' ') {
        expect(rest, " ");
        let name = name(rest);
        expect(rest, "=\"");
        let value = until(rest, "\"");
        assert!(!value.contains('<'), "{value}");
        let value = unescaped(value);
        expect(rest, "\"");
        assert!(element.attributes.iter().all(|(known, _)| *known != name), "{name} twice");
        element.attributes.push((name, value));
    }
    if rest.starts_with("/>") {
        expect(rest, "/>");
        return element;
    }
    expect(rest, ">");
    loop {
        element.text += &unescaped(until(rest, "<"));
        if rest.starts_with("</") {
            expect(rest, &format!("</{}>", element.name));
            return element;
        }
        element.children.push(self::element(rest));
    }
}

fn name(rest: &mut &str) -> String {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap();
    assert!(end > 0, "no name at {rest:.20}");
    let (name, after) = rest.split_at(end);
    *rest = after;
    name.to_owned()
}

fn expect(rest: &mut &str, text: &str) {
    *rest = rest.strip_prefix(text).unwrap_or_else(|| panic!("no {text} at {rest:.60}"));
}

fn until<'a>(rest: &mut &'a str, end: &str) -> &'a str {
    let (text, after) = rest.split_at(rest.find(end).expect("an end"));
    *rest = after;
    text
}

/// Every `&` begins an entity.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';').expect("an entity");
        plain += match entity {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            "#9" => "\t",
            "#10" => "\n",
            "#13" => "\r",
            _ => panic!("&{entity};"),
        };
        plain += after;
    }
    plain
}
