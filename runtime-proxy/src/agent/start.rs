//! Starting from the disk, with nothing else alive.
//!
//! What was confirmed last is verified, walked and built anew, as if it had just arrived: the disk is believed no more than the
//! network. Where that fails, what was confirmed before has its turn. A snapshot that the proxy has repeatedly died of soon
//! after starting from it comes last. With neither, the proxy waits to be told what to serve.

#[cfg(test)]
#[path = "../../tests/agent/support/mod.rs"]
mod support;

use std::sync::Arc;

use super::prepare::{Age, Assembler, Build, Held};
use super::store::{Candidate, Contents, Found, Slot, Store};
use super::trial::{Built, Durable, Marks, Refused, Start};

/// What the disk gave.
pub(super) struct Started<P> {
    pub(super) start: Start<Arc<Held<P>>>,
    /// What is served, and which it was.
    pub(super) from: Option<Candidate>,
    /// What could not be served, or not be told to the disk, for whoever reads logs.
    pub(super) problems: Vec<String>,
}

/// Starts from `store`. `clock` is the time in seconds since 1970, and `deaths` how many starts in a row a proxy may die of.
pub(super) fn start<B: Build>(
    store: &mut Store,
    found: Found,
    assembler: &Assembler<B>,
    clock: u64,
    deaths: u32,
) -> Started<B::Program> {
    let mut problems: Vec<String> = found.problems.iter().map(ToString::to_string).collect();
    let marks = count_start(store, found.marks, clock, &mut problems);
    let mut started = None;
    for candidate in order(store, found.candidates, deaths, &mut problems) {
        let snapshot = candidate.record.snapshot;
        if let Err(error) = store.begin_boot(&snapshot) {
            problems.push(error.to_string());
        }
        match load(store, &candidate, assembler, marks.floor) {
            Ok(built) => {
                store.started_from(&candidate, Arc::clone(&built.payload.reach));
                started = Some((candidate, built));
                break;
            }
            Err(Refused { detail, .. }) => {
                problems.push(format!("{}: {snapshot} cannot be served: {detail}", candidate.slot));
                // It was not died of.
                let _ = store.survived(&snapshot);
            }
        }
    }
    let (from, confirmed) = started.unzip();
    let saved = Durable {
        marks: store.marks().unwrap_or_default(),
        confirmed: confirmed.as_ref().map(|built: &Built<_>| built.version),
    };
    Started { start: Start { marks, saved, confirmed }, from, problems }
}

/// One more than ever before. A folder that remembers nothing, or can be told nothing, goes on from the clock: so generations rise even
/// if the folder is lost.
fn count_start(
    store: &mut Store,
    found: Option<Marks>,
    clock: u64,
    problems: &mut Vec<String>,
) -> Marks {
    let by_clock = u32::try_from(clock).unwrap_or(u32::MAX);
    let starts = found.map_or(by_clock, |marks| marks.starts.saturating_add(1));
    let mut marks = Marks { starts, ..found.unwrap_or_default() };
    if let Err(error) = store.save_marks(marks) {
        problems.push(error.to_string());
        marks.starts = starts.max(by_clock);
    }
    marks
}

/// The last one first, unless it is deadlier than the one before.
fn order(
    store: &Store,
    mut candidates: Vec<Candidate>,
    deaths_max: u32,
    problems: &mut Vec<String>,
) -> Vec<Candidate> {
    let deaths = |candidate: &Candidate| store.boots().deaths(&candidate.record.snapshot);
    if let [current, previous] = candidates.as_slice() {
        let died = deaths(current);
        if deaths_max <= died && deaths(previous) < died {
            let snapshot = current.record.snapshot;
            problems.push(format!("{}: {snapshot} was not survived {died} times", Slot::Current));
            candidates.reverse();
        }
    }
    candidates
}

