//! When key sets are fetched, and what becomes of them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::fetch::{FetchError, Fetcher};
use super::wanted::{Names, Rules, Wanted};
use crate::private_file;
use crate::problems::Problems;
use crate::store::Store;
use crate::world::World;

/// By the name that the wire gives to a key set: JSON, as it was fetched; nothing where that could not be done so far.
pub(crate) type KeySets = BTreeMap<String, Option<String>>;

/// Fetches what snapshots name, and fetches it again.
pub(crate) struct Keeper {
    pub(crate) store: Arc<Store>,
    /// Its documents come first.
    pub(crate) world: watch::Receiver<Arc<World>>,
    pub(crate) fetcher: Arc<Fetcher>,
    /// What was fetched, for the control runtime that comes after this one: the servers of keys may not be there then.
    pub(crate) file: PathBuf,
    pub(crate) problems: Problems,
}

/// Source: Istio, `PILOT_JWT_PUB_KEY_REFRESH_INTERVAL`.
const REFRESH: Duration = Duration::from_mins(20);
/// After a failure, doubled with each further one up to the second.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(1);
/// At the same time; others wait for their turn.
const FETCHES_MAX: usize = 16;

type Fetched = (String, Result<String, FetchError>);

impl Keeper {
    /// Keeps `sets` up to date, for as long as it is polled. It begins with what was fetched before its time.
    pub(crate) async fn run(mut self, sets: watch::Sender<Arc<KeySets>>) {
        let kept = self.problems.note(FILE, read(&self.file)).unwrap_or_default();
        sets.send_replace(Arc::new(kept));
        let mut snapshots = self.store.sources();
        let mut rules = Rules::default();
        let mut turns = Turns::default();
        let mut fetches: JoinSet<Fetched> = JoinSet::new();
        loop {
            let mut wanted = rules.wanted(&self.store);
            let written = self.world.borrow_and_update().clone();
            wanted.retain(|name, _| !written.key_sets.contains_key(name));
            for name in turns.follow(&wanted, Instant::now()) {
                self.problems.resolve(&place(&name));
            }
            self.keep(&sets, |sets| sets.retain(|name, _| wanted.contains_key(name)));
            while fetches.len() < FETCHES_MAX
                && let Some(name) = turns.take(Instant::now())
                && let Some(wanted) = wanted.get(&name)
            {
                fetches.spawn(fetch(self.fetcher.clone(), name, wanted.clone()));
            }
            let next = turns.next().filter(|_| fetches.len() < FETCHES_MAX);
            let due = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(Ok((name, keys))) = fetches.join_next() => {
                    if turns.note(&name, keys.is_ok(), Instant::now()) {
                        self.take(name, keys, &sets);
                    }
                }
                Ok(()) = snapshots.changed() => {}
                Ok(()) = self.world.changed() => {}
                () = due => {}
            }
        }
    }

    /// What could not be fetched stays as it was.
    fn take(
        &self,
        name: String,
        keys: Result<String, FetchError>,
        sets: &watch::Sender<Arc<KeySets>>,
    ) {
        let keys = self.problems.note(&place(&name), keys);
        self.keep(sets, |sets| match keys {
            Some(keys) => drop(sets.insert(name, Some(keys))),
            None => drop(sets.entry(name).or_default()),
        });
    }

    /// Changes the sets, and what is on disk of them.
    fn keep(&self, sets: &watch::Sender<Arc<KeySets>>, change: impl FnOnce(&mut KeySets)) {
        let mut new = KeySets::clone(&sets.borrow());
        change(&mut new);
        let is_news = sets.send_if_modified(|sets| {
            let is_news = **sets != new;
            if is_news {
                *sets = Arc::new(new);
            }
            is_news
        });
        if is_news {
            let written = write(&self.file, &sets.borrow());
            self.problems.note(FILE, written);
        }
    }
}

