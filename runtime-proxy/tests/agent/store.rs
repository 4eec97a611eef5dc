//! The state folder, under crashes at every step and failures of every step.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use mesh_proxy::agent::store::{Contents, Found, Reach, Record, Slot, Store, StoredIdentity};
use mesh_proxy::agent::trial::{Marks, Version};
use mesh_proxy::agent::walk::walk;
use mesh_snapshot::ReadObjects as _;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use crate::support::mesh;
use crate::support::sim_disk::{Fault, SimDisk};

/// A version as the agent would hand it to the store.
struct Prepared {
    epoch: u64,
    record: Record,
    reach: Reach,
    contents: Contents,
}

fn prepared(epoch: u64) -> Arc<Prepared> {
    static ALL: Mutex<BTreeMap<u64, Arc<Prepared>>> = Mutex::new(BTreeMap::new());
    Arc::clone(ALL.lock().unwrap().entry(epoch).or_insert_with(|| Arc::new(prepare(epoch))))
}

fn prepare(epoch: u64) -> Prepared {
    let snapshot = mesh::snapshot(&format!("v{epoch}"));
    let walked = walk(snapshot.digest(), &mesh::workload(), &snapshot).unwrap();
    let version = Version { epoch, snapshot: snapshot.digest(), slice: walked.slice.digest() };
    let signatures = [mesh::sign(snapshot.digest(), epoch, 0)];
    let record = Record::new(version, epoch, marks(epoch), &signatures, &mesh::workload());
    let contents =
        walked.reach.iter().map(|digest| (*digest, snapshot.read(digest).unwrap())).collect();
    Prepared { epoch, record, reach: Arc::new(walked.reach), contents }
}

fn marks(epoch: u64) -> Marks {
    Marks { starts: 1, term: epoch, epoch, floor: 0 }
}

impl Prepared {
    fn pins(&self) -> BTreeMap<u64, Reach> {
        BTreeMap::from([(self.epoch, Arc::clone(&self.reach))])
    }

    fn confirm(&self, store: &mut Store) -> Result<(), mesh_proxy::agent::store::StoreError> {
        let record = (self.record.clone(), Arc::clone(&self.reach));
        store.save(marks(self.epoch), Some(record), &self.contents)
    }
}

/// Prepares and confirms three versions, and prepares one that is given up. Tells which epoch was confirmed after how many calls.
fn run(disk: &SimDisk) -> Vec<(u64, u64)> {
    let mut confirmed = Vec::new();
    let (mut store, _) = Store::open(Arc::new(disk.clone()));
    for epoch in 1..=3 {
        let given_up = prepared(10 + epoch);
        let _ = store.put(&given_up.reach, &given_up.contents);
        store.give_up();
        let next = prepared(epoch);
        let _ = store.put(&next.reach, &next.contents);
        store.pin(next.pins());
        if next.confirm(&mut store).is_ok() {
            confirmed.push((disk.calls(), epoch));
        }
    }
    confirmed
}

/// The epoch that a proxy would start from, once it is seen that nothing of it is missing.
fn startable(disk: &SimDisk) -> (Option<u64>, Found) {
    let (store, found) = Store::open(Arc::new(disk.clone()));
    let complete = |record: &Record| {
        let walked = walk(record.snapshot, &record.workload, &store.objects());
        walked.is_ok_and(|walked| walked.slice.digest() == record.slice)
    };
    let candidates = found.candidates.iter();
    let start = candidates.map(|candidate| &candidate.record).find(|record| complete(record));
    (start.map(|record| record.epoch), found)
}

