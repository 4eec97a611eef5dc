//! What survives, and that a disk that does not work stops nothing.

use std::io::ErrorKind;
use std::time::Duration;

use mesh_proxy::agent::StartError;
use mesh_proxy::agent::status::StartedFrom;
use mesh_proxy::agent::store::FolderError;
use mesh_snapshot::wire::{Trial, to_proxy};

use crate::support::agent::{Running, Setup, Test, trial};
use crate::support::authority::WEB;
use crate::support::control::{Stream, objects, prepare, until};
use crate::support::mesh;
use crate::support::sim_disk::{Fault, SimDisk};

const MINUTE: Duration = Duration::from_mins(1);

/// A proxy on a simulated disk, and its stream, welcomed.
async fn connected_on(test: &mut Test, disk: &SimDisk) -> (Running, Stream) {
    let proxy = test.setup.start_on(disk);
    let mut stream = test.control.stream().await;
    stream.welcome().await;
    (proxy, stream)
}

/// With nobody at the address of its control runtime.
fn alone(setup: &mut Setup) -> &Setup {
    "127.0.0.1:1".clone_into(&mut setup.config.control.address);
    setup
}

#[tokio::test]
async fn a_proxy_starts_from_its_disk_with_nothing_else_alive() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    let two = mesh::snapshot("two");
    let before = stream.bring_to(2, &two).await;
    stream.say(mesh::endpoint("10.0.0.1")).await;
    stream.say(mesh::sources(&two, 7)).await;
    stream.heard().await;
    proxy.stop().unwrap();
    drop(stream);
    test.control.kill().await;

    let proxy = alone(&mut test.setup).start();
    proxy.serves("two").await;
    let live = proxy.live.load().unwrap();
    assert_eq!((live.epoch, live.snapshot), (2, two.digest()));
    assert!(before.generation < live.generation, "generations rise over restarts");
    assert_eq!(live.program.endpoints.get().unwrap()[0].address, "10.0.0.1");
    assert_eq!(live.sources.get().unwrap().get(&mesh::policy(), "").unwrap().line, 7);
    assert_eq!(proxy.world.identity().get().unwrap().id, WEB);
    assert_eq!(proxy.status.started_from(), StartedFrom::Current);
}

#[tokio::test]
async fn a_restarted_proxy_says_what_it_serves_and_counts_its_starts() {
    let mut test = Test::new().await;
    let proxy = test.setup.start();
    let mut stream = test.control.stream().await;
    let first = stream.welcome().await;
    let serving = stream.bring_to(1, &mesh::snapshot("one")).await;
    drop((proxy, stream));
    let _proxy = test.setup.start();
    let again = test.control.stream().await.welcome().await;
    assert_eq!(again.instance, first.instance + 1);
    let now = again.serving.unwrap();
    assert_eq!((trial(&now), &now.slice), ((1, Trial::Over), &serving.slice));
    assert_eq!(now.generation >> 32, again.instance);
}