/// The name under which problems with the file are told.
const FILE: &str = "keys on disk";

/// None where there is no file.
fn read(file: &Path) -> io::Result<KeySets> {
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(KeySets::new()),
        bytes => Ok(serde_json::from_slice(&bytes?)?),
    }
}

fn write(file: &Path, sets: &KeySets) -> io::Result<()> {
    let fetched: BTreeMap<_, _> = sets.iter().filter(|(_, keys)| keys.is_some()).collect();
    private_file::replace(file, &serde_json::to_vec(&fetched)?)
}

fn place(name: &str) -> String {
    format!("keys {name}")
}

async fn fetch(fetcher: Arc<Fetcher>, name: String, wanted: Wanted) -> Fetched {
    let keys = fetcher.keys(&wanted.source, wanted.timeout).await;
    (name, keys)
}

/// When each key set is fetched next.
#[derive(Default)]
struct Turns(BTreeMap<String, Turn>);

struct Turn {
    /// None: it is being fetched.
    due: Option<Instant>,
    failures: u32,
}

impl Turns {
    /// Makes the names those that are `wanted`, and returns those that were and are not any more.
    fn follow(&mut self, wanted: &Names, now: Instant) -> Vec<String> {
        for name in
            wanted.keys().filter(|name| !self.0.contains_key(*name)).cloned().collect::<Vec<_>>()
        {
            self.0.insert(name, Turn { due: Some(now), failures: 0 });
        }
        self.0.extract_if(.., |name, _| !wanted.contains_key(name)).map(|(name, _)| name).collect()
    }

    /// The next one that is due: it is being fetched from now on.
    fn take(&mut self, now: Instant) -> Option<String> {
        let due = |turn: &Turn| turn.due.is_some_and(|due| due <= now);
        let (name, turn) = self.0.iter_mut().find(|(_, turn)| due(turn))?;
        turn.due = None;
        Some(name.clone())
    }

    fn next(&self) -> Option<Instant> {
        self.0.values().filter_map(|turn| turn.due).min()
    }

    /// It was fetched, or could not be. False: nobody wants it any more.
    fn note(&mut self, name: &str, fetched: bool, now: Instant) -> bool {
        let Some(turn) = self.0.get_mut(name) else { return false };
        let retry = RETRY_MIN.saturating_mul(2_u32.saturating_pow(turn.failures)).min(RETRY_MAX);
        turn.failures = if fetched { 0 } else { turn.failures.saturating_add(1) };
        turn.due = Some(now + if fetched { REFRESH } else { retry });
        true
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::container::Bundle;
    use mesh_snapshot::object::{JwtKeys, JwtRule, Microseconds, RequestAuthentication};
    use mesh_snapshot::provenance::Provenance;
    use mesh_snapshot::{Applies, Builder, Key, Kind, Object, SourceMap};
    use rustls::RootCertStore;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::keys::wanted::Source;

    const KEYS: &str = r#"{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}"#;

    fn bundle(address: &str) -> Bundle {
        let rule = JwtRule {
            issuer: "a".to_owned(),
            audiences: Vec::new(),
            keys: JwtKeys::Remote(address.to_owned()),
            from_headers: Vec::new(),
            from_parameters: Vec::new(),
            from_cookies: Vec::new(),
            payload_header: String::new(),
            claim_headers: Vec::new(),
            forward_token: false,
            fetch_timeout: Microseconds::from_secs(5),
            space_delimited_claims: Vec::new(),
            required: false,
        };
        let policy = RequestAuthentication { rules: vec![rule] };
        let mut builder = Builder::default();
        let key = Key::new(Kind::RequestAuthentication, "shop", "tokens");
        let policy = builder.add(key, &Object::RequestAuthentication(policy));
        builder.list("shop", policy, Applies::All, 0);
        Bundle {
            snapshot: builder.build().unwrap(),
            inventory: Vec::new(),
            source_map: SourceMap::default(),
            provenance: Provenance::default(),
            signatures: Vec::new(),
        }
    }

    async fn serve(listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{KEYS}", KEYS.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }

    #[tokio::test]
    async fn the_keys_that_a_snapshot_names_are_fetched_unless_a_document_holds_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).unwrap().0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/keys", listener.local_addr().unwrap());
        tokio::spawn(serve(listener));
        let (world, known) = watch::channel(Arc::new(World::default()));
        let keeper = keeper(folder.path(), &store, known);
        let (sets, mut known_sets) = watch::channel(Arc::new(KeySets::new()));
        let keeping = tokio::spawn(keeper.run(sets));
        let _pin = store.put(bundle(&address)).unwrap();
        let sets = known_sets.wait_for(|sets| !sets.is_empty()).await.unwrap().clone();
        assert_eq!(*sets, KeySets::from([(address.clone(), Some(KEYS.to_owned()))]));
        let key_sets = BTreeMap::from([(address, "{}".to_owned())]);
        let mut written = World::default();
        written.key_sets = key_sets;
        world.send_replace(Arc::new(written));
        known_sets.wait_for(|sets| sets.is_empty()).await.unwrap();
        keeping.abort();
    }

