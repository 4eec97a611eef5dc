//! Who sees a resource. Source: Istio, `exportTo`.

use std::collections::BTreeSet;

/// The namespaces that see a resource.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Visibility<'a> {
    Public,
    /// `~`
    Nobody,
    Namespaces(BTreeSet<&'a str>),
}

impl<'a> Visibility<'a> {
    /// What `export_to` says in a resource of `own` namespace, or `default` where it says nothing.
    #[must_use]
    pub fn of(
        export_to: impl IntoIterator<Item = &'a str>,
        own: &'a str,
        default: &'a [String],
    ) -> Self {
        let mut names: BTreeSet<&str> = export_to.into_iter().collect();
        if names.is_empty() {
            names = default.iter().map(String::as_str).collect();
        }
        if names.is_empty() || names.contains("*") {
            Self::Public
        } else if names.contains("~") {
            Self::Nobody
        } else {
            Self::Namespaces(
                names.into_iter().map(|name| if name == "." { own } else { name }).collect(),
            )
        }
    }

    /// As a resource of `own` namespace may say it.
    #[must_use]
    pub fn written(&self, own: &str) -> String {
        let name = |name: &&'a str| if *name == own { "." } else { *name };
        match self {
            Self::Public => "*".to_owned(),
            Self::Nobody => "~".to_owned(),
            Self::Namespaces(names) => names.iter().map(name).collect::<Vec<_>>().join(", "),
        }
    }

    /// Whether `namespace` sees it; a namespace of which nothing is known (`None`) sees what is public.
    #[must_use]
    pub fn reaches(&self, namespace: Option<&str>) -> bool {
        match self {
            Self::Public => true,
            Self::Nobody => false,
            Self::Namespaces(names) => namespace.is_some_and(|name| names.contains(name)),
        }
    }

    /// Whether some namespace is reached by both. What is for all meets what is for some.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nobody, _) | (_, Self::Nobody) => false,
            (Self::Namespaces(a), Self::Namespaces(b)) => !a.is_disjoint(b),
            _ => true,
        }
    }

    /// The namespaces that see it although others do not.
    pub fn named(&self) -> impl Iterator<Item = &'a str> {
        let names = match self {
            Self::Namespaces(names) => Some(names),
            Self::Public | Self::Nobody => None,
        };
        names.into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Visibility;

    #[test]
    fn all_and_none_outweigh_names() {
        let of = |names: &[&'static str]| Visibility::of(names.iter().copied(), "own", &[]);
        assert_eq!(of(&[]), Visibility::Public);
        assert_eq!(of(&["a", "*"]), Visibility::Public);
        assert_eq!(of(&["a", "~"]), Visibility::Nobody);
        let named = of(&[".", "a"]);
        assert!(named.reaches(Some("own")) && named.reaches(Some("a")));
        assert!(!named.reaches(Some("b")) && !named.reaches(None));
        assert_eq!(named.written("own"), "a, .");
        assert_eq!((of(&[]).written("own"), of(&["~"]).written("own")), ("*".into(), "~".into()));
        let default = [".".to_owned()];
        assert!(Visibility::of([], "own", &default).reaches(Some("own")));
    }
}