#[tokio::test]
async fn a_proxy_may_be_killed_at_any_moment_of_a_rollout() {
    let mut test = Test::new().await;
    let disk = SimDisk::default();
    disk.remember();
    let (proxy, mut stream) = connected_on(&mut test, &disk).await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    let first_confirmed = disk.calls();
    let two = mesh::snapshot("two");
    stream.offer(2, &two).await;
    stream.prepared().await;
    stream.commit(2, &two, MINUTE).await;
    stream.serving().await;
    let not_confirmed = disk.calls();
    stream.confirm(2, &two).await;
    assert_eq!(trial(&stream.serving().await), (2, Trial::Over));
    let confirmed = disk.calls();
    proxy.stop().unwrap();

    let states = disk.history();
    alone(&mut test.setup);
    for (call, state) in states.iter().enumerate().step_by(3) {
        let call = call as u64;
        let proxy = test.setup.start_on(&state.copy());
        // Nothing comes of itself: it serves at once, or waits for its control runtime.
        proxy.started().await;
        let found = proxy.live.load().map(|live| live.epoch);
        let expected: &[_] = match call {
            _ if call < first_confirmed => &[None, Some(1)],
            // What is on trial is not confirmed.
            _ if call < not_confirmed => &[Some(1)],
            _ if call < confirmed => &[Some(1), Some(2)],
            _ => &[Some(2)],
        };
        assert!(expected.contains(&found), "{call}: {found:?}");
        assert!(proxy.status.problems.get() == 0, "{call}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_told_and_the_one_before_is_served() {
    let mut test = Test::new().await;
    let (proxy, mut stream) = test.connected().await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    stream.bring_to(2, &mesh::snapshot("two")).await;
    proxy.stop().unwrap();
    drop(stream);
    std::fs::write(test.setup.state().join("current"), "mesh-state 1 nonsense").unwrap();

    let (proxy, mut stream) = test.connected().await;
    proxy.serves("one").await;
    assert_eq!(proxy.status.started_from(), StartedFrom::Previous);
    assert!(0 < proxy.status.problems.get());
    // The control runtime brings it to where the others are; what it has need not be sent.
    stream.bring_to(2, &mesh::snapshot("two")).await;
    drop((proxy, stream));
    let proxy = alone(&mut test.setup).start();
    proxy.serves("two").await;
    assert_eq!(proxy.status.started_from(), StartedFrom::Current);
}

#[tokio::test]
async fn what_a_proxy_dies_of_again_and_again_it_does_not_start_from() {
    let mut test = Test::new().await;
    test.setup.config.limits.deaths = 2;
    let mut disk = SimDisk::default();
    let (proxy, mut stream) = connected_on(&mut test, &disk).await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    stream.bring_to(2, &mesh::snapshot("two")).await;
    proxy.stop().unwrap();
    drop(stream);
    alone(&mut test.setup);
    for _ in 0..2 {
        let proxy = test.setup.start_on(&disk);
        proxy.serves("two").await;
        // Killed: what the disk says now is what the next start finds.
        disk = disk.copy();
    }
    let proxy = test.setup.start_on(&disk);
    proxy.serves("one").await;
    assert_eq!(proxy.status.started_from(), StartedFrom::Previous);
    // An end in good order is no death, and nothing is forgotten.
    proxy.stop().unwrap();
    let proxy = test.setup.start_on(&disk);
    proxy.serves("one").await;
}

#[tokio::test]
async fn a_start_that_is_survived_is_no_death() {
    let mut test = Test::new().await;
    test.setup.config.limits.deaths = 1;
    test.setup.config.limits.survival = Duration::from_millis(1);
    let disk = SimDisk::default();
    let (proxy, mut stream) = connected_on(&mut test, &disk).await;
    stream.bring_to(1, &mesh::snapshot("one")).await;
    stream.bring_to(2, &mesh::snapshot("two")).await;
    proxy.stop().unwrap();
    drop(stream);
    alone(&mut test.setup);
    let survives = test.setup.start_on(&disk);
    survives.serves("two").await;
    // Nothing is left of the start that was written down before it was tried.
    until(|| disk.content("boots").ends_with(b"{}")).await;
    let proxy = test.setup.start_on(&disk.copy());
    proxy.serves("two").await;
}

/// Every failure, from some moment of a rollout on: what was served is served, it is said, and all is well when the disk is.
#[tokio::test]
async fn a_disk_that_fails_stops_nothing() {
    for kind in [ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem, ErrorKind::Other] {
        let mut test = Test::new().await;
        let disk = SimDisk::default();
        let (proxy, mut stream) = connected_on(&mut test, &disk).await;
        stream.bring_to(1, &mesh::snapshot("one")).await;
        let two = mesh::snapshot("two");
        stream.offer(2, &two).await;
        stream.prepared().await;
        stream.commit(2, &two, MINUTE).await;
        stream.serving().await;

        disk.fail(Some(Fault { from: 0, calls: u64::MAX, kind }));
        stream.confirm(2, &two).await;
        assert_eq!(trial(&stream.serving().await), (2, Trial::Over), "{kind:?}");
        assert!(proxy.status.start_outdated.get() && proxy.status.storage_failing.get());
        stream.offer(3, &mesh::snapshot("three")).await;
        assert_eq!(stream.refused().await.reason(), mesh_snapshot::wire::Refusal::Storage);
        stream.say(mesh::endpoint("10.0.0.1")).await;
        stream.heard().await;
        let live = proxy.live.load().unwrap();
        assert_eq!(live.program.endpoints.get().unwrap().len(), 1, "the world goes on");
        assert_eq!(live.epoch, 2);

        disk.fail(None);
        stream.bring_to(4, &mesh::snapshot("four")).await;
        while proxy.status.start_outdated.get() {
            stream.heard().await;
        }
        assert_eq!(proxy.version().as_deref(), Some("four"));
        let setup = alone(&mut test.setup);
        let again = setup.start_on(&disk.copy());
        again.serves("four").await;
    }
}

#[tokio::test]
async fn a_disk_that_fails_from_the_start_on_keeps_nobody_from_serving_what_the_mesh_serves() {
    let mut test = Test::new().await;
    let disk = SimDisk::default();
    disk.fail(Some(Fault { from: 0, calls: u64::MAX, kind: ErrorKind::ReadOnlyFilesystem }));
    let (proxy, mut stream) = connected_on(&mut test, &disk).await;
    let one = mesh::snapshot("one");
    let objects = objects(&one);
    let to_proxy::Message::Prepare(mut offer) = prepare(1, one.digest(), &objects) else {
        panic!()
    };
    offer.confirmed = true;
    stream.say(to_proxy::Message::Prepare(offer)).await;
    stream.send(1, objects).await;
    stream.prepared().await;
    stream.commit(1, &one, Duration::ZERO).await;
    assert_eq!(trial(&stream.serving().await), (1, Trial::Over));
    proxy.serves("one").await;
    assert!(proxy.status.start_outdated.get());
}

#[tokio::test]
async fn one_folder_is_for_one_proxy() {
    let test = Test::new().await;
    let proxy = test.setup.start();
    proxy.started().await;
    let refused = test.setup.start().stop();
    assert!(matches!(refused, Err(StartError::State(FolderError::InUse { .. }))), "{refused:?}");
    let mut elsewhere = Setup::new(&test.authority, "127.0.0.1:1");
    elsewhere.config.state = elsewhere.config.control.roots.join("state");
    let refused = elsewhere.start().stop();
    assert!(matches!(refused, Err(StartError::State(FolderError::Io { .. }))), "{refused:?}");
}

#[tokio::test]
async fn the_identity_of_another_workload_is_not_used() {
    let mut test = Test::new().await;
    let (proxy, stream) = test.connected().await;
    proxy.stop().unwrap();
    drop(stream);
    test.setup.config.workload.service_account = "other".to_owned();
    let proxy = alone(&mut test.setup).start();
    proxy.started().await;
    assert!(proxy.world.identity().get().is_none());
}
