//! Key sets that stream in: parsed once a change, by whoever needs them first.

use std::sync::Arc;

use arc_swap::ArcSwap;
use mesh_engine::policy::{KeySet, KeySets};

use crate::world::{Version, Watched, World};

/// The key sets that one program verifies with.
#[derive(Debug, Default)]
pub(crate) struct Keys(Vec<Remote>);

#[derive(Debug)]
struct Remote {
    name: Box<str>,
    cell: Arc<Watched<String>>,
    parsed: ArcSwap<Parsed>,
}

#[derive(Debug, Default)]
struct Parsed {
    version: Version,
    /// None: there is none, or none that can be read.
    keys: Option<Arc<KeySet>>,
}

/// What is known of them at one moment. Costs nothing where a program has none.
pub(crate) struct Now<'p>(Vec<(&'p str, Arc<KeySet>)>);

impl Keys {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>, world: &World) -> Self {
        let remote = |name: &str| Remote {
            name: name.into(),
            cell: world.jwks(name),
            parsed: ArcSwap::default(),
        };
        Self(names.into_iter().map(remote).collect())
    }

    pub(crate) fn now(&self) -> Now<'_> {
        Now(self.0.iter().filter_map(|remote| Some((&*remote.name, remote.keys()?))).collect())
    }
}

impl Remote {
    fn keys(&self) -> Option<Arc<KeySet>> {
        let version = self.cell.version();
        let parsed = self.parsed.load();
        if parsed.version == version {
            return parsed.keys.clone();
        }
        let keys = self.parse();
        self.parsed.store(Arc::new(Parsed { version, keys: keys.clone() }));
        keys
    }

    fn parse(&self) -> Option<Arc<KeySet>> {
        let text = self.cell.get().filter(|text| !text.is_empty())?;
        match KeySet::parse(&text) {
            Ok(keys) => Some(Arc::new(keys)),
            Err(error) => {
                tracing::warn!(name = &*self.name, %error, "a key set cannot be used");
                None
            }
        }
    }
}

impl KeySets for Now<'_> {
    fn keys(&self, uri: &str) -> Option<&KeySet> {
        self.0.iter().find(|(name, _)| *name == uri).map(|(_, keys)| &**keys)
    }
}

#[cfg(test)]
mod tests {
    use mesh_engine::policy::KeySets as _;
    use mesh_snapshot::wire;

    use super::Keys;
    use crate::world::{Item, World};

    #[test]
    fn keys_are_those_that_were_heard_last() {
        let world = World::default();
        let keys = Keys::new(["https://keys.test"], &world);
        let hear = |text: &str| {
            let (name, keys) = ("https://keys.test".to_owned(), text.to_owned());
            world.receive(Item::Jwks(wire::Jwks { name, keys }));
        };
        assert!(keys.now().keys("https://keys.test").is_none());
        hear(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}"#);
        let shown = format!("{:?}", keys.now().keys("https://keys.test").unwrap());
        assert_eq!(shown, r#"["a"]"#);
        assert!(keys.now().keys("https://other.test").is_none());
        hear("rubbish");
        assert!(keys.now().keys("https://keys.test").is_none());
    }
}