#[test]
fn a_crash_at_any_moment_loses_nothing_that_was_confirmed() {
    let disk = SimDisk::default();
    disk.remember();
    let confirmed = run(&disk);
    assert_eq!(confirmed.len(), 3);
    let mut states = disk.history();
    states.push(disk.copy());
    assert!(100 < states.len(), "{} steps", states.len());
    for (calls, state) in states.iter().enumerate() {
        let last =
            confirmed.iter().filter(|(at, _)| *at <= calls as u64).map(|(_, epoch)| *epoch).max();
        for seed in 0..10 {
            let crashed = match seed {
                0 => state.copy(),
                _ => state.crashed(&mut SmallRng::seed_from_u64(seed)),
            };
            let (start, found) = startable(&crashed);
            let context = format!("after {calls} calls, seed {seed}: {found:?}");
            assert!(found.problems.is_empty(), "{context}");
            assert!(start == last || start == Some(last.unwrap_or(0) + 1), "{start:?} {context}");
            assert!(
                last.is_none_or(|epoch| marks(epoch).epoch <= found.marks.unwrap().epoch),
                "{context}"
            );
            if 1 < seed {
                continue;
            }
            // And it goes on from there.
            let (mut store, _) = Store::open(Arc::new(crashed.clone()));
            let next = prepared(4);
            store.put(&next.reach, &next.contents).expect(&context);
            next.confirm(&mut store).expect(&context);
            assert_eq!(startable(&crashed).0, Some(4), "{context}");
        }
    }
}

#[test]
fn a_disk_that_fails_at_any_step_keeps_what_it_said_and_recovers() {
    let whole = SimDisk::default();
    run(&whole);
    for from in 1..=whole.calls() {
        for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
            for calls in [1, u64::MAX] {
                let disk = SimDisk::default();
                disk.fail(Some(Fault { from, calls, kind }));
                let confirmed = run(&disk);
                let context = format!("{kind:?} for {calls} calls from the {from}th");
                let last = confirmed.last().map(|(_, epoch)| *epoch);
                let (start, found) = startable(&disk.copy());
                assert!(last <= start, "{start:?} after {last:?}, {context}");
                assert!(found.problems.is_empty(), "{context}: {found:?}");

                // The same process goes on when the disk works again.
                disk.fail(None);
                let confirmed = run(&disk);
                assert_eq!(confirmed.last().map(|(_, epoch)| *epoch), Some(3), "{context}");
                assert_eq!(startable(&disk).0, Some(3), "{context}");
            }
        }
    }
}

#[test]
fn only_what_can_be_needed_is_kept() {
    let disk = SimDisk::default();
    run(&disk);
    let kept: BTreeSet<_> =
        prepared(2).reach.union(&prepared(3).reach).map(mesh_snapshot::Digest::hex).collect();
    let names = disk.names();
    let objects: BTreeSet<_> =
        names.iter().filter_map(|name| name.strip_prefix("objects/")).map(str::to_owned).collect();
    assert_eq!(objects, kept, "current and previous, and nothing that was given up");
    assert_eq!(
        names.iter().filter(|name| !name.contains('/')).collect::<Vec<_>>(),
        ["current", "marks", "previous"]
    );

    let (mut store, _) = Store::open(Arc::new(disk.clone()));
    let (trial, next) = (prepared(4), prepared(5));
    store.put(&trial.reach, &trial.contents).unwrap();
    store.pin(trial.pins());
    store.put(&next.reach, &next.contents).unwrap();
    store.give_up();
    let held = |of: &Prepared| of.reach.iter().all(|digest| store.objects().read(digest).is_some());
    assert!(held(&trial) && !held(&next));
}

#[test]
fn what_is_damaged_is_not_taken_for_a_record_nor_for_garbage() {
    let disk = SimDisk::default();
    run(&disk);
    disk.replace("current", b"mesh-state 1 record".to_vec());
    let (mut store, found) = Store::open(Arc::new(disk.clone()));
    assert_eq!(found.problems.len(), 1);
    let [previous] = found.candidates.as_slice() else { panic!("{found:?}") };
    assert_eq!((previous.slot, previous.record.epoch), (Slot::Previous, 2));
    store.give_up();
    let all = |of: &Prepared| of.reach.iter().all(|digest| store.objects().read(digest).is_some());
    assert!(all(&prepared(3)), "its record may be readable next time");

    // What was served meanwhile is what the next version goes back to, and not the damaged one.
    let (mut store, found) = Store::open(Arc::new(disk.clone()));
    store.started_from(&found.candidates[0], Arc::clone(&prepared(2).reach));
    prepared(4).confirm(&mut store).unwrap();
    let (_, found) = Store::open(Arc::new(disk));
    let epochs: Vec<_> = found.candidates.iter().map(|candidate| candidate.record.epoch).collect();
    assert_eq!((epochs, found.problems.len()), (vec![4, 2], 0));
}