    fn keeper(folder: &Path, store: &Arc<Store>, world: watch::Receiver<Arc<World>>) -> Keeper {
        Keeper {
            store: store.clone(),
            world,
            fetcher: Arc::new(Fetcher::anywhere(RootCertStore::empty())),
            file: folder.join("key-sets.json"),
            problems: Problems::default(),
        }
    }

    /// The server of the keys answers once, and is gone.
    #[tokio::test]
    async fn keys_outlive_who_fetched_them_and_whence_they_came() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("store")).unwrap().0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/keys", listener.local_addr().unwrap());
        let _pin = store.put(bundle(&address)).unwrap();
        let (_world, known) = watch::channel(Arc::new(World::default()));
        let run = || {
            let (sets, known_sets) = watch::channel(Arc::new(KeySets::new()));
            let keeper = keeper(folder.path(), &store, known.clone());
            (tokio::spawn(keeper.run(sets)), known_sets)
        };
        let is_known = |sets: &Arc<KeySets>| sets.get(&address).is_some_and(Option::is_some);
        let server = tokio::spawn(serve(listener));
        let (keeping, mut sets) = run();
        sets.wait_for(is_known).await.unwrap();
        for task in [server, keeping] {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        let (keeping, mut sets) = run();
        sets.wait_for(is_known).await.unwrap();
        keeping.abort();
        fs::remove_file(folder.path().join("key-sets.json")).unwrap();
        let (keeping, mut sets) = run();
        let sets = sets.wait_for(|sets| !sets.is_empty()).await.unwrap().clone();
        assert_eq!(*sets, KeySets::from([(address.clone(), None)]), "tried, and not had");
        keeping.abort();
    }

    #[test]
    fn a_failure_is_tried_again_soon_and_a_success_after_a_while() {
        let source = Source::Address("a".to_owned());
        let wanted = Wanted { source, timeout: Duration::from_secs(5) };
        let names = Names::from([("a".to_owned(), wanted)]);
        let (mut turns, mut now) = (Turns::default(), Instant::now());
        assert!(turns.follow(&names, now).is_empty());
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(turns.take(now).as_deref(), Some("a"));
            assert_eq!((turns.take(now), turns.next()), (None, None), "it is under way");
            assert!(turns.note("a", false, now));
            assert_eq!(turns.next(), Some(now + Duration::from_secs(seconds)));
            now += Duration::from_secs(seconds);
        }
        turns.take(now);
        turns.note("a", true, now);
        assert_eq!(turns.next(), Some(now + REFRESH));
        assert_eq!(turns.follow(&Names::new(), now), ["a"]);
        assert!(!turns.note("a", true, now), "nobody wants it any more");
    }
}