fn load<B: Build>(
    store: &Store,
    candidate: &Candidate,
    assembler: &Assembler<B>,
    floor: u64,
) -> Result<Built<Arc<Held<B::Program>>>, Refused> {
    let record = &candidate.record;
    let signatures = record.signatures();
    let Age { serial, floor } = assembler.verify(record.snapshot, &signatures, floor)?;
    let objects = store.objects();
    let walk = assembler.walk(record.snapshot, &objects)?.map_err(|missing| {
        let detail = format!("{} of its objects are damaged or missing", missing.len());
        Refused::new(mesh_snapshot::wire::Refusal::Corrupt, detail)
    })?;
    let product = assembler.assemble(&walk, &objects)?;
    let version = super::trial::Version { slice: walk.slice.digest(), ..record.version() };
    let payload = Held {
        program: Arc::new(product.program),
        reach: Arc::new(walk.reach),
        signatures,
        unsaved: Contents::new(),
    };
    let memory_bytes = product.memory_bytes;
    Ok(Built { version, serial, floor, memory_bytes, payload: Arc::new(payload) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::support::agent::Setup;
    use super::support::authority::Authority;
    use super::support::build::{TestBuild, TestProgram};
    use super::support::mesh;
    use super::support::sim_disk::SimDisk;
    use super::*;
    use crate::agent::store::{Reach, Record};
    use crate::agent::trial::Version;
    use crate::agent::walk::walk;
    use mesh_snapshot::ReadObjects as _;

    fn assembler() -> Assembler<TestBuild> {
        let config = Setup::new(&Authority::new(), "127.0.0.1:1").config;
        Assembler::new(TestBuild::default(), &config)
    }

    /// A disk on which `one` and then `two` were confirmed.
    fn disk() -> SimDisk {
        let disk = SimDisk::default();
        let (mut store, _) = Store::open(Arc::new(disk.clone()));
        for (epoch, name) in [(1, "one"), (2, "two")] {
            let snapshot = mesh::snapshot(name);
            let walked = walk(snapshot.digest(), &mesh::workload(), &snapshot).unwrap();
            let slice = walked.slice.digest();
            let version = Version { epoch, snapshot: snapshot.digest(), slice };
            let marks = Marks { starts: 1, term: 1, epoch, floor: 0 };
            let signatures = [mesh::sign(snapshot.digest(), epoch, 0)];
            let record = Record::new(version, epoch, marks, &signatures, &mesh::workload());
            let read = |digest| (digest, snapshot.read(&digest).unwrap());
            let contents: Contents = walked.reach.iter().copied().map(read).collect();
            let reach: Reach = Arc::new(walked.reach);
            store.put(&reach, &contents).unwrap();
            store.save(marks, Some((record, reach)), &Contents::new()).unwrap();
        }
        disk
    }

    fn started(disk: &SimDisk, assembler: &Assembler<TestBuild>) -> Started<TestProgram> {
        let (mut store, found) = Store::open(Arc::new(disk.clone()));
        start(&mut store, found, assembler, 1000, 3)
    }

    fn version(started: &Started<TestProgram>) -> Option<String> {
        let confirmed = started.start.confirmed.as_ref();
        confirmed.map(|built| built.payload.program.version.clone())
    }

    /// Each by itself is noticed where it is read, as the store's own tests show; here some of them are followed to what is served.
    const STRIDE: usize = 41;

    #[test]
    fn whatever_is_damaged_nothing_wrong_is_served() {
        let (disk, assembler) = (disk(), assembler());
        assert_eq!(version(&started(&disk, &assembler)).as_deref(), Some("two"));
        let mut seen = BTreeSet::new();
        for name in disk.names() {
            let whole = disk.content(&name);
            let places = || (0..whole.len()).step_by(STRIDE);
            let cuts = places().map(|end| whole[..end].to_vec());
            let flips = places().map(|at| {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << (at % 8);
                flipped
            });
            for damaged in cuts.chain(flips) {
                let copy = disk.copy();
                copy.replace(&name, damaged);
                let started = started(&copy, &assembler);
                let found = version(&started);
                let is_record = name == "current" || name.starts_with("objects/");
                let told = !started.problems.is_empty();
                match found.as_deref() {
                    Some("two") => assert!(!is_record || !told, "{name}: {:?}", started.problems),
                    Some("one") => assert!(is_record && told, "{name}"),
                    None => assert!(name.starts_with("objects/") && told, "{name}: of both"),
                    other => panic!("{name}: {other:?}"),
                }
                assert!(name != "marks" || told, "{name}");
                assert!(
                    2 <= started.start.marks.starts,
                    "{name}: it begins after what it remembers"
                );
                seen.insert(found);
            }
        }
        assert_eq!(seen.len(), 3, "{seen:?}");
    }

    #[test]
    fn what_is_believed_no_more_is_not_served() {
        let (disk, mut config) = (disk(), Setup::new(&Authority::new(), "127.0.0.1:1").config);
        config.mesh = "another".to_owned();
        let of_another_mesh = Assembler::new(TestBuild::default(), &config);
        let started = started(&disk, &of_another_mesh);
        assert_eq!(version(&started), None);
        assert!(started.problems.iter().all(|problem| problem.contains("for another mesh")));
        // And it may be believed again: nothing of it was thrown away.
        assert_eq!(version(&self::started(&disk, &assembler())).as_deref(), Some("two"));
    }

    #[test]
    fn what_is_too_old_is_not_fallen_back_to() {
        let (disk, assembler) = (disk(), assembler());
        let (mut store, found) = Store::open(Arc::new(disk.clone()));
        // The signer of `two` does not let anybody go back to `one`, which has the serial 1.
        store.save_marks(Marks { floor: 2, ..found.marks.unwrap() }).unwrap();
        disk.replace("current", Vec::new());
        let started = started(&disk, &assembler);
        assert_eq!(version(&started), None);
        assert!(started.problems.iter().any(|problem| problem.contains("below 2")));
    }

    #[test]
    fn a_folder_that_remembers_nothing_counts_from_the_clock() {
        let assembler = assembler();
        let disk = SimDisk::default();
        assert_eq!(started(&disk, &assembler).start.marks.starts, 1000);
        assert_eq!(started(&disk, &assembler).start.marks.starts, 1001);
        disk.replace("marks", Vec::new());
        assert_eq!(started(&disk, &assembler).start.marks.starts, 1000);
    }
}