#[test]
fn a_snapshot_confirmed_again_under_another_epoch_does_not_push_out_the_one_before() {
    let disk = SimDisk::default();
    run(&disk);
    let (mut store, found) = Store::open(Arc::new(disk.clone()));
    let again = prepared(3);
    store.started_from(&found.candidates[0], Arc::clone(&again.reach));
    let version = Version { epoch: 9, ..again.record.version() };
    let record = Record::new(version, 9, marks(9), &again.record.signatures(), &mesh::workload());
    store.save(marks(9), Some((record, Arc::clone(&again.reach))), &Vec::new()).unwrap();
    let (_, found) = Store::open(Arc::new(disk));
    let epochs: Vec<_> = found.candidates.iter().map(|candidate| candidate.record.epoch).collect();
    assert_eq!(epochs, [9, 2]);
}

#[test]
fn deaths_are_counted_until_a_start_is_survived() {
    let disk = SimDisk::default();
    run(&disk);
    let snapshot = prepared(3).record.snapshot;
    for deaths in 1..=3 {
        let (mut store, _) = Store::open(Arc::new(disk.clone()));
        store.begin_boot(&snapshot).unwrap();
        assert_eq!(Store::open(Arc::new(disk.clone())).0.boots().deaths(&snapshot), deaths);
    }
    let (mut store, _) = Store::open(Arc::new(disk.clone()));
    store.survived(&snapshot).unwrap();
    assert_eq!(Store::open(Arc::new(disk)).0.boots().deaths(&snapshot), 0);
}

/// Whether the file `name` tells anything, and if so the truth.
fn is_told(disk: &SimDisk, name: &str) -> bool {
    let (store, found) = Store::open(Arc::new(disk.clone()));
    let remembered = store.world().problems;
    if let Some(hex) = name.strip_prefix("objects/") {
        let digest = format!("sha256:{hex}").parse().unwrap();
        return store.objects().read(&digest).is_some();
    }
    let fine = match name {
        "current" => found.candidates.iter().any(|candidate| candidate.slot == Slot::Current),
        "previous" => found.candidates.iter().any(|candidate| candidate.slot == Slot::Previous),
        "identity" => store.identity().is_ok(),
        "world" | "secrets" => remembered.is_empty(),
        _ => found.problems.is_empty(),
    };
    assert!(
        fine || name == "identity" || !(remembered.is_empty() && found.problems.is_empty()),
        "{name}: silently"
    );
    fine
}

#[test]
fn every_cut_and_every_flipped_bit_of_every_file_is_noticed() {
    let whole = SimDisk::default();
    run(&whole);
    let (mut store, _) = Store::open(Arc::new(whole.clone()));
    store.begin_boot(&prepared(3).record.snapshot).unwrap();
    let bytes = || mesh_snapshot::object::Bytes(vec![7; 20]);
    let trust_domain = "cluster.local".to_owned();
    let (key, chain, roots) = (bytes(), vec![bytes()], vec![bytes()]);
    store.save_identity(&StoredIdentity { key, chain, trust_domain, roots }).unwrap();
    store.save_world(vec![mesh::endpoint("10.0.0.1"), mesh::secret("key")]).unwrap();
    let names = whole.names();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        // By itself: a record without its objects is read all the same, and is not walked.
        let disk = SimDisk::default();
        let content = whole.content(&name);
        disk.put(&name, content.clone());
        assert!(is_told(&disk, &name), "{name}");
        for at in 0..content.len() {
            disk.replace(&name, content[..at].to_vec());
            assert!(!is_told(&disk, &name), "{name} cut at {at}");
            for bit in 0..8 {
                let mut flipped = content.clone();
                flipped[at] ^= 1 << bit;
                disk.replace(&name, flipped);
                assert!(!is_told(&disk, &name), "{name}: bit {bit} of byte {at}");
            }
        }
    }
}
